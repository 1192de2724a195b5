//! The database file, and connections that notice if the file is replaced.

use std::fs::OpenOptions;
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};

use crate::fault::Fault;
use crate::ledger::{Entry, Ledger};
use crate::log::{Identity, Log};
use crate::table::Table;

/// How long to pause before a new attempt, if SQLite does not wait by itself.
const PAUSE: Duration = Duration::from_millis(5);

/// The path of the records, and how long to wait. Shared by all connections.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) path: PathBuf,
    pub(crate) table: Table,
    pub(crate) busy_timeout: Duration,
    pub(crate) ledger: &'static Ledger,
    pub(crate) log: Log,
    /// Whether a missing file or table is a fault from the start.
    pub(crate) makes_nothing: bool,
}

/// A connection, and the file that it was opened on. Dropping it closes it, but only in the process that opened it. A child
/// of a fork forgets it instead, because SQLite would take locks and files away from the parent.
pub(crate) struct Open {
    /// Present until this is dropped.
    connection: Option<Connection>,
    identity: Identity,
    // Declared after the connection, which must be closed before it is subtracted.
    entry: Entry,
}

/// What a connection may do.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Read. It waits for a lock only if told to.
    Read,
    /// Write, durably.
    Write,
}

impl File {
    /// The time until which the current operation waits.
    pub(crate) fn patience(&self) -> Instant {
        Instant::now() + self.busy_timeout
    }

    /// Creates what is missing: the file, the table and its indexes. Blocks.
    pub(crate) fn prepare(&self) -> Result<Open, Fault> {
        if self.makes_nothing {
            let open = self.open(Mode::Write, self.patience())?;
            self.table.must_be_there(&open)?;
            return Ok(open);
        }
        make(&self.path);
        let deadline = self.patience();
        loop {
            match self.try_to_prepare() {
                // SQLite does not wait if two connections change the journal mode at once.
                Err(fault) if fault.is_busy() && Instant::now() < deadline => {
                    std::thread::sleep(PAUSE);
                }
                result => return result,
            }
        }
    }

    fn try_to_prepare(&self) -> Result<Open, Fault> {
        let (entry, mut connection) = self.connection(Mode::Write)?;
        // With a write-ahead log, readers and the writer do not wait for each other. The file remembers the mode.
        let mode: String =
            connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
        if !mode.eq_ignore_ascii_case("wal") {
            return Err(Fault::NotWal(mode));
        }
        self.table.prepare(&mut connection)?;
        let identity = Identity::of(&self.path).map_err(Fault::Away)?;
        self.log.remember(&self.path, &identity);
        Ok(Open {
            connection: Some(connection),
            identity,
            entry,
        })
    }

    /// Opens the file, which must exist: a file that vanished is a fault, not an empty database in which nobody is logged
    /// in.
    pub(crate) fn open(&self, mode: Mode, deadline: Instant) -> Result<Open, Fault> {
        // Read before opening. If the file is replaced in between, the connection counts as one to the old file.
        let identity = Identity::of(&self.path).map_err(Fault::Away)?;
        if self.log.is_of_another(&self.path, &identity) {
            return Err(Fault::OldLog);
        }
        let (entry, connection) = self.connection(mode)?;
        // Opens the log, so that it exists. Another process may be closing the file, and locks it meanwhile.
        wait_until(&connection, deadline)?;
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
        connection.busy_timeout(self.waits(mode))?;
        self.log.remember(&self.path, &identity);
        Ok(Open {
            connection: Some(connection),
            identity,
            entry,
        })
    }

    /// The idle connection, if it is to the current file, or a new one.
    pub(crate) fn reuse(
        &self,
        idle: Option<Open>,
        mode: Mode,
        deadline: Instant,
    ) -> Result<Open, Fault> {
        match idle {
            Some(open) if self.is_of(&open)? => Ok(open),
            _ => self.open(mode, deadline),
        }
    }

    /// How long a connection waits by itself.
    fn waits(&self, mode: Mode) -> Duration {
        match mode {
            Mode::Read => Duration::ZERO,
            Mode::Write => self.busy_timeout,
        }
    }

    /// Whether a connection belongs to this process and to the current file. A missing file is a fault.
    pub(crate) fn is_of(&self, open: &Open) -> Result<bool, Fault> {
        let identity = Identity::of(&self.path).map_err(Fault::Away)?;
        Ok(identity == open.identity && open.entry.is_of_this_process())
    }

    /// Called after a commit.
    pub(crate) fn keep_log_short(&self, connection: &Connection) {
        self.log.keep_short(&self.path, connection);
    }

    fn connection(&self, mode: Mode) -> Result<(Entry, Connection), Fault> {
        let entry = self.ledger.enter()?;
        // Readers too may have to write to the log's index.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)?;
        connection.busy_timeout(self.waits(mode))?;
        if mode == Mode::Read {
            connection.pragma_update(None, "query_only", true)?;
        } else {
            // What was answered is on the disk, even after a power loss. On macOS that needs the second pragma.
            connection.pragma_update(None, "synchronous", "full")?;
            connection.pragma_update(None, "fullfsync", true)?;
        }
        Ok((entry, connection))
    }
}

/// Makes a connection wait for locks until then. SQLite counts in whole milliseconds, so the time is rounded up.
pub(crate) fn wait_until(connection: &Connection, deadline: Instant) -> rusqlite::Result<()> {
    let rest = deadline.saturating_duration_since(Instant::now());
    let millis = rest.as_micros().div_ceil(1000);
    connection.busy_timeout(Duration::from_millis(
        u64::try_from(millis).unwrap_or(u64::MAX),
    ))
}

impl Deref for Open {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection.as_ref().expect("it is there")
    }
}

impl DerefMut for Open {
    fn deref_mut(&mut self) -> &mut Connection {
        self.connection.as_mut().expect("it is there")
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if !self.entry.is_of_this_process() {
            std::mem::forget(self.connection.take());
        }
    }
}

/// Creates an empty file, unless there is one, that only this user can access: it will say which users logged in, when and
/// from where. SQLite gives its companion files the same permissions. If there is no file afterwards, SQLite reports the
/// reason.
fn make(path: &Path) {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let _ = options.open(path);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::LEDGER;

    fn file(folder: &Path) -> File {
        File {
            path: folder.join("logins.db"),
            table: Table::new("logins").unwrap(),
            busy_timeout: Duration::from_millis(1234),
            ledger: &LEDGER,
            log: Log::default(),
            makes_nothing: false,
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_new_file_and_those_beside_it_are_for_this_user_and_one_that_is_there_stays_as_it_is() {
        use std::fs;
        use std::os::unix::fs::PermissionsExt;
        for (there, mode) in [(None, 0o600), (Some(0o640), 0o640)] {
            let folder = tempfile::tempdir().unwrap();
            let file = file(folder.path());
            if let Some(mode) = there {
                fs::write(&file.path, "").unwrap();
                fs::set_permissions(&file.path, PermissionsExt::from_mode(mode)).unwrap();
            }
            let _open = file.prepare().unwrap();
            let files = fs::read_dir(folder.path()).unwrap();
            let modes: Vec<_> = files
                .map(|file| file.unwrap().metadata().unwrap().permissions().mode() & 0o777)
                .collect();
            assert_eq!(modes, [mode; 3], "the file, its log, and the log's index");
        }
    }

    #[test]
    fn answered_writes_are_on_the_disk_and_readers_do_not_wait_for_them() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(folder.path());
        let prepared = file.prepare().unwrap();
        for open in [prepared, file.open(Mode::Write, file.patience()).unwrap()] {
            for (pragma, expected) in [
                ("journal_mode", "wal"),
                // FULL.
                ("synchronous", "2"),
                ("fullfsync", "1"),
                ("busy_timeout", "1234"),
            ] {
                let value = open
                    .pragma_query_value(None, pragma, |row| {
                        row.get_ref(0).map(|value| match value.as_i64() {
                            Ok(number) => number.to_string(),
                            Err(_) => value.as_str().unwrap().to_owned(),
                        })
                    })
                    .unwrap();
                assert_eq!(value, expected, "{pragma}");
            }
        }
    }

    #[test]
    fn a_connection_is_opened_once_the_exclusive_users_of_the_file_are_done() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(folder.path());
        drop(file.prepare().unwrap());
        // Locks the file as a closing connection does: the last one removes the log.
        let alone = || {
            let alone = Connection::open(&file.path).unwrap();
            let lock = "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; DELETE FROM logins";
            alone.execute_batch(lock).unwrap();
            alone
        };
        for mode in [Mode::Read, Mode::Write] {
            let alone = alone();
            std::thread::scope(|scope| {
                let file = &file;
                let deadline = Instant::now() + Duration::from_secs(20);
                let open = scope.spawn(move || file.open(mode, deadline).map(drop));
                drop(alone);
                open.join().unwrap().unwrap();
            });
        }
        let _alone = alone();
        assert!(matches!(file.open(Mode::Read, Instant::now()), Err(fault) if fault.is_busy()));
    }
}
