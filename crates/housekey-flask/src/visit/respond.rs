//! Changes the response.

use std::sync::atomic::Ordering;

use housekey::{Error, ErrorKind};
use pyo3::exceptions::{PyException, PyUserWarning, PyValueError};
use pyo3::prelude::*;

use super::{Opened, Visit};
use crate::errors::exception;
use crate::headers::{self, Written};
use crate::mapping::dumps;

impl Visit {
    /// Puts the change of the remember token into the response, and what caches have to know.
    pub(super) fn write_token(&self, py: Python<'_>, response: &Bound<'_, PyAny>) -> PyResult<()> {
        let Some(opened) = self.opened.get() else {
            return Ok(());
        };
        self.hand_in(py, opened)?;
        if self.session.is_none() {
            return add_token(opened, response);
        }
        let mut written = Written::new(headers::read(response)?);
        opened.visit.finish_remembering(&mut written.after);
        let settings = &opened.built.settings;
        if let Some(error) = &settings.remember_error
            && written.sets(&settings.remember_cookie_name)
        {
            return Err(PyException::new_err(error.clone()));
        }
        written.put_into(response, opened.built.keeps_private)
    }

    /// Puts the session into the response.
    pub(super) fn write_session(
        &self,
        py: Python<'_>,
        response: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        self.saved.store(true, Ordering::Relaxed);
        let Some(opened) = self.opened.get() else {
            if self.accessed.load(Ordering::Relaxed) {
                response.getattr("vary")?.call_method1("add", ("Cookie",))?;
            }
            return Ok(());
        };
        if self.modified.load(Ordering::Relaxed)
            && let Some(dict) = self.dict.get(py)
        {
            let text = dumps(dict.bind(py))?;
            let written = opened.open.replace_session_json(text);
            let written = written.and_then(|()| opened.open.rewrite_session());
            match written {
                // It has been written already.
                Err(error) if error.kind() == ErrorKind::TooLate => {}
                result => result.map_err(|error| exception(py, &error))?,
            }
        }
        let mut written = Written::new(headers::read(response)?);
        match opened.visit.finish(&mut written.after) {
            Err(error) if error.kind() == ErrorKind::SessionTooLarge => warn(py, &error)?,
            result => result.map_err(|error| exception(py, &error))?,
        }
        let settings = &opened.built.settings;
        if let Some(error) = &settings.session_error
            && written.sets(&settings.session_cookie_name)
        {
            return Err(PyValueError::new_err(error.clone()));
        }
        written.put_into(response, opened.built.keeps_private)
    }
}

/// Where the session is ours, what caches have to know goes with it.
fn add_token(opened: &Opened, response: &Bound<'_, PyAny>) -> PyResult<()> {
    let is_set = |name: &str| headers::sets_cookie(response, name).unwrap_or(false);
    for cookie in opened.visit.remember_outcome(is_set) {
        if let Some(error) = &opened.built.settings.remember_error
            && !cookie.is_deletion()
        {
            return Err(PyException::new_err(error.clone()));
        }
        let value = cookie.into_header();
        // A cookie consists of ASCII.
        headers::add(response, "Set-Cookie", value.to_str().unwrap_or_default())?;
    }
    Ok(())
}

/// As in Flask: browsers drop a cookie that is too large, so it is not sent, and they keep the one that they have.
fn warn(py: Python<'_>, error: &Error) -> PyResult<()> {
    let category = py.get_type::<PyUserWarning>();
    let message = std::ffi::CString::new(error.to_string()).unwrap_or_default();
    PyErr::warn(py, &category, &message, 1)
}
