//! A login as people see it.

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
    /// Its number, by which it can be ended.
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

    /// From where it was made, or last restored by a remember token.
    #[getter]
    fn address(&self) -> Option<String> {
        self.0.address.map(|address| address.to_string())
    }

    /// With which program: the client's own words, 256 bytes at most.
    #[getter]
    fn user_agent(&self) -> Option<&str> {
        self.0.user_agent.as_deref()
    }

    /// Whether the browser is remembered.
    #[getter]
    fn remembered(&self) -> bool {
        self.0.remembered
    }

    /// Whether it is the one that asks.
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

/// Logins as Python has them.
pub(crate) fn listed(logins: Vec<LoginInfo>) -> Vec<PyLoginInfo> {
    logins.into_iter().map(PyLoginInfo).collect()
}

/// The number that somebody typed.
pub(crate) fn login_id(py: Python<'_>, text: &str) -> PyResult<LoginId> {
    text.parse().map_err(|error| exception(py, &error))
}
