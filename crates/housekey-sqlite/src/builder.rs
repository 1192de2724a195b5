//! The settings of the store, and their checks.

use std::path::{Path, PathBuf};
use std::time::Duration;

use housekey::{Error, ErrorKind};

use crate::SqliteLoginStore;
use crate::file::File;
use crate::ledger::LEDGER;
use crate::log::Log;
use crate::table::Table;

/// The settings of a [`SqliteLoginStore`].
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until open() is called"]
pub struct SqliteLoginStoreBuilder {
    path: PathBuf,
    table: String,
    readers: Option<usize>,
    busy_timeout: Duration,
    on_calling_thread: bool,
    makes_nothing: bool,
}

impl SqliteLoginStoreBuilder {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self {
            path,
            table: "logins".to_owned(),
            readers: None,
            busy_timeout: Duration::from_secs(5),
            on_calling_thread: false,
            makes_nothing: false,
        }
    }

    /// The table's name, by default `logins`. It consists of letters, digits and `_`, and does not begin with a digit. Each
    /// login manager needs its own table.
    pub fn table(mut self, name: impl Into<String>) -> Self {
        self.table = name.into();
        self
    }

    /// How many look-ups run at once. The default is the number of cores, but at least 2 and at most 16. Each has its own
    /// connection. If all are in use, further look-ups wait for one on a thread that may block.
    pub fn readers(mut self, count: usize) -> Self {
        self.readers = Some(count);
        self
    }

    /// How long to wait while another program keeps the file locked: five seconds by default, counted from the start of an
    /// operation, however many operations wait. After that, the request gets a 503.
    pub fn busy_timeout(mut self, timeout: Duration) -> Self {
        self.busy_timeout = timeout;
        self
    }

    /// Does all work on the calling thread: every future is ready when it is first polled, and neither a thread nor a
    /// runtime is started. For programs without a runtime, and for those that fork. In an asynchronous program, a write
    /// would stop its whole thread until it is on the disk.
    ///
    /// Look-ups and writes wait for each other as little as without this: [`readers`](Self::readers) says how many look-ups
    /// run at once, and one write does. Nothing waits longer than [`busy_timeout`](Self::busy_timeout), neither for a
    /// connection nor for a lock. Connections do not belong to threads; threads may come and go.
    ///
    /// # Forks
    ///
    /// [`open`](Self::open) leaves no connection open, so a program may open the store, fork, and use it in every child.
    /// Once it has been used, SQLite does not survive a fork: the child would rely on locks that only its parent holds, and
    /// its writes could be lost without an error. So close the connections with
    /// [`before_fork`](SqliteLoginStore::before_fork) first. Otherwise every operation in the child fails, with an error
    /// that says so. The parent goes on, and the child never closes its connections.
    ///
    /// This covers connections of this crate. Those of another library to the same file have the same limits.
    pub fn on_calling_thread(mut self) -> Self {
        self.on_calling_thread = true;
        self
    }

    /// Makes [`open`](Self::open) fail if the file or its table is missing, instead of creating it. For a program that
    /// manages the logins of another one: a mistyped name must not create an empty file.
    ///
    /// ```
    /// use housekey_sqlite::SqliteLoginStore;
    ///
    /// let error = SqliteLoginStore::builder("mistyped.db").makes_nothing().open().unwrap_err();
    /// assert!(error.to_string().contains("mistyped.db"));
    /// assert!(!std::path::Path::new("mistyped.db").exists());
    /// ```
    pub fn makes_nothing(mut self) -> Self {
        self.makes_nothing = true;
        self
    }

    /// Opens the file, and creates what is missing: the file, the table, its indexes. On Unix only this user can read a new
    /// file; an existing one keeps its permissions. The file is set to use SQLite's write-ahead log. Blocks, so call it at
    /// the start of the program.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Setting`] for a wrong setting; [`ErrorKind::StoreFailed`] if the file cannot be used, or its table is a
    /// different one.
    pub fn open(self) -> Result<SqliteLoginStore, Error> {
        let setting = |message: String| Err(Error::new(ErrorKind::Setting, message));
        let Some(table) = Table::new(&self.table) else {
            return setting(format!(
                "table: {:?} cannot be the name of a table; use letters, digits and _, at most 64, no digit first and \
                 not sqlite_",
                self.table
            ));
        };
        let readers = match self.readers {
            Some(0) => return setting("readers: none could read; choose at least 1".to_owned()),
            Some(count) => count,
            None => {
                std::thread::available_parallelism().map_or(2, |cores| cores.get().clamp(2, 16))
            }
        };
        // SQLite takes a number of milliseconds that has 31 bits.
        if self.busy_timeout > Duration::from_secs(60 * 60) {
            return setting("busy_timeout: choose at most an hour".to_owned());
        }
        if self.path == Path::new("") || self.path == Path::new(":memory:") {
            return setting(format!(
                "path: {:?} is not a file; housekey's MemoryLoginStore keeps logins in memory",
                self.path
            ));
        }
        // The program may change its directory later.
        let path = std::path::absolute(&self.path).unwrap_or(self.path);
        let file = File {
            path,
            table,
            busy_timeout: self.busy_timeout,
            ledger: &LEDGER,
            log: Log::default(),
            makes_nothing: self.makes_nothing,
        };
        SqliteLoginStore::new(file, readers, self.on_calling_thread)
    }
}
