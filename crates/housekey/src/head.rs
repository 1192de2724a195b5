//! The head of a request and the fields of a response, as the rules read and write them: in `http`'s types or in a
//! framework's own.

use std::cell::OnceCell;
use std::fmt;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{Extensions, Method, Request, Uri, Version};

/// The fields that the rules read from every request, and the first that they read to deny one. A door to a framework with
/// its own type of names may keep these ready.
pub const ALWAYS_READ: [HeaderName; 10] = [
    header::COOKIE,
    header::USER_AGENT,
    header::UPGRADE,
    SEC_FETCH_MODE,
    // What says that nobody sees the answer.
    HeaderName::from_static("sec-purpose"),
    HeaderName::from_static("x-sec-purpose"),
    HeaderName::from_static("purpose"),
    HeaderName::from_static("x-purpose"),
    HeaderName::from_static("x-moz"),
    HeaderName::from_static("hx-preloaded"),
];

/// Whether a browser navigates, and otherwise for what it asks.
pub(crate) const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

/// The part of a request's head that the rules look at. `http`'s [`Parts`] is one; a door shows its own as a
/// [`ForeignHead`], [translated](Translated).
pub trait Head {
    /// The method.
    fn method(&self) -> &str;

    /// Host and port, if the target names them, as in HTTP/2.
    fn authority(&self) -> Option<&str>;

    /// The path of the target, without its query.
    fn path(&self) -> &str;

    /// The part of the target after the `?`.
    fn query(&self) -> Option<&str>;

    /// All values of a header field, in order.
    fn fields<'a>(&'a self, name: &'a HeaderName) -> impl Iterator<Item = &'a [u8]>;

    /// The first value of a header field.
    fn field<'a>(&'a self, name: &'a HeaderName) -> Option<&'a [u8]> {
        self.fields(name).next()
    }

    /// Passes the fields in [`ALWAYS_READ`] to `seen`, and maybe others: with names in lower case, and the values of one name
    /// in order.
    fn each<'a>(&'a self, seen: impl FnMut(&'a str, &'a [u8]));

    /// Whether the field is present.
    fn has(&self, name: &HeaderName) -> bool {
        self.field(name).is_some()
    }

    /// The whole head, for the application's own code: its user loader, its function for the client's address, its
    /// handlers.
    fn parts(&self) -> &Parts;
}

impl Head for Parts {
    fn method(&self) -> &str {
        self.method.as_str()
    }

    fn authority(&self) -> Option<&str> {
        Some(self.uri.authority()?.as_str())
    }

    fn path(&self) -> &str {
        self.uri.path()
    }

    fn query(&self) -> Option<&str> {
        self.uri.query()
    }

    fn fields<'a>(&'a self, name: &'a HeaderName) -> impl Iterator<Item = &'a [u8]> {
        self.headers.get_all(name).iter().map(HeaderValue::as_bytes)
    }

    fn field<'a>(&'a self, name: &'a HeaderName) -> Option<&'a [u8]> {
        self.headers.get(name).map(HeaderValue::as_bytes)
    }

    fn each<'a>(&'a self, mut seen: impl FnMut(&'a str, &'a [u8])) {
        for (name, value) in &self.headers {
            seen(name.as_str(), value.as_bytes());
        }
    }

    fn parts(&self) -> &Parts {
        self
    }
}

/// The head of a request in the types of a framework that does not use `http` 1.
pub trait ForeignHead {
    /// The method.
    fn method(&self) -> &str;

    /// Scheme, authority, and path with query, as far as the target has them.
    fn target(&self) -> [Option<&str>; 3];

    /// The version of HTTP.
    fn version(&self) -> Version;

    /// All header fields, with names in lower case.
    fn fields(&self) -> impl Iterator<Item = (&str, &[u8])>;

    /// All values of a header field, in order.
    fn values<'a>(&'a self, name: &'a HeaderName) -> impl Iterator<Item = &'a [u8]>;

    /// As [`Head::each`]. A framework that finds a field more quickly than it lists all of them does that.
    fn each<'a>(&'a self, mut seen: impl FnMut(&'a str, &'a [u8])) {
        self.fields().for_each(|(name, value)| seen(name, value));
    }

    /// Adds what else an application may want to know about the request, above all the peer's address.
    fn extend(&self, extensions: &mut Extensions);
}

/// A [`ForeignHead`] that the rules read directly. It is converted to `http`'s types only when the application wants to see
/// the head, once.
pub struct Translated<F> {
    foreign: F,
    parts: OnceCell<Box<Parts>>,
}

impl<F: ForeignHead> Translated<F> {
    /// Wraps a head in a framework's types.
    pub fn new(foreign: F) -> Self {
        Self {
            foreign,
            parts: OnceCell::new(),
        }
    }
}

impl<F: ForeignHead> Head for Translated<F> {
    fn method(&self) -> &str {
        self.foreign.method()
    }

    fn authority(&self) -> Option<&str> {
        let [_, authority, _] = self.foreign.target();
        authority
    }

    fn path(&self) -> &str {
        let [_, _, target] = self.foreign.target();
        let path = target.unwrap_or_default().split('?').next();
        path.unwrap_or_default()
    }

    fn query(&self) -> Option<&str> {
        let [_, _, target] = self.foreign.target();
        Some(target?.split_once('?')?.1)
    }

    fn fields<'a>(&'a self, name: &'a HeaderName) -> impl Iterator<Item = &'a [u8]> {
        self.foreign.values(name)
    }

    fn each<'a>(&'a self, seen: impl FnMut(&'a str, &'a [u8])) {
        self.foreign.each(seen);
    }

    fn parts(&self) -> &Parts {
        self.parts.get_or_init(|| Box::new(to_parts(&self.foreign)))
    }
}

/// Without the fields, which hold secrets.
impl<F: ForeignHead> fmt::Debug for Translated<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Translated").finish_non_exhaustive()
    }
}

fn to_parts(foreign: &impl ForeignHead) -> Parts {
    let (mut parts, ()) = Request::new(()).into_parts();
    // An invalid method must at least not pass for a safe one.
    parts.method = Method::from_bytes(foreign.method().as_bytes()).unwrap_or(Method::POST);
    parts.uri = to_uri(foreign.target());
    parts.version = foreign.version();
    parts.headers = to_headers(foreign);
    foreign.extend(&mut parts.extensions);
    parts
}

/// A path that `http` rejects becomes `/`, where users may be sent back to.
fn to_uri([scheme, authority, target]: [Option<&str>; 3]) -> Uri {
    let mut parts = http::uri::Parts::default();
    parts.scheme = scheme.and_then(|it| it.parse().ok());
    parts.authority = authority.and_then(|it| it.parse().ok());
    let home = PathAndQuery::from_static("/");
    parts.path_and_query = target.map(|it| it.parse().unwrap_or(home));
    Uri::from_parts(parts).unwrap_or_default()
}

fn to_headers(foreign: &impl ForeignHead) -> HeaderMap {
    let count = foreign.fields().count();
    let mut headers = HeaderMap::try_with_capacity(count).unwrap_or_default();
    for (name, value) in foreign.fields() {
        if let (Ok(name), Ok(mut value)) = (
            HeaderName::from_bytes(name.as_bytes()),
            HeaderValue::from_bytes(value),
        ) {
            value.set_sensitive(SECRET.contains(&name));
            // A server accepts fewer fields than fit here.
            let _ = headers.try_append(name, value);
        }
    }
    headers
}

/// Fields that must not appear in a log.
const SECRET: [HeaderName; 3] = [
    header::AUTHORIZATION,
    header::COOKIE,
    header::PROXY_AUTHORIZATION,
];

/// The header fields of a response: `http`'s [`HeaderMap`], or a framework's own.
pub trait Fields {
    /// All names, in lower case.
    fn names(&self) -> impl Iterator<Item = &str>;

    /// All values of a field, in order.
    fn values<'a>(&'a self, name: &'a HeaderName) -> impl Iterator<Item = &'a [u8]>;

    /// Adds a field behind others of the same name.
    fn append(&mut self, name: HeaderName, value: HeaderValue);

    /// Replaces all fields of this name.
    fn insert(&mut self, name: HeaderName, value: HeaderValue);
}

impl Fields for HeaderMap {
    fn names(&self) -> impl Iterator<Item = &str> {
        self.keys().map(HeaderName::as_str)
    }

    fn values<'a>(&'a self, name: &'a HeaderName) -> impl Iterator<Item = &'a [u8]> {
        self.get_all(name).iter().map(HeaderValue::as_bytes)
    }

    fn append(&mut self, name: HeaderName, value: HeaderValue) {
        self.append(name, value);
    }

    fn insert(&mut self, name: HeaderName, value: HeaderValue) {
        self.insert(name, value);
    }
}

/// Values that the rules send again and again, for doors that would otherwise copy each one.
pub const COMMON_VALUES: [&str; 4] = [VARY_COOKIE, PRIVATE, NOT_STORED, VARY_OF_DENIAL];

/// `Vary` of a response that depends on the current user.
pub(crate) const VARY_COOKIE: &str = "Cookie";

/// `Vary` of a negotiated denial: how the visitor turned out to be anonymous, and what kind of client is asking.
pub(crate) const VARY_OF_DENIAL: &str = "Cookie, Authorization, Accept, Sec-Fetch-Mode, HX-Request";

/// `Cache-Control` of a response for one user.
pub(crate) const PRIVATE: &str = "private, no-store";

/// `Cache-Control` of a denial.
pub(crate) const NOT_STORED: &str = "no-store";

/// A field's value as text, if all of it is visible ASCII.
pub(crate) fn text(value: &[u8]) -> Option<&str> {
    let is_visible = |byte: &u8| matches!(byte, b'\t' | b' '..=b'~');
    let is_text = value.iter().all(is_visible);
    is_text.then(|| std::str::from_utf8(value).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Own {
        target: [Option<&'static str>; 3],
        fields: Vec<(String, Vec<u8>)>,
    }

    impl ForeignHead for &Own {
        fn method(&self) -> &str {
            "PURGE"
        }

        fn target(&self) -> [Option<&str>; 3] {
            self.target
        }

        fn version(&self) -> Version {
            Version::HTTP_2
        }

        fn fields(&self) -> impl Iterator<Item = (&str, &[u8])> {
            let fields = self.fields.iter();
            fields.map(|(name, value)| (name.as_str(), value.as_slice()))
        }

        fn values<'a>(&'a self, name: &'a HeaderName) -> impl Iterator<Item = &'a [u8]> {
            let fields = self
                .fields
                .iter()
                .filter(move |(it, _)| it == name.as_str());
            fields.map(|(_, value)| value.as_slice())
        }

        fn extend(&self, extensions: &mut Extensions) {
            extensions.insert("peer");
        }
    }

    fn fields(fields: &[(&str, &[u8])]) -> Vec<(String, Vec<u8>)> {
        let fields = fields.iter();
        fields
            .map(|(name, value)| ((*name).to_owned(), value.to_vec()))
            .collect()
    }

    /// What the rules read from a head.
    fn read(head: &impl Head, names: &[HeaderName]) -> Vec<String> {
        let mut read = vec![
            head.method().to_owned(),
            format!("{:?} {} {:?}", head.authority(), head.path(), head.query()),
        ];
        for name in names {
            let all: Vec<_> = head.fields(name).collect();
            assert_eq!(head.field(name), all.first().copied());
            read.push(format!("{name}: {all:?} {}", head.has(name)));
            if ALWAYS_READ.contains(name) {
                let mut seen = Vec::new();
                head.each(|it, value| seen.extend((it == name.as_str()).then_some(value)));
                assert_eq!(seen, all);
            }
        }
        read
    }

    #[test]
    fn a_framework_s_head_says_the_same_as_its_translation_which_is_made_when_asked_for() {
        let names = ["user-agent", "x-own", "x-forwarded-for", "host"].map(HeaderName::from_static);
        for target in [
            [None, None, Some("/")],
            [
                None,
                None,
                Some("/members/%C3%A9{\"a\"}?next=%2F&b={c:[1]}|^`?d"),
            ],
            [None, None, Some("//evil.example/x?")],
            [Some("https"), Some("site.example:8443"), Some("/x?y")],
            [Some("http"), Some("site.example"), Some("/?y")],
            [None, Some("site.example:443"), None],
            [None, None, Some("*")],
        ] {
            let own = Own {
                target,
                fields: fields(&[
                    ("user-agent", b"curl"),
                    ("x-own", b"first"),
                    ("x-own", b"caf\xe9\t\xff"),
                    ("x-forwarded-for", b""),
                ]),
            };
            let head = Translated::new(&own);
            let said = read(&head, &names);
            assert!(head.parts.get().is_none(), "{target:?}");
            assert_eq!(said, read(head.parts(), &names), "{target:?}");
            let [scheme, authority, path] = target;
            let uri = &head.parts().uri;
            assert_eq!(uri.scheme_str(), scheme);
            assert_eq!(uri.authority().map(|it| it.as_str()), authority);
            assert_eq!(uri.path_and_query().map(|it| it.as_str()), path);
            assert_eq!(head.parts().version, Version::HTTP_2);
            assert_eq!(head.parts().extensions.get(), Some(&"peer"));
            assert!(std::ptr::eq(head.parts(), head.parts()));
        }
    }

    #[test]
    fn what_is_translated_shows_no_secret_in_a_log_and_leaves_out_what_http_does_not_take() {
        let own = Own {
            target: [None, None, Some("/a path")],
            fields: fields(&[
                ("cookie", b"session=s3cret"),
                ("authorization", b"Bearer s3cret"),
                ("a name", b"value"),
                ("x-line", b"a\nb"),
                ("x-own", b"shown"),
            ]),
        };
        let head = Translated::new(&own);
        let text = format!("{head:?} {:?}", head.parts());
        assert!(text.contains("shown") && !text.contains("s3cret"), "{text}");
        assert_eq!(head.parts().headers.len(), 3);
        assert_eq!(head.parts().uri, "/");
    }

    /// Servers accept fewer. This checks that nothing panics.
    #[test]
    fn more_fields_than_a_map_can_hold_are_left_out() {
        let own = Own {
            target: [None, None, Some("/")],
            fields: (0..50_000)
                .map(|number| (format!("x-{number}"), b"1".to_vec()))
                .collect(),
        };
        let count = Translated::new(&own).parts().headers.len();
        assert!((10_000..50_000).contains(&count), "{count}");
    }
}
