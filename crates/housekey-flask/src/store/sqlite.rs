//! The store in an SQLite file. Everything runs on the calling thread, without holding the interpreter.
//!
//! SQLite connections cannot survive a fork. So they are closed before one, and opened again at the next use.

use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use futures_lite::future::block_on;
use housekey::{BoxError, Error, ErrorKind};
use housekey_sqlite::{ForkPause, SqliteLoginStore};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;

use super::native::{LoginStoreError, NativeStore};
use super::{Kind, StoreHandle};

/// Keeps login records in a table of an SQLite file, for all processes of one machine. Several stores may use one file.
///
/// The file, and whatever is missing in it, is made at once; on Unix, only this user can read a new file. After that
/// nothing is open until the store is used. The connections are closed before the process forks (`os.fork`), so that each
/// worker has its own. Any number of threads may use the store. Under gevent, SQLite blocks the other greenlets while it
/// reads and writes.
///
/// Give it a file of its own, which neither Python's `sqlite3` nor SQLAlchemy opens in this process: they contain another
/// copy of SQLite, and two copies on one file release each other's locks.
///
/// `table` consists of letters, digits and `_`. Each login manager needs its own, unless they share logins. If another
/// process keeps the file locked for `busy_timeout` seconds, or the file cannot be used, a `LoginStoreError` is raised. A
/// wrong setting is a `ValueError`.
#[pyclass(frozen, extends = NativeStore, name = "SqliteLoginStore", module = "flask_housekey.stores")]
pub(crate) struct SqliteStore(PathBuf);

#[pymethods]
impl SqliteStore {
    #[new]
    #[pyo3(signature = (path, table="logins", *, busy_timeout=5.0))]
    fn new(
        py: Python<'_>,
        path: PathBuf,
        table: &str,
        busy_timeout: f64,
    ) -> PyResult<PyClassInitializer<Self>> {
        let busy_timeout = Duration::try_from_secs_f64(busy_timeout)
            .map_err(|_| PyValueError::new_err("busy_timeout: a number of seconds from 0"))?;
        let builder = SqliteLoginStore::builder(&path)
            .table(table)
            .busy_timeout(busy_timeout)
            .on_calling_thread();
        let store = py
            .detach(|| builder.open())
            .map_err(|error| raised(&error))?;
        let store = Arc::new(store);
        close_before_forks(py, &store)?;
        let native = NativeStore::of(StoreHandle::from(Kind::Sqlite(Sqlite(store))));
        Ok(PyClassInitializer::from(native).add_subclass(Self(path)))
    }

    fn __repr__(&self) -> String {
        format!("SqliteLoginStore({:?})", self.0)
    }
}

pub(crate) struct Sqlite(Shared);

type Shared = Arc<SqliteLoginStore>;

impl Sqlite {
    pub(super) fn ask<'a, T: Send, Asking>(
        &'a self,
        ask: impl FnOnce(&'a SqliteLoginStore) -> Asking + Send,
    ) -> Result<T, BoxError>
    where
        Asking: Future<Output = Result<T, BoxError>>,
    {
        let answer = Python::attach(|py| py.detach(|| block_on(ask(&self.0))));
        answer.map_err(|error| LoginStoreError::new_err(error.to_string()).into())
    }
}

fn raised(error: &Error) -> PyErr {
    match error.kind() {
        ErrorKind::Setting => PyValueError::new_err(error.to_string()),
        _ => LoginStoreError::new_err(error.to_string()),
    }
}

/// All existing stores. Locked only while the interpreter is held, so that no other thread holds the lock when one forks.
static STORES: Mutex<Vec<Weak<SqliteLoginStore>>> = Mutex::new(Vec::new());

thread_local! {
    /// Keeps connections closed until this thread has forked.
    static PAUSES: RefCell<Vec<ForkPause>> = const { RefCell::new(Vec::new()) };
}

fn close_before_forks(py: Python<'_>, store: &Shared) -> PyResult<()> {
    static HOOKS: PyOnceLock<()> = PyOnceLock::new();
    HOOKS.get_or_try_init(py, || {
        let os = py.import("os")?;
        // Windows has no forks.
        let Some(register) = os.getattr_opt("register_at_fork")? else {
            return Ok(());
        };
        let hooks = PyDict::new(py);
        let after = wrap_pyfunction!(after_fork, py)?;
        hooks.set_item("before", wrap_pyfunction!(before_fork, py)?)?;
        hooks.set_item("after_in_parent", &after)?;
        hooks.set_item("after_in_child", &after)?;
        register.call((), Some(&hooks)).map(drop)
    })?;
    let mut stores = STORES.lock().unwrap_or_else(PoisonError::into_inner);
    stores.retain(|store| store.strong_count() > 0);
    stores.push(Arc::downgrade(store));
    Ok(())
}

/// Python prints what this raises to standard error, and forks anyway. The child's store then refuses to work.
#[pyfunction]
fn before_fork(py: Python<'_>) -> PyResult<()> {
    let stores = STORES.lock().unwrap_or_else(PoisonError::into_inner);
    let alive: Vec<_> = stores.iter().filter_map(Weak::upgrade).collect();
    drop(stores);
    let mut closed = Ok(());
    for store in alive {
        match py.detach(|| store.before_fork()) {
            Ok(pause) => PAUSES.with_borrow_mut(|pauses| pauses.push(pause)),
            Err(error) => closed = Err(raised(&error)),
        }
    }
    closed
}

#[pyfunction]
fn after_fork() {
    drop(PAUSES.take());
}
