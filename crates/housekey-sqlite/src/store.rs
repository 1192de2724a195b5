//! The store: its settings, and each operation.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use housekey::records::{Created, Limit, LoginId, LoginRecord, LoginStore, Touch, Updated};
use housekey::{BoxError, Error, ErrorKind};
use rusqlite::Connection;

use crate::file::File;
use crate::readers::Readers;
use crate::table::Table;
use crate::writer::Writer;

/// How many records one transaction deletes where there may be many: other writes wait for it. Each is on pages of its own in the
/// indexes, so that a larger transaction takes longer and saves little.
const PURGE: usize = 50;

/// Keeps login records in a table of an SQLite file. Clones share the connections; several stores, and several
/// processes, may use one file.
///
/// ```
/// use housekey::LoginManager;
/// use housekey_sqlite::SqliteLoginStore;
/// # use housekey::*;
/// # struct Member; impl User for Member { fn id(&self) -> String { "1".into() } }
/// # let loader = |_: String| async { Ok::<_, BoxError>(None::<Member>) };
/// # let folder = tempfile::tempdir().unwrap();
/// # std::env::set_current_dir(&folder).unwrap();
///
/// let manager = LoginManager::new(SecretKeys::generate(), loader)
///     .login_store(SqliteLoginStore::open("logins.db")?)
///     .build()?;
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone)]
pub struct SqliteLoginStore(Arc<Inner>);

struct Inner {
    file: Arc<File>,
    readers: Readers,
    writer: Writer,
}

impl SqliteLoginStore {
    /// Opens the file, or makes it, with a table named `logins`. Blocks: meant for the start of the program.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::StoreFailed`] when the file cannot be used; the message says which file, why, and what to do.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, Error> {
        Self::builder(path).open()
    }

    /// The same with settings.
    ///
    /// ```
    /// use housekey_sqlite::SqliteLoginStore;
    ///
    /// # let folder = tempfile::tempdir().unwrap();
    /// # std::env::set_current_dir(&folder).unwrap();
    /// // Two managers, for two kinds of users, in one file.
    /// let members = SqliteLoginStore::builder("site.db").table("member_logins").open()?;
    /// let staff = SqliteLoginStore::builder("site.db").table("staff_logins").readers(1).open()?;
    /// # Ok::<(), housekey::Error>(())
    /// ```
    pub fn builder(path: impl Into<PathBuf>) -> SqliteLoginStoreBuilder {
        SqliteLoginStoreBuilder {
            path: path.into(),
            table: "logins".to_owned(),
            readers: None,
            busy_timeout: Duration::from_secs(5),
        }
    }

    /// A read that waits for something or takes long, on a thread that may.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection, &Table) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let inner = Arc::clone(&self.0);
        let answer = blocking::unblock(move || {
            let Inner { file, readers, .. } = &*inner;
            readers
                .patiently(file, |connection| read(connection, &file.table))
                .map_err(|fault| fault.at(&file.path))
        });
        answer.await
    }
}

impl fmt::Debug for SqliteLoginStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteLoginStore")
            .field("path", &self.0.file.path)
            .field("table", &self.0.file.table)
            .finish_non_exhaustive()
    }
}

/// The settings of a [`SqliteLoginStore`].
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until open() is called"]
pub struct SqliteLoginStoreBuilder {
    path: PathBuf,
    table: String,
    readers: Option<usize>,
    busy_timeout: Duration,
}

impl SqliteLoginStoreBuilder {
    /// The table's name: `logins`, unless this says otherwise. Letters, digits and `_`, no digit first. Each login
    /// manager needs a table of its own.
    pub fn table(mut self, name: impl Into<String>) -> Self {
        self.table = name.into();
        self
    }

    /// How many look-ups run at once: as many as there are cores, but at least 2 and at most 16. Each has a connection
    /// of its own. Those that come when all are in use wait on a thread that may.
    pub fn readers(mut self, count: usize) -> Self {
        self.readers = Some(count);
        self
    }

    /// How long to wait while somebody else keeps the file locked: five seconds. The request is answered with 503
    /// afterwards.
    pub fn busy_timeout(mut self, timeout: Duration) -> Self {
        self.busy_timeout = timeout;
        self
    }

    /// Opens the file, and makes what is missing: the file, the table, its indexes. On Unix only this user can read a file
    /// that is made; one that is there keeps its permissions. The file is set to use SQLite's write-ahead log. Blocks:
    /// meant for the start of the program.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Setting`] for a setting that is wrong; [`ErrorKind::StoreFailed`] when the file cannot be used, or
    /// its table is another one.
    pub fn open(self) -> Result<SqliteLoginStore, Error> {
        let setting = |message: String| Err(Error::new(ErrorKind::Setting, message));
        let Some(table) = Table::new(&self.table) else {
            return setting(format!(
                "table: {:?} cannot be the name of a table; use letters, digits and _, at most 64, no digit first and \
                 not sqlite_",
                self.table
            ));
        };
        let most = match self.readers {
            Some(0) => return setting("readers: none could read; choose at least 1".to_owned()),
            Some(count) => count,
            None => {
                std::thread::available_parallelism().map_or(2, |cores| cores.get().clamp(2, 16))
            }
        };
        // SQLite waits for a number of milliseconds that has 31 bits.
        if self.busy_timeout > Duration::from_secs(60 * 60) {
            return setting("busy_timeout: nobody waits for more than an hour".to_owned());
        }
        if self.path == Path::new("") || self.path == Path::new(":memory:") {
            return setting(format!(
                "path: {:?} is not a file; housekey's MemoryLoginStore keeps logins in memory",
                self.path
            ));
        }
        // The program may change its directory later.
        let path = std::path::absolute(&self.path).unwrap_or(self.path);
        let file = Arc::new(File {
            path,
            table,
            busy_timeout: self.busy_timeout,
        });
        let opened = file.prepare().and_then(|open| {
            let readers = Readers::new(most);
            readers.patiently(&file, |_| Ok(()))?;
            let writer = Writer::start(Arc::clone(&file), open)?;
            Ok((readers, writer))
        });
        let (readers, writer) = opened.map_err(|fault| fault.at(&file.path))?;
        Ok(SqliteLoginStore(Arc::new(Inner {
            file,
            readers,
            writer,
        })))
    }
}

impl LoginStore for SqliteLoginStore {
    async fn create(
        &self,
        new: &LoginRecord,
        replacing: &[LoginId],
        limit: Limit,
    ) -> Result<Created, BoxError> {
        let (new, replacing) = (new.clone(), replacing.to_vec());
        let create = move |connection: &Connection, table: &Table| {
            table.create(connection, &new, &replacing, limit)
        };
        Ok(self.0.writer.write(create).await?)
    }

    /// On the thread that asks: it takes a few microseconds, less than it takes to ask another one.
    async fn load(&self, id: &LoginId, now: u64) -> Result<Option<LoginRecord>, BoxError> {
        let Inner { file, readers, .. } = &*self.0;
        let load = |connection: &Connection| file.table.load(connection, id, now);
        if let Some(answer) = readers.at_once(file, load) {
            return Ok(answer);
        }
        let id = *id;
        let load = move |connection: &Connection, table: &Table| table.load(connection, &id, now);
        Ok(self.read(load).await?)
    }

    async fn update(&self, changed: &LoginRecord) -> Result<Updated, BoxError> {
        let changed = changed.clone();
        let update =
            move |connection: &Connection, table: &Table| table.update(connection, &changed);
        Ok(self.0.writer.write(update).await?)
    }

    async fn touch(&self, id: &LoginId, touch: Touch) -> Result<bool, BoxError> {
        let id = *id;
        let note =
            move |connection: &Connection, table: &Table| table.touch(connection, &id, touch);
        Ok(self.0.writer.write(note).await?)
    }

    async fn delete(&self, id: &LoginId) -> Result<bool, BoxError> {
        let id = *id;
        let delete = move |connection: &Connection, table: &Table| table.delete(connection, &id);
        Ok(self.0.writer.write(delete).await?)
    }

    /// In several short transactions, as a purge.
    async fn delete_by_user(
        &self,
        user_id: &str,
        except: Option<&LoginId>,
        limit: usize,
    ) -> Result<Vec<LoginId>, BoxError> {
        let mut deleted = Vec::new();
        while deleted.len() < limit {
            let most = PURGE.min(limit - deleted.len());
            let (user_id, except) = (user_id.to_owned(), except.copied());
            let delete = move |connection: &Connection, table: &Table| {
                table.delete_by_user(connection, &user_id, except.as_ref(), most)
            };
            let batch = self.0.writer.write(delete).await?;
            let last = batch.len() < most;
            deleted.extend(batch);
            if last {
                break;
            }
        }
        Ok(deleted)
    }

    /// On a thread that may block: a list is longer than a record.
    async fn list_by_user(
        &self,
        user_id: &str,
        now: u64,
        limit: usize,
    ) -> Result<Vec<LoginRecord>, BoxError> {
        let user_id = user_id.to_owned();
        let list = move |connection: &Connection, table: &Table| {
            table.list_by_user(connection, &user_id, now, limit)
        };
        Ok(self.read(list).await?)
    }

    /// In several short transactions, so that whoever logs in meanwhile waits for one of them at most.
    async fn delete_expired(&self, now: u64, limit: usize) -> Result<usize, BoxError> {
        let mut deleted = 0;
        while deleted < limit {
            let most = PURGE.min(limit - deleted);
            let delete = move |connection: &Connection, table: &Table| {
                table.delete_expired(connection, now, most)
            };
            let batch = self.0.writer.write(delete).await?;
            deleted += batch;
            if batch < most {
                break;
            }
        }
        Ok(deleted)
    }
}
