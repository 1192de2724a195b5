//! Where a program is mounted: the prefix of its public addresses that a proxy strips.

use std::borrow::Cow;

use http::uri::PathAndQuery;
use percent_encoding::percent_decode_str;

use crate::error::Error;
use crate::next_url::safe::path_of;

/// Leaves room for a return address after it.
const LONGEST: usize = 256;

/// WSGI's `SCRIPT_NAME`, ASGI's `root_path`. Empty for a program at the root of its host.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mount(String);

impl Mount {
    /// As it was set. `/` is the root, like the empty text.
    pub(crate) fn new(prefix: String) -> Self {
        Self(if prefix == "/" { String::new() } else { prefix })
    }

    /// Refuses what a proxy or a browser may spell differently, so that prefixes can be compared byte for byte.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
        let is_segment = |text: &str| !matches!(text, "" | "." | "..") && text.bytes().all(plain);
        let is_prefix = match self.0.strip_prefix('/') {
            Some(segments) => segments.split('/').all(is_segment) && self.0.len() <= LONGEST,
            None => self.0.is_empty(),
        };
        match is_prefix {
            true => Ok(()),
            false => Err(Error::setting(format!(
                "mounted_at: {:?} is not a prefix; begin with /, end without one, and use letters, digits, - _ . and ~, at \
                 most {LONGEST} bytes, for instance /app",
                self.0
            ))),
        }
    }

    /// The public form of one of the program's own addresses. An absolute URL is public already.
    pub(crate) fn public<'a>(&self, own: &'a str) -> Cow<'a, str> {
        let is_path = own.starts_with('/') && !own.starts_with("//");
        match is_path && !self.0.is_empty() {
            true => format!("{}{own}", self.0).into(),
            false => own.into(),
        }
    }

    /// The same for the target of a request. `None` if the result would be too long.
    pub(crate) fn public_target<'a>(&self, own: &'a PathAndQuery) -> Option<Cow<'a, PathAndQuery>> {
        if self.0.is_empty() {
            return Some(Cow::Borrowed(own));
        }
        // A target whose query stood right behind the host gets its slash.
        let own = own.to_string();
        Some(Cow::Owned(format!("{}{own}", self.0).parse().ok()?))
    }

    /// Whether a path of this host stays below the prefix, whatever resolves its dots and whether or not that takes an encoded
    /// slash for the end of a segment. For other origins, the prefix does not matter.
    pub(crate) fn contains(&self, next: &str) -> bool {
        if self.0.is_empty() || !next.starts_with('/') {
            return true;
        }
        let path = path_of(next);
        let is_below = path
            .strip_prefix(self.0.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        let decoded = percent_decode_str(path).decode_utf8_lossy();
        let is_dotted = decoded
            .split(['/', '\\'])
            .any(|segment| matches!(segment, "." | ".."));
        is_below && !is_dotted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_that_could_be_spelled_in_two_ways_is_refused() {
        for prefix in ["", "/", "/app", "/a/b", "/v1.2/~mia"] {
            assert!(Mount::new(prefix.to_owned()).check().is_ok(), "{prefix:?}");
        }
        let long = format!("/{}", "a".repeat(LONGEST));
        for prefix in [
            "app",
            "/app/",
            "//",
            "//app",
            "/a//b",
            "/.",
            "/..",
            "/a/../b",
            "/a%62",
            "/caf\u{e9}",
            "/a b",
            "/a?b",
            "/a#b",
            "/a\\b",
            "/a\r\nb",
            "https://site.example/app",
            &long,
        ] {
            let error = Mount::new(prefix.to_owned()).check().unwrap_err();
            assert!(error.to_string().starts_with("mounted_at: "), "{error}");
        }
    }

    #[test]
    fn the_prefix_comes_in_front_of_paths_and_of_nothing_else() {
        let mount = Mount::new("/app".to_owned());
        for (own, public) in [
            ("/", "/app/"),
            ("/login?a=b#c", "/app/login?a=b#c"),
            ("/app/login", "/app/app/login"),
            ("https://site.example/login", "https://site.example/login"),
            ("//cdn.example/x", "//cdn.example/x"),
            ("page", "page"),
            ("?tab=1", "?tab=1"),
            ("", ""),
        ] {
            assert_eq!(mount.public(own), public);
            assert_eq!(Mount::new("/".to_owned()).public(own), own);
        }
    }

    #[test]
    fn a_request_without_a_path_is_for_the_first_page() {
        let mount = Mount::new("/app".to_owned());
        let public = |own: &'static str| {
            let own = PathAndQuery::from_static(own);
            mount.public_target(&own).map(|target| target.to_string())
        };
        assert_eq!(public("?a=1").as_deref(), Some("/app/?a=1"));
        assert_eq!(public("/").as_deref(), Some("/app/"));
    }

    /// No address is cut short: `http` accepts 65,534 bytes.
    #[test]
    fn a_target_that_has_no_room_for_the_prefix_leads_back_nowhere() {
        let own: PathAndQuery = format!("/{}", "a".repeat(65_530)).parse().unwrap();
        let mount = Mount::new("/app".to_owned());
        assert!(mount.public_target(&own).is_none());
    }
}
