//! Right and wrong passwords, and hashes that have grown old.

use crate::Passwords;

const BCRYPT: &str = "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW";

/// The cheapest possible.
fn cheap() -> Passwords {
    Passwords::new().argon2id(8, 1, 1).unwrap()
}

fn is_right(password: &str, stored: Option<&str>) -> bool {
    cheap().verify_blocking(password, stored).unwrap()
}

pub(in super::super) fn only_the_very_password_is_right() {
    let stored = cheap().hash_blocking("Correct Horse").unwrap();
    assert!(is_right("Correct Horse", Some(&stored)));
    for password in [
        "correct horse",
        "CORRECT HORSE",
        "Correct Horse ",
        "",
        &stored,
    ] {
        assert!(!is_right(password, Some(&stored)), "{password}");
    }
}

/// The tests of the hashing itself show how long it takes.
pub(in super::super) fn nobody_and_no_password_is_never_right() {
    for stored in [None, Some(""), Some("!"), Some("!x7Qm"), Some(BCRYPT)] {
        for password in ["", "!", "!x7Qm", "any", BCRYPT] {
            assert!(!is_right(password, stored), "{password} {stored:?}");
        }
    }
}

pub(in super::super) fn an_old_hash_is_made_new_by_the_right_password_alone() {
    let old = Passwords::new().werkzeug_pbkdf2_sha256(1).unwrap();
    let cheaper = Passwords::new().argon2id(16, 1, 1).unwrap();
    let now = Passwords::new().argon2id(8, 2, 1).unwrap();
    for old in [old, cheaper, cheap()] {
        let mut stored = old.hash_blocking("right").unwrap();
        for (password, made_new) in [("wrong", false), ("right", true), ("right", false)] {
            let is_right = now.verify_blocking(password, Some(&stored)).unwrap();
            assert_eq!(is_right, password == "right");
            let renews = is_right && now.needs_rehash(&stored);
            assert_eq!(renews, made_new, "{stored}");
            if renews {
                stored = now.hash_blocking(password).unwrap();
            }
        }
    }
}

/// Django raises at the login. Here the password is wrong, at the cost of a right one, and a
/// check of the table beforehand reports it.
pub(in super::super) fn a_hash_that_nobody_can_read_is_found_beforehand() {
    for stored in ["$1$salt$hash", "lolcat$salt$hash", "plain$$right", "!"] {
        assert!(!is_right("right", Some(stored)));
        assert!(cheap().check_stored(stored).is_err(), "{stored}");
    }
    let stored = cheap().hash_blocking("right").unwrap();
    assert!(cheap().check_stored(&stored).is_ok());
}

/// A table of bcrypt hashes becomes argon2id once everybody has logged in.
pub(in super::super) fn a_bcrypt_hash_is_right_and_is_to_be_replaced() {
    let stored = "$2b$04$r192effzYBrhZVaudN.TQ.zLQv/kUBKWdjNLnIOthyn8JUvSl70SC";
    let passwords = cheap();
    assert!(passwords.check_stored(stored).is_ok());
    assert!(!is_right("wrong", Some(stored)));
    assert!(is_right("correct horse", Some(stored)));
    assert!(passwords.needs_rehash(stored));
    let new = passwords.hash_blocking("correct horse").unwrap();
    assert!(new.starts_with("$argon2id$"), "{new}");
    assert!(!passwords.needs_rehash(&new));
}
