//! Secret keys and their rotation, timed signatures, and the JSON that Flask puts between them.
//!
//! The layers, each on top of the previous one:
//!
//! 1. [`SecretKeys`]: the application's keys; the first signs, all verify.
//! 2. [`KeyRing`](keys::KeyRing): keys derived for one purpose, so that nothing signed for one cookie is valid for another.
//! 3. [`TimedSigner`](timed::TimedSigner): `payload.timestamp.signature`, itsdangerous' format.
//! 4. [`payload`]: base64, and zlib where the text is long.
//! 5. [`json`]: an object of raw values. Values that it does not know keep every byte.
//!
//! Nothing inside a signed value is looked at before its signature has been verified.

pub(crate) mod json;
pub(crate) mod keys;
pub(crate) mod payload;
pub(crate) mod timed;

pub use keys::SecretKeys;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq as _;

/// Reads and writes what [`URL_SAFE_NO_PAD`] does, with the processor's vectors.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
static VECTORS: std::sync::LazyLock<base64::engine::Simd> = std::sync::LazyLock::new(|| {
    base64::engine::Simd::url_safe(base64::engine::general_purpose::NO_PAD)
});

/// base64 has no vectors for other processors.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
static VECTORS: base64::engine::GeneralPurpose = URL_SAFE_NO_PAD;

/// The URL-safe alphabet without padding, which every part of a signed value uses.
pub(crate) fn base64_encode(bytes: &[u8]) -> String {
    VECTORS.encode(bytes)
}

/// Strict: each value has one spelling.
pub(crate) fn base64_decode(text: &[u8]) -> Option<Vec<u8>> {
    // `decode` would ask the allocator for zeroed memory, which takes longer than the decoding.
    let mut bytes = Vec::with_capacity(base64::decoded_len_estimate(text.len()));
    VECTORS.decode_vec(text, &mut bytes).ok()?;
    Some(bytes)
}

/// The same, for exactly this many bytes.
pub(crate) fn base64_decode_array<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let length = URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok()?;
    (length == N).then_some(bytes)
}

/// Lower case, as Python's `hexdigest` writes it.
pub(crate) fn hex_encode(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits
        .map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)]))
        .collect()
}

/// Compares secrets in time that depends only on their length. All differences are gathered before the result is looked at,
/// behind a barrier against the compiler's optimisations.
pub(crate) fn equal_in_constant_time(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    let differences = one.iter().zip(other).map(|(one, other)| one ^ other);
    let gathered = differences.fold(0, |all, difference| all | difference);
    gathered.ct_eq(&0).into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn base64_with_and_without_vectors_is_the_same(
            bytes in proptest::collection::vec(any::<u8>(), 0..400),
            place in any::<prop::sample::Index>(),
            other in any::<u8>(),
        ) {
            let text = URL_SAFE_NO_PAD.encode(&bytes);
            prop_assert_eq!(&base64_encode(&bytes), &text);
            prop_assert_eq!(base64_decode(text.as_bytes()), Some(bytes));
            let mut changed = text.into_bytes();
            if !changed.is_empty() {
                let index = place.index(changed.len());
                changed[index] = other;
            }
            for text in [&changed[..], changed.get(1..).unwrap_or_default()] {
                prop_assert_eq!(base64_decode(text), URL_SAFE_NO_PAD.decode(text).ok());
            }
        }
    }

    #[test]
    fn secrets_are_equal_only_if_every_byte_is() {
        for length in 0..=33 {
            let secret: Vec<u8> = (0..length).collect();
            assert!(equal_in_constant_time(&secret, &secret));
            assert!(!equal_in_constant_time(&secret, &[&*secret, &[0]].concat()));
            for index in 0..secret.len() {
                let mut other = secret.clone();
                other[index] ^= 0x80;
                assert!(
                    !equal_in_constant_time(&secret, &other),
                    "{index} of {length}"
                );
            }
        }
    }
}
