//! Attempts to log in, counted before Python verifies anything.

use std::sync::{Mutex, PoisonError};

use housekey::{Attempt, Error, ErrorKind, Login};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::drive::drive;
use crate::environ::whole_head;
use crate::errors::exception;
use crate::user::PyUser;
use crate::visit::Visit;

/// An attempt that may go on. It counts as failed until it has succeeded.
#[pyclass(frozen, name = "Attempt", module = "flask_housekey._core")]
pub(crate) struct PyAttempt {
    visit: Py<Visit>,
    attempt: Mutex<Option<Attempt>>,
}

/// Counts an attempt.
#[pyfunction]
pub(crate) fn begin_attempt(
    visit: &Bound<'_, Visit>,
    environ: &Bound<'_, PyDict>,
    form: &str,
    name: &str,
) -> PyResult<PyAttempt> {
    let py = visit.py();
    let head = whole_head(environ, "/")?;
    let attempt = visit.get().act(py, |opened| {
        opened.open().answer_attempts_to(&head);
        let login = Login::<PyUser>::new(opened.open().clone());
        drive(py, login.attempt(form, name)).map_err(|error| raised(py, &error))
    })?;
    Ok(PyAttempt {
        visit: visit.clone().unbind(),
        attempt: Mutex::new(Some(attempt)),
    })
}

/// Forgets the failed attempts of strangers at an account, and makes this browser known there.
#[pyfunction]
pub(crate) fn forgive_attempts(visit: &Bound<'_, Visit>, form: &str, name: &str) -> PyResult<()> {
    let py = visit.py();
    visit.get().act(py, |opened| {
        let login = Login::<PyUser>::new(opened.open().clone());
        drive(py, login.forgive_attempts(form, name)).map_err(|error| raised(py, &error))
    })
}

#[pymethods]
impl PyAttempt {
    /// The password or code was right. Calling it once is enough.
    fn succeeded(&self, py: Python<'_>) -> PyResult<()> {
        let mut attempt = self.attempt.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = attempt.take();
        drop(attempt);
        let Some(attempt) = taken else {
            return Ok(());
        };
        self.visit.get().act(py, |_| {
            drive(py, attempt.succeeded()).map_err(|error| raised(py, &error))
        })
    }
}

pub(crate) fn raised(py: Python<'_>, error: &Error) -> PyErr {
    match error.kind() {
        ErrorKind::Setting => PyRuntimeError::new_err(
            "attempts are not limited: set HOUSEKEY_LIMIT_ATTEMPTS to True, and a HOUSEKEY_LOGIN_STORE",
        ),
        _ => exception(py, error),
    }
}
