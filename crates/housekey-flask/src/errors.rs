//! What Python is told of an error.

use housekey::{Error, ErrorKind};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;

/// The exception for an error. One of the application's own loader comes out as it went in, with its traceback.
pub(crate) fn exception(py: Python<'_>, error: &Error) -> PyErr {
    let source = std::error::Error::source(error);
    if let Some(raised) = source.and_then(|source| source.downcast_ref::<PyErr>()) {
        return raised.clone_ref(py);
    }
    let message = error.to_string();
    match error.kind() {
        ErrorKind::ForeignOrigin => forbidden(py, message),
        ErrorKind::Setting | ErrorKind::SecretKey | ErrorKind::InvalidUserId => {
            PyValueError::new_err(message)
        }
        _ => PyRuntimeError::new_err(message),
    }
}

/// Flask answers it with 403.
fn forbidden(py: Python<'_>, message: String) -> PyErr {
    let raised = py
        .import("werkzeug.exceptions")
        .and_then(|module| module.getattr("Forbidden"))
        .and_then(|class| class.call1((message,)));
    match raised {
        Ok(raised) => PyErr::from_value(raised),
        Err(error) => error,
    }
}
