//! What the formats of stored hashes have in common as texts.

/// A parsed stored text, with the costs of its format.
pub(super) struct Parts<C> {
    pub(super) cost: C,
    pub(super) salt: Vec<u8>,
    pub(super) key: Vec<u8>,
}

/// Why a stored text cannot be verified.
#[derive(Debug, PartialEq)]
pub(super) enum Unreadable {
    /// In no format known here, or damaged, or a mark for "no password".
    UnknownFormat,
    /// In a known format, with parameters outside the limits: which ones, and what they may be.
    OutOfBounds(String),
}

/// A number as the formats write it: digits only. One that is too large to hold is refused like the largest.
pub(super) fn number(text: &str) -> Result<u64, Unreadable> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Unreadable::UnknownFormat);
    }
    Ok(text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_digits_only_and_large_ones_do_not_wrap_around() {
        assert_eq!(number("32768"), Ok(32768));
        assert_eq!(number("18446744073709551616"), Ok(u64::MAX));
        for text in ["", "+5", "-1", " 5", "5 ", "1_000", "0x10", "٣", "1e3"] {
            assert_eq!(number(text), Err(Unreadable::UnknownFormat), "{text:?}");
        }
    }
}
