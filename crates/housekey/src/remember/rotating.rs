//! The remember token of a login that has a record: who, which login, and a secret that is good for one use.
//!
//! `user~number.secret.timestamp.signature`: the user's id in base64, then what [`LoginSecret`] spells. The signature
//! keeps the store from being asked about anything that was not given out here; what the token is good for, and until
//! when, is in the record.

use super::{Claims, ClaimsKind};
use crate::records::secret::LoginSecret;
use crate::signing::timed::{Refused, Signature, TimedSigner};
use crate::signing::{SecretKeys, base64_decode, base64_encode};

pub(crate) struct RotatingTokens(TimedSigner);

impl RotatingTokens {
    pub(crate) fn new(keys: &SecretKeys, cookie_name: &str, tolerance: u64) -> Self {
        let keys = keys.for_purpose(&["housekey", "rotating remember token", cookie_name]);
        Self(TimedSigner::new(keys, tolerance))
    }

    /// As [`KeyRing::fingerprints`](crate::signing::keys::KeyRing::fingerprints).
    pub(crate) fn fingerprints(&self) -> Vec<Vec<u8>> {
        self.0.fingerprints()
    }

    pub(crate) fn issue(&self, user_id: &str, token: &LoginSecret, now: u64) -> String {
        let user_id = base64_encode(user_id.as_bytes());
        self.0.sign(&format!("{user_id}~{}", token.to_text()), now)
    }

    /// As [`TimedSigner::signature_of`].
    pub(crate) fn signature_of(&self, value: &[u8]) -> Option<Signature> {
        self.0.signature_of(value)
    }

    pub(crate) fn verify(&self, value: &[u8], now: u64) -> Result<Claims, Refused> {
        let (verified, signed_at) = self.0.verify_signature(value, now)?;
        let (user_id, token) = parse(verified.payload).ok_or(Refused::BadPayload)?;
        Ok(Claims {
            user_id,
            kind: ClaimsKind::Rotating(token),
            issued_at: Some(signed_at),
            duration: None,
            remaining: None,
            ends_at: None,
            outdated: false,
        })
    }
}

fn parse(payload: &[u8]) -> Option<(String, LoginSecret)> {
    let (id, token) = std::str::from_utf8(payload).ok()?.split_once('~')?;
    let id = String::from_utf8(base64_decode(id.as_bytes())?).ok()?;
    Some((id, LoginSecret::parse(token)?))
}
