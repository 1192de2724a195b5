//! The write-ahead log beside the file: which file it belongs to, and how large it may get.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use rusqlite::Connection;

/// How large the log may get before it is emptied: four times the size at which SQLite empties it by itself, unless a reader
/// prevents that.
const LARGE: u64 = 16 * 1024 * 1024;

/// How long a write waits for readers to empty the log, and how often.
const WAIT: Duration = Duration::from_millis(50);
const PAUSE: Duration = Duration::from_secs(1);

/// What all connections of a store know of the log. Without locks, because a fork may come at any time.
#[derive(Debug)]
pub(crate) struct Log {
    /// The file that was last opened, its log, and the log's index. 0 for none.
    file: AtomicU64,
    beside: [AtomicU64; 2],
    /// When emptying it was last attempted, in milliseconds since `began`.
    began: Instant,
    emptied: AtomicU64,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            file: AtomicU64::default(),
            beside: Default::default(),
            began: Instant::now(),
            emptied: AtomicU64::default(),
        }
    }
}

impl Log {
    /// Remembers which log belongs to this open file.
    pub(crate) fn remember(&self, path: &Path, file: &Identity) {
        for (known, there) in self.beside.iter().zip(beside(path)) {
            known.store(number_of(&there), Ordering::Relaxed);
        }
        self.file.store(file.number(), Ordering::Relaxed);
    }

    /// Whether the log beside this file belongs to its predecessor. SQLite does not notice that, and would write the old log
    /// into the new file.
    pub(crate) fn is_of_another(&self, path: &Path, file: &Identity) -> bool {
        let before = self.file.load(Ordering::Relaxed);
        let is_known = |(known, there): (&AtomicU64, PathBuf)| {
            let known = known.load(Ordering::Relaxed);
            known != 0 && known == number_of(&there)
        };
        before != 0 && before != file.number() && self.beside.iter().zip(beside(path)).any(is_known)
    }

    /// Empties the log if it is large. While there are readers, SQLite only lets it grow, and it never makes it smaller. A
    /// failure to empty it is not a fault of this write.
    pub(crate) fn keep_short(&self, path: &Path, connection: &Connection) {
        let [log, _] = beside(path);
        if fs::metadata(log).map_or(0, |log| log.len()) < LARGE {
            return;
        }
        let now = self.began.elapsed();
        let emptied = Duration::from_millis(self.emptied.load(Ordering::Relaxed));
        if emptied != Duration::ZERO && now.saturating_sub(emptied) < PAUSE {
            return;
        }
        let millis = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        self.emptied.store(millis.max(1), Ordering::Relaxed);
        let _ = connection.busy_timeout(WAIT);
        let _ = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    }
}

/// The log, and its index.
fn beside(path: &Path) -> [PathBuf; 2] {
    ["-wal", "-shm"].map(|end| {
        let mut name = OsString::from(path);
        name.push(end);
        name.into()
    })
}

/// A number that is equal for two paths only if they are the same file. 0 for none.
fn number_of(path: &Path) -> u64 {
    Identity::of(path).map_or(0, |it| it.number())
}

/// The identity of a file, whatever its name.
#[derive(PartialEq, Eq)]
pub(crate) struct Identity {
    #[cfg(unix)]
    device: u64,
    #[cfg(unix)]
    inode: u64,
    /// When it was created, if the file system knows: the inode number of a deleted file is used again.
    #[cfg(unix)]
    made: u64,
}

impl Identity {
    #[cfg(unix)]
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        use std::os::unix::fs::MetadataExt as _;
        let metadata = fs::metadata(path)?;
        let made = metadata.created().ok();
        let made = made.and_then(|made| made.duration_since(SystemTime::UNIX_EPOCH).ok());
        Ok(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            made: made.map_or(0, |made| made.as_nanos() as u64),
        })
    }

    /// On other systems an open file cannot be replaced.
    #[cfg(not(unix))]
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        fs::metadata(path).map(|_| Self {})
    }

    #[cfg(unix)]
    fn number(&self) -> u64 {
        self.inode.rotate_left(40) ^ self.made
    }

    #[cfg(not(unix))]
    fn number(&self) -> u64 {
        0
    }
}
