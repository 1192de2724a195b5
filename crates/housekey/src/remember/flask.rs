//! Flask-Login's remember token: `user id|HMAC-SHA-512 of it`, in hexadecimal.
//!
//! It has no time, no salt and no purpose: the same user has the same token for ever. It is here because a Flask peer
//! knows no other. What a Flask application can do is to make the user's id longer by something that changes with the
//! password; housekey sees just a longer id.

use super::{Claims, ClaimsKind};
use crate::cookie::{werkzeug_quote, werkzeug_unquote};
use crate::signing::keys::{KeyRing, KeyUsed, Tag};
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
        let digest = hex_encode(self.0.sign(&[user_id.as_bytes()]).as_bytes());
        werkzeug_quote(&format!("{user_id}|{digest}"))
    }

    /// Flask-Login itself looks at no fallback key; a token that one of them signed is replaced.
    pub(crate) fn verify(&self, value: &[u8]) -> Option<Claims> {
        let value = werkzeug_unquote(value)?;
        let (user_id, digest) = value.rsplit_once('|')?;
        let matches = |tag: &Tag| {
            equal_in_constant_time(hex_encode(tag.as_bytes()).as_bytes(), digest.as_bytes())
        };
        let key = self.0.verify(&[user_id.as_bytes()], matches)?;
        if !crate::user::is_usable_id(user_id) {
            return None;
        }
        Some(Claims {
            user_id: user_id.to_owned(),
            kind: ClaimsKind::Flask,
            issued_at: None,
            duration: None,
            remaining: None,
            outdated: key == KeyUsed::Fallback,
        })
    }
}
