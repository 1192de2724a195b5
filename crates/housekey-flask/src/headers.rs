//! The response's headers: Werkzeug's in, Werkzeug's out.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use pyo3::prelude::*;

/// Copies a response's header fields, but for those that are none.
pub(crate) fn read(response: &Bound<'_, PyAny>) -> PyResult<HeaderMap> {
    let mut map = HeaderMap::new();
    for field in response.getattr("headers")?.try_iter()? {
        let (name, value): (String, String) = field?.extract()?;
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(&value)) {
            map.append(name, value);
        }
    }
    Ok(map)
}

/// What has become of them.
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

    /// The cookies that have joined.
    pub(crate) fn cookies(&self) -> impl Iterator<Item = &str> {
        let before = self.before.get_all(header::SET_COOKIE).iter().count();
        let cookies = self.after.get_all(header::SET_COOKIE).iter();
        cookies
            .skip(before)
            .filter_map(|cookie| cookie.to_str().ok())
    }

    /// Whether a cookie of this name has joined that does not delete it.
    pub(crate) fn sets(&self, name: &str) -> bool {
        self.cookies().any(|cookie| {
            let rest = cookie.strip_prefix(name);
            let is_its = rest.is_some_and(|rest| rest.starts_with('='));
            is_its && !cookie.contains("; Max-Age=0")
        })
    }

    /// Puts into the response what is new. `keeps_private` says whether shared caches are told of it.
    pub(crate) fn put_into(
        &self,
        response: &Bound<'_, PyAny>,
        keeps_private: bool,
    ) -> PyResult<()> {
        let headers = response.getattr("headers")?;
        for cookie in self.cookies() {
            headers.call_method1("add", ("Set-Cookie", cookie))?;
        }
        for name in self.after.keys() {
            let is_told = keeps_private || *name == header::VARY;
            if *name == header::SET_COOKIE || !is_told {
                continue;
            }
            let values = |map: &HeaderMap| -> Vec<String> {
                let values = map.get_all(name).iter();
                values
                    .filter_map(|value| value.to_str().ok().map(str::to_owned))
                    .collect()
            };
            let after = values(&self.after);
            if after != values(&self.before) {
                headers.call_method1("setlist", (spelled(name), after))?;
            }
        }
        Ok(())
    }
}

/// A field's name as people write it.
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
