//! A recipe: an algorithm with its cost, within the limits since it was made.

use subtle::{Choice, ConstantTimeEq};

use super::argon2id::Argon2id;
use super::werkzeug::{Pbkdf2, Scrypt};
use crate::error::Error;

/// How a password and a salt become the bytes of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Recipe {
    Argon2id(Argon2id),
    Scrypt(Scrypt),
    Pbkdf2(Pbkdf2),
}

impl Recipe {
    /// Does the work, filling `key`. Everything expensive in this module happens here.
    pub(super) fn derive(&self, password: &str, salt: &[u8], key: &mut [u8]) -> Result<(), Error> {
        #[cfg(test)]
        tests::note(*self);
        match self {
            Recipe::Argon2id(argon2id) => argon2id.derive(password.as_bytes(), salt, key),
            Recipe::Scrypt(scrypt) => scrypt.derive(password.as_bytes(), salt, key),
            Recipe::Pbkdf2(pbkdf2) => {
                pbkdf2.derive(password.as_bytes(), salt, key);
                Ok(())
            }
        }
    }

    /// Whether the password gives this key; the comparison takes the same time wherever they differ.
    pub(super) fn matches(&self, password: &str, salt: &[u8], key: &[u8]) -> Result<Choice, Error> {
        let mut derived = vec![0; key.len()];
        self.derive(password, salt, &mut derived)?;
        Ok(derived.ct_eq(key))
    }

    /// The length of the keys that this recipe writes.
    pub(super) fn key_bytes(&self) -> usize {
        match self {
            Recipe::Argon2id(_) => Argon2id::KEY_BYTES,
            Recipe::Scrypt(_) => Scrypt::KEY_BYTES,
            Recipe::Pbkdf2(pbkdf2) => pbkdf2.key_bytes(),
        }
    }

    /// What stands before the salt in the hashes that this recipe writes.
    pub(super) fn prefix(&self) -> String {
        match self {
            Recipe::Argon2id(argon2id) => argon2id.prefix(),
            Recipe::Scrypt(scrypt) => scrypt.prefix(),
            Recipe::Pbkdf2(pbkdf2) => pbkdf2.prefix(),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::Recipe;
    use std::cell::RefCell;

    thread_local! {
        static DERIVED: RefCell<Vec<Recipe>> = const { RefCell::new(Vec::new()) };
    }

    pub(super) fn note(recipe: Recipe) {
        DERIVED.with_borrow_mut(|derived| derived.push(recipe));
    }

    /// Which recipes this thread has worked through during `work`: counted, not timed.
    pub(in super::super) fn derived_during<T>(work: impl FnOnce() -> T) -> (T, Vec<Recipe>) {
        DERIVED.take();
        let result = work();
        (result, DERIVED.take())
    }
}
