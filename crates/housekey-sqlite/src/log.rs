//! The write-ahead log beside the file: whose it is, and how large it may be.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use rusqlite::Connection;

/// How large the log may be before it is emptied: four times what SQLite lets it grow to by itself, unless it is kept from it by
/// somebody who reads.
const LARGE: u64 = 16 * 1024 * 1024;

/// For how long a write waits for readers to empty the log, and how often.
const WAIT: Duration = Duration::from_millis(50);
const PAUSE: Duration = Duration::from_secs(1);

/// What is known of the log, by all connections of a store. Without locks: a fork may come at any time.
#[derive(Debug)]
pub(crate) struct Log {
    /// Which file was opened last, which log it had, and which index of the log. 0 for none.
    file: AtomicU64,
    beside: [AtomicU64; 2],
    /// When it was last to be emptied, in milliseconds since `began`.
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
    /// Keeps in mind which log belongs to this file, which is open.
    pub(crate) fn remember(&self, path: &Path, file: &Identity) {
        for (known, there) in self.beside.iter().zip(beside(path)) {
            known.store(number_of(&there), Ordering::Relaxed);
        }
        self.file.store(file.number(), Ordering::Relaxed);
    }

    /// Whether what lies beside this file belongs to the one that was here before. SQLite does not see that, and would write the
    /// old log into the new file.
    pub(crate) fn is_of_another(&self, path: &Path, file: &Identity) -> bool {
        let before = self.file.load(Ordering::Relaxed);
        let is_known = |(known, there): (&AtomicU64, PathBuf)| {
            let known = known.load(Ordering::Relaxed);
            known != 0 && known == number_of(&there)
        };
        before != 0 && before != file.number() && self.beside.iter().zip(beside(path)).any(is_known)
    }

    /// Empties the log if it is large: while somebody reads, SQLite only lets it grow, and it never makes it smaller. What keeps
    /// it from that is no fault of this write.
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

/// A number that two files have only if they are one. 0 for none.
fn number_of(path: &Path) -> u64 {
    Identity::of(path).map_or(0, |it| it.number())
}

/// Which file it is, whatever its name.
#[derive(PartialEq, Eq)]
pub(crate) struct Identity {
    #[cfg(unix)]
    device: u64,
    #[cfg(unix)]
    inode: u64,
    /// When it was made, where the file system knows: the number of a file that was deleted is given to another one.
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

    /// Elsewhere a file that is open cannot be exchanged.
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
