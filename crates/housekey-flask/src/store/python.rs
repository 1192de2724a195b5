//! A store that is a Python object. It may raise, or return anything. Both count as errors of the store, so that nobody is
//! taken for logged in or logged out by mistake.

use std::sync::{Mutex, PoisonError};

use housekey::BoxError;
use housekey::attempts::{AttemptKey, AttemptSchedule, AttemptStanding, Counted};
use housekey::records::{self, Limit, LoginId, LoginRecord, Touch};
use pyo3::call::PyCallArgs;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyInt, PyList, PyType};

use super::attempts::{Answer, Schedule, counted, key_bytes};
use super::values::{self, Created, Record, Updated, all_bytes, id_bytes, login_ids};

const METHODS: [&str; 8] = [
    "create",
    "load",
    "update",
    "touch",
    "delete",
    "delete_by_user",
    "list_by_user",
    "delete_expired",
];

const METHODS_OF_ATTEMPTS: [&str; 4] = [
    "count_attempt",
    "take_attempt_back",
    "forgive_attempts",
    "delete_expired_attempts",
];

pub(super) struct PythonStore {
    object: Py<PyAny>,
    failure: Mutex<Option<PyErr>>,
}

impl PythonStore {
    pub(super) fn new(store: &Bound<'_, PyAny>) -> PyResult<Self> {
        if store.is_instance_of::<PyType>() {
            return Err(PyTypeError::new_err(format!(
                "HOUSEKEY_LOGIN_STORE or login_store: {} is a class; give an instance of it",
                store.repr()?
            )));
        }
        let missing = lacks(store, &METHODS)?;
        if !missing.is_empty() {
            return Err(PyTypeError::new_err(format!(
                "HOUSEKEY_LOGIN_STORE or login_store: {} is not a login store (see flask_housekey.stores.LoginStore): it has no method {}",
                kind(store),
                missing.join(", ")
            )));
        }
        Ok(Self {
            object: store.clone().unbind(),
            failure: Mutex::new(None),
        })
    }

    pub(super) fn must_count_attempts(&self, py: Python<'_>) -> PyResult<()> {
        let store = self.object.bind(py);
        let missing = lacks(store, &METHODS_OF_ATTEMPTS)?;
        match missing.is_empty() {
            true => Ok(()),
            false => Err(PyTypeError::new_err(format!(
                "HOUSEKEY_LIMIT_ATTEMPTS: {} counts no attempts, which flask_housekey.stores.AttemptStore describes: it has no method {}",
                kind(store),
                missing.join(", ")
            ))),
        }
    }

    pub(super) fn last_exception(&self, py: Python<'_>) -> Option<PyErr> {
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.as_ref().map(|error| error.clone_ref(py))
    }

    pub(super) fn create(
        &self,
        new: &LoginRecord,
        replacing: &[LoginId],
        limit: Limit,
    ) -> Result<records::Created, BoxError> {
        self.ask("create", |py, call| {
            let arguments = (
                Record(new.clone()),
                all_bytes(py, replacing),
                values::Limit(limit),
            );
            let answer = call.with(arguments)?;
            let Ok(created) = answer.cast::<Created>() else {
                return Err(call.unexpected(&answer, "a Created"));
            };
            Ok(created.get().0.clone())
        })
    }

    pub(super) fn load(&self, id: &LoginId, now: u64) -> Result<Option<LoginRecord>, BoxError> {
        self.ask("load", |py, call| {
            let answer = call.with((id_bytes(py, id), now))?;
            if answer.is_none() {
                return Ok(None);
            }
            let record = call.record(&answer, "a LoginRecord or None")?;
            if record.id != *id {
                return Err(call.wrong("the record of another login"));
            }
            Ok(Some(record))
        })
    }

    pub(super) fn update(&self, changed: &LoginRecord) -> Result<records::Updated, BoxError> {
        self.ask("update", |_, call| {
            let answer = call.with((Record(changed.clone()),))?;
            match answer.cast::<Updated>() {
                Ok(updated) => Ok((*updated.get()).into()),
                Err(_) => Err(call.unexpected(&answer, "an Updated")),
            }
        })
    }

    pub(super) fn touch(&self, id: &LoginId, touch: Touch) -> Result<bool, BoxError> {
        self.ask("touch", |py, call| {
            let answer = call.with((id_bytes(py, id), values::Touch(touch)))?;
            call.truth(&answer)
        })
    }

    pub(super) fn delete(&self, id: &LoginId) -> Result<bool, BoxError> {
        self.ask("delete", |py, call| {
            let answer = call.with((id_bytes(py, id),))?;
            call.truth(&answer)
        })
    }

    pub(super) fn delete_by_user(
        &self,
        user_id: &str,
        except: Option<&LoginId>,
        limit: usize,
    ) -> Result<Vec<LoginId>, BoxError> {
        self.ask("delete_by_user", |py, call| {
            let except = except.map(|id| id_bytes(py, id));
            let answer = call.with((user_id, except, limit))?;
            if answer.cast::<PyList>().is_err() {
                return Err(call.unexpected(&answer, "a list of ids"));
            }
            login_ids(&answer, limit)
        })
    }

    pub(super) fn list_by_user(
        &self,
        user_id: &str,
        now: u64,
        limit: usize,
    ) -> Result<Vec<LoginRecord>, BoxError> {
        self.ask("list_by_user", |_, call| {
            let answer = call.with((user_id, now, limit))?;
            let Ok(list) = answer.cast::<PyList>() else {
                return Err(call.unexpected(&answer, "a list of LoginRecords"));
            };
            let mut records = Vec::new();
            for record in list {
                if records.len() == limit {
                    return Err(call.wrong(&format!("more than {limit} records")));
                }
                let record = call.record(&record, "LoginRecords alone in the list")?;
                if record.user_id != user_id {
                    return Err(call.wrong("the record of another user"));
                }
                records.push(record);
            }
            Ok(records)
        })
    }

    pub(super) fn delete_expired(&self, now: u64, limit: usize) -> Result<usize, BoxError> {
        self.count_of("delete_expired", now, limit)
    }

    pub(super) fn delete_expired_attempts(
        &self,
        now: u64,
        limit: usize,
    ) -> Result<usize, BoxError> {
        self.count_of("delete_expired_attempts", now, limit)
    }

    pub(super) fn count_attempt(
        &self,
        key: &AttemptKey,
        schedule: &AttemptSchedule,
        now: u64,
    ) -> Result<Counted, BoxError> {
        self.ask("count_attempt", |py, call| {
            let answer = call.with((key_bytes(py, key), Schedule(*schedule), now))?;
            let Ok(counted_as) = answer.extract::<Answer>() else {
                let wanted = "a tuple of True or False and two numbers";
                return Err(call.unexpected(&answer, wanted));
            };
            Ok(counted(counted_as))
        })
    }

    pub(super) fn take_attempt_back(
        &self,
        key: &AttemptKey,
        schedule: &AttemptSchedule,
        counted: AttemptStanding,
        now: u64,
    ) -> Result<(), BoxError> {
        self.ask("take_attempt_back", |py, call| {
            let counted = (counted.next_at, counted.forgotten_at);
            let arguments = (key_bytes(py, key), Schedule(*schedule), counted, now);
            call.with(arguments).map(drop)
        })
    }

    pub(super) fn forgive_attempts(&self, key: &AttemptKey) -> Result<(), BoxError> {
        self.ask("forgive_attempts", |py, call| {
            call.with((key_bytes(py, key),)).map(drop)
        })
    }

    fn count_of(&self, method: &'static str, now: u64, limit: usize) -> Result<usize, BoxError> {
        self.ask(method, |_, call| {
            let answer = call.with((now, limit))?;
            let is_number = answer.is_instance_of::<PyInt>() && !answer.is_instance_of::<PyBool>();
            match answer.extract::<usize>() {
                Ok(count) if is_number && count <= limit => Ok(count),
                _ if is_number => Err(call.wrong(&format!("not a number from 0 to {limit}"))),
                _ => Err(call.unexpected(&answer, "a number")),
            }
        })
    }

    /// Calls Python. An exception or an unfitting answer becomes an error of the store, with the exception as its cause.
    fn ask<T>(
        &self,
        method: &'static str,
        ask: impl for<'py> FnOnce(Python<'py>, Call<'_, 'py>) -> PyResult<T>,
    ) -> Result<T, BoxError> {
        Python::attach(|py| {
            let store = self.object.bind(py);
            let answer = ask(py, Call { store, method });
            answer.map_err(|error| {
                let known = error.clone_ref(py);
                let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
                let before = failure.replace(known);
                drop(failure);
                // Outside the lock, since this drops a Python object.
                drop(before);
                BoxError::from(error)
            })
        })
    }
}

/// A method call, and its name for messages.
struct Call<'a, 'py> {
    store: &'a Bound<'py, PyAny>,
    method: &'static str,
}

impl<'py> Call<'_, 'py> {
    fn with(&self, arguments: impl PyCallArgs<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.store.call_method1(self.method, arguments)
    }

    fn record(&self, answer: &Bound<'py, PyAny>, wanted: &str) -> PyResult<LoginRecord> {
        match answer.cast::<Record>() {
            Ok(record) => Ok(record.get().0.clone()),
            Err(_) => Err(self.unexpected(answer, wanted)),
        }
    }

    fn truth(&self, answer: &Bound<'py, PyAny>) -> PyResult<bool> {
        match answer.cast::<PyBool>() {
            Ok(truth) => Ok(truth.is_true()),
            Err(_) => Err(self.unexpected(answer, "True or False")),
        }
    }

    fn unexpected(&self, answer: &Bound<'py, PyAny>, wanted: &str) -> PyErr {
        PyTypeError::new_err(format!(
            "{}.{} must return {wanted}, not {}",
            kind(self.store),
            self.method,
            kind(answer)
        ))
    }

    fn wrong(&self, what: &str) -> PyErr {
        PyValueError::new_err(format!(
            "{}.{} returned {what}",
            kind(self.store),
            self.method
        ))
    }
}

fn kind(object: &Bound<'_, PyAny>) -> String {
    let name = object.get_type().name();
    name.map_or_else(|_| "an object".to_owned(), |name| name.to_string())
}

/// The missing methods of these.
fn lacks(store: &Bound<'_, PyAny>, methods: &[&'static str]) -> PyResult<Vec<&'static str>> {
    let mut missing = Vec::new();
    for name in methods {
        match store.getattr_opt(*name)? {
            Some(method) if method.is_callable() => refuse_async(&method)?,
            _ => missing.push(*name),
        }
    }
    Ok(missing)
}

fn refuse_async(method: &Bound<'_, PyAny>) -> PyResult<()> {
    static IS_ASYNC: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let is_async = IS_ASYNC.import(method.py(), "inspect", "iscoroutinefunction")?;
    match is_async.call1((method,))?.is_truthy()? {
        true => Err(PyTypeError::new_err(format!(
            "the methods of a login store are ordinary functions, and {} is async",
            method.repr()?
        ))),
        false => Ok(()),
    }
}
