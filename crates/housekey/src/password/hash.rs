//! Writing: making new hashes, and deciding whether to rewrite an old one.

use zeroize::Zeroizing;

use super::Passwords;
use super::stored::{SALT_BYTES, StoredHash};
use crate::error::{Error, ErrorKind};

impl Passwords {
    /// Hashes a new password, with a random salt, for the users table.
    ///
    /// The result is ASCII: 97 bytes for the default argon2id, 162 for Werkzeug's scrypt; leave room for 255. The call
    /// waits for a place (see [`max_concurrent`](Passwords::max_concurrent)) and then takes tens of milliseconds on a
    /// thread of its own. Dropping the future while it waits gives up the place; dropping it later does not stop the
    /// thread.
    ///
    /// An empty password is hashed like any other, as in Flask. Whether to accept one is the application's rule.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::PasswordTooLong`] when the password has more bytes than
    /// [`max_password_bytes`](Passwords::max_password_bytes): tell the person. [`ErrorKind::Busy`] when the
    /// [queue](Passwords::max_waiting) is full. [`ErrorKind::Password`] when the system provides no randomness or not
    /// enough memory.
    pub async fn hash(&self, password: &str) -> Result<String, Error> {
        self.check_length(password)?;
        let place = self.workers.place().await?;
        // Copied only now: many calls may wait.
        let (this, password) = (self.clone(), Zeroizing::new(password.to_owned()));
        place.run(move || this.hash_blocking(&password)).await
    }

    /// [`hash`](Passwords::hash) on the caller's own thread, at once: for scripts, not for request handlers.
    ///
    /// ```
    /// use housekey::password::Passwords;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let stored = Passwords::new().hash_blocking("correct horse battery staple")?;
    /// assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
    ///
    /// // For a table that a Flask application reads too.
    /// let stored = Passwords::new().werkzeug_scrypt().hash_blocking("correct horse battery staple")?;
    /// assert!(stored.starts_with("scrypt:32768:8:1$"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`hash`](Passwords::hash).
    pub fn hash_blocking(&self, password: &str) -> Result<String, Error> {
        self.check_length(password)?;
        StoredHash::write(self.recipe, password)
    }

    /// Whether a stored hash differs from what [`hash`](Passwords::hash) writes now: another scheme, any other parameter
    /// (higher ones too, since equal cost is what hides which names have an account), omitted parameters, a shorter salt,
    /// or unreadable text.
    ///
    /// Ask after a successful [`verify`](Passwords::verify), while you have the password, and hash it again. If hashing or
    /// storing fails, let the login succeed anyway. If `User::session_auth_hash` returns the password hash, this ends the
    /// user's other logins; a column of its own does not.
    ///
    /// ```
    /// use housekey::password::Passwords;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # futures_lite::future::block_on(async {
    /// let passwords = Passwords::new();
    /// let mut stored = "pbkdf2:sha256:1000$saltSALTsalt1234$\
    ///                   ab5186a0885496398246f4f57d009dec2a062ef142921678a84556163e30cdf7".to_owned();
    ///
    /// if passwords.verify("correct horse", Some(&stored)).await? && passwords.needs_rehash(&stored) {
    ///     stored = passwords.hash("correct horse").await?;
    /// }
    /// assert!(!passwords.needs_rehash(&stored));
    /// # Ok(())
    /// # })
    /// # }
    /// ```
    pub fn needs_rehash(&self, stored: &str) -> bool {
        let Ok(hash) = StoredHash::parse(stored) else {
            return true;
        };
        // Longer salts are left alone: the next Werkzeug writes 22 characters, and two programs that share a table must not
        // keep rewriting each other's hashes.
        !stored.starts_with(&self.recipe.prefix())
            || hash.salt.len() < SALT_BYTES
            || hash.key.len() < self.recipe.key_bytes()
    }

    fn check_length(&self, password: &str) -> Result<(), Error> {
        if password.len() <= self.max_password_bytes {
            return Ok(());
        }
        let message = format!(
            "the password has {} bytes; the limit is {}",
            password.len(),
            self.max_password_bytes
        );
        Err(Error::new(ErrorKind::PasswordTooLong, message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::password::tests::cheap;
    use futures_lite::future::block_on;

    fn each_format() -> [Passwords; 3] {
        [
            cheap(),
            Passwords::new().werkzeug_scrypt(),
            Passwords::new().werkzeug_pbkdf2_sha256(1000).unwrap(),
        ]
    }

    #[test]
    fn what_is_written_verifies_and_needs_no_rehash() {
        for passwords in each_format() {
            let stored = passwords.hash_blocking("pässwörd").unwrap();
            assert!(
                passwords
                    .verify_blocking("pässwörd", Some(&stored))
                    .unwrap()
            );
            assert!(
                !passwords
                    .verify_blocking("passwörd", Some(&stored))
                    .unwrap()
            );
            assert!(!passwords.needs_rehash(&stored), "{stored}");
        }
    }

    #[test]
    fn every_format_is_written_as_its_readers_expect() {
        for (passwords, prefix, length) in [
            (Passwords::new(), "$argon2id$v=19$m=19456,t=2,p=1$", 97),
            (Passwords::new().werkzeug_scrypt(), "scrypt:32768:8:1$", 162),
            (
                Passwords::new().werkzeug_pbkdf2_sha256(1000).unwrap(),
                "pbkdf2:sha256:1000$",
                100,
            ),
        ] {
            let stored = passwords.hash_blocking("x").unwrap();
            assert!(stored.starts_with(prefix), "{stored}");
            assert_eq!(stored.len(), length, "{stored}");
        }
    }

    #[test]
    fn the_same_password_is_never_stored_the_same_way_twice() {
        for passwords in each_format() {
            let once = passwords.hash_blocking("x").unwrap();
            assert_ne!(once, passwords.hash_blocking("x").unwrap());
        }
    }

    #[test]
    fn anything_but_the_present_recipe_needs_a_rehash() {
        let salt_and_key = "c2FsdFNBTFRzYWx0MTIzNA$U70+Ot90xs0dX5a9jXyH/zfGQC8EpVsg8UsWVkbjzfY";
        let argon2id = |costs: &str| format!("$argon2id${costs}${salt_and_key}");
        let passwords = Passwords::new().argon2id(64, 2, 1).unwrap();
        assert!(!passwords.needs_rehash(&argon2id("v=19$m=64,t=2,p=1")));
        for other in [
            argon2id("v=19$m=32,t=2,p=1"),
            argon2id("v=19$m=128,t=2,p=1"),
            argon2id("v=19$m=64,t=1,p=1"),
            argon2id("v=19$m=64,t=2,p=2"),
            argon2id("v=16$m=64,t=2,p=1"),
            argon2id("m=64,t=2,p=1"),
            argon2id("v=19$m=4294967295,t=2,p=1"),
            "$argon2id$v=19$m=64,t=2,p=1$c2FsdFNBTFQ$U70+Ot90xs0dX5a9jXyH/zfGQC8EpVsg8UsWVkbjzfY"
                .into(),
            "$argon2id$v=19$m=64,t=2,p=1$c2FsdFNBTFRzYWx0MTIzNA$jq6qWoXyVcxrg8bmHaaGLg".into(),
            "pbkdf2:sha1:1000$saltSALTsalt1234$45050ba300b157881b94559d3702661547e68da4".into(),
            "sha256$salt$ec2c3d7e81fdfccd115b28abc1eb17a073c178877f91936dd79695e621f6c561".into(),
            "!".into(),
            String::new(),
        ] {
            assert!(passwords.needs_rehash(&other), "{other}");
        }
    }

    #[test]
    fn a_hash_that_leaves_its_parameters_to_the_reader_needs_a_rehash() {
        let passwords = Passwords::new().werkzeug_scrypt();
        let rest = format!("$saltSALTsalt1234${}", "0".repeat(128));
        assert!(!passwords.needs_rehash(&format!("scrypt:32768:8:1{rest}")));
        assert!(passwords.needs_rehash(&format!("scrypt{rest}")));
    }

    #[test]
    fn the_salts_of_another_werkzeug_are_left_alone_unless_they_are_shorter() {
        let passwords = Passwords::new().werkzeug_scrypt();
        let stored = |salt: &str| format!("scrypt:32768:8:1${salt}${}", "0".repeat(128));
        assert!(!passwords.needs_rehash(&stored("Tm90LXZlcnktc2VjcmV0_-")));
        assert!(passwords.needs_rehash(&stored("saltSALT")));
    }

    #[test]
    fn a_password_above_the_limit_is_refused_and_one_at_the_limit_is_not() {
        let passwords = cheap().max_password_bytes(8);
        assert!(passwords.hash_blocking("12345678").is_ok());
        for refused in [
            passwords.hash_blocking("123456789"),
            passwords.hash_blocking("佐藤佐"), // three characters, nine bytes
            block_on(passwords.hash("123456789")),
        ] {
            let error = refused.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::PasswordTooLong);
            assert!(!error.to_string().contains("123456789"));
        }
    }

    #[test]
    fn an_empty_password_is_the_applications_affair() {
        let stored = cheap().hash_blocking("").unwrap();
        assert!(cheap().verify_blocking("", Some(&stored)).unwrap());
        assert!(!cheap().verify_blocking(" ", Some(&stored)).unwrap());
    }
}
