//! housekey's remember token: who, until when, and under which auth hash.
//!
//! `user~digest~seconds.timestamp.signature`: the user's id in base64, the digest of the auth hash (empty when the
//! user has none), and how long the token lives from its timestamp. The signing key is derived for remember tokens
//! under this very cookie name, so that neither a session cookie nor the token of another cookie passes for it.

use std::time::Duration;

use super::{Claims, ClaimsKind};
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

    pub(crate) fn issue(
        &self,
        user_id: &str,
        auth_digest: Option<&str>,
        duration: Duration,
        now: u64,
    ) -> String {
        let payload = format!(
            "{}~{}~{}",
            base64_encode(user_id.as_bytes()),
            auth_digest.unwrap_or_default(),
            duration.as_secs()
        );
        self.0.sign(&payload, now)
    }

    /// As [`TimedSigner::signature_of`].
    pub(crate) fn signature_of(&self, value: &[u8]) -> Option<Signature> {
        self.0.signature_of(value)
    }

    pub(crate) fn verify(&self, value: &[u8], now: u64) -> Result<Claims, Refused> {
        let (verified, signed_at) = self.0.verify_signature(value, now)?;
        let (user_id, auth_digest, seconds) = parse(verified.payload).ok_or(Refused::BadPayload)?;
        let remaining = signed_at.saturating_add(seconds).saturating_sub(now);
        if verified.age.as_secs() > seconds {
            return Err(Refused::Expired);
        }
        Ok(Claims {
            user_id,
            kind: ClaimsKind::Timed { auth_digest },
            issued_at: Some(signed_at),
            duration: Some(Duration::from_secs(seconds)),
            remaining: Some(Duration::from_secs(remaining)),
            outdated: verified.key == KeyUsed::Fallback,
        })
    }
}

fn parse(payload: &[u8]) -> Option<(String, Option<String>, u64)> {
    let text = std::str::from_utf8(payload).ok()?;
    let [id, digest, seconds] = text.split('~').collect::<Vec<_>>().try_into().ok()?;
    let id = String::from_utf8(base64_decode(id.as_bytes())?).ok()?;
    let digest = (!digest.is_empty()).then(|| digest.to_owned());
    Some((id, digest, seconds.parse().ok()?))
}
