//! Werkzeug's password hashes (`werkzeug.security`, 3.1): `method$salt$hex`.
//!
//! - `method` is `scrypt:N:r:p` or `pbkdf2:digest:iterations`; what is left out has Werkzeug's default.
//! - `salt` is used as its text's bytes. Its alphabet is not checked: Werkzeug's has changed.
//! - `hex` is lower-case, and as long as the method makes it: Werkzeug compares the whole text.

use pbkdf2::pbkdf2_hmac;

use super::text::{Parts, Unreadable, number};
use crate::error::{Error, ErrorKind};

const MIB: u64 = 1024 * 1024;
const MAX_SCRYPT_MEMORY: u64 = 256 * MIB;
/// With it the second buffer, 128 × r × p bytes, stays small as well.
const MAX_SCRYPT_R: u64 = 32;
const MAX_SCRYPT_P: u64 = 16;
const MAX_PBKDF2_ITERATIONS: u64 = 10_000_000;
/// Werkzeug 3.1's `DEFAULT_PBKDF2_ITERATIONS`: what a hash that names no number is verified with there, whatever it
/// was made with.
const DEFAULT_PBKDF2_ITERATIONS: u32 = 1_000_000;

const NANOSECONDS_PER_SCRYPT_BLOCK: u64 = 250;

/// What a hash's `method` says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Method {
    Scrypt(Scrypt),
    Pbkdf2(Pbkdf2),
}

/// Reads either format.
pub(super) fn parse(text: &str) -> Result<Parts<Method>, Unreadable> {
    let (method, rest) = text.split_once('$').ok_or(Unreadable::UnknownFormat)?;
    let (salt, hex) = rest.split_once('$').ok_or(Unreadable::UnknownFormat)?;
    let cost = parse_method(method)?;
    let length = match cost {
        Method::Scrypt(_) => Scrypt::KEY_BYTES,
        Method::Pbkdf2(pbkdf2) => pbkdf2.key_bytes(),
    };
    let key = lower_hex(hex, length).ok_or(Unreadable::UnknownFormat)?;
    Ok(Parts {
        cost,
        salt: salt.as_bytes().to_vec(),
        key,
    })
}

fn parse_method(method: &str) -> Result<Method, Unreadable> {
    let fields: Vec<&str> = method.splitn(5, ':').collect();
    match fields[..] {
        ["scrypt"] => Ok(Method::Scrypt(Scrypt::WERKZEUG)),
        ["scrypt", n, r, p] => Scrypt::bounded(number(n)?, number(r)?, number(p)?)
            .map(Method::Scrypt)
            .map_err(Unreadable::OutOfBounds),
        ["pbkdf2"] => parse_pbkdf2("sha256", u64::from(DEFAULT_PBKDF2_ITERATIONS)),
        ["pbkdf2", digest] => parse_pbkdf2(digest, u64::from(DEFAULT_PBKDF2_ITERATIONS)),
        ["pbkdf2", digest, iterations] => parse_pbkdf2(digest, number(iterations)?),
        _ => Err(Unreadable::UnknownFormat),
    }
}

fn parse_pbkdf2(digest: &str, iterations: u64) -> Result<Method, Unreadable> {
    let digest = match digest {
        "sha1" => Digest::Sha1,
        "sha256" => Digest::Sha256,
        "sha512" => Digest::Sha512,
        _ => return Err(Unreadable::UnknownFormat),
    };
    Pbkdf2::bounded(digest, iterations)
        .map(Method::Pbkdf2)
        .map_err(Unreadable::OutOfBounds)
}

/// The cost of one scrypt hash, within the limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scrypt {
    log_n: u8,
    r: u32,
    p: u32,
}

impl Scrypt {
    /// What `hashlib.scrypt` makes when it is not told otherwise, and Werkzeug does not tell it.
    pub(super) const KEY_BYTES: usize = 64;

    /// Werkzeug's default since 3.0: `scrypt:32768:8:1`.
    pub(super) const WERKZEUG: Self = Scrypt {
        log_n: 15,
        r: 8,
        p: 1,
    };

    /// The one place that makes a cost from numbers; the message says which of them is out of bounds.
    pub(super) fn bounded(n: u64, r: u64, p: u64) -> Result<Self, String> {
        if n < 2 || !n.is_power_of_two() {
            return Err(format!(
                "scrypt's N is {n}; it must be a power of two above 1"
            ));
        }
        if !(1..=MAX_SCRYPT_R).contains(&r) {
            return Err(format!("scrypt's r is {r}; it may be 1 to {MAX_SCRYPT_R}"));
        }
        if !(1..=MAX_SCRYPT_P).contains(&p) {
            return Err(format!("scrypt's p is {p}; it may be 1 to {MAX_SCRYPT_P}"));
        }
        if n.saturating_mul(128 * r) > MAX_SCRYPT_MEMORY {
            return Err(format!(
                "scrypt's N is {n} and r is {r}; 128 times both may be up to {} MiB",
                MAX_SCRYPT_MEMORY / MIB
            ));
        }
        Ok(Scrypt {
            log_n: n.trailing_zeros() as u8,
            r: r as u32,
            p: p as u32,
        })
    }

    pub(super) fn derive(&self, password: &[u8], salt: &[u8], key: &mut [u8]) -> Result<(), Error> {
        let failed = |why: String| Error::new(ErrorKind::Password, format!("scrypt failed: {why}"));
        let params = scrypt::Params::new(self.log_n, self.r, self.p)
            .map_err(|error| failed(error.to_string()))?;
        scrypt::scrypt(password, salt, &params, key).map_err(|error| failed(error.to_string()))
    }

    /// See [`work`](super::recipe::Recipe::work).
    pub(super) fn work(&self) -> u64 {
        let blocks = (u64::from(self.r) * u64::from(self.p)) << self.log_n;
        blocks * NANOSECONDS_PER_SCRYPT_BLOCK
    }

    pub(super) fn prefix(&self) -> String {
        format!("scrypt:{}:{}:{}$", 1u64 << self.log_n, self.r, self.p)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Digest {
    Sha1,
    Sha256,
    Sha512,
}

/// The cost of one PBKDF2 hash, within the limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pbkdf2 {
    digest: Digest,
    iterations: u32,
}

impl Pbkdf2 {
    pub(super) fn sha256(iterations: u32) -> Result<Self, String> {
        Self::bounded(Digest::Sha256, u64::from(iterations))
    }

    pub(super) fn bounded(digest: Digest, iterations: u64) -> Result<Self, String> {
        if !(1..=MAX_PBKDF2_ITERATIONS).contains(&iterations) {
            return Err(format!(
                "pbkdf2's iterations are {iterations}; they may be 1 to {MAX_PBKDF2_ITERATIONS}"
            ));
        }
        Ok(Pbkdf2 {
            digest,
            iterations: iterations as u32,
        })
    }

    pub(super) fn derive(&self, password: &[u8], salt: &[u8], key: &mut [u8]) {
        let derive = match self.digest {
            Digest::Sha1 => pbkdf2_hmac::<sha1::Sha1>,
            Digest::Sha256 => pbkdf2_hmac::<sha2::Sha256>,
            Digest::Sha512 => pbkdf2_hmac::<sha2::Sha512>,
        };
        derive(password, salt, self.iterations, key);
    }

    /// See [`work`](super::recipe::Recipe::work).
    pub(super) fn work(&self) -> u64 {
        u64::from(self.iterations) * self.nanoseconds_per_iteration()
    }

    /// So much work. `None` for less than one iteration.
    pub(super) fn of_work(&self, work: u64) -> Option<Self> {
        Self::bounded(self.digest, work / self.nanoseconds_per_iteration()).ok()
    }

    fn nanoseconds_per_iteration(&self) -> u64 {
        match self.digest {
            Digest::Sha1 => 250,
            Digest::Sha256 => 250,
            Digest::Sha512 => 700,
        }
    }

    /// `hashlib.pbkdf2_hmac` makes one digest's length when it is not told otherwise.
    pub(super) fn key_bytes(&self) -> usize {
        match self.digest {
            Digest::Sha1 => 20,
            Digest::Sha256 => 32,
            Digest::Sha512 => 64,
        }
    }

    pub(super) fn prefix(&self) -> String {
        let digest = match self.digest {
            Digest::Sha1 => "sha1",
            Digest::Sha256 => "sha256",
            Digest::Sha512 => "sha512",
        };
        format!("pbkdf2:{digest}:{}$", self.iterations)
    }
}

/// Exactly `length` bytes from lower-case hex, or nothing.
fn lower_hex(text: &str, length: usize) -> Option<Vec<u8>> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    if text.len() != 2 * length {
        return None;
    }
    text.as_bytes()
        .chunks_exact(2)
        .map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?))
        .collect()
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
    fn hashes_of_werkzeug_verify() {
        for (password, stored) in VECTORS {
            assert!(verifies(stored, password), "{stored}");
        }
    }

    #[test]
    fn another_password_does_not() {
        for (password, stored) in VECTORS
            .iter()
            .filter(|(_, stored)| stored.contains(":1000$"))
        {
            assert!(!verifies(stored, &format!("{password} ")), "{stored}");
            assert!(!verifies(stored, &format!("{password}\0x")), "{stored}");
        }
    }

    #[test]
    fn a_nul_at_the_end_makes_no_difference_as_in_werkzeug() {
        // HMAC, inside both methods, fills a short key up with NULs.
        let (password, stored) = VECTORS[3];
        assert!(verifies(stored, &format!("{password}\0")));
    }

    #[test]
    fn what_a_method_leaves_out_has_the_default_of_werkzeug() {
        let recipe = |method: &str| parse_method(method).unwrap();
        assert_eq!(recipe("scrypt"), recipe("scrypt:32768:8:1"));
        assert_eq!(recipe("pbkdf2:sha1"), recipe("pbkdf2:sha1:1000000"));
        assert_eq!(recipe("pbkdf2"), recipe("pbkdf2:sha256:1000000"));
    }

    #[test]
    fn one_other_digit_of_the_key_does_not_match() {
        let (password, stored) = VECTORS[3];
        let (rest, last) = stored.split_at(stored.len() - 1);
        assert_eq!(last, "7");
        assert!(!verifies(&format!("{rest}6"), password));
    }

    #[test]
    fn parameters_out_of_bounds_are_named() {
        let (scrypt_rest, pbkdf2_rest) = ("$salt$".to_owned() + &"0".repeat(128), "$salt$00");
        for (method, word) in [
            ("scrypt:524288:8:1", "N is"), // 512 MiB
            ("scrypt:18446744073709551615:8:1", "N is"),
            ("scrypt:9223372036854775808:8:1", "N is"),
            ("scrypt:99999999999999999999999:8:1", "N is"),
            ("scrypt:0:8:1", "N is"),
            ("scrypt:1:8:1", "N is"),
            ("scrypt:32767:8:1", "N is"),
            ("scrypt:2:1048576:1", "r is"),
            ("scrypt:32768:0:1", "r is"),
            ("scrypt:32768:8:17", "p is"),
            ("scrypt:32768:8:0", "p is"),
            ("scrypt:2:1:99999999999999999999999", "p is"),
            ("pbkdf2:sha256:0", "iterations"),
            ("pbkdf2:sha256:10000001", "iterations"),
            ("pbkdf2:sha1:4294967297", "iterations"),
            ("pbkdf2:sha512:99999999999999999999999", "iterations"),
        ] {
            let rest = if method.starts_with('s') {
                &scrypt_rest
            } else {
                pbkdf2_rest
            };
            match StoredHash::parse(&format!("{method}{rest}")) {
                Err(Unreadable::OutOfBounds(why)) => assert!(why.contains(word), "{why}"),
                other => panic!("{method}: {:?}", other.err()),
            }
        }
    }

    #[test]
    fn the_limits_themselves_are_allowed() {
        assert!(Scrypt::bounded(1 << 18, 8, 16).is_ok());
        assert!(Scrypt::bounded(1 << 16, 32, 16).is_ok());
        assert!(Pbkdf2::sha256(10_000_000).is_ok());
    }

    #[test]
    fn every_other_spelling_is_an_unknown_format() {
        let key = "ab5186a0885496398246f4f57d009dec2a062ef142921678a84556163e30cdf7";
        for stored in [
            String::new(),
            "!".to_owned(),
            "*".to_owned(),
            "None".to_owned(),
            "plain$$correct horse".to_owned(),
            "sha256$salt$ec2c3d7e81fdfccd115b28abc1eb17a073c178877f91936dd79695e621f6c561"
                .to_owned(),
            "sha256$$4104d36f8da2c254349f85836793ebe029e0c957063a34c91c2e9203187b5631".to_owned(),
            format!("pbkdf2:sha256:1000$saltSALTsalt1234${}", key.to_uppercase()),
            format!("pbkdf2:sha256:1000$saltSALTsalt1234${key}00"),
            format!("pbkdf2:sha256:1000$saltSALTsalt1234${key}\n"),
            format!("pbkdf2:sha256:1000$saltSALTsalt1234${}", &key[2..]),
            format!("pbkdf2:sha256:1000$saltSALTsalt1234${}é", &key[2..]),
            "pbkdf2:sha256:1000$saltSALTsalt1234$".to_owned(),
            format!("pbkdf2:sha256:1000$saltSALTsalt1234$${key}"),
            format!("pbkdf2:sha256:1000${key}"),
            format!("pbkdf2:md5:1000$saltSALTsalt1234${key}"),
            format!("pbkdf2:SHA256:1000$saltSALTsalt1234${key}"),
            format!("pbkdf2:sha256:-1000$saltSALTsalt1234${key}"),
            format!("pbkdf2:sha256:$saltSALTsalt1234${key}"),
            format!("pbkdf2:sha256:1000:1$saltSALTsalt1234${key}"),
            format!("scrypt:1024:8$saltSALTsalt1234${key}{key}"),
            format!("scrypt:1024:8:1$saltSALTsalt1234${key}"),
            format!("scrypt:1024:8:1:1$saltSALTsalt1234${key}{key}"),
        ] {
            assert_eq!(
                StoredHash::parse(&stored).err(),
                Some(Unreadable::UnknownFormat),
                "{stored:?}"
            );
        }
    }

    /// Passwords and what the real Werkzeug 3.1 stores for them. The first seven are `password_hashes` of
    /// `testdata/flask.json`; the others were made with its `_hash_internal` and `check_password_hash`.
    #[rustfmt::skip]
    const VECTORS: [(&str, &str); 12] = [
        ("correct horse", "scrypt:32768:8:1$saltSALTsalt1234$1d557e8647ff682b9e190b7efe57f8bba8d2d7881da143bed98215896d4754096340720d369f69d0dadba089365252e39a7ef54dbaf82d10557c9ec2faade234"),
        ("correct horse", "scrypt:16384:8:1$saltSALTsalt1234$7dc5b096c811257b6fbf5a13f9fd1f25f6827c61c5da633345adb6112e011dacf192dfc4928e0bd8076d4fee5a6838e4f7cc1f1a5d4bedf823f73bae390a3e26"),
        ("correct horse", "pbkdf2:sha256:1000000$saltSALTsalt1234$113f4b5b0cb7e6e8cd798fc2e25bcf0de1d38cf1140ab9daa1eedd9bb87c2a43"),
        ("correct horse", "pbkdf2:sha256:1000$saltSALTsalt1234$ab5186a0885496398246f4f57d009dec2a062ef142921678a84556163e30cdf7"),
        ("correct horse", "pbkdf2:sha1:1000$saltSALTsalt1234$45050ba300b157881b94559d3702661547e68da4"),
        ("pässwörd佐藤😀", "scrypt:1024:8:1$saltSALTsalt1234$d2cd8e1b93f0f92c67f0941c13b5daaeb98731b931e42696eb719662d3ab6f52f39d63e5b539450318245f77384744c61215e56bce3f79019d0cf2209c97a3a1"),
        ("", "pbkdf2:sha256:1000$saltSALTsalt1234$077b222ebb3d5d93933f6005761fcb1c543f2a618b5b27f4b17e02dc7b40e60c"),
        ("correct horse", "pbkdf2:sha512:1000$saltSALTsalt1234$0a09a920cc8272fc2c818da2c5168fa48ff1be59f36a1c6df987e9cac2ee6ffedb9c559d6a4fccad637c3bc1ddeaeba6d6c6dc3a0c8707984822d1b219b38046"),
        ("pässwörd佐藤😀", "pbkdf2:sha256:1000$saltSALTsalt1234$69d49565c1cc69fce553018ccbb1f2810b03ef3a6b26fc7c79d2b0da43bab225"),
        // Salts of any length and alphabet; several lanes.
        ("correct horse", "scrypt:1024:8:1$$f27abcba2357c702456aa2ef684a0a04c5101c41f8d47f015dffcd6130e3601ff67f3a56ab778b8a9b0a4d5ad54906c7692f91f21459d541a254740450bec831"),
        ("correct horse", "scrypt:1024:8:1$-_äö:.$a784789e7aa7dbfd725bbd78de8c7f39dae544c8e6e37499aeafd3fe3272f4a2f6a73de670f2d31af314d56a781744f9b1fdc4d1002f36d3bc4ed35208e4f739"),
        ("correct horse", "scrypt:16:32:16$salt$20a97a2ea7bb35d91e0fa8b277678818414320d7b47b3f82a17f277c8edf732e7ba302c8716b4e25420369cdcba877942e9f84f9b98760d0f6ab64dc107ac01a"),
    ];
}
