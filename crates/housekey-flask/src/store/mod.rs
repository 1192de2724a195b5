//! Where login records are kept: any Python object with the eight methods, or a store of housekey's own.
//!
//! - `values`: records, limits and answers, as Python sees them.
//! - `python`: calls a Python object, and checks everything that it returns.
//! - `native`: housekey's own stores as Python classes: in memory, and in `sqlite`.
//! - `attempts`: attempts, which the same stores count.
//! - `suite`: what every store must do.

mod attempts;
mod native;
mod python;
mod sqlite;
mod statements;
mod suite;
mod values;

use std::sync::Arc;

use housekey::BoxError;
use housekey::records::{Created, Limit, LoginId, LoginRecord, LoginStore, Touch, Updated};
use pyo3::prelude::*;

pub(crate) use attempts::Schedule as PyAttemptSchedule;
pub(crate) use native::{LoginStoreError, MemoryStore, NativeStore};
pub(crate) use sqlite::SqliteStore;
pub(crate) use statements::{PostgresStatements, RedisScripts};
pub(crate) use suite::{check_attempt_store, check_login_store};
pub(crate) use values::{
    Created as PyCreated, Limit as PyLimit, Record as PyRecord, Room as PyRoom, Touch as PyTouch,
    Updated as PyUpdated,
};

use native::Memory;
use python::PythonStore;
use sqlite::Sqlite;

/// The login store of a Python program. Clones are the same store, so a rebuilt login manager keeps it.
///
/// Its futures are ready at the first poll: any waiting happens on the calling thread.
#[derive(Clone)]
pub(crate) struct StoreHandle(Arc<Kind>);

enum Kind {
    Memory(Memory),
    Sqlite(Sqlite),
    Python(PythonStore),
}

impl StoreHandle {
    /// # Errors
    ///
    /// A `TypeError` when the object is not a store; the message says what is missing.
    pub(crate) fn of(store: &Bound<'_, PyAny>) -> PyResult<Self> {
        if let Ok(native) = store.cast::<NativeStore>() {
            return Ok(native.get().handle());
        }
        Ok(Self::from(Kind::Python(PythonStore::new(store)?)))
    }

    /// # Errors
    ///
    /// A `TypeError` if the store counts no attempts; it names the missing methods.
    pub(crate) fn must_count_attempts(&self, py: Python<'_>) -> PyResult<()> {
        match &*self.0 {
            Kind::Python(store) => store.must_count_attempts(py),
            Kind::Memory(_) | Kind::Sqlite(_) => Ok(()),
        }
    }

    /// The last exception of a Python store, or what was wrong with its answer.
    fn last_exception(&self, py: Python<'_>) -> Option<PyErr> {
        match &*self.0 {
            Kind::Python(store) => store.last_exception(py),
            Kind::Memory(_) | Kind::Sqlite(_) => None,
        }
    }
}

impl From<Kind> for StoreHandle {
    fn from(kind: Kind) -> Self {
        Self(Arc::new(kind))
    }
}

/// Calls the store of either kind.
macro_rules! ask {
    ($handle:expr, $method:ident($($argument:expr),*)) => {
        match &*$handle.0 {
            Kind::Memory(memory) => memory.ask(|store| store.$method($($argument),*)),
            Kind::Sqlite(sqlite) => sqlite.ask(|store| store.$method($($argument),*)),
            Kind::Python(store) => store.$method($($argument),*),
        }
    };
}

use ask;

impl LoginStore for StoreHandle {
    async fn create(
        &self,
        new: &LoginRecord,
        replacing: &[LoginId],
        limit: Limit,
    ) -> Result<Created, BoxError> {
        ask!(self, create(new, replacing, limit))
    }

    async fn load(&self, id: &LoginId, now: u64) -> Result<Option<LoginRecord>, BoxError> {
        ask!(self, load(id, now))
    }

    async fn update(&self, changed: &LoginRecord) -> Result<Updated, BoxError> {
        ask!(self, update(changed))
    }

    async fn touch(&self, id: &LoginId, touch: Touch) -> Result<bool, BoxError> {
        ask!(self, touch(id, touch))
    }

    async fn delete(&self, id: &LoginId) -> Result<bool, BoxError> {
        ask!(self, delete(id))
    }

    async fn delete_by_user(
        &self,
        user_id: &str,
        except: Option<&LoginId>,
        limit: usize,
    ) -> Result<Vec<LoginId>, BoxError> {
        ask!(self, delete_by_user(user_id, except, limit))
    }

    async fn list_by_user(
        &self,
        user_id: &str,
        now: u64,
        limit: usize,
    ) -> Result<Vec<LoginRecord>, BoxError> {
        ask!(self, list_by_user(user_id, now, limit))
    }

    async fn delete_expired(&self, now: u64, limit: usize) -> Result<usize, BoxError> {
        ask!(self, delete_expired(now, limit))
    }
}
