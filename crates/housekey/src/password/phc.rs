//! What begins with `$`: PHC strings of argon2id, scrypt and PBKDF2, passlib's spelling of the last, and bcrypt.
//!
//! - `$pbkdf2-sha256$i=600000,l=32$salt$key` is RustCrypto's, and so password-auth's; `$pbkdf2-sha256$600000$salt$key` passlib's,
//!   with `.` for base64's `+`. Also with `sha512`, and passlib's `$pbkdf2$` with SHA-1.
//! - `$scrypt$ln=17,r=8,p=1$salt$key` is the same at both.
//!
//! The strings are read here and not by a crate, because every number in them must be bounded before it is used.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::recipe::Recipe;
use super::text::{Parts, Unreadable, number};
use super::werkzeug::{Digest, Pbkdf2, Scrypt};
use super::{argon2id, bcrypt};

/// Reads a stored text that begins with `$`.
pub(super) fn parse(text: &str) -> Result<Parts<Recipe>, Unreadable> {
    let fields: Vec<&str> = text.splitn(7, '$').collect();
    let (cost, salt, key) = match fields[..] {
        ["", "argon2id", ..] => return argon2id::parse(text).map(Parts::of_recipe),
        ["", "2a" | "2b" | "2y", ..] => return bcrypt::parse(text).map(Parts::of_recipe),
        ["", "scrypt", costs, salt, key] => (scrypt(costs)?.into(), base64(salt)?, base64(key)?),
        ["", name, costs, salt, key] => {
            let digest = digest_of(name).ok_or(Unreadable::UnknownFormat)?;
            let (cost, length) = pbkdf2(digest, costs)?;
            let (salt, key) = match length {
                Some(_) => (base64(salt)?, base64(key)?),
                None => (passlib_base64(salt)?, passlib_base64(key)?),
            };
            if length.is_some_and(|length| length != key.len() as u64) {
                return Err(Unreadable::UnknownFormat);
            }
            (cost.into(), salt, key)
        }
        _ => return Err(Unreadable::UnknownFormat),
    };
    if !(8..=64).contains(&salt.len()) || !(12..=64).contains(&key.len()) {
        let (salt, key) = (salt.len(), key.len());
        return Err(Unreadable::OutOfBounds(format!(
            "the hash's salt has {salt} bytes and its key {key}; they may have 8 to 64 and 12 to 64"
        )));
    }
    Ok(Parts { cost, salt, key })
}

fn digest_of(name: &str) -> Option<Digest> {
    Some(match name {
        "pbkdf2" => Digest::Sha1,
        "pbkdf2-sha256" => Digest::Sha256,
        "pbkdf2-sha512" => Digest::Sha512,
        _ => return None,
    })
}

/// The cost, and in RustCrypto's spelling the key's length.
fn pbkdf2(digest: Digest, costs: &str) -> Result<(Pbkdf2, Option<u64>), Unreadable> {
    let (iterations, length) = match costs.strip_prefix("i=").map(|it| it.split_once(",l=")) {
        Some(Some((iterations, length))) => (iterations, Some(number(length)?)),
        Some(None) => return Err(Unreadable::UnknownFormat),
        None => (costs, None),
    };
    let cost = Pbkdf2::bounded(digest, number(iterations)?);
    Ok((cost.map_err(Unreadable::OutOfBounds)?, length))
}

fn scrypt(costs: &str) -> Result<Scrypt, Unreadable> {
    let fields: Vec<&str> = costs.splitn(4, ',').collect();
    let [log_n, r, p] = fields[..] else {
        return Err(Unreadable::UnknownFormat);
    };
    let value = |field: &str, name: &str| {
        let digits = field.strip_prefix(name).ok_or(Unreadable::UnknownFormat)?;
        number(digits)
    };
    let n = u32::try_from(value(log_n, "ln=")?).unwrap_or(u32::MAX);
    let n = 1_u64.checked_shl(n).unwrap_or(u64::MAX);
    Scrypt::bounded(n, value(r, "r=")?, value(p, "p=")?).map_err(Unreadable::OutOfBounds)
}

fn base64(text: &str) -> Result<Vec<u8>, Unreadable> {
    STANDARD_NO_PAD
        .decode(text)
        .map_err(|_| Unreadable::UnknownFormat)
}

/// With `.` in place of `+`.
fn passlib_base64(text: &str) -> Result<Vec<u8>, Unreadable> {
    match text.contains('+') {
        true => Err(Unreadable::UnknownFormat),
        false => base64(&text.replace('.', "+")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::password::stored::StoredHash;

    const SALT: &str = "c2FsdFNBTFRzYWx0MTIzNA";
    const KEY: &str = "q1GGoIhUljmCRvT1fQCd7CoGLvFCkhZ4qEVWFj4wzfc";

    #[test]
    fn hashes_of_password_auth_and_passlib_verify() {
        for (password, stored) in [
            // RustCrypto's pbkdf2 0.12 and scrypt 0.11, read by password-auth 1.0.
            (
                "correct horse",
                "$pbkdf2-sha256$i=1000,l=32$c2FsdFNBTFRzYWx0MTIzNA$q1GGoIhUljmCRvT1fQCd7CoGLvFCkhZ4qEVWFj4wzfc",
            ),
            (
                "correct horse",
                "$pbkdf2-sha512$i=1000,l=32$c2FsdFNBTFRzYWx0MTIzNA$CgmpIMyCcvwsgY2ixRaPpI/xvlnzahxt+YfpysLub/4",
            ),
            (
                "correct horse",
                "$scrypt$ln=4,r=8,p=1$c2FsdFNBTFRzYWx0MTIzNA$g16aeahKCEHCaAp07xR+1sOYJ0TkYNHXb2tDaun0rxg",
            ),
            // passlib 1.7.4, which writes the same text for scrypt.
            (
                "correct horse",
                "$pbkdf2-sha256$100$c2FsdFNBTFRzYWx0MTIzNA$y7sg.TPdImkrsyr7Ax5q2xCsWIJgWtxcXRdAjJVZgfU",
            ),
            (
                "pässwörd佐藤😀",
                "$pbkdf2-sha512$50$c2FsdFNBTFRzYWx0MTIzNA$vUeWEXtsK7j0okQEEzps./2Psrz2mZ8WUuwwNNlSYHhCfGcCqg56UhQhZuQrNPw80YXZNqxUmp.g7CrH0tOe2w",
            ),
            (
                "correct horse",
                "$pbkdf2$50$c2FsdFNBTFRzYWx0MTIzNA$awayOu1jpbxajvP6PAdXGmdwMs4",
            ),
        ] {
            let verifies = |password| {
                let hash = StoredHash::parse(stored).unwrap();
                bool::from(hash.matches(password).unwrap())
            };
            assert!(verifies(password), "{stored}");
            assert!(!verifies("correct hors"), "{stored}");
        }
    }

    #[test]
    fn parameters_out_of_bounds_are_named() {
        for (stored, word) in [
            (
                format!("$pbkdf2-sha256$i=0,l=32${SALT}${KEY}"),
                "iterations",
            ),
            (
                format!("$pbkdf2-sha256$i=10000001,l=32${SALT}${KEY}"),
                "iterations",
            ),
            (
                format!("$pbkdf2-sha256$99999999999999999999999${SALT}${KEY}"),
                "iterations",
            ),
            (format!("$scrypt$ln=0,r=8,p=1${SALT}${KEY}"), "N"),
            (format!("$scrypt$ln=22,r=8,p=1${SALT}${KEY}"), "MiB"),
            (format!("$scrypt$ln=64,r=8,p=1${SALT}${KEY}"), "N"),
            (format!("$scrypt$ln=99999999999,r=8,p=1${SALT}${KEY}"), "N"),
            (format!("$scrypt$ln=15,r=33,p=1${SALT}${KEY}"), "r is"),
            (format!("$scrypt$ln=15,r=8,p=17${SALT}${KEY}"), "p is"),
            (format!("$scrypt$ln=15,r=8,p=1${SALT}$AAAA"), "key"),
            (format!("$scrypt$ln=15,r=8,p=1$AAAA${KEY}"), "salt"),
        ] {
            match StoredHash::parse(&stored) {
                Err(Unreadable::OutOfBounds(why)) => assert!(why.contains(word), "{stored}: {why}"),
                other => panic!("{stored}: {:?}", other.err()),
            }
        }
    }

    #[test]
    fn every_other_spelling_is_an_unknown_format() {
        for stored in [
            format!("$pbkdf2-sha256$i=1000${SALT}${KEY}"),
            format!("$pbkdf2-sha256$l=32,i=1000${SALT}${KEY}"),
            format!("$pbkdf2-sha256$i=1000,l=31${SALT}${KEY}"),
            format!("$pbkdf2-sha256$i=1000,l=32${SALT}${KEY}="),
            format!("$pbkdf2-sha256$i=1000,l=32${SALT}${KEY}$"),
            format!("$pbkdf2-sha3$i=1000,l=32${SALT}${KEY}"),
            format!("$pbkdf2-sha256$1000${SALT}$y7sg+TPdImkrsyr7Ax5q2xCsWIJgWtxcXRdAjJVZgfU"),
            format!("$scrypt$ln=4,r=8${SALT}${KEY}"),
            format!("$scrypt$r=8,ln=4,p=1${SALT}${KEY}"),
            format!("$scrypt$ln=+4,r=8,p=1${SALT}${KEY}"),
            format!("$scrypt$ln=4,r=8,p=1,x=1${SALT}${KEY}"),
            "$1$salt$hash".to_owned(),
            "$".to_owned(),
        ] {
            let parsed = StoredHash::parse(&stored);
            assert_eq!(parsed.err(), Some(Unreadable::UnknownFormat), "{stored}");
        }
    }
}
