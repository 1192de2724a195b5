//! Flask-Login's helpers that need no request.

use housekey::SecretKeys;
use housekey::door::{self, decode_flask_cookie, encode_flask_cookie};
use pyo3::prelude::*;

use crate::errors::exception;

/// The text with its digest under this key, as in a remember token.
#[pyfunction]
pub(crate) fn encode_cookie(py: Python<'_>, payload: &str, key: &[u8]) -> PyResult<String> {
    Ok(encode_flask_cookie(payload, &keys(py, key)?))
}

/// The contents of such a text, `None` unless this key signed it.
#[pyfunction]
pub(crate) fn decode_cookie(py: Python<'_>, cookie: &str, key: &[u8]) -> PyResult<Option<String>> {
    Ok(decode_flask_cookie(cookie, &keys(py, key)?))
}

fn keys(py: Python<'_>, key: &[u8]) -> PyResult<SecretKeys> {
    SecretKeys::flask_bytes(key).map_err(|error| exception(py, &error))
}

/// The return address, without scheme and host if they are the login page's own.
#[pyfunction]
pub(crate) fn make_next_param<'a>(login_url: &str, current_url: &'a str) -> &'a str {
    door::make_next_param(login_url, current_url)
}

/// The login page's URL with the return address in its query.
#[pyfunction]
#[pyo3(signature = (base, next_url, next_field, host=None))]
pub(crate) fn login_url(
    base: &str,
    next_url: &str,
    next_field: &str,
    host: Option<&str>,
) -> String {
    door::build_login_url(base, Some(next_url), next_field, host)
}
