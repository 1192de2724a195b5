//! Passwords: hash them, verify them, and notice outdated hashes.
//!
//! 1. New hashes are **argon2id** with 19 MiB, 2 passes, 1 lane ([OWASP's first choice][owasp]), as a PHC string.
//!    Werkzeug's two formats can be written instead, for a users table that a Flask application also reads.
//! 2. Argon2id and both of Werkzeug's formats are always **read**, so a Flask users table works as it is. So are bcrypt and
//!    the other formats of password-auth and passlib; [`Passwords::needs_rehash`] says to replace those.
//! 3. **Every login costs the work of one new hash.** For an unknown user, a user without a password, or an unreadable
//!    stored hash, a dummy hash with the current parameters is verified instead, and the answer is `false`. A cheaper
//!    stored hash gets a dummy for the missing work. So the time of the answer does not reveal which names have an account.
//! 4. Parameters inside a stored hash are **bounded** before any work is done (Werkzeug takes them as they come).
//! 5. Hashing runs on **a few blocking threads**, on any async runtime. In a storm of logins the rest waits in turn, and
//!    every other request is served meanwhile. The queue is **bounded**: once it is full, the answer is "busy", at once.
//! 6. A password is its UTF-8 bytes: not trimmed, not normalised, not cut at 72 bytes or at a NUL. One longer than
//!    4096 bytes is refused before it is hashed ([ASVS 6.2.8, 6.2.9][asvs]).
//!
//! ```
//! use housekey::password::Passwords;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # futures_lite::future::block_on(async {
//! let passwords = Passwords::new();
//!
//! // Signing up: keep this text in the users table.
//! let stored = passwords.hash("correct horse battery staple").await?;
//!
//! // Logging in. `None` stands for an unknown name: it takes as long, and is never right.
//! assert!(passwords.verify("correct horse battery staple", Some(&stored)).await?);
//! assert!(!passwords.verify("Tr0ub4dor&3", Some(&stored)).await?);
//! assert!(!passwords.verify("Tr0ub4dor&3", None).await?);
//! # Ok(())
//! # })
//! # }
//! ```
//!
//! # What is read
//!
//! | Stored text | Limits |
//! |---|---|
//! | `$argon2id$v=19$m=19456,t=2,p=1$salt$key` (without `v=`: version 16) | memory ≤ 2 GiB, passes ≤ 64, memory × passes ≤ 4 GiB, lanes ≤ 64, salt 8 to 64 bytes, key 12 to 64 bytes |
//! | `scrypt:N:r:p$salt$hex`, `scrypt$salt$hex` (meaning 32768:8:1) | N a power of two, 128 × N × r ≤ 256 MiB, r ≤ 32, p ≤ 16 |
//! | `pbkdf2:sha256:iterations$salt$hex`, also `sha1` and `sha512` | iterations ≤ 10,000,000 |
//! | `pbkdf2:sha256$salt$hex`, `pbkdf2$salt$hex` | 1,000,000 iterations and SHA-256, as Werkzeug 3.1 reads them; those made by an older Werkzeug meant fewer, and never match |
//! | `$scrypt$ln=17,r=8,p=1$salt$key` (password-auth, passlib) | as `scrypt:N:r:p`; salt 8 to 64 bytes, key 12 to 64 bytes |
//! | `$pbkdf2-sha256$i=600000,l=32$salt$key` (password-auth), `$pbkdf2-sha256$29000$salt$key` (passlib), also `sha512` and passlib's `$pbkdf2$` | as `pbkdf2:sha256:iterations`; salt and key as above |
//! | `$2b$12$…`, `$2a$…`, `$2y$…` (bcrypt) | cost 4 to 16. Only the first 72 bytes of a password count, as everywhere |
//!
//! Not read: argon2i, argon2d, what Werkzeug 3 removed (`plain$$…`, `sha256$salt$hex`), and marks for "no password" (an
//! empty text, `!`). [`Passwords::verify`] answers `false` to all of these, and [`Passwords::check_stored`] says why.
//!
//! # What this does not protect against
//!
//! - **Stored hashes that cost more than new ones.** They take their own time, and nothing can hide it: making every
//!   unknown name cost as much would let anybody keep the machine busy by sending names. So an attacker who measures can
//!   tell those users from names that do not exist (Django's CVE-2016-2513). Make new hashes the most expensive in the
//!   table. For a table from Flask, begin with [`Passwords::werkzeug_scrypt`]. Changing to the default argon2id later, with
//!   [`Passwords::needs_rehash`], opens that window until the last user has logged in once.
//! - **Differences of a few per cent.** The missing work beside a hash of another algorithm is an estimate; beside one of
//!   another cost it is exact, apart from the processor's own variation.
//! - **Guessing.** [`Login::attempt`](crate::Login::attempt) limits it. This module limits only how many hashes run at the same time.
//! - **Flooding.** A client that sends more logins than the machine can verify makes other users get "busy" instead of an
//!   answer.
//! - **A stolen table** allows guessing offline; the cost of a hash only slows that down.
//! - **Reading memory.** The copies of a password that this module makes are overwritten after use. Those of the web
//!   framework are not: the request's body and the form that was read from it. Neither is the memory in which argon2 and
//!   scrypt worked, which does not hold the password.
//! - **A NUL at the end**, in Werkzeug's formats only: `x` and `x\0` are the same password there, as in Flask, because HMAC
//!   pads short keys with NULs. Argon2id tells them apart.
//! - **Weak passwords.** Whether to accept an empty or leaked password is the application's rule.
//!
//! # Slow in a debug build
//!
//! Without optimisation, a hash takes about twenty times as long (half a second instead of 25 ms). An application's
//! `Cargo.toml` can optimise just the crates that hash; Werkzeug's formats also need `digest`, `hmac`, `pbkdf2`, `salsa20`,
//! `scrypt` and `sha2`:
//!
//! ```toml
//! [profile.dev.package]
//! argon2 = { opt-level = 3 }
//! blake2 = { opt-level = 3 }
//! ```
//!
//! [owasp]: https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html
//! [asvs]: https://github.com/OWASP/ASVS/blob/v5.0.0/5.0/en/0x15-V6-Authentication.md

mod argon2id;
mod bcrypt;
mod hash;
mod phc;
mod recipe;
mod stored;
mod text;
mod verify;
mod werkzeug;
mod workers;

use std::fmt;

use crate::error::{Error, ErrorKind};
use argon2id::Argon2id;
use recipe::Recipe;
use werkzeug::{Pbkdf2, Scrypt};
use workers::Workers;

/// ASVS 6.2.9 asks for at least 64 characters. This is far above, and still costs nothing to hash.
const DEFAULT_MAX_PASSWORD_BYTES: usize = 4096;

/// Hashes and verifies passwords. Make one for the application and clone it: clones share their hashing places.
///
/// [`hash`](Passwords::hash) and [`verify`](Passwords::verify) are async and work on another thread;
/// [`hash_blocking`](Passwords::hash_blocking) and [`verify_blocking`](Passwords::verify_blocking) are for scripts. The
/// [module's page](self) has an example, the formats that are read, and what this does not protect against.
#[derive(Clone)]
pub struct Passwords {
    recipe: Recipe,
    max_password_bytes: usize,
    workers: Workers,
}

impl Passwords {
    /// Writes argon2id with 19456 KiB of memory, 2 passes and 1 lane; accepts passwords of up to 4096 bytes; uses half of
    /// the machine's cores for hashing.
    pub fn new() -> Self {
        Passwords {
            recipe: Recipe::Argon2id(Argon2id::OWASP),
            max_password_bytes: DEFAULT_MAX_PASSWORD_BYTES,
            workers: Workers::new(Workers::default_count()),
        }
    }

    /// Writes argon2id at another cost: memory in KiB, number of passes over it, number of lanes.
    ///
    /// OWASP's equivalents of the default are (47104, 1, 1), (12288, 3, 1), (9216, 4, 1) and (7168, 5, 1). The lanes are
    /// computed one after another, so more of them is not faster here. Small values (8, 1, 1) keep an application's tests
    /// fast.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Password`] when argon2 does not allow the parameters (less than 1 pass, less than 1 lane, less than 8
    /// KiB a lane) or they are above the [limits for reading](self#what-is-read).
    ///
    /// ```
    /// use housekey::password::Passwords;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let passwords = Passwords::new().argon2id(47104, 1, 1)?;
    /// # drop(passwords);
    /// assert!(Passwords::new().argon2id(4, 1, 1).is_err());
    /// # Ok(())
    /// # }
    /// ```
    pub fn argon2id(
        self,
        memory_kib: u32,
        iterations: u32,
        parallelism: u32,
    ) -> Result<Self, Error> {
        let cost = Argon2id::new(memory_kib, iterations, parallelism).map_err(setting_refused)?;
        Ok(self.writing(Recipe::Argon2id(cost)))
    }

    /// Writes Werkzeug's default format, `scrypt:32768:8:1$salt$hex` (32 MiB of memory), so that a Flask application
    /// beside this one verifies the same users table.
    ///
    /// Werkzeug 2.3 and later read it with `check_password_hash`. OWASP asks for three lanes with this much memory, so it
    /// is weaker than the default; it is what Flask applications have.
    #[must_use]
    pub fn werkzeug_scrypt(self) -> Self {
        self.writing(Recipe::Scrypt(Scrypt::WERKZEUG))
    }

    /// Writes `pbkdf2:sha256:iterations$salt$hex`, which every Werkzeug in use reads.
    ///
    /// Werkzeug 3.1 itself uses 1,000,000 iterations; OWASP asks for at least 600,000. It needs no memory, and is the
    /// weakest of the three against graphics cards.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Password`] unless `iterations` is between 1 and 10,000,000.
    pub fn werkzeug_pbkdf2_sha256(self, iterations: u32) -> Result<Self, Error> {
        let cost = Pbkdf2::sha256(iterations).map_err(setting_refused)?;
        Ok(self.writing(Recipe::Pbkdf2(cost)))
    }

    /// How many passwords this value and its clones hash at the same time. The others wait, up to
    /// [`max_waiting`](Self::max_waiting). 0 counts as 1.
    ///
    /// The default is half of [`std::thread::available_parallelism`], at least 1. Peak memory is this times the memory of
    /// one hash. `hash_blocking` and `verify_blocking` do not count.
    #[must_use]
    pub fn max_concurrent(self, n: usize) -> Self {
        Passwords {
            workers: self.workers.with_count(n),
            ..self
        }
    }

    /// How many calls may wait for their turn. Beyond that, [`hash`](Self::hash) and [`verify`](Self::verify) fail at once
    /// with [`ErrorKind::Busy`], which is answered with 503, so that flooding the login form does not keep everybody else
    /// waiting for minutes. A waiting call holds no copy of its password.
    ///
    /// The default is 256 for each password that is hashed at the same time: the last in the queue waits for some seconds.
    /// This is not a rate limit: while the form is flooded, chance decides which users get in. `hash_blocking` and
    /// `verify_blocking` do not count.
    ///
    /// ```
    /// use housekey::password::Passwords;
    ///
    /// let passwords = Passwords::new().max_concurrent(4).max_waiting(100);
    /// ```
    #[must_use]
    pub fn max_waiting(self, n: usize) -> Self {
        Passwords {
            workers: self.workers.with_most_waiting(n),
            ..self
        }
    }

    /// The longest password accepted, in bytes of UTF-8 (4096 by default). A longer one is never cut:
    /// [`hash`](Passwords::hash) refuses it and [`verify`](Passwords::verify) answers `false`.
    #[must_use]
    pub fn max_password_bytes(self, n: usize) -> Self {
        Passwords {
            max_password_bytes: n,
            ..self
        }
    }

    fn writing(self, recipe: Recipe) -> Self {
        Passwords { recipe, ..self }
    }
}

impl Default for Passwords {
    fn default() -> Self {
        Passwords::new()
    }
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passwords")
            .field("writes", &self.recipe)
            .field("max_password_bytes", &self.max_password_bytes)
            .field("max_concurrent", &self.workers.count())
            .field("max_waiting", &self.workers.most_waiting())
            .finish()
    }
}

fn setting_refused(why: String) -> Error {
    Error::new(ErrorKind::Password, format!("Passwords: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The cheapest argon2id, so that a test can afford many.
    pub(super) fn cheap() -> Passwords {
        Passwords::new().argon2id(8, 1, 1).unwrap()
    }

    #[test]
    fn settings_that_cannot_work_are_refused_by_name() {
        for (refused, word) in [
            (Passwords::new().argon2id(7, 1, 1), "memory"),
            (Passwords::new().argon2id(8, 1, 2), "memory"),
            (Passwords::new().argon2id(19456, 0, 1), "iterations"),
            (Passwords::new().argon2id(19456, 2, 0), "parallelism"),
            (Passwords::new().argon2id(u32::MAX, 1, 1), "memory"),
            (Passwords::new().werkzeug_pbkdf2_sha256(0), "iterations"),
            (
                Passwords::new().werkzeug_pbkdf2_sha256(10_000_001),
                "iterations",
            ),
        ] {
            let error = refused.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Password);
            assert!(error.to_string().contains(word), "{error}");
        }
    }

    #[test]
    fn debug_shows_the_settings() {
        let shown = format!("{:?}", cheap().max_concurrent(3).max_password_bytes(72));
        for part in ["Argon2id", "memory_kib: 8", "72", "max_concurrent: 3"] {
            assert!(shown.contains(part), "{shown}");
        }
    }

    #[test]
    fn it_can_be_shared_between_threads_and_tasks() {
        fn shareable<T: Clone + Send + Sync + Unpin + 'static>() {}
        shareable::<Passwords>();
        fn sendable<T: Send>(_: T) {}
        let passwords = cheap();
        sendable(passwords.hash("x"));
        sendable(passwords.verify("x", None));
    }
}
