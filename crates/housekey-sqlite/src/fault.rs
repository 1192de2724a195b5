//! Faults, and what to do about them.

use std::path::Path;
use std::{fmt, io};

use housekey::{Error, ErrorKind};
use rusqlite::ErrorCode;

/// A fault before it is known which file it concerns.
#[derive(Debug)]
pub(crate) enum Fault {
    Sqlite(rusqlite::Error),
    /// The file, or a folder on its path, cannot be seen.
    Away(io::Error),
    /// The journal mode that SQLite uses in place of the requested one.
    NotWal(String),
    /// A different table has this name: this column is missing or different.
    Layout {
        table: String,
        column: String,
    },
    /// There is no table with this name, and none may be created.
    NoTable(String),
    /// Every reader was in use until the deadline.
    NoReader,
    /// The one connection that writes was in use until the deadline.
    NoWriter,
    /// The queue is full.
    Crowded,
    /// The file was replaced, and its predecessor's log is still there.
    OldLog,
    /// A connection stayed in use while all were to be closed.
    InUse,
    /// This process was forked from one that had connections open.
    Forked,
    /// The thread that writes could not be started, or panicked.
    Writer(String),
}

impl Fault {
    /// Another connection holds a lock. Trying again may help.
    pub(crate) fn is_busy(&self) -> bool {
        matches!(self, Self::Sqlite(error) if is_busy(error))
    }

    /// As an error of the core: which file, what is wrong with it, what to do. It contains nothing of a record.
    pub(crate) fn at(self, path: &Path) -> Error {
        let error = self.of_many_at(path);
        match self {
            Self::Sqlite(source) => error.caused_by(source.into()),
            Self::Away(source) => error.caused_by(source.into()),
            Self::NotWal(_)
            | Self::Layout { .. }
            | Self::NoTable(_)
            | Self::NoReader
            | Self::NoWriter
            | Self::Crowded
            | Self::OldLog
            | Self::InUse
            | Self::Forked
            | Self::Writer(_) => error,
        }
    }

    /// The same for one of several operations that failed together, without its cause.
    pub(crate) fn of_many_at(&self, path: &Path) -> Error {
        let message = format!("SQLite at {}: {self}; {}", path.display(), self.advice());
        Error::new(ErrorKind::StoreFailed, message)
    }

    fn advice(&self) -> &'static str {
        match self {
            Self::Sqlite(
                rusqlite::Error::InvalidColumnType(..)
                | rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::Utf8Error(..),
            ) => "another program wrote into the table; give the store a table of its own",
            Self::Sqlite(error) => match error.sqlite_error_code() {
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                    "another program keeps it locked; let its transactions be short, or give busy_timeout more time"
                }
                Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
                    "it is not an SQLite database, or a damaged one; stop all programs that use it, delete it with the files \
                     beside it that end in -wal and -shm, put a backup in its place or none, and start them: without a \
                     backup everybody logs in again"
                }
                Some(ErrorCode::DiskFull) => {
                    "the disk is full; make room, and it goes on by itself"
                }
                Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
                    "this user may not write to it; see that the file and its folder can be written, where SQLite keeps \
                     two more files"
                }
                Some(ErrorCode::CannotOpen) => {
                    "see that the folder is there and that this user may read and write in it"
                }
                _ => {
                    "if another file was put in its place, put the right one back, or restart the program, which \
                     makes the table when it is missing"
                }
            },
            Self::Away(_) => {
                "put it back, and it goes on by itself; a new one is only made when the program starts"
            }
            Self::NotWal(_) => {
                "its file system has no write-ahead log for SQLite, network file systems for instance; put the file on \
                 a local disk"
            }
            Self::Layout { .. } => {
                "another version or another program made that table; give the store a table of its own, or drop this one, \
                 and everybody logs in again"
            }
            Self::NoTable(_) => {
                "see that it is the right file, and which table the program that writes it has named"
            }
            Self::NoReader => {
                "more look-ups wait than the disk can answer; try again, or set more readers"
            }
            Self::NoWriter => {
                "more writes wait than the disk can take; try again, or give busy_timeout more time"
            }
            Self::Crowded => {
                "more come than the disk can answer, or another program keeps it locked; try again"
            }
            Self::OldLog => {
                "SQLite would write the old log into the new file; delete the files beside it that end in -wal and -shm, \
                 which are the old one's, and it goes on by itself"
            }
            Self::InUse => "try again, or give busy_timeout more time",
            Self::Forked => {
                "SQLite would lose what this process writes; fork before the store is used, or call its before_fork() \
                 ahead of each fork"
            }
            Self::Writer(_) => "restart the program if this does not end by itself",
        }
    }
}

pub(crate) fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
    )
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(error) => error.fmt(f),
            Self::Away(error) => error.fmt(f),
            Self::NotWal(mode) => write!(f, "its journal mode is {mode} and stays so"),
            Self::Layout { table, column } => {
                write!(f, "its table {table} has no column {column}")
            }
            Self::NoTable(table) => write!(f, "it has no table {table}"),
            Self::NoReader => f.write_str("all readers are in use"),
            Self::NoWriter => f.write_str("others are writing"),
            Self::Crowded => f.write_str("too many wait for it"),
            Self::OldLog => {
                f.write_str("another file was put in its place, beside the log of the one before")
            }
            Self::InUse => f.write_str("a connection stays in use"),
            Self::Forked => f.write_str("it was open when this process was forked"),
            Self::Writer(what) => write!(f, "its writing thread {what}"),
        }
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}
