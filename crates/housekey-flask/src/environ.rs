//! What a WSGI request contains.

use std::net::IpAddr;

use http::header::{self, HeaderName, HeaderValue};
use http::request::Parts;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString};

/// The client's address as Flask-Login 0.6.3 determines it, as an extension of the request: the first forwarded address, or
/// the connection's.
#[derive(Clone, Copy)]
pub(crate) struct Address(pub(crate) IpAddr);

/// The address of the connection.
#[derive(Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);

const COUNT: usize = 6;
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The header fields that the rules read, with their names in the environment.
const FIELDS: [(&str, HeaderName); COUNT] = [
    ("HTTP_COOKIE", header::COOKIE),
    ("HTTP_USER_AGENT", header::USER_AGENT),
    ("HTTP_HOST", header::HOST),
    ("HTTP_ORIGIN", header::ORIGIN),
    ("HTTP_UPGRADE", header::UPGRADE),
    ("HTTP_X_FORWARDED_FOR", FORWARDED_FOR),
];

/// The parts taken from the environment: not the environment itself, which holds the visit.
pub(crate) struct Head {
    fields: [Option<Py<PyString>>; COUNT],
    address: Option<Py<PyString>>,
}

impl Head {
    pub(crate) fn of(environ: &Bound<'_, PyDict>) -> PyResult<Self> {
        static KEYS: PyOnceLock<[Py<PyString>; COUNT]> = PyOnceLock::new();
        let py = environ.py();
        let intern = || FIELDS.map(|(key, _)| PyString::intern(py, key).unbind());
        let keys = KEYS.get_or_init(py, intern);
        let text = |key: &Bound<'_, PyString>| -> PyResult<Option<Py<PyString>>> {
            let value = environ.get_item(key)?;
            Ok(value.and_then(|value| value.cast_into::<PyString>().ok().map(Bound::unbind)))
        };
        let mut fields = [const { None }; COUNT];
        for (key, field) in keys.iter().zip(&mut fields) {
            *field = text(key.bind(py))?;
        }
        Ok(Self {
            fields,
            address: text(intern!(py, "REMOTE_ADDR"))?,
        })
    }

    /// The head of the request, as far as the rules read it. Leaves out what a header cannot hold.
    pub(crate) fn parts(&self, py: Python<'_>) -> Parts {
        let (mut parts, ()) = http::Request::new(()).into_parts();
        for ((_, name), field) in FIELDS.into_iter().zip(&self.fields) {
            let bytes = field.as_ref().map(|field| bytes(field.bind(py)));
            let is_cookie = name == header::COOKIE;
            if let Some(value) = bytes.and_then(|bytes| header_value(bytes, is_cookie)) {
                parts.headers.insert(name, value);
            }
        }
        let address = |text: &Option<Py<PyString>>| -> Option<IpAddr> {
            let text = text.as_ref()?.bind(py);
            text.to_str().ok()?.split(',').next()?.trim().parse().ok()
        };
        let [.., forwarded_for] = &self.fields;
        let peer = address(&self.address);
        if let Some(address) = address(forwarded_for).or(peer) {
            parts.extensions.insert(Address(address));
        }
        if let Some(address) = peer {
            parts.extensions.insert(Peer(address));
        }
        parts
    }
}

/// The whole head of a request, for an answer that depends on more than the current user. `target` is the path with its
/// query.
pub(crate) fn whole_head(environ: &Bound<'_, PyDict>, target: &str) -> PyResult<Parts> {
    let (mut parts, ()) = http::Request::new(()).into_parts();
    parts.uri = target.parse().unwrap_or_default();
    for (key, value) in environ {
        let (Ok(key), Ok(value)) = (key.cast::<PyString>(), value.cast::<PyString>()) else {
            continue;
        };
        let key = key.to_string_lossy();
        if key == "REQUEST_METHOD" {
            parts.method = value.to_string_lossy().parse().unwrap_or_default();
        }
        let name = match key.strip_prefix("HTTP_") {
            Some(name) => name,
            None if key == "CONTENT_TYPE" => &key,
            None => continue,
        };
        let name = HeaderName::try_from(name.replace('_', "-"));
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(&bytes(value))) {
            parts.headers.insert(name, value);
        }
    }
    Ok(parts)
}

/// WSGI passes each byte as a character of Latin-1. Servers send no other characters; any others are taken as UTF-8.
fn bytes(text: &Bound<'_, PyString>) -> Vec<u8> {
    let text = text.to_string_lossy();
    let latin1: Option<Vec<u8>> = text
        .chars()
        .map(|c| u8::try_from(u32::from(c)).ok())
        .collect();
    latin1.unwrap_or_else(|| text.as_bytes().to_vec())
}

/// A cookie that is not valid in a header does not affect the others.
fn header_value(bytes: Vec<u8>, is_cookie: bool) -> Option<HeaderValue> {
    let is_value = |bytes: &[u8]| HeaderValue::from_bytes(bytes).is_ok();
    if is_cookie && !is_value(&bytes) {
        let pairs = bytes.split(|byte| *byte == b';');
        let kept: Vec<&[u8]> = pairs.filter(|pair| is_value(pair)).collect();
        return HeaderValue::from_bytes(&kept.join(&b';')).ok();
    }
    HeaderValue::from_maybe_shared(bytes).ok()
}
