//! bcrypt (`$2b$12$…`), which is read so that an older users table works, and never written.
//!
//! As every implementation does it, only the first 72 bytes of a password count, and a NUL is put behind a shorter one.

use base64::Engine as _;
use base64::alphabet::BCRYPT;
use base64::engine::{GeneralPurpose, general_purpose::NO_PAD};
use zeroize::Zeroizing;

use super::text::{Parts, Unreadable, number};

/// At 16 it is some seconds of work.
const COSTS: std::ops::RangeInclusive<u64> = 4..=16;
const PASSWORD_BYTES: usize = 72;
const SALT_BYTES: usize = 16;
/// Of the 24 that are computed, all write 23.
const KEY_BYTES: usize = 23;

const NANOSECONDS_PER_ROUND: u64 = 80_000;

/// The cost of one bcrypt hash, within the limits: 2 to the power of this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bcrypt(u32);

/// `$2b$cost$`, 22 characters of salt, 31 of the key, in bcrypt's own base64.
pub(super) fn parse(text: &str) -> Result<Parts<Bcrypt>, Unreadable> {
    let fields: Vec<&str> = text.splitn(5, '$').collect();
    let ["", "2a" | "2b" | "2y", cost, rest] = fields[..] else {
        return Err(Unreadable::UnknownFormat);
    };
    if cost.len() != 2 || !rest.is_ascii() || rest.len() != 53 {
        return Err(Unreadable::UnknownFormat);
    }
    let (salt, key) = rest.split_at(22);
    let (cost, salt, key) = (number(cost)?, decode(salt)?, decode(key)?);
    if !COSTS.contains(&cost) {
        return Err(Unreadable::OutOfBounds(format!(
            "bcrypt's cost is {cost}; it may be {} to {}",
            COSTS.start(),
            COSTS.end()
        )));
    }
    Ok(Parts {
        cost: Bcrypt(cost as u32),
        salt,
        key,
    })
}

/// Some programs leave other bits than zeros behind the last byte.
fn decode(text: &str) -> Result<Vec<u8>, Unreadable> {
    const ENGINE: GeneralPurpose =
        GeneralPurpose::new(&BCRYPT, NO_PAD.with_decode_allow_trailing_bits(true));
    ENGINE.decode(text).map_err(|_| Unreadable::UnknownFormat)
}

impl Bcrypt {
    pub(super) const KEY_BYTES: usize = KEY_BYTES;

    /// `key` gets as many bytes as it has room for, 23 at most.
    pub(super) fn derive(&self, password: &[u8], salt: &[u8], key: &mut [u8]) {
        let mut bytes = Zeroizing::new(Vec::with_capacity(password.len() + 1));
        bytes.extend_from_slice(password);
        bytes.push(0);
        bytes.truncate(PASSWORD_BYTES);
        let mut whole_salt = [0; SALT_BYTES];
        for (to, from) in whole_salt.iter_mut().zip(salt) {
            *to = *from;
        }
        let derived = Zeroizing::new(bcrypt::bcrypt(self.0, whole_salt, &bytes));
        for (to, from) in key.iter_mut().zip(&derived[..KEY_BYTES]) {
            *to = *from;
        }
    }

    pub(super) fn prefix(&self) -> String {
        format!("$2b${:02}$", self.0)
    }

    /// See [`work`](super::recipe::Recipe::work).
    pub(super) fn work(&self) -> u64 {
        NANOSECONDS_PER_ROUND << self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::password::stored::StoredHash;

    #[test]
    fn hashes_of_other_implementations_verify() {
        let long = "x".repeat(80);
        for (password, stored) in [
            // Python's bcrypt 4.0.
            (
                "correct horse",
                "$2b$04$r192effzYBrhZVaudN.TQ.zLQv/kUBKWdjNLnIOthyn8JUvSl70SC",
            ),
            (
                "pässwörd佐藤😀",
                "$2a$04$UXmUh7We37QIbU5FEdTQr.pOSrlllg3BM25Q1L2BQh/Eh0cgPczEy",
            ),
            (
                "",
                "$2b$04$KEnI5gdgdNnObjIyNt/sdOEVUVoCclk8hwlc9uL6KUomnqUySWwI6",
            ),
            (
                &long,
                "$2b$04$wPfbq.drFV8iiKMJZSnkY.vsmaGbS.OqigDYzi7xymEX63jfV.d/K",
            ),
            // PHP's name for the same.
            (
                "correct horse",
                "$2y$04$r192effzYBrhZVaudN.TQ.zLQv/kUBKWdjNLnIOthyn8JUvSl70SC",
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
    fn other_texts_are_unknown_and_other_costs_are_named() {
        let rest = "r192effzYBrhZVaudN.TQ.zLQv/kUBKWdjNLnIOthyn8JUvSl70SC";
        for stored in [
            format!("$2x$04${rest}"),
            format!("$2$04${rest}"),
            format!("$2b$4${rest}"),
            format!("$2b$+4${rest}"),
            format!("$2b$04${}", &rest[1..]),
            format!("$2b$04${rest}$"),
            format!("$2b$04${}", rest.replace("TQ.", "TQ+")),
            format!("$2b$04${}é", &rest[2..]),
        ] {
            let parsed = StoredHash::parse(&stored);
            assert_eq!(parsed.err(), Some(Unreadable::UnknownFormat), "{stored}");
        }
        for cost in ["00", "03", "17", "31", "99"] {
            match StoredHash::parse(&format!("$2b${cost}${rest}")) {
                Err(Unreadable::OutOfBounds(why)) => assert!(why.contains("cost"), "{why}"),
                other => panic!("{cost}: {:?}", other.err()),
            }
        }
    }
}
