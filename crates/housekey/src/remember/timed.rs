//! housekey's remember token: who, until when, and under which auth hash.
//!
//! `user~digest~seconds.timestamp.signature`: the user's id in base64, the digest of the auth hash (empty when the
//! user has none), and how long the token lives from its timestamp. One of a login with a lifetime of its own has a fourth part:
//! when that ends, in seconds since 1970. The signing key is derived for remember tokens
//! under this very cookie name, so that neither a session cookie nor the token of another cookie passes for it.

use std::time::Duration;

use super::{Claims, ClaimsKind, NewToken};
use crate::signing::keys::KeyUsed;
use crate::signing::timed::{Refused, Signature, TimedSigner};
use crate::signing::{SecretKeys, base64_decode, base64_encode};

pub(crate) struct TimedTokens(TimedSigner);

impl TimedTokens {
    pub(crate) fn new(keys: &SecretKeys, cookie_name: &str, tolerance: u64) -> Self {
        let keys = keys.for_purpose(&["housekey", "remember token", cookie_name]);
        Self(TimedSigner::new(keys, tolerance))
    }

    /// As [`KeyRing::fingerprints`](crate::signing::keys::KeyRing::fingerprints).
    pub(crate) fn fingerprints(&self) -> Vec<Vec<u8>> {
        self.0.fingerprints()
    }

    pub(crate) fn issue(&self, token: &NewToken, duration: Duration, now: u64) -> String {
        let mut payload = format!(
            "{}~{}~{}",
            base64_encode(token.user_id.as_bytes()),
            token.auth_digest.as_deref().unwrap_or_default(),
            duration.as_secs()
        );
        if let Some(ends_at) = token.ends_at {
            payload += &format!("~{ends_at}");
        }
        self.0.sign(&payload, now)
    }

    /// As [`TimedSigner::signature_of`].
    pub(crate) fn signature_of(&self, value: &[u8]) -> Option<Signature> {
        self.0.signature_of(value)
    }

    pub(crate) fn verify(&self, value: &[u8], now: u64) -> Result<Claims, Refused> {
        let (verified, signed_at) = self.0.verify_signature(value, now)?;
        let (user_id, auth_digest, seconds, ends_at) =
            parse(verified.payload).ok_or(Refused::BadPayload)?;
        let remaining = signed_at.saturating_add(seconds).saturating_sub(now);
        if verified.age.as_secs() > seconds || ends_at.is_some_and(|ends_at| now >= ends_at) {
            return Err(Refused::Expired);
        }
        Ok(Claims {
            user_id,
            kind: ClaimsKind::Timed { auth_digest },
            issued_at: Some(signed_at),
            duration: Some(Duration::from_secs(seconds)),
            remaining: Some(Duration::from_secs(remaining)),
            ends_at,
            outdated: verified.key == KeyUsed::Fallback,
        })
    }
}

type Parts = (String, Option<String>, u64, Option<u64>);

fn parse(payload: &[u8]) -> Option<Parts> {
    let text = std::str::from_utf8(payload).ok()?;
    let mut parts = text.split('~');
    let (id, digest, seconds) = (parts.next()?, parts.next()?, parts.next()?);
    let ends_at = match parts.next() {
        Some(ends_at) => Some(ends_at.parse().ok()?),
        None => None,
    };
    if parts.next().is_some() {
        return None;
    }
    let id = String::from_utf8(base64_decode(id.as_bytes())?).ok()?;
    let digest = (!digest.is_empty()).then(|| digest.to_owned());
    Some((id, digest, seconds.parse().ok()?, ends_at))
}
