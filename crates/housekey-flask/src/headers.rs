//! The response's headers: reads Werkzeug's and writes Werkzeug's.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString};

/// Copies a response's header fields, except invalid ones.
pub(crate) fn read(response: &Bound<'_, PyAny>) -> PyResult<HeaderMap> {
    let mut map = HeaderMap::new();
    for_each(response, |name, value| {
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(value)) {
            map.append(name, value);
        }
    })?;
    Ok(map)
}

/// Whether a response already sets a cookie of this name.
pub(crate) fn sets_cookie(response: &Bound<'_, PyAny>, cookie: &str) -> PyResult<bool> {
    let mut is_set = false;
    for_each(response, |name, value| {
        let rest = value.strip_prefix(cookie);
        is_set |= name.eq_ignore_ascii_case("set-cookie")
            && rest.is_some_and(|rest| rest.trim_start().starts_with('='));
    })?;
    Ok(is_set)
}

/// Adds a field to a response.
pub(crate) fn add(response: &Bound<'_, PyAny>, name: &str, value: &str) -> PyResult<()> {
    let py = response.py();
    let headers = response.getattr(intern!(py, "headers"))?;
    headers
        .call_method1(intern!(py, "add"), (name, value))
        .map(drop)
}

fn for_each(response: &Bound<'_, PyAny>, mut act: impl FnMut(&str, &str)) -> PyResult<()> {
    let py = response.py();
    let headers = response.getattr(intern!(py, "headers"))?;
    // Where Werkzeug keeps them. Its iterator is slower: it is written in Python.
    let fields = match headers.getattr_opt(intern!(py, "_list"))? {
        Some(list) if list.is_exact_instance_of::<PyList>() => list,
        _ => headers,
    };
    for field in fields.try_iter()? {
        let (name, value): (Bound<'_, PyString>, Bound<'_, PyString>) = field?.extract()?;
        act(&name.to_string_lossy(), &value.to_string_lossy());
    }
    Ok(())
}

/// What the rules have changed in them.
pub(crate) struct Written {
    before: HeaderMap,
    pub(crate) after: HeaderMap,
}

impl Written {
    pub(crate) fn new(before: HeaderMap) -> Self {
        Self {
            after: before.clone(),
            before,
        }
    }

    /// The added cookies.
    pub(crate) fn cookies(&self) -> impl Iterator<Item = &str> {
        let before = self.before.get_all(header::SET_COOKIE).iter().count();
        let cookies = self.after.get_all(header::SET_COOKIE).iter();
        cookies
            .skip(before)
            .filter_map(|cookie| cookie.to_str().ok())
    }

    /// Whether a cookie of this name was added that does not delete it.
    pub(crate) fn sets(&self, name: &str) -> bool {
        self.cookies().any(|cookie| {
            let rest = cookie.strip_prefix(name);
            let is_its = rest.is_some_and(|rest| rest.starts_with('='));
            is_its && !cookie.contains("; Max-Age=0")
        })
    }

    /// Puts the new fields into the response. `keeps_private` says whether to tell shared caches.
    pub(crate) fn put_into(
        &self,
        response: &Bound<'_, PyAny>,
        keeps_private: bool,
    ) -> PyResult<()> {
        for cookie in self.cookies() {
            add(response, "Set-Cookie", cookie)?;
        }
        for name in self.after.keys() {
            let is_told = keeps_private || *name == header::VARY;
            if *name == header::SET_COOKIE || !is_told {
                continue;
            }
            let (before, after) = (self.before.get_all(name), self.after.get_all(name));
            if before == after {
                continue;
            }
            let mut values = after.iter().filter_map(|value| value.to_str().ok());
            match (self.before.contains_key(name), values.next(), values.next()) {
                (false, Some(only), None) => add(response, &spelled(name), only)?,
                _ => {
                    let values = after.iter().filter_map(|value| value.to_str().ok());
                    let values: Vec<_> = values.collect();
                    let headers = response.getattr("headers")?;
                    headers.call_method1("setlist", (spelled(name), values))?;
                }
            }
        }
        Ok(())
    }
}

/// A field's name in its usual spelling.
pub(crate) fn spelled(name: &HeaderName) -> String {
    let mut upper = true;
    let spell = |letter: char| {
        let spelled = if upper {
            letter.to_ascii_uppercase()
        } else {
            letter
        };
        upper = letter == '-';
        spelled
    };
    name.as_str().chars().map(spell).collect()
}
