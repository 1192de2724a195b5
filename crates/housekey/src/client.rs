//! Session protection: compares the browser with the one that the session was made for.
//!
//! When a user logs in, the session gets a digest of what the browser shows of itself. A request that shows something else
//! probably comes from another browser: *basic* protection makes the login stale, so that pages that require a fresh login
//! refuse it; *strong* protection ends it. Only sessions that hold a login are checked.
//!
//! This makes a stolen cookie harder to use, but proves nothing: a thief who can see the cookie can usually see the user
//! agent too.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use http::HeaderName;
use sha2::{Digest as _, Sha256, Sha512};

use crate::head::Head;
use crate::signing::{base64_decode_array, base64_encode, equal_in_constant_time, hex_encode};

static X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// As much of a user agent as is useful to a reader.
const LONGEST_USER_AGENT: usize = 256;

/// What a session is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionIdentifier {
    /// The user agent alone, because phones change their address all day. The default.
    UserAgent,
    /// Address and user agent, as Flask-Login 0.6.3 computes it. Used by the `flask` preset.
    FlaskLogin06,
    /// Address and user agent, as Flask-Login 0.7 computes it.
    FlaskLogin07,
}

/// What a request shows of its client.
#[derive(Clone, Debug, Default)]
pub(crate) struct Client {
    pub(crate) user_agent: Option<Arc<[u8]>>,
    pub(crate) address: Option<IpAddr>,
    /// What the door wants a session of this client to keep, in place of a digest.
    pub(crate) identity: Option<String>,
}

impl Client {
    /// The user agent as a list can show it: text, without control characters, of limited length.
    pub(crate) fn readable_user_agent(&self) -> Option<String> {
        let value = self.user_agent.as_ref()?;
        let mut text: String = String::from_utf8_lossy(value)
            .chars()
            .filter(|c| !c.is_control())
            .collect();
        while text.len() > LONGEST_USER_AGENT {
            text.pop();
        }
        Some(text)
    }

    fn user_agent(&self) -> Option<&[u8]> {
        self.user_agent.as_deref()
    }
}

impl SessionIdentifier {
    /// The digest that a session made for this client keeps.
    pub(crate) fn of(self, client: &Client) -> String {
        if let Some(identity) = &client.identity {
            return identity.clone();
        }
        let user_agent = client.user_agent();
        match self {
            Self::UserAgent => base64_encode(&digest_of(user_agent)),
            Self::FlaskLogin06 => {
                let address = client.address.map(|address| address.to_string());
                let mut preimage = Vec::with_capacity(256);
                python_repr(address.as_deref().map(str::as_bytes), &mut preimage);
                preimage.push(b'|');
                python_repr(user_agent.map(as_wsgi).as_deref(), &mut preimage);
                hex_encode(&Sha512::digest(preimage))
            }
            Self::FlaskLogin07 => {
                let address = client
                    .address
                    .map_or("None".to_owned(), |address| address.to_string());
                let mut preimage = format!("{address}|").into_bytes();
                preimage.extend_from_slice(&as_wsgi(user_agent.unwrap_or_default()));
                hex_encode(&Sha512::digest(preimage))
            }
        }
    }

    /// Whether a session that keeps `kept` was made for this client. Either of Flask-Login's formulas is accepted, so a peer
    /// can be upgraded without an effect on its users.
    pub(crate) fn matches(self, kept: &str, client: &Client) -> bool {
        let is = |identifier: Self| {
            equal_in_constant_time(identifier.of(client).as_bytes(), kept.as_bytes())
        };
        match self {
            _ if client.identity.is_some() => is(self),
            Self::UserAgent => {
                base64_decode_array(kept.as_bytes()).is_some_and(|kept: [u8; 12]| {
                    equal_in_constant_time(&digest_of(client.user_agent()), &kept)
                })
            }
            Self::FlaskLogin06 => is(self) || is(Self::FlaskLogin07),
            Self::FlaskLogin07 => is(self) || is(Self::FlaskLogin06),
        }
    }
}

/// The first bytes of its SHA-256. Every request carries and compares them. More of them would not improve security: an
/// attacker who imitates the browser sends the same header.
fn digest_of(user_agent: Option<&[u8]>) -> [u8; 12] {
    let digest: [u8; 32] = Sha256::digest(user_agent.unwrap_or_default()).into();
    *digest.first_chunk().expect("32 bytes are more than 12")
}

/// A header as WSGI passes it to Python and Python encodes it again: each byte a Latin-1 character, in UTF-8.
fn as_wsgi(bytes: &[u8]) -> Cow<'_, [u8]> {
    if bytes.is_ascii() {
        return bytes.into();
    }
    let text: String = bytes.iter().map(|byte| char::from(*byte)).collect();
    text.into_bytes().into()
}

/// `repr` of bytes or of `None`, which 0.6.3 formats into its text by accident.
fn python_repr(bytes: Option<&[u8]>, text: &mut Vec<u8>) {
    let Some(bytes) = bytes else {
        text.extend_from_slice(b"None");
        return;
    };
    let quote = if bytes.contains(&b'\'') && !bytes.contains(&b'"') {
        b'"'
    } else {
        b'\''
    };
    let is_plain = |byte: u8| (b' '..=b'~').contains(&byte) && byte != b'\\' && byte != quote;
    text.extend_from_slice(&[b'b', quote]);
    for run in bytes.chunk_by(|one, other| is_plain(*one) == is_plain(*other)) {
        if is_plain(run[0]) {
            text.extend_from_slice(run);
            continue;
        }
        for byte in run {
            match byte {
                b'\t' => text.extend_from_slice(b"\\t"),
                b'\n' => text.extend_from_slice(b"\\n"),
                b'\r' => text.extend_from_slice(b"\\r"),
                b' '..=b'~' => text.extend_from_slice(&[b'\\', *byte]),
                _ => text.extend_from_slice(format!("\\x{byte:02x}").as_bytes()),
            }
        }
    }
    text.push(quote);
}

/// The client's address as a chain of trusted proxies reports it. Each hop appends the address that called it to
/// `X-Forwarded-For`, so with `hops` of them the client is the entry that many from the end. The client wrote everything
/// further left, which is ignored. A shorter list is not from these proxies.
pub(crate) fn forwarded_for(request: &impl Head, hops: usize) -> Option<IpAddr> {
    let fields: Vec<_> = request.fields(&X_FORWARDED_FOR).collect();
    let entry = fields
        .into_iter()
        .rev()
        .flat_map(|field| field.rsplit(|byte| *byte == b','))
        .nth(hops.checked_sub(1)?)?;
    parse_address(std::str::from_utf8(entry).ok()?.trim())
}

/// An address, with or without a port. IPv6 may be in brackets.
fn parse_address(text: &str) -> Option<IpAddr> {
    text.parse()
        .ok()
        .or_else(|| {
            text.parse::<std::net::SocketAddr>()
                .ok()
                .map(|address| address.ip())
        })
        .or_else(|| text.strip_prefix('[')?.strip_suffix(']')?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The digests are Python's, of `f"{address}|{user_agent}"` with both as `bytes` (0.6.3) and as `str` (0.7).
    #[test]
    fn identifiers_are_flask_logins_whatever_the_user_agent_holds() {
        let cases = [
            (
                Some(&b"Mozilla/5.0 (X11; Linux x86_64)"[..]),
                Some("192.0.2.7"),
                "e241b221be17f0eb",
                "bf67a320a6750a42",
            ),
            (
                Some(&b"it's"[..]),
                None,
                "5fd8e2e8dd5a8817",
                "4d73c2546f963ba0",
            ),
            (
                Some(&b"it's \"it\""[..]),
                Some("2001:db8::1"),
                "aa638beb0f953198",
                "4508cb2a75dda477",
            ),
            (
                Some(&b"back\\slash\ttab \"quoted\""[..]),
                None,
                "a98089ace475e3de",
                "a72ca9e3f18c284d",
            ),
            (
                Some(&b"caf\xe9 \xff\x80"[..]),
                None,
                "56df7c648201d693",
                "38a84b45738ea2ec",
            ),
            (Some(&b""[..]), None, "59219903e229dac8", "fff586b186aabda4"),
            (
                None,
                Some("192.0.2.7"),
                "6e41ad31ff7bd0aa",
                "7e15c1483099fa44",
            ),
            (None, None, "892f7fec2c158356", "fff586b186aabda4"),
        ];
        for (user_agent, address, of_06, of_07) in cases {
            let client = Client {
                user_agent: user_agent.map(Arc::from),
                address: address.map(|text: &str| text.parse().unwrap()),
                identity: None,
            };
            let of = |identifier: SessionIdentifier| identifier.of(&client)[..16].to_owned();
            assert_eq!(of(SessionIdentifier::FlaskLogin06), of_06, "{client:?}");
            assert_eq!(of(SessionIdentifier::FlaskLogin07), of_07, "{client:?}");
        }
    }

    #[test]
    fn only_the_entries_of_trusted_hops_are_believed() {
        let cases: &[(&[&str], usize, Option<&str>)] = &[
            (&["1.1.1.1"], 1, Some("1.1.1.1")),
            // Not text, and the client's own doing.
            (&["\u{ff}, 1.1.1.1"], 1, Some("1.1.1.1")),
            (&["\u{ff}", "1.1.1.1"], 1, Some("1.1.1.1")),
            (&["6.6.6.6, 1.1.1.1"], 1, Some("1.1.1.1")),
            (&["6.6.6.6", "1.1.1.1"], 1, Some("1.1.1.1")),
            (&["6.6.6.6, 1.1.1.1, 10.0.0.1"], 2, Some("1.1.1.1")),
            (&["1.1.1.1"], 2, None),
            (&[], 1, None),
            (&["nonsense"], 1, None),
            (&["1.1.1.1:4711"], 1, Some("1.1.1.1")),
            (&["[2001:db8::1]:4711"], 1, Some("2001:db8::1")),
            (&["2001:db8::1"], 1, Some("2001:db8::1")),
        ];
        for (fields, hops, expected) in cases {
            let mut builder = http::Request::builder();
            for field in *fields {
                builder = builder.header("X-Forwarded-For", *field);
            }
            let (parts, ()) = builder.body(()).unwrap().into_parts();
            let expected = expected.map(|text| text.parse().unwrap());
            assert_eq!(
                forwarded_for(&parts, *hops),
                expected,
                "{fields:?} over {hops} hops"
            );
        }
    }
}
