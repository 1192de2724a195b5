//! `payload.timestamp.signature`: itsdangerous' `TimestampSigner`.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::base64_encode;
use super::keys::{KeyRing, KeyUsed, Tag};

/// Signs text with the time of signing, and verifies it against a greatest age.
pub(crate) struct TimedSigner {
    keys: KeyRing,
    /// How many seconds in the future a value may have been signed: the clocks of several machines differ. Python's
    /// itsdangerous allows nothing and so drops the sessions of a peer whose clock is ahead.
    tolerance: u64,
}

/// What a valid value says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Verified<'a> {
    pub(crate) payload: &'a [u8],
    /// How old the value is; zero when its maker's clock was slightly ahead.
    pub(crate) age: Duration,
    pub(crate) key: KeyUsed,
}

/// Why a value is not valid. What it claims is unknown in the first case and must not be believed in any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    BadSignature,
    Expired,
    FromTheFuture,
    /// Signed by us, but its contents are not what the purpose needs.
    BadPayload,
}

impl TimedSigner {
    pub(crate) fn new(keys: KeyRing, tolerance: u64) -> Self {
        Self { keys, tolerance }
    }

    /// As [`KeyRing::fingerprints`].
    pub(crate) fn fingerprints(&self) -> Vec<Vec<u8>> {
        self.keys.fingerprints()
    }

    /// `now` in seconds since 1970.
    pub(crate) fn sign(&self, payload: &str, now: u64) -> String {
        let bytes = now.to_be_bytes();
        let significant = &bytes[bytes
            .iter()
            .position(|byte| *byte != 0)
            .unwrap_or(bytes.len())..];
        let mut value = format!("{payload}.{}", base64_encode(significant));
        let signature = self.keys.sign(&[value.as_bytes()]);
        value.push('.');
        value.push_str(&base64_encode(signature.as_bytes()));
        value
    }

    /// Verifies the signature, then the age. An age of exactly `max_age` is still accepted, as in itsdangerous.
    pub(crate) fn verify<'a>(
        &self,
        value: &'a [u8],
        now: u64,
        max_age: Duration,
    ) -> Result<Verified<'a>, Refused> {
        let (verified, _) = self.verify_signature(value, now)?;
        if verified.age > max_age {
            return Err(Refused::Expired);
        }
        Ok(verified)
    }

    /// Which key signed a value, and when. `None` when none of the keys did.
    pub(crate) fn signature_of(&self, value: &[u8]) -> Option<Signature> {
        let (signed, signature) = split_at_last_dot(value)?;
        let matches = |tag: &Tag| tag.is_base64(signature);
        let key = self.keys.find(&[signed], matches)?;
        let signed_at = time_of(value);
        Some(Signature { key, signed_at })
    }

    /// As [`verify`](Self::verify), for a value that holds its own greatest age. Also gives the time of signing.
    pub(crate) fn verify_signature<'a>(
        &self,
        value: &'a [u8],
        now: u64,
    ) -> Result<(Verified<'a>, u64), Refused> {
        let (signed, signature) = split_at_last_dot(value).ok_or(Refused::BadSignature)?;
        let key = self
            .keys
            .verify(&[signed], |tag| tag.is_base64(signature))
            .ok_or(Refused::BadSignature)?;
        let (payload, timestamp) = split_at_last_dot(signed).ok_or(Refused::BadPayload)?;
        let signed_at = read_timestamp(timestamp).ok_or(Refused::BadPayload)?;
        if signed_at > now.saturating_add(self.tolerance) {
            return Err(Refused::FromTheFuture);
        }
        let age = Duration::from_secs(now.saturating_sub(signed_at));
        Ok((Verified { payload, age, key }, signed_at))
    }
}

/// Which key signed a value and when, whatever it says and however old it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Signature {
    /// The key's number: the one that signs is 0.
    pub(crate) key: usize,
    /// In seconds since 1970; `None` when it does not say.
    pub(crate) signed_at: Option<u64>,
}

/// When a value was signed, by its own word.
pub(crate) fn time_of(value: &[u8]) -> Option<u64> {
    let (signed, _) = split_at_last_dot(value)?;
    let (_, timestamp) = split_at_last_dot(signed)?;
    read_timestamp(timestamp)
}

fn read_timestamp(text: &[u8]) -> Option<u64> {
    if text.len() > 11 {
        return None;
    }
    // Eight bytes at most, and room for what the decoder expects of eleven characters.
    let mut bytes = [0; 9];
    let len = URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok()?;
    let mut padded = [0; 8];
    padded[8usize.checked_sub(len)?..].copy_from_slice(&bytes[..len]);
    Some(u64::from_be_bytes(padded))
}

fn split_at_last_dot(value: &[u8]) -> Option<(&[u8], &[u8])> {
    let dot = memchr::memrchr(b'.', value)?;
    Some((&value[..dot], &value[dot + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signing::SecretKeys;

    const TOLERANCE: u64 = 60;
    const NOW: u64 = 1_700_000_000;
    const DAY: Duration = Duration::from_secs(86_400);

    fn flask(key: &str) -> TimedSigner {
        TimedSigner::new(
            SecretKeys::flask(key)
                .unwrap()
                .for_flask_session("cookie-session"),
            TOLERANCE,
        )
    }

    #[test]
    fn signs_as_itsdangerous_does() {
        let value = flask("deterministic").sign("eyJfdXNlcl9pZCI6IjEifQ", NOW);
        assert_eq!(
            value,
            "eyJfdXNlcl9pZCI6IjEifQ.ZVPxAA.dlSWEs3z-rSsORe4n9RLR5bz2rg"
        );
    }

    #[test]
    fn an_age_of_exactly_the_greatest_is_accepted_and_a_second_more_is_not() {
        let signer = flask("deterministic");
        let value = signer.sign("x", NOW);
        assert!(signer.verify(value.as_bytes(), NOW + 86_400, DAY).is_ok());
        assert_eq!(
            signer.verify(value.as_bytes(), NOW + 86_401, DAY),
            Err(Refused::Expired)
        );
    }

    #[test]
    fn a_clock_may_be_ahead_by_the_tolerance_and_not_by_a_second_more() {
        let signer = flask("deterministic");
        let value = signer.sign("x", NOW);
        assert_eq!(
            signer
                .verify(value.as_bytes(), NOW - TOLERANCE, DAY)
                .unwrap()
                .age,
            Duration::ZERO
        );
        assert_eq!(
            signer.verify(value.as_bytes(), NOW - TOLERANCE - 1, DAY),
            Err(Refused::FromTheFuture)
        );
    }

    #[test]
    fn clocks_at_either_end_neither_panic_nor_make_a_value_eternal() {
        let signer = flask("deterministic");
        for (signed_at, now) in [(0, 0), (0, u64::MAX), (u64::MAX, 0), (u64::MAX, u64::MAX)] {
            let value = signer.sign("x", signed_at);
            let accepted = signer.verify(value.as_bytes(), now, DAY).is_ok();
            assert_eq!(
                accepted,
                signed_at == now,
                "signed at {signed_at}, read at {now}"
            );
        }
    }

    #[test]
    fn the_first_key_signs_and_all_verify() {
        let old = flask("old").sign("x", NOW);
        let ring = SecretKeys::flask("new").unwrap().fallback("old").unwrap();
        let both = TimedSigner::new(ring.for_flask_session("cookie-session"), TOLERANCE);
        assert_eq!(
            both.verify(old.as_bytes(), NOW, DAY).unwrap().key,
            KeyUsed::Fallback
        );
        let new = both.sign("x", NOW);
        assert_eq!(
            flask("new").verify(new.as_bytes(), NOW, DAY).unwrap().key,
            KeyUsed::Current
        );
        assert_eq!(
            flask("old").verify(new.as_bytes(), NOW, DAY),
            Err(Refused::BadSignature)
        );
    }

    #[test]
    fn a_signature_has_one_spelling() {
        let signer = flask("deterministic");
        let value = "eyJfdXNlcl9pZCI6IjEifQ.ZVPxAA.dlSWEs3z-rSsORe4n9RLR5bz2rg";
        assert!(signer.verify(value.as_bytes(), NOW, DAY).is_ok());
        // Python's lenient decoder accepts these two; no Python program ever writes them.
        let unused_bits = format!("{}h", &value[..value.len() - 1]);
        let padded = format!("{value}=");
        for other in [unused_bits, padded] {
            assert_eq!(
                signer.verify(other.as_bytes(), NOW, DAY),
                Err(Refused::BadSignature),
                "{other}"
            );
        }
    }
}
