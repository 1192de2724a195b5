//! Cross-site request forgery: a page of another origin makes the visitor's browser send a request, with the visitor's
//! cookies.
//!
//! Browsers say where each request came from (`Sec-Fetch-Site`, and older ones `Origin`), and a page cannot change that. So
//! no tokens are needed, and forms stay as they are. Go's `CrossOriginProtection` and tower-http's `CsrfLayer` follow the
//! same rule.

use std::fmt;
use std::sync::Arc;

use http::HeaderName;
use http::header;

use crate::error::{Error, ErrorKind};
use crate::head::{Head, text};
use crate::origin::{Origin, Origins};

static SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Which requests may change something, by the origin of the page that sent them. A door asks this before anything else.
///
/// A request passes if one of these holds:
///
/// 1. The method is GET, HEAD or OPTIONS.
/// 2. `Sec-Fetch-Site` is `same-origin` or `none`.
/// 3. It has neither `Sec-Fetch-Site` nor `Origin`: a program sent it, and nobody can make a program send another person's
///    cookies.
/// 4. It has no `Sec-Fetch-Site`, as from browsers before 2023 and over plain HTTP, and `Origin` is the host that was
///    called.
/// 5. `Origin` is [trusted](Self::trust_origin), or the path is [exempt](Self::exempt).
///
/// A page of a sibling domain is as foreign as any other. This does not stop a GET that changes something, nor a WebSocket,
/// whose opening is a GET: [`Visit::open`](crate::Visit::open) checks that one.
///
/// ```
/// use housekey::door::CsrfRules;
///
/// let rules = CsrfRules::new().trust_origin("https://shop.example")?;
/// let send = |field: &str, value: &str| {
///     let request = http::Request::post("/orders").header("host", "site.example").header(field, value);
///     rules.admit(&request.body(()).unwrap().into_parts().0).is_ok()
/// };
/// assert!(send("sec-fetch-site", "same-origin"));
/// assert!(!send("sec-fetch-site", "cross-site"));
/// assert!(send("origin", "https://site.example"));
/// assert!(send("origin", "https://shop.example"));
/// assert!(!send("origin", "https://evil.example"));
/// # Ok::<(), housekey::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct CsrfRules {
    trusted: Origins,
    exempt: Vec<Arc<Exempt>>,
}

type Exempt = dyn Fn(&str) -> bool + Send + Sync;

impl CsrfRules {
    /// Trusts no origin and exempts no path.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets pages of this origin send any request: `https://shop.example`, `http://127.0.0.1:8080`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Setting`] unless it is exactly `http(s)://host[:port]`.
    pub fn trust_origin(mut self, origin: &str) -> Result<Self, Error> {
        match self.trusted.add(origin) {
            Some(()) => Ok(self),
            None => Err(Error::new(
                ErrorKind::Setting,
                format!("the trusted origin is {origin:?} and must be http(s)://host[:port]"),
            )),
        }
    }

    /// Lets anybody send to the paths that this accepts: for endpoints that are called from elsewhere and have their own
    /// proof, such as the signature of a webhook. It gets the path as the client sent it, so compare the whole path: one
    /// that merely begins the same can lead elsewhere (`/hooks/../account`). Several calls add up.
    #[must_use]
    pub fn exempt(mut self, is_exempt: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        self.exempt.push(Arc::new(is_exempt));
        self
    }

    /// Whether a request may proceed.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::ForeignOrigin`], which is answered with 403.
    pub fn admit(&self, request: &impl Head) -> Result<(), Error> {
        let reads = matches!(request.method(), "GET" | "HEAD" | "OPTIONS");
        if reads || self.is_own(request) || self.is_welcome(request) {
            return Ok(());
        }
        tracing::debug!(target: "housekey", "refused a request that a page of another origin sent");
        Err(Error::new(
            ErrorKind::ForeignOrigin,
            "a page of another origin sent this request; trust_origin lists the origins that may",
        ))
    }

    /// Whether a page of this very origin, the user directly, or a program sent it.
    fn is_own(&self, request: &impl Head) -> bool {
        // Byte for byte, since browsers write it.
        let mut sites = request.fields(&SEC_FETCH_SITE).filter(|it| !it.is_empty());
        if let Some(site) = sites.next() {
            let is_own = |site: &[u8]| matches!(site, b"same-origin" | b"none");
            return is_own(site) && sites.all(is_own);
        }
        // As in HTTP: a target that names its host outranks the field.
        let host = request.authority();
        let host = host.or_else(|| request.field(&header::HOST).and_then(text));
        let mut origins = request.fields(&header::ORIGIN).filter(|it| !it.is_empty());
        origins.all(|it| {
            let origin = text(it).and_then(Origin::parse);
            origin.is_some_and(|origin| host.is_some_and(|host| origin.is_on(host)))
        })
    }

    /// Whether the settings allow another origin to send it.
    fn is_welcome(&self, request: &impl Head) -> bool {
        let is_trusted = |origin: &[u8]| {
            let origin = text(origin).and_then(Origin::parse);
            origin.is_some_and(|origin| self.trusted.contains(&origin))
        };
        let mut origins = request.fields(&header::ORIGIN).peekable();
        origins.peek().is_some() && origins.all(is_trusted)
            || self
                .exempt
                .iter()
                .any(|is_exempt| is_exempt(request.path()))
    }
}

impl fmt::Debug for CsrfRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CsrfRules")
            .field("trusted", &self.trusted)
            .field("exempt", &self.exempt.len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, Request};

    use super::*;

    type Fields<'a> = &'a [(&'a str, &'a [u8])];

    fn admits(rules: &CsrfRules, method: &str, uri: &str, fields: Fields<'_>) -> bool {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in fields {
            request = request.header(*name, HeaderValue::from_bytes(value).unwrap());
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        match rules.admit(&parts) {
            Ok(()) => true,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::ForeignOrigin);
                false
            }
        }
    }

    /// tower-http's own cases of `Sec-Fetch-Site`, and some more.
    #[test]
    fn what_the_browser_says_of_the_page_decides() {
        const FETCH: &str = "sec-fetch-site";
        let cases: &[(&str, Fields<'_>, bool)] = &[
            ("GET", &[(FETCH, b"same-origin")], true),
            ("GET", &[(FETCH, b"cross-site")], true),
            ("HEAD", &[(FETCH, b"cross-site")], true),
            ("OPTIONS", &[(FETCH, b"cross-site")], true),
            ("POST", &[(FETCH, b"same-origin")], true),
            ("POST", &[(FETCH, b"none")], true),
            ("POST", &[(FETCH, b"cross-site")], false),
            ("POST", &[(FETCH, b"same-site")], false),
            ("PUT", &[(FETCH, b"cross-site")], false),
            ("TRACE", &[(FETCH, b"cross-site")], false),
            ("get", &[(FETCH, b"cross-site")], false),
            ("POST", &[], true),
            ("POST", &[("origin", b"https://example.com")], true),
            ("POST", &[("origin", b"https://attacker.example")], false),
            ("POST", &[("origin", b"null")], false),
            ("POST", &[("origin", b"\xff\xfe")], false),
            ("POST", &[(FETCH, b"\xff\xfe")], false),
            ("POST", &[(FETCH, b"Same-Origin")], false),
            ("POST", &[(FETCH, b"")], true),
            ("POST", &[("origin", b"")], true),
            (
                "POST",
                &[(FETCH, b""), ("origin", b"https://attacker.example")],
                false,
            ),
            (
                "POST",
                &[(FETCH, b"same-origin"), (FETCH, b"cross-site")],
                false,
            ),
            (
                "POST",
                &[
                    ("origin", b"https://example.com"),
                    ("origin", b"https://attacker.example"),
                ],
                false,
            ),
        ];
        for (method, fields, expected) in cases {
            let fields = [&[("host", b"example.com".as_slice())], *fields].concat();
            let admitted = admits(&CsrfRules::new(), method, "/", &fields);
            assert_eq!(admitted, *expected, "{method} {fields:?}");
        }
    }

    /// tower-http's own cases of `Origin` and `Host`. tower-http compares bytes; here a default port may be written out or
    /// not, as everywhere in this crate.
    #[test]
    fn without_fetch_metadata_the_origin_has_to_be_the_host_that_was_called() {
        let cases: &[(&str, Option<&str>, &str, bool)] = &[
            ("/", Some("example.com"), "https://example.com", true),
            ("/", Some("example.com"), "http://example.com", true),
            (
                "/",
                Some("example.com:8443"),
                "https://example.com:8443",
                true,
            ),
            (
                "/",
                Some("example.com:443"),
                "https://example.com:443",
                true,
            ),
            (
                "/",
                Some("example.com:8443"),
                "https://example.com:8444",
                false,
            ),
            ("/", Some("example.com"), "https://example.com:443", true),
            ("/", Some("example.com:443"), "https://example.com", true),
            ("/", Some("example.com:443"), "http://example.com", false),
            ("/", Some("example.com"), "https://example.com:8443", false),
            (
                "/",
                Some("not a valid authority"),
                "https://example.com",
                false,
            ),
            ("/", None, "https://example.com", false),
            (
                "https://example.com/x",
                None,
                "https://example.com:8443",
                false,
            ),
            ("https://example.com/x", None, "https://example.com", true),
            (
                "https://other.example/x",
                None,
                "https://example.com",
                false,
            ),
            (
                "https://example.com/x",
                Some("other.example"),
                "https://example.com",
                true,
            ),
            (
                "https://example.com/x",
                Some("other.example"),
                "https://other.example",
                false,
            ),
            ("/", Some("example.com:8443"), "example.com:8443", false),
            (
                "/",
                Some("example.com:8443"),
                "ftp://example.com:8443",
                false,
            ),
            (
                "/",
                Some("example.com"),
                "https://example.com.evil.example",
                false,
            ),
            ("/", Some("example.com"), "https://user@example.com", false),
        ];
        for (uri, host, origin, expected) in cases {
            let host = host.map(|host| ("host", host.as_bytes()));
            let fields: Vec<_> = host
                .into_iter()
                .chain([("origin", origin.as_bytes())])
                .collect();
            let admitted = admits(&CsrfRules::new(), "POST", uri, &fields);
            assert_eq!(admitted, *expected, "{uri} {host:?} {origin}");
        }
    }

    #[test]
    fn trusted_origins_and_exempt_paths_pass_whatever_the_browser_says_and_no_others() {
        let rules = CsrfRules::new()
            .trust_origin("https://trusted.example")
            .and_then(|rules| rules.trust_origin("http://127.0.0.1:8080"))
            .unwrap()
            .exempt(|path| path == "/hooks")
            .exempt(|path| path == "/bypass/");
        for (path, origin, expected) in [
            ("/", "https://trusted.example", true),
            ("/", "https://trusted.example:443", true),
            ("/", "http://trusted.example", false),
            ("/", "https://trusted.example:8443", false),
            ("/", "http://127.0.0.1:8080", true),
            ("/", "https://attacker.example", false),
            ("/", "null", false),
            ("/hooks", "https://attacker.example", true),
            ("/hooks?x=/", "https://attacker.example", true),
            ("/bypass/", "null", true),
            ("/bypass", "https://attacker.example", false),
            ("/hooks/", "https://attacker.example", false),
            ("/foo/../hooks", "https://attacker.example", false),
            ("/%68ooks", "https://attacker.example", false),
            ("/?/hooks", "https://attacker.example", false),
        ] {
            for site in ["cross-site", "same-site", ""] {
                let fields: Fields<'_> = &[
                    ("host", b"example.com"),
                    ("origin", origin.as_bytes()),
                    ("sec-fetch-site", site.as_bytes()),
                ];
                let admitted = admits(&rules, "POST", path, fields);
                assert_eq!(admitted, expected, "{path} {origin} {site}");
            }
        }
        let one_of_two: Fields<'_> = &[
            ("origin", b"https://trusted.example"),
            ("origin", b"https://attacker.example"),
        ];
        assert!(!admits(&rules, "POST", "/", one_of_two));
        let no_origin: Fields<'_> = &[("sec-fetch-site", b"cross-site")];
        assert!(!admits(&rules, "POST", "/", no_origin));
    }
}
