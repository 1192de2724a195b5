//! A session value that belongs to one user: `value.owner`, since a Python peer leaves it behind when it logs out or in.

/// The value, followed by its owner.
pub(crate) fn join(value: &str, owner: &str) -> String {
    format!("{value}.{owner}")
}

/// Splits a value of this length from its owner. The owner's id may contain dots too.
pub(crate) fn split(text: &str, length: usize) -> Option<(&str, &str)> {
    let (value, owner) = text.split_at_checked(length)?;
    Some((value, owner.strip_prefix('.')?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_and_its_owner_come_apart_as_they_were_joined() {
        for owner in ["", "mia", "a.b", ".", "佐藤"] {
            assert_eq!(split(&join("a.b", owner), 3), Some(("a.b", owner)));
        }
        for text in ["", "ab", "abc", "abcd", "ab佐.x"] {
            assert_eq!(split(text, 3), None, "{text}");
        }
    }
}
