//! Secret keys and their rotation, timed signatures, and the JSON that Flask puts between them.
//!
//! The layers, each on top of the one before:
//!
//! 1. [`SecretKeys`]: the keys as the application has them; the first signs, all verify.
//! 2. [`KeyRing`](keys::KeyRing): keys derived for one purpose, so that nothing signed for one cookie is valid as another.
//! 3. [`TimedSigner`](timed::TimedSigner): `payload.timestamp.signature`, itsdangerous' format.
//! 4. [`payload`]: base64, and zlib where the text is long.
//! 5. [`json`]: an object of raw values, read without changing a byte of what it does not know.
//!
//! Nothing below the signature is looked at before the signature has been verified.

pub(crate) mod json;
pub(crate) mod keys;
pub(crate) mod payload;
pub(crate) mod timed;

pub use keys::SecretKeys;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The URL-safe alphabet without padding, which every part of a signed value uses.
pub(crate) fn base64_encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Strict: one spelling for one value.
pub(crate) fn base64_decode(text: &[u8]) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// Compares secrets in time that depends on their length alone.
pub(crate) fn equal_in_constant_time(one: &[u8], other: &[u8]) -> bool {
    use subtle::ConstantTimeEq as _;
    one.ct_eq(other).into()
}
