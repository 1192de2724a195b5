//! The check itself, without IO.

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

const LONGEST: usize = 2048;

/// What a header cannot hold as it is; everything beyond ASCII besides.
const NOT_IN_A_HEADER: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>');

/// A safe address as it can stand in a `Location` header.
pub(crate) fn for_location(next: &str) -> String {
    utf8_percent_encode(next, NOT_IN_A_HEADER).to_string()
}

/// A list of origins, `https://shop.example` or `http://127.0.0.1:8080`, that a return address may lead to besides
/// this site.
#[derive(Clone, Debug, Default)]
pub(crate) struct AllowedOrigins(Vec<String>);

impl AllowedOrigins {
    /// `None` when it is not `http(s)://host[:port]` and nothing else.
    pub(crate) fn add(&mut self, origin: &str) -> Option<()> {
        let canonical = Origin::split(origin).filter(|(_, rest)| rest.is_empty())?.0;
        self.0.push(canonical.0);
        Some(())
    }

    /// Whether a browser that is sent to `next` stays on this site or goes to a listed origin.
    pub(crate) fn is_safe(&self, next: &str) -> bool {
        if next.chars().count() > LONGEST
            || next.bytes().any(|byte| byte == b'\\' || is_control(byte))
        {
            return false;
        }
        if next.starts_with('/') {
            return is_local_path(next);
        }
        match Origin::split(next) {
            Some((origin, rest)) => {
                self.0.contains(&origin.0)
                    && (rest.is_empty() || rest.starts_with(['/', '?', '#']))
                    && (!rest.starts_with('/') || is_local_path(rest))
            }
            None => false,
        }
    }
}

/// Scheme, host and port in one spelling.
struct Origin(String);

impl Origin {
    /// An ASCII origin and what follows it. Hosts that need IDNA, user information and odd ports are none.
    fn split(url: &str) -> Option<(Self, &str)> {
        let (scheme, rest) = url.split_once("://")?;
        let scheme = scheme.to_ascii_lowercase();
        let default_port = match scheme.as_str() {
            "http" => "80",
            "https" => "443",
            _ => return None,
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at(end);
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port),
            _ => (authority, default_port),
        };
        let port: u16 = port
            .parse()
            .ok()
            .filter(|_| port.bytes().all(|byte| byte.is_ascii_digit()))?;
        let name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
        let address = |host: &str| {
            let inner = host
                .strip_prefix('[')
                .and_then(|host| host.strip_suffix(']'));
            inner.is_some_and(|inner| inner.parse::<std::net::Ipv6Addr>().is_ok())
        };
        if host.is_empty() || !(host.bytes().all(name) || address(host)) {
            return None;
        }
        Some((
            Self(format!("{scheme}://{}:{port}", host.to_ascii_lowercase())),
            rest,
        ))
    }
}

/// `next` begins with `/` and holds no backslash or control character as it stands.
fn is_local_path(next: &str) -> bool {
    let decoded = percent_decode_str(path_of(next)).decode_utf8_lossy();
    !decoded.bytes().any(is_control) && is_single_slashed(&decoded)
}

/// Whether the decoded path begins with one slash, as it stands and with its dots resolved. Which dots are resolved,
/// and whether an encoded slash ends a segment, differs from program to program; but a doubled slash can only come to
/// the front of a path that has both.
fn is_single_slashed(path: &str) -> bool {
    let leads_away = path.starts_with("//") || path.starts_with("/\\");
    let is_dotted = path
        .split(['/', '\\'])
        .any(|segment| matches!(segment, "." | ".."));
    let is_slash = |byte: &u8| matches!(byte, b'/' | b'\\');
    let is_doubled = path
        .as_bytes()
        .windows(2)
        .any(|pair| pair.iter().all(is_slash));
    !(leads_away || (is_dotted && is_doubled))
}

/// What stands before the query and the fragment.
pub(super) fn path_of(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or_default()
}

fn is_control(byte: u8) -> bool {
    byte.is_ascii_control()
}
