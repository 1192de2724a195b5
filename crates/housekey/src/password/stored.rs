//! A stored hash: the text in the users table, taken apart and put together.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use subtle::Choice;

use super::recipe::Recipe;
use super::text::Unreadable;
use super::{phc, werkzeug};
use crate::error::{Error, ErrorKind};

/// The salts written: 16 random bytes for argon2id (RFC 9106, section 3.1), 16 letters and digits for Werkzeug's formats.
pub(super) const SALT_BYTES: usize = 16;

/// One stored hash, readable and within the limits.
pub(super) struct StoredHash {
    pub(super) recipe: Recipe,
    pub(super) salt: Vec<u8>,
    pub(super) key: Vec<u8>,
}

impl StoredHash {
    /// Takes a stored text apart. The work is linear in its length, whatever it says.
    pub(super) fn parse(text: &str) -> Result<Self, Unreadable> {
        let parts = match text.starts_with('$') {
            true => phc::parse(text)?,
            false => werkzeug::parse(text)?.of_recipe(),
        };
        Ok(Self {
            recipe: parts.cost,
            salt: parts.salt,
            key: parts.key,
        })
    }

    /// What is verified when there is nothing to verify: as much work as a hash that `recipe` has just written.
    ///
    /// Nobody looks at the answer, so salt and key need no secret and no randomness that could fail.
    pub(super) fn dummy(recipe: Recipe) -> Self {
        StoredHash {
            recipe,
            salt: vec![b'0'; SALT_BYTES],
            key: vec![0; recipe.key_bytes()],
        }
    }

    pub(super) fn matches(&self, password: &str) -> Result<Choice, Error> {
        self.recipe.matches(password, &self.salt, &self.key)
    }

    /// A new stored text for this password, with a salt of its own.
    pub(super) fn write(recipe: Recipe, password: &str) -> Result<String, Error> {
        let mut key = vec![0; recipe.key_bytes()];
        let prefix = recipe.prefix();
        match recipe {
            Recipe::Argon2id(_) => {
                let salt = random_bytes()?;
                recipe.derive(password, &salt, &mut key)?;
                let (salt, key) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(key));
                Ok(format!("{prefix}{salt}${key}"))
            }
            // bcrypt is only read.
            Recipe::Scrypt(_) | Recipe::Pbkdf2(_) | Recipe::Bcrypt(_) => {
                let salt = random_text()?;
                recipe.derive(password, salt.as_bytes(), &mut key)?;
                Ok(format!("{prefix}{salt}${}", hex(&key)))
            }
        }
    }
}

fn random_bytes() -> Result<[u8; SALT_BYTES], Error> {
    let mut bytes = [0; SALT_BYTES];
    getrandom::fill(&mut bytes).map_err(|error| {
        let message =
            format!("no salt for a new password: the system gives no randomness: {error}");
        Error::new(ErrorKind::Password, message)
    })?;
    Ok(bytes)
}

/// Werkzeug's salt: letters and digits, each as likely as the others.
fn random_text() -> Result<String, Error> {
    const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    // The largest multiple of 62 that a byte can hold; above it the first letters would come more often.
    const FAIR: u8 = 248;
    let mut text = String::with_capacity(SALT_BYTES);
    while text.len() < SALT_BYTES {
        let fair = random_bytes()?.into_iter().filter(|byte| *byte < FAIR);
        let letters = fair.map(|byte| char::from(ALPHABET[usize::from(byte) % ALPHABET.len()]));
        text.extend(letters.take(SALT_BYTES - text.len()));
    }
    Ok(text)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::password::werkzeug::Scrypt;
    use proptest::prelude::*;

    #[test]
    fn a_werkzeug_salt_is_sixteen_letters_and_digits_and_never_twice_the_same() {
        let (one, other) = (random_text().unwrap(), random_text().unwrap());
        assert_eq!(one.len(), 16);
        assert!(one.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        assert_ne!(one, other);
    }

    #[test]
    fn a_dummy_is_as_large_as_a_hash_just_written() {
        let recipe = Recipe::Scrypt(Scrypt::WERKZEUG);
        let written = StoredHash::parse(&StoredHash::write(recipe, "x").unwrap()).unwrap();
        let dummy = StoredHash::dummy(recipe);
        assert_eq!(dummy.recipe, written.recipe);
        assert_eq!(dummy.salt.len(), written.salt.len());
        assert_eq!(dummy.key.len(), written.key.len());
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in ".*") {
            let _ = StoredHash::parse(&text);
        }

        #[test]
        fn no_text_that_looks_like_a_hash_makes_the_parser_panic(
            text in r"(scrypt|pbkdf2|\$argon2id|\$scrypt|\$pbkdf2-sha256|\$2b)[:$](sha256:|v=19\$)?(m=|ln=|i=)?[0-9]{0,25}[:,]?(t=)?[0-9]{0,12}[:,]?(p=)?[0-9]{0,12}\$[A-Za-z+/é]{0,24}\$([0-9a-f]{64}|[0-9a-f]{128}|[A-Za-z0-9+/]{0,90})"
        ) {
            let _ = StoredHash::parse(&text);
        }
    }
}
