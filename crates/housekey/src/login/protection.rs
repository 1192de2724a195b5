//! Session protection: whether the session came from the browser that it was made for.
//!
//! When somebody logs in, a digest of what the browser shows of itself is kept in the session. A request that shows
//! something else probably comes from somewhere else: *basic* protection makes the login stale, so that it opens no
//! door that asks for a fresh one; *strong* ends it. Only sessions that hold a login are looked at.
//!
//! This raises the price of a stolen cookie and is no proof: a thief who can see the cookie can usually see the user
//! agent too.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::str::FromStr;

use http::HeaderValue;
use http::request::Parts;
use sha2::{Digest as _, Sha256, Sha512};

use crate::error::{Error, ErrorKind};
use crate::signing::{equal_in_constant_time, hex_encode};

/// What happens to a session that comes from another browser or address than it was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionProtection {
    /// Nothing is compared.
    Off,
    /// The login is no longer fresh.
    Basic,
    /// The login is over and its remember token is deleted. In the `flask` preset a permanent session is only made
    /// stale, as in Flask-Login.
    Strong,
}

impl FromStr for SessionProtection {
    type Err = Error;

    /// Reads `basic`, `strong` or `off`. Flask-Login takes any other word for "off" without a sound; this refuses it.
    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "off" => Ok(Self::Off),
            "basic" => Ok(Self::Basic),
            "strong" => Ok(Self::Strong),
            _ => Err(Error::new(
                ErrorKind::Setting,
                format!("session_protection: {text:?} is no mode; choose off, basic or strong"),
            )),
        }
    }
}

impl TryFrom<&str> for SessionProtection {
    type Error = Error;

    fn try_from(text: &str) -> Result<Self, Error> {
        text.parse()
    }
}

/// What a session is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionIdentifier {
    /// The user agent alone: telephones change their address all day. The default.
    UserAgent,
    /// Address and user agent, as Flask-Login 0.6.3 computes it. The `flask` preset's.
    FlaskLogin06,
    /// Address and user agent, as Flask-Login 0.7 computes it.
    FlaskLogin07,
}

/// What a request shows of its client.
#[derive(Clone, Debug, Default)]
pub(crate) struct Client {
    pub(crate) user_agent: Option<HeaderValue>,
    pub(crate) address: Option<IpAddr>,
}

impl SessionIdentifier {
    /// The digest that a session made for this client keeps.
    pub(crate) fn of(self, client: &Client) -> String {
        let user_agent = client.user_agent.as_ref().map(HeaderValue::as_bytes);
        match self {
            Self::UserAgent => hex_encode(&Sha256::digest(user_agent.unwrap_or_default())[..16]),
            Self::FlaskLogin06 => {
                let address = client.address.map(|address| address.to_string());
                let part = |bytes: Option<&[u8]>| {
                    bytes.map_or("None".to_owned(), |bytes| python_repr(&as_wsgi(bytes)))
                };
                let preimage = format!(
                    "{}|{}",
                    part(address.as_deref().map(str::as_bytes)),
                    part(user_agent)
                );
                hex_encode(&Sha512::digest(preimage))
            }
            Self::FlaskLogin07 => {
                let address = client
                    .address
                    .map_or("None".to_owned(), |address| address.to_string());
                let mut preimage = format!("{address}|").into_bytes();
                preimage.extend(as_wsgi(user_agent.unwrap_or_default()));
                hex_encode(&Sha512::digest(preimage))
            }
        }
    }

    /// Whether a session that keeps `kept` was made for this client. Either of Flask-Login's formulas will do, so
    /// that a peer can be upgraded with nobody noticing.
    pub(crate) fn matches(self, kept: &str, client: &Client) -> bool {
        let is = |identifier: Self| {
            equal_in_constant_time(identifier.of(client).as_bytes(), kept.as_bytes())
        };
        match self {
            Self::UserAgent => is(self),
            Self::FlaskLogin06 => is(self) || is(Self::FlaskLogin07),
            Self::FlaskLogin07 => is(self) || is(Self::FlaskLogin06),
        }
    }
}

/// A header as WSGI hands it to Python and Python encodes it again: each byte a Latin-1 character, in UTF-8.
fn as_wsgi(bytes: &[u8]) -> Vec<u8> {
    bytes
        .iter()
        .map(|byte| char::from(*byte))
        .collect::<String>()
        .into_bytes()
}

/// `repr(bytes)`, which 0.6.3 formats into its text by accident.
fn python_repr(bytes: &[u8]) -> String {
    let quote = if bytes.contains(&b'\'') && !bytes.contains(&b'"') {
        '"'
    } else {
        '\''
    };
    let mut text = format!("b{quote}");
    for byte in bytes {
        match byte {
            b'\\' => text.push_str("\\\\"),
            b'\t' => text.push_str("\\t"),
            b'\n' => text.push_str("\\n"),
            b'\r' => text.push_str("\\r"),
            b' '..=b'~' if char::from(*byte) == quote => {
                text.push('\\');
                text.push(quote);
            }
            b' '..=b'~' => text.push(char::from(*byte)),
            _ => {
                let _ = write!(text, "\\x{byte:02x}");
            }
        }
    }
    text.push(quote);
    text
}

/// The client's address as a chain of trusted proxies reports it: each hop appends the address that it was called
/// from to `X-Forwarded-For`, so that with `hops` of them the client is the entry that many from the end. What is
/// further left was written by the client and is believed by nobody. A shorter list is not from these proxies.
pub(crate) fn forwarded_for(request: &Parts, hops: usize) -> Option<IpAddr> {
    let mut entries = Vec::new();
    for field in request.headers.get_all("x-forwarded-for") {
        entries.extend(field.to_str().ok()?.split(',').map(str::trim));
    }
    let entry = entries
        .len()
        .checked_sub(hops)
        .and_then(|index| entries.get(index))?;
    parse_address(entry)
}

/// An address, alone or with a port, an IPv6 one in brackets or not.
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

    #[test]
    fn an_unknown_mode_is_refused_and_not_taken_for_off() {
        for text in ["", "none", "Strong", "BASIC", "true"] {
            let error = text.parse::<SessionProtection>().unwrap_err();
            assert!(
                error.to_string().starts_with("session_protection: "),
                "{error}"
            );
        }
        assert_eq!(
            "strong".parse::<SessionProtection>().unwrap(),
            SessionProtection::Strong
        );
    }

    #[test]
    fn only_the_entries_of_trusted_hops_are_believed() {
        let cases: &[(&[&str], usize, Option<&str>)] = &[
            (&["1.1.1.1"], 1, Some("1.1.1.1")),
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
