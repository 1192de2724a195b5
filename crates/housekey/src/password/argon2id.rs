//! Argon2id (RFC 9106) and its PHC string, `$argon2id$v=19$m=19456,t=2,p=1$salt$key`.
//!
//! The string is read here and not by a crate, because every number in it must be bounded before it is used.

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::text::{Parts, Unreadable, number};
use crate::error::{Error, ErrorKind};

/// 2 GiB: RFC 9106's own first recommendation, the largest that is in use.
const MAX_MEMORY_KIB: u64 = 2 * 1024 * 1024;
const MAX_ITERATIONS: u64 = 64;
const MAX_PARALLELISM: u64 = 64;
/// Memory times passes is the work to be done: 4 GiB are a few seconds.
const MAX_WORK_KIB: u64 = 4 * 1024 * 1024;

const NANOSECONDS_PER_KIB: u64 = 700;

/// The cost of one argon2id hash, within the limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Argon2id {
    memory_kib: u32,
    iterations: u32,
    parallelism: u32,
    version: Version,
}

impl Argon2id {
    pub(super) const KEY_BYTES: usize = 32;

    /// OWASP's first choice; also the default of the `argon2` crate.
    pub(super) const OWASP: Self = Argon2id {
        memory_kib: 19456,
        iterations: 2,
        parallelism: 1,
        version: Version::V0x13,
    };

    pub(super) fn new(memory_kib: u32, iterations: u32, parallelism: u32) -> Result<Self, String> {
        let numbers = [memory_kib, iterations, parallelism].map(u64::from);
        Self::bounded(numbers, Version::V0x13)
    }

    /// The one place that makes a cost from numbers; the message says which of them is out of bounds.
    fn bounded(numbers: [u64; 3], version: Version) -> Result<Self, String> {
        let [memory, iterations, parallelism] = numbers;
        if !(1..=MAX_PARALLELISM).contains(&parallelism) {
            return Err(format!(
                "argon2id's parallelism is {parallelism}; it may be 1 to {MAX_PARALLELISM}"
            ));
        }
        let least = 8 * parallelism;
        if !(least..=MAX_MEMORY_KIB).contains(&memory) {
            return Err(format!(
                "argon2id's memory is {memory} KiB; with this parallelism it may be {least} to {MAX_MEMORY_KIB}"
            ));
        }
        if !(1..=MAX_ITERATIONS).contains(&iterations) {
            return Err(format!(
                "argon2id's iterations are {iterations}; they may be 1 to {MAX_ITERATIONS}"
            ));
        }
        if memory * iterations > MAX_WORK_KIB {
            return Err(format!(
                "argon2id's memory times iterations is {memory} KiB times {iterations}; it may be up to {MAX_WORK_KIB}"
            ));
        }
        Ok(Argon2id {
            memory_kib: memory as u32,
            iterations: iterations as u32,
            parallelism: parallelism as u32,
            version,
        })
    }

    pub(super) fn derive(&self, password: &[u8], salt: &[u8], key: &mut [u8]) -> Result<(), Error> {
        Params::new(
            self.memory_kib,
            self.iterations,
            self.parallelism,
            Some(key.len()),
        )
        .and_then(|params| {
            Argon2::new(Algorithm::Argon2id, self.version, params)
                .hash_password_into(password, salt, key)
        })
        .map_err(|error| {
            let message = format!(
                "argon2id with {} KiB of memory failed: {error}. If memory is short, lower max_concurrent or argon2id's memory",
                self.memory_kib
            );
            Error::new(ErrorKind::Password, message)
        })
    }

    /// See [`work`](super::recipe::Recipe::work): each KiB, in each pass.
    pub(super) fn work(&self) -> u64 {
        u64::from(self.memory_kib) * u64::from(self.iterations) * NANOSECONDS_PER_KIB
    }

    /// So much work, in no more memory than this has. `None` for less than argon2 can do.
    pub(super) fn of_work(&self, work: u64) -> Option<Self> {
        let kib = work / NANOSECONDS_PER_KIB;
        let passes = kib.div_ceil(u64::from(self.memory_kib).max(1)).max(1);
        Self::bounded([kib / passes, passes, 1], Version::V0x13).ok()
    }

    pub(super) fn prefix(&self) -> String {
        format!(
            "$argon2id$v={}$m={},t={},p={}$",
            u32::from(self.version),
            self.memory_kib,
            self.iterations,
            self.parallelism
        )
    }
}

/// Reads a PHC string of argon2id. Salts and keys are bounded as well: the PHC format's own limits, slightly widened.
pub(super) fn parse(text: &str) -> Result<Parts<Argon2id>, Unreadable> {
    let fields: Vec<&str> = text.splitn(7, '$').collect();
    let (version, costs, salt, key) = match fields[..] {
        ["", "argon2id", "v=19", costs, salt, key] => (Version::V0x13, costs, salt, key),
        ["", "argon2id", "v=16", costs, salt, key] => (Version::V0x10, costs, salt, key),
        // "If the version is missing, it is 16": strings written before argon2 1.3.
        ["", "argon2id", costs, salt, key] => (Version::V0x10, costs, salt, key),
        _ => return Err(Unreadable::UnknownFormat),
    };
    let salt = base64(salt)?;
    let key = base64(key)?;
    let cost = Argon2id::bounded(parse_costs(costs)?, version).map_err(Unreadable::OutOfBounds)?;
    if !(8..=64).contains(&salt.len()) || !(12..=64).contains(&key.len()) {
        let (salt, key) = (salt.len(), key.len());
        return Err(Unreadable::OutOfBounds(format!(
            "argon2id's salt has {salt} bytes and its key {key}; they may have 8 to 64 and 12 to 64"
        )));
    }
    Ok(Parts { cost, salt, key })
}

/// `m=…,t=…,p=…`, in the only order that the reference implementation writes.
fn parse_costs(text: &str) -> Result<[u64; 3], Unreadable> {
    let fields: Vec<&str> = text.splitn(4, ',').collect();
    let [memory, iterations, parallelism] = fields[..] else {
        return Err(Unreadable::UnknownFormat);
    };
    let value = |field: &str, name: &str| {
        let digits = field.strip_prefix(name).ok_or(Unreadable::UnknownFormat)?;
        number(digits)
    };
    Ok([
        value(memory, "m=")?,
        value(iterations, "t=")?,
        value(parallelism, "p=")?,
    ])
}

fn base64(text: &str) -> Result<Vec<u8>, Unreadable> {
    STANDARD_NO_PAD
        .decode(text)
        .map_err(|_| Unreadable::UnknownFormat)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::password::stored::StoredHash;

    fn verifies(stored: &str, password: &str) -> bool {
        StoredHash::parse(stored)
            .unwrap()
            .matches(password)
            .unwrap()
            .into()
    }

    #[test]
    fn hashes_of_the_reference_implementation_verify() {
        // Written by argon2-cffi, which is the reference implementation in C.
        for (password, stored) in [
            (
                "correct horse",
                "$argon2id$v=19$m=64,t=2,p=1$c2FsdFNBTFRzYWx0MTIzNA$U70+Ot90xs0dX5a9jXyH/zfGQC8EpVsg8UsWVkbjzfY",
            ),
            (
                "pässwörd佐藤😀",
                "$argon2id$v=19$m=8,t=1,p=1$c2FsdFNBTFRzYWx0MTIzNA$jq6qWoXyVcxrg8bmHaaGLg",
            ),
            (
                "",
                "$argon2id$v=19$m=32,t=3,p=2$c2FsdFNBTFRzYWx0MTIzNA$j589ksQw0KOhXQ1GI6zTAOx1mKHgVeZWVyC8Rlp46aY",
            ),
            (
                "correct horse",
                "$argon2id$v=16$m=64,t=2,p=1$c2FsdFNBTFRzYWx0MTIzNA$FAecdBUFpbHKefW2YVHVtBMk5mq0zfjeiuEgfxYyKJw",
            ),
            (
                "correct horse",
                "$argon2id$m=64,t=2,p=1$c2FsdFNBTFRzYWx0MTIzNA$FAecdBUFpbHKefW2YVHVtBMk5mq0zfjeiuEgfxYyKJw",
            ),
        ] {
            assert!(verifies(stored, password), "{stored}");
            assert!(!verifies(stored, "correct hors"), "{stored}");
        }
    }

    #[test]
    fn the_dearest_parameters_in_use_are_within_the_limits() {
        for (memory, iterations, parallelism) in [
            (2 * 1024 * 1024, 1, 4), // RFC 9106, first recommendation
            (64 * 1024, 3, 4),       // RFC 9106, second; argon2-cffi's default
            (102_400, 2, 8),         // Django, argon2-cffi 16
            (1024 * 1024, 4, 1),     // libsodium's SENSITIVE
        ] {
            assert!(Argon2id::new(memory, iterations, parallelism).is_ok());
        }
    }

    #[test]
    fn parameters_out_of_bounds_are_named() {
        let salt_and_key = "c2FsdFNBTFRzYWx0MTIzNA$U70+Ot90xs0dX5a9jXyH/zfGQC8EpVsg8UsWVkbjzfY";
        for (costs, word) in [
            ("m=4294967295,t=1,p=1", "memory"),
            ("m=99999999999999999999999,t=1,p=1", "memory"),
            ("m=7,t=1,p=1", "memory"),
            ("m=15,t=1,p=2", "memory"),
            ("m=64,t=0,p=1", "iterations"),
            ("m=64,t=65,p=1", "iterations"),
            ("m=2097152,t=3,p=1", "memory times iterations"),
            ("m=64,t=1,p=0", "parallelism"),
            ("m=2097152,t=1,p=16777215", "parallelism"),
            ("m=64,t=1,p=18446744073709551615", "parallelism"),
        ] {
            let stored = format!("$argon2id$v=19${costs}${salt_and_key}");
            match StoredHash::parse(&stored) {
                Err(Unreadable::OutOfBounds(why)) => assert!(why.contains(word), "{why}"),
                other => panic!("{stored}: {:?}", other.err()),
            }
        }
    }

    #[test]
    fn salts_and_keys_out_of_bounds_are_refused() {
        let long = STANDARD_NO_PAD.encode([7; 65]);
        let (salt, key) = ("c2FsdFNBTFRzYWx0MTIzNA", "jq6qWoXyVcxrg8bmHaaGLg");
        for (salt, key) in [
            (salt, ""),
            (salt, "AAAA"),
            (salt, &long),
            ("", key),
            (&long, key),
        ] {
            let stored = format!("$argon2id$v=19$m=64,t=1,p=1${salt}${key}");
            assert!(
                matches!(StoredHash::parse(&stored), Err(Unreadable::OutOfBounds(_))),
                "{stored}"
            );
        }
    }

    #[test]
    fn every_other_spelling_is_an_unknown_format() {
        let rest = "$c2FsdFNBTFRzYWx0MTIzNA$jq6qWoXyVcxrg8bmHaaGLg";
        for stored in [
            format!("$argon2i$v=19$m=64,t=1,p=1{rest}"),
            format!("$argon2d$v=19$m=64,t=1,p=1{rest}"),
            format!("$argon2id$v=20$m=64,t=1,p=1{rest}"),
            format!("$argon2id$v=19$m=64,t=1{rest}"),
            format!("$argon2id$v=19$t=1,m=64,p=1{rest}"),
            format!("$argon2id$v=19$m=64,t=1,p=1,keyid=AAAA{rest}"),
            format!("$argon2id$v=19$m=64,t=1,p=+1{rest}"),
            format!("$argon2id$v=19$m=64,t=1,p=1{rest}=="),
            format!("$argon2id$v=19$m=64,t=1,p=1{rest}$"),
            // The same key, were it not for the bits after its last byte.
            "$argon2id$v=19$m=64,t=1,p=1$c2FsdFNBTFRzYWx0MTIzNA$jq6qWoXyVcxrg8bmHaaGLh".to_owned(),
            "$argon2id$v=19$m=64,t=1,p=1$c2FsdFNBTFRzYWx0MTIzNA".to_owned(),
            "$".to_owned(),
        ] {
            assert_eq!(
                StoredHash::parse(&stored).err(),
                Some(Unreadable::UnknownFormat),
                "{stored}"
            );
        }
    }
}
