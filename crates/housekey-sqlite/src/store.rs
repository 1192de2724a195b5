//! The store: its threads, and each operation.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use housekey::records::{Created, Limit, LoginId, LoginRecord, LoginStore, Touch, Updated};
use housekey::{BoxError, Error, ErrorKind};
use rusqlite::Connection;

use crate::builder::SqliteLoginStoreBuilder;
use crate::fault::Fault;
use crate::file::File;
use crate::inline::{Inline, Pause};
use crate::readers::Readers;
use crate::table::Table;
use crate::writer::{Alone, QUEUE, Writer};

/// How many records one transaction of a long deletion removes. Other writes wait for it. Each record is on different pages
/// of the indexes, so a larger transaction takes longer and saves little.
pub(crate) const PURGE: usize = 50;

/// Keeps login records in a table of an SQLite file. Clones share the connections. Several stores and several processes may
/// use one file.
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
    way: Way,
    /// How many look-ups and lists run on threads that may block, or wait for one.
    waiting: AtomicUsize,
}

/// The threads that do the work.
enum Way {
    /// Writes have their own thread. Reads that have to wait use one that may block.
    Threads { readers: Readers, writer: Writer },
    /// All work is done where the future is polled.
    CallingThread(Inline),
}

impl SqliteLoginStore {
    pub(crate) fn new(file: File, readers: usize, on_calling_thread: bool) -> Result<Self, Error> {
        let file = Arc::new(file);
        let way = match on_calling_thread {
            true => Way::on_calling_thread(&file, readers),
            false => Way::with_threads(&file, readers),
        };
        let way = way.map_err(|fault| fault.at(&file.path))?;
        let waiting = AtomicUsize::new(0);
        Ok(Self(Arc::new(Inner { file, way, waiting })))
    }

    /// Opens or creates the file, with a table named `logins`. Blocks, so call it at the start of the program.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::StoreFailed`] if the file cannot be used; the message says which file, why, and what to do.
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
        SqliteLoginStoreBuilder::new(path.into())
    }

    /// Closes the connections, so that the process can be forked. While the returned value exists, no connection is opened,
    /// and operations wait for it. Drop it right after the fork, in the parent and in the child. Both open the file again at
    /// their next operation.
    ///
    /// For a store that works [`on_calling_thread`](SqliteLoginStoreBuilder::on_calling_thread), which says more about
    /// forks. Blocks until no thread uses a connection, for as long as the builder's
    /// [`busy_timeout`](SqliteLoginStoreBuilder::busy_timeout).
    ///
    /// ```
    /// use housekey_sqlite::SqliteLoginStore;
    ///
    /// # let folder = tempfile::tempdir().unwrap();
    /// # std::env::set_current_dir(&folder).unwrap();
    /// let store = SqliteLoginStore::builder("logins.db").on_calling_thread().open()?;
    /// let pause = store.before_fork()?;
    /// // The fork is here.
    /// drop(pause);
    /// # Ok::<(), housekey::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::StoreFailed`] if a connection is in use all that time: after a fork now, the child could not use the
    /// file. [`ErrorKind::Setting`] for a store with threads, which a fork does not copy.
    pub fn before_fork(&self) -> Result<ForkPause, Error> {
        let Inner { file, way, .. } = &*self.0;
        match way {
            Way::Threads { .. } => Err(Error::new(
                ErrorKind::Setting,
                "before_fork: a fork leaves the store's threads behind; build it with on_calling_thread()",
            )),
            Way::CallingThread(inline) => {
                let pause = inline.pause(file).map_err(|fault| fault.at(&file.path))?;
                Ok(ForkPause { _pause: pause })
            }
        }
    }

    /// A long read, on a thread that may block.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection, &Table) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        match &self.0.way {
            Way::Threads { .. } => {
                let deadline = self.0.file.patience();
                let waiting = Waiting::for_one(&self.0)?;
                blocking::unblock(move || waiting.0.read(deadline, read)).await
            }
            Way::CallingThread(_) => self.0.read(self.0.file.patience(), read),
        }
    }

    /// Does `work` in a transaction. It may run again after a failure.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        alone: Alone,
        work: impl Fn(&Connection, &Table) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let Inner { file, way, .. } = &*self.0;
        match way {
            Way::Threads { writer, .. } => writer.write(alone, work).await,
            Way::CallingThread(inline) => inline
                .write(file, |connection| work(connection, &file.table))
                .map_err(|fault| fault.at(&file.path)),
        }
    }
}

impl Inner {
    /// Blocks.
    fn read<T>(
        &self,
        deadline: Instant,
        read: impl FnOnce(&Connection, &Table) -> rusqlite::Result<T>,
    ) -> Result<T, Error> {
        let Self { file, way, .. } = self;
        let read = |connection: &Connection| read(connection, &file.table);
        let answer = match way {
            Way::Threads { readers, .. } => readers.patiently(file, deadline, read),
            Way::CallingThread(inline) => inline.read(file, read),
        };
        answer.map_err(|fault| fault.at(&file.path))
    }
}

/// A look-up or list that waits for an answer.
struct Waiting(Arc<Inner>);

impl Waiting {
    fn for_one(inner: &Arc<Inner>) -> Result<Self, Error> {
        let one_more = |count: usize| (count < QUEUE).then_some(count + 1);
        inner
            .waiting
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more)
            .map_err(|_| Fault::Crowded.at(&inner.file.path))?;
        Ok(Self(Arc::clone(inner)))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Keeps the connections of a store closed: returned by [`SqliteLoginStore::before_fork`].
#[must_use = "the connections are kept closed until this is dropped"]
pub struct ForkPause {
    _pause: Pause,
}

impl fmt::Debug for ForkPause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ForkPause").finish_non_exhaustive()
    }
}

impl Way {
    fn with_threads(file: &Arc<File>, readers: usize) -> Result<Self, Fault> {
        let open = file.prepare()?;
        let readers = Readers::new(readers);
        readers.patiently(file, file.patience(), |_| Ok(()))?;
        let writer = Writer::start(Arc::clone(file), open)?;
        Ok(Self::Threads { readers, writer })
    }

    /// Closes what it opens, because a fork may come before the first use.
    fn on_calling_thread(file: &File, readers: usize) -> Result<Self, Fault> {
        let _open = file.prepare()?;
        Ok(Self::CallingThread(Inline::new(readers)))
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
        Ok(self.write(Alone::Dropped, create).await?)
    }

    /// On the calling thread: it takes a few microseconds, less than passing it to another thread.
    async fn load(&self, id: &LoginId, now: u64) -> Result<Option<LoginRecord>, BoxError> {
        if let Inner {
            file,
            way: Way::Threads { readers, .. },
            ..
        } = &*self.0
        {
            let load = |connection: &Connection| file.table.load(connection, id, now);
            if let Some(answer) = readers.at_once(file, load) {
                return Ok(answer);
            }
        }
        let id = *id;
        let load = move |connection: &Connection, table: &Table| table.load(connection, &id, now);
        Ok(self.read(load).await?)
    }

    async fn update(&self, changed: &LoginRecord) -> Result<Updated, BoxError> {
        let changed = changed.clone();
        let update =
            move |connection: &Connection, table: &Table| table.update(connection, &changed);
        Ok(self.write(Alone::Dropped, update).await?)
    }

    async fn touch(&self, id: &LoginId, touch: Touch) -> Result<bool, BoxError> {
        let id = *id;
        let note =
            move |connection: &Connection, table: &Table| table.touch(connection, &id, touch);
        Ok(self.write(Alone::Dropped, note).await?)
    }

    async fn delete(&self, id: &LoginId) -> Result<bool, BoxError> {
        let id = *id;
        let delete = move |connection: &Connection, table: &Table| table.delete(connection, &id);
        Ok(self.write(Alone::Done, delete).await?)
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
            let batch = self.write(Alone::Done, delete).await?;
            let last = batch.len() < most;
            deleted.extend(batch);
            if last {
                break;
            }
        }
        Ok(deleted)
    }

    /// On a thread that may block, because a list is longer than a record.
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

    /// In several short transactions, so that a login at the same time waits for at most one of them.
    async fn delete_expired(&self, now: u64, limit: usize) -> Result<usize, BoxError> {
        let mut deleted = 0;
        while deleted < limit {
            let most = PURGE.min(limit - deleted);
            let delete = move |connection: &Connection, table: &Table| {
                table.delete_expired(connection, now, most)
            };
            let batch = self.write(Alone::Done, delete).await?;
            deleted += batch;
            if batch < most {
                break;
            }
        }
        Ok(deleted)
    }
}
