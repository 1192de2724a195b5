//! A login as users see it.

use std::time::SystemTime;

use housekey::LoginInfo;
use housekey::records::LoginId;
use pyo3::prelude::*;

use crate::errors::exception;

/// One login, as its owner or an administrator sees it.
#[pyclass(frozen, eq, module = "flask_housekey._core", name = "LoginInfo")]
#[derive(PartialEq)]
pub(crate) struct PyLoginInfo(LoginInfo);

#[pymethods]
impl PyLoginInfo {
    /// Its id, by which it can be ended.
    #[getter]
    fn id(&self) -> String {
        self.0.id.to_string()
    }

    /// When it was made: a datetime in UTC.
    #[getter]
    fn created_at(&self) -> SystemTime {
        self.0.created_at
    }

    /// When it was last used, to within a twentieth of the idle timeout: a datetime in UTC.
    #[getter]
    fn last_seen_at(&self) -> SystemTime {
        self.0.last_seen_at
    }

    /// The address that it was made from, or last restored from by a remember token.
    #[getter]
    fn address(&self) -> Option<String> {
        self.0.address.map(|address| address.to_string())
    }

    /// The client's program in its own words, 256 bytes at most.
    #[getter]
    fn user_agent(&self) -> Option<&str> {
        self.0.user_agent.as_deref()
    }

    /// Whether the browser is remembered.
    #[getter]
    fn remembered(&self) -> bool {
        self.0.remembered
    }

    /// Whether it is the login of this request.
    #[getter]
    fn current(&self) -> bool {
        self.0.current
    }

    fn __repr__(&self) -> String {
        let LoginInfo { id, current, .. } = &self.0;
        let current = if *current { ", current" } else { "" };
        format!("<LoginInfo {id}{current}>")
    }
}

/// Converts logins for Python.
pub(crate) fn listed(logins: Vec<LoginInfo>) -> Vec<PyLoginInfo> {
    logins.into_iter().map(PyLoginInfo).collect()
}

/// The id that a person typed.
pub(crate) fn login_id(py: Python<'_>, text: &str) -> PyResult<LoginId> {
    text.parse().map_err(|error| exception(py, &error))
}
