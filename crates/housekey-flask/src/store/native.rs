//! housekey's own stores as Python classes.

use std::process;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_lite::future::block_on;
use housekey::BoxError;
use housekey::attempts::AttemptStore as _;
use housekey::records::{LoginStore, MemoryLoginStore};
use pyo3::exceptions::{PyException, PyRuntimeWarning};
use pyo3::prelude::*;

use super::attempts::{Answer, Schedule, Standing, answer, key_of, standing};
use super::values::{Created, Limit, Record, Touch, Updated, all_bytes, login_id, login_ids};
use super::{Kind, StoreHandle};
use crate::drive::drive;

pyo3::create_exception!(
    flask_housekey.stores,
    LoginStoreError,
    PyException,
    "A login store failed, so it is unknown whether a login is alive. The message says which server or file, why, and what to do."
);

/// A store written in Rust. The rules call it without going through Python.
#[pyclass(
    frozen,
    subclass,
    name = "NativeLoginStore",
    module = "flask_housekey._core"
)]
pub(crate) struct NativeStore(StoreHandle);

impl NativeStore {
    pub(super) fn handle(&self) -> StoreHandle {
        self.0.clone()
    }

    pub(super) fn of(handle: StoreHandle) -> Self {
        Self(handle)
    }
}

#[pymethods]
impl NativeStore {
    fn create(
        &self,
        py: Python<'_>,
        new: &Bound<'_, Record>,
        replacing: &Bound<'_, PyAny>,
        limit: &Bound<'_, Limit>,
    ) -> PyResult<Created> {
        let replacing = login_ids(replacing, usize::MAX)?;
        let created = drive(py, self.0.create(&new.get().0, &replacing, limit.get().0));
        created.map(Created).map_err(raised)
    }

    fn load(&self, py: Python<'_>, id: &Bound<'_, PyAny>, now: u64) -> PyResult<Option<Record>> {
        let id = login_id(id)?;
        let loaded = drive(py, self.0.load(&id, now)).map_err(raised)?;
        Ok(loaded.map(Record))
    }

    fn update(&self, py: Python<'_>, changed: &Bound<'_, Record>) -> PyResult<Updated> {
        let updated = drive(py, self.0.update(&changed.get().0));
        updated.map(Updated::from).map_err(raised)
    }

    fn touch(
        &self,
        py: Python<'_>,
        id: &Bound<'_, PyAny>,
        touch: &Bound<'_, Touch>,
    ) -> PyResult<bool> {
        let id = login_id(id)?;
        drive(py, self.0.touch(&id, touch.get().0)).map_err(raised)
    }

    fn delete(&self, py: Python<'_>, id: &Bound<'_, PyAny>) -> PyResult<bool> {
        let id = login_id(id)?;
        drive(py, self.0.delete(&id)).map_err(raised)
    }

    fn delete_by_user(
        &self,
        py: Python<'_>,
        user_id: &str,
        except_id: Option<&Bound<'_, PyAny>>,
        limit: usize,
    ) -> PyResult<Vec<Py<PyAny>>> {
        let except = except_id.map(login_id).transpose()?;
        let deleted = self.0.delete_by_user(user_id, except.as_ref(), limit);
        let deleted = drive(py, deleted).map_err(raised)?;
        let ids = all_bytes(py, &deleted).into_iter();
        Ok(ids.map(|id| id.into_any().unbind()).collect())
    }

    fn list_by_user(
        &self,
        py: Python<'_>,
        user_id: &str,
        now: u64,
        limit: usize,
    ) -> PyResult<Vec<Record>> {
        let listed = drive(py, self.0.list_by_user(user_id, now, limit)).map_err(raised)?;
        Ok(listed.into_iter().map(Record).collect())
    }

    fn delete_expired(&self, py: Python<'_>, now: u64, limit: usize) -> PyResult<usize> {
        drive(py, self.0.delete_expired(now, limit)).map_err(raised)
    }

    fn count_attempt(
        &self,
        py: Python<'_>,
        key: &Bound<'_, PyAny>,
        schedule: &Bound<'_, Schedule>,
        now: u64,
    ) -> PyResult<Answer> {
        let key = key_of(key)?;
        let counted = drive(py, self.0.count_attempt(&key, &schedule.get().0, now));
        counted.map(answer).map_err(raised)
    }

    fn take_attempt_back(
        &self,
        py: Python<'_>,
        key: &Bound<'_, PyAny>,
        schedule: &Bound<'_, Schedule>,
        counted: Standing,
        now: u64,
    ) -> PyResult<()> {
        let (key, counted) = (key_of(key)?, standing(counted));
        let schedule = &schedule.get().0;
        let taken = self.0.take_attempt_back(&key, schedule, counted, now);
        drive(py, taken).map_err(raised)
    }

    fn forgive_attempts(&self, py: Python<'_>, key: &Bound<'_, PyAny>) -> PyResult<()> {
        let key = key_of(key)?;
        drive(py, self.0.forgive_attempts(&key)).map_err(raised)
    }

    fn delete_expired_attempts(&self, py: Python<'_>, now: u64, limit: usize) -> PyResult<usize> {
        drive(py, self.0.delete_expired_attempts(now, limit)).map_err(raised)
    }
}

/// The exception for a store's error.
fn raised(error: BoxError) -> PyErr {
    match error.downcast::<PyErr>() {
        Ok(raised) => *raised,
        Err(error) => LoginStoreError::new_err(error.to_string()),
    }
}

/// Keeps login records in the memory of this process: for tests, and for a single-process program that may log everybody
/// out when it restarts. In a server with several workers, each worker has its own logins, so a user is logged in at one
/// and not at the next: use SQLite, PostgreSQL or Redis there. A store that is used after a fork warns about it.
#[pyclass(frozen, extends = NativeStore, name = "MemoryLoginStore", module = "flask_housekey.stores")]
pub(crate) struct MemoryStore(MemoryLoginStore);

#[pymethods]
impl MemoryStore {
    #[new]
    fn new() -> PyClassInitializer<Self> {
        let store = MemoryLoginStore::new();
        let kind = Kind::Memory(Memory {
            store: store.clone(),
            process: process::id(),
            has_warned: AtomicBool::new(false),
        });
        PyClassInitializer::from(NativeStore::of(kind.into())).add_subclass(Self(store))
    }

    /// The number of records, including expired ones.
    fn __len__(&self) -> usize {
        self.0.len()
    }

    /// An empty store is true as well.
    fn __bool__(&self) -> bool {
        true
    }
}

/// Records in memory, and the process that they belong to. Used with the interpreter held, so that no thread holds the lock
/// while another one forks.
pub(crate) struct Memory {
    store: MemoryLoginStore,
    process: u32,
    has_warned: AtomicBool,
}

impl Memory {
    pub(super) fn ask<'a, T, Asking>(
        &'a self,
        ask: impl FnOnce(&'a MemoryLoginStore) -> Asking,
    ) -> Result<T, BoxError>
    where
        Asking: Future<Output = Result<T, BoxError>>,
    {
        Python::attach(|py| {
            if self.process != process::id() && !self.has_warned.swap(true, Ordering::Relaxed) {
                warn(py)?;
            }
            block_on(ask(&self.store))
        })
    }
}

fn warn(py: Python<'_>) -> PyResult<()> {
    let message = c"MemoryLoginStore is used in a process that was forked from the one that made it: each process has its own logins, \
        so a user is logged in at one worker and not at the next. Keep them in SQLite, PostgreSQL or Redis.";
    PyErr::warn(py, &py.get_type::<PyRuntimeWarning>(), message, 1)
}
