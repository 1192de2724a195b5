//! A site's answer. The tests beside a live Flask program use it too.

use http::header::{self, HeaderMap};

/// A site's answer.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// All header fields.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: String,
}

impl Answer {
    /// A header's text; several fields joined into one line, as HTTP allows.
    pub fn header(&self, name: &str) -> Option<String> {
        let values: Vec<_> = self
            .headers
            .get_all(name)
            .iter()
            .map(|value| value.to_str().unwrap())
            .collect();
        (!values.is_empty()).then(|| values.join(", "))
    }

    /// The `Location`, which must be present.
    pub fn location(&self) -> &str {
        self.headers[header::LOCATION].to_str().unwrap()
    }

    /// The fields `Set-Cookie`, in order.
    pub fn set_cookies(&self) -> Vec<&str> {
        self.headers
            .get_all(header::SET_COOKIE)
            .iter()
            .map(|value| value.to_str().unwrap())
            .collect()
    }

    /// The `Set-Cookie` of this name. Deletions of the cookie with other attributes may come before it.
    pub fn set_cookie(&self, name: &str) -> Option<&str> {
        let start = format!("{name}=");
        let all = self.set_cookies();
        let mut found: Vec<_> = all
            .into_iter()
            .filter(|text| text.starts_with(&start))
            .collect();
        let last = found.pop();
        let deletes =
            |text: &&str| text.starts_with(&format!("{start};")) && text.contains("Max-Age=0");
        assert!(found.iter().all(deletes), "{name} is set twice");
        last
    }

    /// Asserts that nothing shows a look at the visitor.
    pub fn is_untouched(&self) -> bool {
        [header::VARY, header::SET_COOKIE, header::CACHE_CONTROL]
            .iter()
            .all(|name| !self.headers.contains_key(name))
    }
}
