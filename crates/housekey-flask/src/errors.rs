//! How errors appear in Python.

use housekey::{Error, ErrorKind};
use pyo3::exceptions::{PyException, PyRuntimeError, PyValueError};
use pyo3::prelude::*;

pyo3::create_exception!(
    flask_housekey._core,
    CurrentUserAsked,
    PyRuntimeError,
    "Code that is called to find the current user asked for the current user."
);

/// The exception for an error. An exception from the application's own loader comes out unchanged, with its traceback.
pub(crate) fn exception(py: Python<'_>, error: &Error) -> PyErr {
    let source = std::error::Error::source(error);
    let raised = source.and_then(|source| source.downcast_ref::<PyErr>());
    let message = in_pythons_words(&error.to_string());
    match (error.kind(), raised) {
        (ErrorKind::LoaderFailed, Some(raised)) => raised.clone_ref(py),
        // A greenlet that has run out of time, or a worker that has to stop.
        (_, Some(raised)) if !raised.is_instance_of::<PyException>(py) => raised.clone_ref(py),
        // A fault in the program, which a retry does not fix.
        (ErrorKind::StoreFailed, Some(raised)) if raised.is_instance_of::<CurrentUserAsked>(py) => {
            raised.clone_ref(py)
        }
        (ErrorKind::Setting | ErrorKind::SecretKey | ErrorKind::InvalidUserId, _) => {
            PyValueError::new_err(message)
        }
        (ErrorKind::NoLoginStore, _) => PyRuntimeError::new_err(
            "there is no list of logins: set HOUSEKEY_LOGIN_STORE, or the login manager's login_store",
        ),
        (kind, raised) => match class_of(kind) {
            Some(class) => {
                let exception = http_exception(py, class, error);
                let cause = raised.map(|raised| raised.clone_ref(py));
                let cause = cause.or_else(|| Some(PyRuntimeError::new_err(source?.to_string())));
                if kind == ErrorKind::StoreFailed
                    && let Some(cause) = &cause
                {
                    tell_of_failure(py, cause);
                }
                exception.set_cause(py, cause);
                exception
            }
            None => PyRuntimeError::new_err(message),
        },
    }
}

/// The class in `flask_housekey.errors`, for errors that are not the program's own fault. Flask answers them by itself.
fn class_of(kind: ErrorKind) -> Option<&'static str> {
    Some(match kind {
        ErrorKind::StoreFailed => "StoreUnavailable",
        ErrorKind::NotLoggedIn => "NotLoggedIn",
        ErrorKind::NoPendingLogin => "NoPendingLogin",
        ErrorKind::NotFresh => "NotFresh",
        ErrorKind::TooManyLogins => "TooManyLogins",
        ErrorKind::InvalidLoginId => "InvalidLoginId",
        ErrorKind::ForeignOrigin => "ForeignOrigin",
        ErrorKind::TooManyAttempts => "TooManyAttempts",
        _ => return None,
    })
}

/// The rules call settings by the names of their builder.
fn in_pythons_words(message: &str) -> String {
    const NAMES: [(&str, &str); 4] = [
        ("trust_origin", "HOUSEKEY_TRUSTED_ORIGINS"),
        ("allow_websocket_origin", "HOUSEKEY_WEBSOCKET_ORIGINS"),
        ("allow_next_origin", "HOUSEKEY_NEXT_ORIGINS"),
        ("realm:", "HOUSEKEY_REALM:"),
    ];
    let named = |text: String, (rust, python): (&str, &str)| text.replace(rust, python);
    NAMES.into_iter().fold(message.to_owned(), named)
}

fn http_exception(py: Python<'_>, class: &str, error: &Error) -> PyErr {
    let raised = py
        .import("flask_housekey.errors")
        .and_then(|module| module.getattr(class))
        .and_then(|class| {
            let text = in_pythons_words(error.answer().text);
            let Some(wait) = error.retry_after() else {
                return class.call1((text,));
            };
            // In the form that suits the client.
            let (parts, body) = error.to_response().into_parts();
            let fields = parts.headers.iter();
            let fields: Vec<_> = fields
                .map(|(name, value)| (name.as_str(), value.to_str().unwrap_or_default()))
                .collect();
            class.call1((text, wait.as_secs(), body, fields))
        });
    match raised {
        Ok(raised) => PyErr::from_value(raised),
        Err(error) => error,
    }
}

/// Flask answers a 503 without logging anything.
fn tell_of_failure(py: Python<'_>, cause: &PyErr) {
    let told = py
        .import("flask_housekey.events")
        .and_then(|events| events.call_method1("log_failure", (cause.value(py),)));
    if let Err(error) = told {
        error.write_unraisable(py, None);
    }
}
