//! A recipe: an algorithm with its cost, which is within the limits from the start.

use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroizing;

use super::argon2id::Argon2id;
use super::bcrypt::Bcrypt;
use super::text::Parts;
use super::werkzeug::{Method, Pbkdf2, Scrypt};
use crate::error::Error;

/// How a password and a salt become the bytes of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Recipe {
    Argon2id(Argon2id),
    Scrypt(Scrypt),
    Pbkdf2(Pbkdf2),
    /// Read, and never written.
    Bcrypt(Bcrypt),
}

impl From<Argon2id> for Recipe {
    fn from(argon2id: Argon2id) -> Self {
        Self::Argon2id(argon2id)
    }
}

impl From<Scrypt> for Recipe {
    fn from(scrypt: Scrypt) -> Self {
        Self::Scrypt(scrypt)
    }
}

impl From<Pbkdf2> for Recipe {
    fn from(pbkdf2: Pbkdf2) -> Self {
        Self::Pbkdf2(pbkdf2)
    }
}

impl From<Bcrypt> for Recipe {
    fn from(bcrypt: Bcrypt) -> Self {
        Self::Bcrypt(bcrypt)
    }
}

impl From<Method> for Recipe {
    fn from(method: Method) -> Self {
        match method {
            Method::Scrypt(scrypt) => scrypt.into(),
            Method::Pbkdf2(pbkdf2) => pbkdf2.into(),
        }
    }
}

impl<C: Into<Recipe>> Parts<C> {
    pub(super) fn of_recipe(self) -> Parts<Recipe> {
        Parts {
            cost: self.cost.into(),
            salt: self.salt,
            key: self.key,
        }
    }
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
            Recipe::Bcrypt(bcrypt) => {
                bcrypt.derive(password.as_bytes(), salt, key);
                Ok(())
            }
        }
    }

    /// Whether the password gives this key. The comparison takes the same time wherever they differ.
    pub(super) fn matches(&self, password: &str, salt: &[u8], key: &[u8]) -> Result<Choice, Error> {
        let mut derived = Zeroizing::new(vec![0; key.len()]);
        self.derive(password, salt, &mut derived)?;
        Ok(derived.ct_eq(key))
    }

    /// Roughly how many nanoseconds of work it is, on the machines that were measured: an estimate, for comparing recipes.
    pub(super) fn work(&self) -> u64 {
        match self {
            Recipe::Argon2id(argon2id) => argon2id.work(),
            Recipe::Scrypt(scrypt) => scrypt.work(),
            Recipe::Pbkdf2(pbkdf2) => pbkdf2.work(),
            Recipe::Bcrypt(bcrypt) => bcrypt.work(),
        }
    }

    /// The work to add to a verification of `done` so that both together cost as much as this recipe. `None` when `done`
    /// alone costs as much, or nearly.
    pub(super) fn missing_beside(&self, done: Recipe) -> Option<Recipe> {
        let missing = self.work().checked_sub(done.work())?;
        match self {
            Recipe::Argon2id(argon2id) => argon2id.of_work(missing).map(Recipe::Argon2id),
            // Their own cost comes only in powers of two; argon2id, which works on memory too, makes up the rest.
            Recipe::Scrypt(_) | Recipe::Bcrypt(_) => {
                Argon2id::OWASP.of_work(missing).map(Recipe::Argon2id)
            }
            Recipe::Pbkdf2(pbkdf2) => pbkdf2.of_work(missing).map(Recipe::Pbkdf2),
        }
    }

    /// The length of the keys that this recipe writes.
    pub(super) fn key_bytes(&self) -> usize {
        match self {
            Recipe::Argon2id(_) => Argon2id::KEY_BYTES,
            Recipe::Scrypt(_) => Scrypt::KEY_BYTES,
            Recipe::Pbkdf2(pbkdf2) => pbkdf2.key_bytes(),
            Recipe::Bcrypt(_) => Bcrypt::KEY_BYTES,
        }
    }

    /// The text before the salt in the hashes that this recipe writes.
    pub(super) fn prefix(&self) -> String {
        match self {
            Recipe::Argon2id(argon2id) => argon2id.prefix(),
            Recipe::Scrypt(scrypt) => scrypt.prefix(),
            Recipe::Pbkdf2(pbkdf2) => pbkdf2.prefix(),
            Recipe::Bcrypt(bcrypt) => bcrypt.prefix(),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::cell::RefCell;

    #[test]
    fn cheaper_hashes_are_topped_up_to_the_work_of_the_present_recipe() {
        let argon2id = |m, t, p| Recipe::Argon2id(Argon2id::new(m, t, p).unwrap());
        let pbkdf2 = |iterations| Recipe::Pbkdf2(Pbkdf2::sha256(iterations).unwrap());
        let cheap = [
            argon2id(8, 1, 1),
            argon2id(4096, 3, 1),
            argon2id(19456, 1, 4),
            pbkdf2(1),
            pbkdf2(50_000),
        ];
        for present in [
            argon2id(19456, 2, 1),
            argon2id(47104, 1, 1),
            argon2id(65536, 3, 4),
            Recipe::Scrypt(Scrypt::WERKZEUG),
            pbkdf2(600_000),
        ] {
            for done in cheap {
                let missing = present.missing_beside(done).expect("it is cheaper");
                let both = (missing.work() + done.work()) as f64;
                let ratio = both / present.work() as f64;
                assert!(
                    (0.97..1.03).contains(&ratio),
                    "{present:?}, {done:?}: {ratio}"
                );
            }
            assert_eq!(present.missing_beside(present), None);
        }
        assert_eq!(argon2id(8, 1, 1).missing_beside(pbkdf2(600_000)), None);
    }

    thread_local! {
        static DERIVED: RefCell<Vec<Recipe>> = const { RefCell::new(Vec::new()) };
    }

    pub(super) fn note(recipe: Recipe) {
        DERIVED.with_borrow_mut(|derived| derived.push(recipe));
    }

    /// Which recipes this thread ran during `work`: counted, not timed.
    pub(in super::super) fn derived_during<T>(work: impl FnOnce() -> T) -> (T, Vec<Recipe>) {
        DERIVED.take();
        let result = work();
        (result, DERIVED.take())
    }
}
