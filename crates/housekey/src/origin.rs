//! Origins: where a page comes from, and whether that is this site.

use http::header;

use crate::head::{Head, text};

/// Scheme, host and port in one spelling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin(String);

impl Origin {
    /// `http(s)://host[:port]` and nothing else.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (origin, rest) = Self::split(text)?;
        rest.is_empty().then_some(origin)
    }

    /// Splits an ASCII origin from what follows it. `None` for hosts that need IDNA, user information and malformed ports.
    pub(crate) fn split(url: &str) -> Option<(Self, &str)> {
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

    /// Whether it is on the host that the client called.
    pub(crate) fn is_called_by(&self, request: &impl Head) -> bool {
        called_host(request).is_some_and(|host| self.is_on(host))
    }

    /// Whether it is on this host. A program behind a proxy does not know which scheme the client called, so this uses the
    /// origin's own: `site.example` is both `https://site.example` and `http://site.example`.
    pub(crate) fn is_on(&self, host: &str) -> bool {
        let Some((scheme, _)) = self.0.split_once("://") else {
            return false;
        };
        Self::parse(&format!("{scheme}://{host}")).is_some_and(|called| called == *self)
    }
}

/// The host and port that the client called: `Host`, or in HTTP/2 `:authority`.
fn called_host(request: &impl Head) -> Option<&str> {
    match request.field(&header::HOST) {
        Some(host) => text(host),
        None => request.authority(),
    }
}

/// A list of origins, `https://shop.example` or `http://127.0.0.1:8080`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origins(Vec<Origin>);

impl Origins {
    /// `None` unless it is exactly `http(s)://host[:port]`.
    pub(crate) fn add(&mut self, origin: &str) -> Option<()> {
        self.0.push(Origin::parse(origin)?);
        Some(())
    }

    pub(crate) fn contains(&self, origin: &Origin) -> bool {
        self.0.contains(origin)
    }

    /// Whether a page of an origin that is neither this site nor listed is opening a WebSocket. Browsers send cookies with
    /// that from any site, and CORS does not apply. They always send the origin; a request without one comes from a
    /// program.
    pub(crate) fn refuse_handshake(&self, request: &impl Head) -> bool {
        let welcome = |origin: &[u8]| {
            text(origin)
                .and_then(Origin::parse)
                .is_some_and(|origin| origin.is_called_by(request) || self.contains(&origin))
        };
        opens_websocket(request) && !request.fields(&header::ORIGIN).all(welcome)
    }
}

/// Whether this opens a WebSocket: with `Upgrade`, or since HTTP/2 with CONNECT. A page cannot send a CONNECT any other
/// way, so the protocol of it, which is not in the head, does not matter.
pub(crate) fn opens_websocket(request: &impl Head) -> bool {
    request.method() == "CONNECT" || upgrades_to_websocket(request)
}

fn upgrades_to_websocket(request: &impl Head) -> bool {
    request.fields(&header::UPGRADE).any(is_to_websocket)
}

/// Whether an `Upgrade` field names the protocol.
pub(crate) fn is_to_websocket(upgrade: &[u8]) -> bool {
    upgrade
        .split(|&byte| matches!(byte, b',' | b'/'))
        .any(|protocol| protocol.trim_ascii().eq_ignore_ascii_case(b"websocket"))
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    /// Spellings that a browser, or a person at a glance, takes for `shop.example`, and whether they are the same host.
    #[test]
    fn an_origin_is_one_host_in_one_spelling() {
        let mut listed = Origins::default();
        listed.add("https://shop.example").unwrap();
        listed.add("https://xn--caf-dma.example:8443").unwrap();
        for (url, is_listed) in [
            ("https://shop.example/", true),
            ("HTTPS://SHOP.example:443/", true),
            ("https://xn--caf-dma.example:8443/", true),
            ("https://XN--CAF-DMA.example:8443/", true),
            ("https://caf\u{e9}.example:8443/", false),
            ("https://xn--caf-dma.example/", false),
            ("https://shop.example./", false),
            ("https://shop.example.:443/", false),
            ("https://shop\u{3002}example/", false),
            ("https://shop\u{ff0e}example/", false),
            ("https://shop\u{ff61}example/", false),
            ("https://\u{ff53}hop.example/", false),
            ("https://s\u{443}hop.example/", false),
            ("https://sh\u{ad}op.example/", false),
            ("https://shop%2eexample/", false),
            ("https://shop.example:0443/", true),
            ("https://shop.example:+443/", false),
            ("https://shop.example:/", false),
            ("https://shop.example:65979/", false),
            ("https:/shop.example/", false),
            ("https:shop.example/", false),
            ("https://shop.example\\@evil.example/", false),
            ("https://evil.example\\.shop.example/", false),
        ] {
            assert_eq!(listed.is_safe_target(url), is_listed, "{url:?}");
        }
    }

    #[test]
    fn without_a_host_that_was_called_no_origin_is_this_site() {
        let origin = Origin::parse("https://site.example").unwrap();
        for (uri, host, is_called) in [
            ("/", None, false),
            ("/", Some("site.example"), true),
            ("https://site.example/", None, true),
            ("https://site.example/", Some("evil.example"), false),
            ("https://site.example:8443/", None, false),
            ("/", Some("user@site.example"), false),
            ("/", Some("site.example/x"), false),
            ("/", Some("site.example, evil.example"), false),
            ("/", Some(""), false),
        ] {
            let mut request = Request::get(uri);
            if let Some(host) = host {
                request = request.header(header::HOST, host);
            }
            let (parts, ()) = request.body(()).unwrap().into_parts();
            assert_eq!(origin.is_called_by(&parts), is_called, "{uri} {host:?}");
        }
    }
}
