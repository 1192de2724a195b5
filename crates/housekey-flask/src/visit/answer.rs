//! The answer to a denied request, if the rules choose its form.

use housekey::door::Incoming;
use housekey::{Denied, Scope};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::Opened;
use crate::environ::whole_head;
use crate::errors::exception;
use crate::headers::spelled;
use crate::mapping::loads;

/// The status, the header fields, the body, whether the login page should say why, and the return address for the session,
/// if any.
pub(super) type Answer = (u16, Vec<(String, String)>, String, bool, Option<Py<PyAny>>);

/// Asks the rules, on a separate visit: Flask handles the message and the way back.
pub(super) fn deny(
    py: Python<'_>,
    opened: &Opened,
    environ: &Bound<'_, PyDict>,
    target: &str,
    view: Option<&str>,
    denied: Denied,
) -> PyResult<Answer> {
    let parts = whole_head(environ, target)?;
    let visit = opened.built.settings.manager.visit(&parts.uri);
    let open = visit.open_with(&parts, Incoming::new([]));
    let open = open.map_err(|error| exception(py, &error))?;
    let scope = match view {
        Some(view) => Scope::new()
            .try_login_view(view)
            .and_then(|scope| scope.try_refresh_view(view))
            .map_err(|error| exception(py, &error))?,
        None => Scope::new().no_login_view(),
    };
    let response = open.deny(&parts, denied, &scope);
    let messages = open.flash().take();
    let is_told = !messages.map_err(|error| exception(py, &error))?.is_empty();
    let (head, body) = response.into_parts();
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = head.headers.iter();
    let headers = headers.map(|(name, value)| (spelled(name), text(value)));
    let next = open.session_value("next");
    let next = next.map(|json| loads(py, &json)).transpose()?;
    let next = next.map(Bound::unbind);
    Ok((head.status.as_u16(), headers.collect(), body, is_told, next))
}
