//! What stands in a users table, and a password: whatever is accepted can be verified, at a bounded cost, and to the
//! same answer as a plain model gives.

use std::sync::LazyLock;

use argon2::{Algorithm, Argon2, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use housekey::password::Passwords;
use pbkdf2::pbkdf2_hmac;

/// In blocks of 64 bytes that are mixed: more than that is too slow to be done a thousand times a second.
const MOST_WORK: u64 = 1 << 18;

static PASSWORDS: LazyLock<[Passwords; 2]> = LazyLock::new(|| {
    let argon2id = Passwords::new().argon2id(8, 1, 1).unwrap();
    let pbkdf2 = Passwords::new().werkzeug_pbkdf2_sha256(1).unwrap();
    [argon2id, pbkdf2]
});

/// A line with a stored text, at whose end 1 stands for the key that is right; behind it the password.
pub fn check(bytes: &[u8]) {
    let mut lines = bytes.splitn(2, |byte| *byte == b'\n');
    let stored = String::from_utf8_lossy(lines.next().unwrap_or_default());
    let password = String::from_utf8_lossy(lines.next().unwrap_or_default());
    let (stored, is_meant) = match right_key(&stored, &password) {
        Some(key) => (format!("{}{key}", &stored[..stored.len() - 1]), true),
        None => (stored.into_owned(), false),
    };

    let model = Stored::read(&stored);
    let [passwords, other] = &*PASSWORDS;
    let checked = passwords.check_stored(&stored);
    assert_eq!(checked.is_ok(), model.is_some(), "{stored:?}: {checked:?}");
    if let Some(model) = model
        && model.method.work() <= MOST_WORK
    {
        let is_right = model.method.derive(&password, &model.salt, model.key.len()) == model.key;
        assert!(is_right || !is_meant, "{stored:?}");
        for passwords in [passwords, other] {
            let found = passwords.verify_blocking(&password, Some(&stored));
            assert_eq!(found.ok(), Some(is_right), "{stored:?} {password:?}");
        }
        if is_right {
            let found = passwords.verify_blocking(&format!("{password}x"), Some(&stored));
            assert_eq!(found.ok(), Some(false), "{stored:?} {password:?}");
        }
    } else if checked.is_err() {
        // Nobody comes in by it, and looking costs what a login costs.
        let found = passwords.verify_blocking(&password, Some(&stored));
        assert!(!found.unwrap_or(false), "{stored:?}");
    }
    if password.len() <= 4096 {
        for passwords in &*PASSWORDS {
            let written = passwords.hash_blocking(&password).unwrap();
            assert!(Stored::read(&written).is_some(), "{written}");
            assert!(
                passwords
                    .verify_blocking(&password, Some(&written))
                    .unwrap()
            );
            assert!(!passwords.needs_rehash(&written));
        }
    }
}

/// The key for the place that the text leaves open, if it does so at its end.
fn right_key(stored: &str, password: &str) -> Option<String> {
    let open = stored.strip_suffix('\u{1}')?;
    if !open.ends_with('$') {
        return None;
    }
    let (length, is_hex) = match open {
        _ if open.starts_with('$') => (32, false),
        _ if open.starts_with("scrypt") || open.starts_with("pbkdf2:sha512") => (64, true),
        _ if open.starts_with("pbkdf2:sha1:") || open.starts_with("pbkdf2:sha1$") => (20, true),
        _ => (32, true),
    };
    let spelled = |key: &[u8]| match is_hex {
        true => key.iter().map(|byte| format!("{byte:02x}")).collect(),
        false => STANDARD_NO_PAD.encode(key),
    };
    let model = Stored::read(&format!("{open}{}", spelled(&vec![0; length])))?;
    if model.method.work() > MOST_WORK {
        return None;
    }
    Some(spelled(&model.method.derive(password, &model.salt, length)))
}

struct Stored {
    method: Method,
    salt: Vec<u8>,
    key: Vec<u8>,
}

enum Method {
    Argon2id(Version, [u32; 3]),
    Scrypt([u32; 3]),
    Pbkdf2(String, u32),
}

impl Stored {
    /// By the table in the documentation of `housekey::password`.
    fn read(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split('$').collect();
        match &*parts {
            ["", "argon2id", "v=19", costs, salt, key] => {
                argon2id(Version::V0x13, costs, salt, key)
            }
            ["", "argon2id", "v=16", costs, salt, key] => {
                argon2id(Version::V0x10, costs, salt, key)
            }
            ["", "argon2id", costs, salt, key] => argon2id(Version::V0x10, costs, salt, key),
            ["", ..] => None,
            // Werkzeug splits twice. A key is hexadecimal and holds no more of them.
            [method, salt, key] => by_werkzeug(method, salt, key),
            _ => None,
        }
    }
}

fn argon2id(version: Version, costs: &str, salt: &str, key: &str) -> Option<Stored> {
    let costs: Vec<&str> = costs.split(',').collect();
    let [memory, passes, lanes] = costs[..] else {
        return None;
    };
    let memory = number(memory.strip_prefix("m=")?)?;
    let passes = number(passes.strip_prefix("t=")?)?;
    let lanes = number(lanes.strip_prefix("p=")?)?;
    let salt = STANDARD_NO_PAD.decode(salt).ok()?;
    let key = STANDARD_NO_PAD.decode(key).ok()?;
    let gibibyte = 1 << 20;
    let is_bounded = (1..=64).contains(&lanes)
        && (8 * lanes..=2 * gibibyte).contains(&memory)
        && (1..=64).contains(&passes)
        && memory * passes <= 4 * gibibyte
        && (8..=64).contains(&salt.len())
        && (12..=64).contains(&key.len());
    let method = Method::Argon2id(version, [memory, passes, lanes].map(|cost| cost as u32));
    is_bounded.then_some(Stored { method, salt, key })
}

fn by_werkzeug(method: &str, salt: &str, key: &str) -> Option<Stored> {
    let words: Vec<&str> = method.split(':').collect();
    let method = match &*words {
        ["scrypt"] => Method::Scrypt([32768, 8, 1]),
        ["scrypt", n, r, p] => {
            let (n, r, p) = (number(n)?, number(r)?, number(p)?);
            let is_bounded = n > 1
                && n.is_power_of_two()
                && (1..=32).contains(&r)
                && (1..=16).contains(&p)
                && n.checked_mul(128 * r)? <= 256 << 20;
            is_bounded.then_some(Method::Scrypt([n, r, p].map(|cost| cost as u32)))?
        }
        ["pbkdf2"] => Method::Pbkdf2("sha256".to_owned(), 1_000_000),
        ["pbkdf2", digest] => Method::Pbkdf2((*digest).to_owned(), 1_000_000),
        ["pbkdf2", digest, iterations] => {
            let iterations = number(iterations).filter(|it| (1..=10_000_000).contains(it))?;
            Method::Pbkdf2((*digest).to_owned(), iterations as u32)
        }
        _ => return None,
    };
    let length = match &method {
        Method::Pbkdf2(digest, _) => match &**digest {
            "sha1" => 20,
            "sha256" => 32,
            "sha512" => 64,
            _ => return None,
        },
        _ => 64,
    };
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if key.len() != 2 * length || !key.bytes().all(is_digit) {
        return None;
    }
    let digits = (0..length).map(|at| &key[2 * at..2 * at + 2]);
    Some(Stored {
        method,
        salt: salt.as_bytes().to_vec(),
        key: digits
            .map(|digits| u8::from_str_radix(digits, 16).unwrap())
            .collect(),
    })
}

fn number(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok())?
}

impl Method {
    fn work(&self) -> u64 {
        match self {
            Self::Argon2id(_, [memory, passes, _]) => 16 * u64::from(*memory) * u64::from(*passes),
            Self::Scrypt(costs) => 2 * costs.iter().map(|cost| u64::from(*cost)).product::<u64>(),
            Self::Pbkdf2(_, iterations) => 32 * u64::from(*iterations),
        }
    }

    fn derive(&self, password: &str, salt: &[u8], length: usize) -> Vec<u8> {
        let mut key = vec![0; length];
        let password = password.as_bytes();
        match self {
            Self::Argon2id(version, [memory, passes, lanes]) => {
                let params = argon2::Params::new(*memory, *passes, *lanes, Some(length)).unwrap();
                let argon2id = Argon2::new(Algorithm::Argon2id, *version, params);
                argon2id
                    .hash_password_into(password, salt, &mut key)
                    .unwrap();
            }
            Self::Scrypt([n, r, p]) => {
                let params = scrypt::Params::new(n.ilog2() as u8, *r, *p).unwrap();
                scrypt::scrypt(password, salt, &params, &mut key).unwrap();
            }
            Self::Pbkdf2(digest, iterations) => {
                let derive = match &**digest {
                    "sha1" => pbkdf2_hmac::<sha1::Sha1>,
                    "sha512" => pbkdf2_hmac::<sha2::Sha512>,
                    _ => pbkdf2_hmac::<sha2::Sha256>,
                };
                derive(password, salt, *iterations, &mut key);
            }
        }
        key
    }
}
