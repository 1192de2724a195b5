//! What a username and a password must look like, and what to say when they do not.

/// housekey refuses to hash more.
const PASSWORD_MAX_BYTES: usize = 4096;

pub(crate) fn username(username: &str) -> Result<(), &'static str> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    match username.chars().count() {
        0 => Err("Choose a username."),
        1..=2 => Err("That is too short: 3 characters at least."),
        33.. => Err("That is too long: 32 characters at most."),
        // ASCII only: two names that look the same are then the same name.
        _ if !username.chars().all(allowed) => Err("Use only letters (a to z), digits, and . _ -"),
        _ => Ok(()),
    }
}

pub(crate) fn password(password: &str) -> Result<(), &'static str> {
    match password.chars().count() {
        0 => Err("Choose a password."),
        1..=7 => Err("That is too short: 8 characters at least."),
        _ if password.len() > PASSWORD_MAX_BYTES => Err("That is too long: 4096 bytes at most."),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usernames_are_three_to_thirty_two_plain_characters() {
        for good in ["ada", "Ada.Lovelace", "a_b-c.9", &"x".repeat(32)] {
            assert_eq!(username(good), Ok(()), "{good:?}");
        }
        for bad in [
            "",
            "ab",
            &"x".repeat(33),
            "ada lovelace",
            "adа",
            "ada\0",
            "ada\n",
            "<ada>",
            "日本語",
        ] {
            assert!(username(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn passwords_are_long_enough_and_not_absurd() {
        for good in [
            "12345678",
            "åäöåäöåä",
            "with spaces in it",
            &"x".repeat(4096),
        ] {
            assert_eq!(password(good), Ok(()), "{good:?}");
        }
        for bad in ["", "1234567", &"x".repeat(4097), &"å".repeat(2049)] {
            assert!(password(bad).is_err(), "{bad:?}");
        }
    }
}
