//! Flask-Login's remember token: `user id|HMAC-SHA-512 of it`, in hexadecimal.
//!
//! It has no time, no salt and no purpose: the same user has the same token for ever. It is here because a Flask peer
//! knows no other. What a Flask application can do is to make the user's id longer by something that changes with the
//! password; housekey sees just a longer id.

use super::{Claims, ClaimsKind};
use crate::cookie::{werkzeug_quote, werkzeug_unquote};
use crate::signing::keys::{KeyRing, KeyUsed, Tag};
use crate::signing::timed::Signature;
use crate::signing::{SecretKeys, equal_in_constant_time, hex_encode};

pub(crate) struct FlaskTokens(KeyRing);

impl FlaskTokens {
    pub(crate) fn new(keys: &SecretKeys) -> Self {
        Self(keys.for_flask_remember_token())
    }

    /// As [`KeyRing::fingerprints`].
    pub(crate) fn fingerprints(&self) -> Vec<Vec<u8>> {
        self.0.fingerprints()
    }

    /// The cookie's value, quoted as Werkzeug quotes it.
    pub(crate) fn issue(&self, user_id: &str) -> String {
        werkzeug_quote(&self.encode(user_id))
    }

    /// Flask-Login's `encode_cookie`: what the cookie says, before it is quoted.
    fn encode(&self, payload: &str) -> String {
        let digest = hex_encode(self.0.sign(&[payload.as_bytes()]).as_bytes());
        format!("{payload}|{digest}")
    }

    /// What such a text says, if one of the keys signed it.
    fn decode<'a>(&self, text: &'a str) -> Option<(&'a str, KeyUsed)> {
        let (payload, digest) = text.rsplit_once('|')?;
        let key = self.0.verify(&[payload.as_bytes()], of_hex(digest))?;
        Some((payload, key))
    }

    /// Which key signed a token. `None` when none of the keys did.
    pub(crate) fn signature_of(&self, value: &[u8]) -> Option<Signature> {
        let value = werkzeug_unquote(value)?;
        let (payload, digest) = value.rsplit_once('|')?;
        let key = self.0.find(&[payload.as_bytes()], of_hex(digest))?;
        Some(Signature {
            key,
            signed_at: None,
        })
    }

    /// Flask-Login itself looks at no fallback key; a token that one of them signed is replaced.
    pub(crate) fn verify(&self, value: &[u8]) -> Option<Claims> {
        let value = werkzeug_unquote(value)?;
        let (user_id, key) = self.decode(&value)?;
        if !crate::user::is_usable_id(user_id) {
            return None;
        }
        Some(Claims {
            user_id: user_id.to_owned(),
            kind: ClaimsKind::Flask,
            issued_at: None,
            duration: None,
            remaining: None,
            ends_at: None,
            outdated: key == KeyUsed::Fallback,
        })
    }
}

/// Compares a tag with one in hexadecimal, in constant time.
fn of_hex(digest: &str) -> impl Fn(&Tag) -> bool {
    |tag| equal_in_constant_time(hex_encode(tag.as_bytes()).as_bytes(), digest.as_bytes())
}

/// Flask-Login's `encode_cookie`: a text with its digest under the first of these keys, as its remember token has it. The
/// value of a cookie is quoted besides.
///
/// ```
/// use housekey::SecretKeys;
/// use housekey::door::{decode_flask_cookie, encode_flask_cookie};
///
/// let keys = SecretKeys::flask("the program's SECRET_KEY")?;
/// let text = encode_flask_cookie("1", &keys);
/// assert!(text.starts_with("1|"));
/// assert_eq!(decode_flask_cookie(&text, &keys).as_deref(), Some("1"));
/// assert_eq!(decode_flask_cookie("1|0", &keys), None);
/// # Ok::<(), housekey::Error>(())
/// ```
pub fn encode_flask_cookie(payload: &str, keys: &SecretKeys) -> String {
    FlaskTokens::new(keys).encode(payload)
}

/// Flask-Login's `decode_cookie`: what such a text says. `None` unless one of the keys signed it.
pub fn decode_flask_cookie(text: &str, keys: &SecretKeys) -> Option<String> {
    let tokens = FlaskTokens::new(keys);
    tokens.decode(text).map(|(payload, _)| payload.to_owned())
}
