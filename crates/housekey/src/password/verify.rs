//! Reading: is this the password? One verification's work in every branch.

use subtle::Choice;
use zeroize::Zeroizing;

use super::Passwords;
use super::stored::StoredHash;
use super::text::Unreadable;
use crate::error::{Error, ErrorKind};

impl Passwords {
    /// Whether `password` is the one that `stored` was made from. `None`: there is no such user, and the answer is `false`.
    ///
    /// Every call does the work of one new hash: against `stored`, and as much beside it as that is cheaper; or
    /// against a dummy with the parameters that new hashes get when there is no user, no password (`Some("")`,
    /// `Some("!")`) or no known format. So look the user
    /// up, verify whatever came of it, and only then ask whether the account is locked:
    ///
    /// ```
    /// use housekey::password::Passwords;
    /// # use std::collections::HashMap;
    /// struct Member { password_hash: Option<String>, locked: bool }
    ///
    /// async fn authenticate<'a>(
    ///     passwords: &Passwords, members: &'a HashMap<String, Member>, name: &str, password: &str,
    /// ) -> Result<Option<&'a Member>, housekey::Error> {
    ///     let member = members.get(name);
    ///     let stored = member.and_then(|member| member.password_hash.as_deref());
    ///     let right = passwords.verify(password, stored).await?;
    ///     Ok(member.filter(|member| right && !member.locked))
    /// }
    /// # fn main() -> Result<(), housekey::Error> {
    /// # let members = HashMap::from([("ada".to_owned(), Member { password_hash: None, locked: false })]);
    /// # assert!(futures_lite::future::block_on(authenticate(&Passwords::new(), &members, "ada", "x"))?.is_none());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// The one exception is a password above [`max_password_bytes`](Passwords::max_password_bytes): `false` at once, for
    /// every name alike, before `stored` is looked at.
    ///
    /// It waits for a place (see [`max_concurrent`](Passwords::max_concurrent)) and then takes tens of milliseconds on a
    /// thread of its own. Dropping the future while it waits gives the place up; dropping it later does not stop the
    /// thread. Hashes that are [dearer than new ones](crate::password#what-this-does-not-protect-against) still tell their
    /// users apart by time.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Busy`], at once and for every name alike, when as many wait as [may](Passwords::max_waiting): whether the
    /// password is right is not known, so answer "try again in a little while" and not "wrong password".
    ///
    /// [`ErrorKind::Password`], after the same work, when `stored` is in a known format with parameters above the
    /// [limits](crate::password#what-is-read), or when memory is short. No input of a client can cause it: it is the
    /// application's own data, the password may well be the right one, and answering `false` would hide from the
    /// application that this user can never log in. [`check_stored`](Passwords::check_stored) finds such users beforehand.
    pub async fn verify(&self, password: &str, stored: Option<&str>) -> Result<bool, Error> {
        if self.is_too_long(password) {
            return Ok(false);
        }
        let place = self.workers.place().await?;
        // Not before: many may wait.
        let (this, password) = (self.clone(), Zeroizing::new(password.to_owned()));
        let stored = stored.map(str::to_owned);
        place
            .run(move || this.verify_blocking(&password, stored.as_deref()))
            .await
    }

    /// [`verify`](Passwords::verify) on the caller's own thread, at once: for scripts, not for request handlers.
    ///
    /// # Errors
    ///
    /// As [`verify`](Passwords::verify).
    pub fn verify_blocking(&self, password: &str, stored: Option<&str>) -> Result<bool, Error> {
        if self.is_too_long(password) {
            return Ok(false);
        }
        let parsed = stored.map(StoredHash::parse);
        let dummy = StoredHash::dummy(self.recipe);
        let (target, real) = match &parsed {
            Some(Ok(hash)) => (hash, Choice::from(1)),
            Some(Err(_)) | None => (&dummy, Choice::from(0)),
        };
        // `Choice` keeps the compiler from leaving the work out where its result cannot matter.
        let right = target.matches(password)? & real;
        // Also when the password is right, so that a locked account takes as long as a wrong password.
        if let Some(missing) = self.recipe.missing_beside(target.recipe) {
            let _ = StoredHash::dummy(missing).matches(password)?;
        }
        match parsed {
            Some(Err(Unreadable::OutOfBounds(why))) => Err(out_of_bounds(&why)),
            _ => Ok(right.into()),
        }
    }

    /// Whether [`verify`](Passwords::verify) could ever answer `true` to this stored hash, without doing any work: for a
    /// look over the users table before a move from Flask, and for a user who says that the right password is refused.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Password`], saying why nobody can log in with it: an unknown format, or parameters outside the limits.
    ///
    /// ```
    /// use housekey::password::Passwords;
    ///
    /// let passwords = Passwords::new();
    /// assert!(passwords.check_stored("sha256$salt$5e884898da28047151d0e56f8dc629").is_err());
    /// assert!(passwords.check_stored("scrypt:1073741824:8:1$saltSALTsalt1234$00").is_err());
    /// ```
    pub fn check_stored(&self, stored: &str) -> Result<(), Error> {
        match StoredHash::parse(stored) {
            Ok(_) => Ok(()),
            Err(Unreadable::OutOfBounds(why)) => Err(out_of_bounds(&why)),
            Err(Unreadable::UnknownFormat) => Err(Error::new(
                ErrorKind::Password,
                "a stored password hash is in no format that is read here (argon2id, scrypt and pbkdf2 as PHC \
                 strings, bcrypt, Werkzeug's scrypt and pbkdf2; not what Werkzeug 3 removed): nobody can log in with it. Let this user set a new password",
            )),
        }
    }

    fn is_too_long(&self, password: &str) -> bool {
        password.len() > self.max_password_bytes
    }
}

fn out_of_bounds(why: &str) -> Error {
    let message = format!(
        "a stored password hash cannot be verified: {why}. Let this user set a new password, hashed at a lower cost"
    );
    Error::new(ErrorKind::Password, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::password::recipe::tests::derived_during;
    use crate::password::tests::cheap;
    use futures_lite::future::block_on;
    use proptest::prelude::*;

    const OLD: &str = "pbkdf2:sha256:1000$saltSALTsalt1234$ab5186a0885496398246f4f57d009dec2a062ef142921678a84556163e30cdf7";
    const TOO_COSTLY: &str = "$argon2id$v=19$m=4294967295,t=4294967295,p=1$c2FsdFNBTFRzYWx0MTIzNA$jq6qWoXyVcxrg8bmHaaGLg";

    #[test]
    fn every_branch_does_exactly_one_verification_of_the_present_cost() {
        let passwords = cheap();
        let stored = passwords.hash_blocking("right").unwrap();
        for (password, stored) in [
            ("right", Some(stored.as_str())),
            ("wrong", Some(&stored)),
            ("", Some(&stored)),
            ("right", None),
            ("", None),
            ("right", Some("")),
            ("right", Some("!")),
            ("right", Some("plain$$right")),
            ("right", Some("$argon2id$v=19$m=8,t=1,p=1$$")),
            ("right", Some(TOO_COSTLY)),
        ] {
            let (_, derived) = derived_during(|| passwords.verify_blocking(password, stored));
            assert_eq!(derived, [passwords.recipe], "{password:?} {stored:?}");
        }
    }

    #[test]
    fn a_hash_that_is_cheaper_than_new_ones_costs_what_an_unknown_name_costs() {
        let passwords = Passwords::new().argon2id(4096, 2, 1).unwrap();
        let cheap = cheap().hash_blocking("right").unwrap();
        for (password, stored) in [("right", &*cheap), ("wrong", &cheap), ("wrong", OLD)] {
            let (right, derived) =
                derived_during(|| passwords.verify_blocking(password, Some(stored)));
            assert_eq!(right.unwrap(), password == "right");
            let work: u64 = derived.iter().map(|recipe| recipe.work()).sum();
            let ratio = work as f64 / passwords.recipe.work() as f64;
            assert_eq!(derived.len(), 2, "{password}, {stored}");
            assert!(
                (0.97..1.03).contains(&ratio),
                "{password}, {stored}: {ratio}"
            );
        }
    }

    #[test]
    fn a_hash_that_is_dearer_than_new_ones_is_verified_once_and_at_its_own_cost() {
        let passwords = cheap();
        let (right, derived) =
            derived_during(|| passwords.verify_blocking("correct horse", Some(OLD)));
        assert!(right.unwrap());
        assert_eq!(derived.len(), 1);
        assert_ne!(derived, [passwords.recipe]);
    }

    #[test]
    fn a_password_above_the_limit_costs_nothing_and_is_wrong_for_everyone() {
        let passwords = cheap().max_password_bytes(8);
        for stored in [None, Some(OLD), Some("!"), Some(TOO_COSTLY)] {
            let (right, derived) =
                derived_during(|| passwords.verify_blocking("123456789", stored));
            assert!(!right.unwrap());
            assert!(derived.is_empty());
            assert!(!block_on(passwords.verify("123456789", stored)).unwrap());
        }
        let mebibyte = "x".repeat(1024 * 1024);
        assert!(
            !Passwords::new()
                .verify_blocking(&mebibyte, Some(OLD))
                .unwrap()
        );
    }

    #[test]
    fn the_dummys_own_key_and_salt_open_nothing() {
        let passwords = cheap();
        let forged = "$argon2id$v=19$m=8,t=1,p=1$MDAwMDAwMDAwMDAwMDAwMA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        assert!(passwords.check_stored(forged).is_ok());
        for password in ["", "0", "\0"] {
            assert!(!passwords.verify_blocking(password, Some(forged)).unwrap());
            assert!(!passwords.verify_blocking(password, None).unwrap());
        }
    }

    #[test]
    fn a_stored_hash_out_of_bounds_is_an_error_that_says_what_to_do() {
        let passwords = cheap();
        for error in [
            passwords
                .verify_blocking("x", Some(TOO_COSTLY))
                .unwrap_err(),
            block_on(passwords.verify("x", Some(TOO_COSTLY))).unwrap_err(),
            passwords.check_stored(TOO_COSTLY).unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::Password);
            let text = error.to_string();
            assert!(text.contains("memory is 4294967295 KiB"), "{text}");
            assert!(text.contains("set a new password"), "{text}");
        }
    }

    #[test]
    fn a_stored_hash_in_no_known_format_is_wrong_and_check_stored_says_why() {
        let passwords = cheap();
        for stored in [
            "",
            "!",
            "None",
            "plain$$x",
            "sha256$salt$00",
            "$2b$12$R9h/cIPz0gi",
        ] {
            assert!(!passwords.verify_blocking("x", Some(stored)).unwrap());
            let error = passwords.check_stored(stored).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Password);
        }
        assert!(passwords.check_stored(OLD).is_ok());
    }

    #[test]
    fn passwords_are_compared_to_their_last_byte() {
        let long = "x".repeat(72);
        for passwords in [cheap(), Passwords::new().werkzeug_pbkdf2_sha256(1).unwrap()] {
            for (password, other) in [
                (format!("{long}a"), format!("{long}b")),
                (format!("{long}a"), long.clone()),
                ("before\0after".to_owned(), "before\0other".to_owned()),
                ("before\0after".to_owned(), "before".to_owned()),
                ("Password".to_owned(), "password".to_owned()),
                ("password ".to_owned(), "password".to_owned()),
                ("\u{e9}".to_owned(), "e\u{301}".to_owned()), // é, composed and not
            ] {
                let stored = passwords.hash_blocking(&password).unwrap();
                assert!(passwords.verify_blocking(&password, Some(&stored)).unwrap());
                assert!(!passwords.verify_blocking(&other, Some(&stored)).unwrap());
            }
        }
    }

    #[test]
    fn argon2id_tells_a_nul_at_the_end_as_well() {
        let stored = cheap().hash_blocking("x").unwrap();
        assert!(!cheap().verify_blocking("x\0", Some(&stored)).unwrap());
    }

    #[test]
    fn the_async_way_gives_the_same_answers() {
        block_on(async {
            let passwords = cheap();
            let stored = passwords.hash("right").await.unwrap();
            assert!(passwords.verify("right", Some(&stored)).await.unwrap());
            assert!(!passwords.verify("wrong", Some(&stored)).await.unwrap());
            assert!(!passwords.verify("right", None).await.unwrap());
        });
    }

    proptest! {
        #[test]
        fn no_stored_text_and_no_password_panics_or_matches(password in ".*", stored in ".*") {
            prop_assert!(!cheap().verify_blocking(&password, Some(&stored)).unwrap_or(false));
        }
    }
}
