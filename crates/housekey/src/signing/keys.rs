//! Secret keys: what an application holds, and what is derived from it for each purpose.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use zeroize::{Zeroize as _, Zeroizing};

use super::equal_in_constant_time;
use crate::error::{Error, ErrorKind};

/// Below this many bytes a key is refused by the safe preset: 32 bytes of text from a random generator
/// (even hexadecimal, 128 bits) are beyond guessing.
const SHORTEST_STRONG_KEY: usize = 32;

/// A key with fewer distinct bytes than this was typed, not drawn.
const FEWEST_DISTINCT_BYTES: usize = 8;

/// The secret keys that sign everything, first to last: the first signs, all verify.
///
/// Changing the key without logging anybody out: put the new key first and keep the old one as a
/// [`fallback`](SecretKeys::fallback) for as long as sessions and remember tokens live. A session that a fallback
/// verified is signed again with the first key by the first response that reads it; a remember token is replaced when it
/// starts a session, and not before.
///
/// ```
/// use housekey::SecretKeys;
///
/// let keys = SecretKeys::new("9f2c8d54b61e4bd9a1f0c7d35e8b2a64")?
///     .fallback("2b7e151628aed2a6abf7158809cf4f3c")?;
/// # Ok::<(), housekey::Error>(())
/// ```
///
/// `Debug` shows how many keys there are, never a byte of them. Dropped, they are overwritten in memory, and so is what is
/// derived from them when the manager is. That is not all: the text that a key was made from is the caller's, the
/// environment keeps its variables for as long as the process lives, and a core dump or swapped memory of a running program
/// has them all.
#[derive(Clone)]
pub struct SecretKeys {
    keys: Vec<SecretKey>,
}

#[derive(Clone)]
struct SecretKey {
    bytes: Zeroizing<Vec<u8>>,
    /// Flask-Login encodes a text key as Latin-1 where Flask itself takes UTF-8. The same as `bytes` for a key of
    /// ASCII or of bytes; a text that Latin-1 cannot hold makes Flask-Login fail, so there is no peer to agree with.
    latin1: Zeroizing<Vec<u8>>,
    /// What is wrong with it, after "the secret key".
    weakness: Option<String>,
}

/// Words that stand in keys which were written to be replaced. A random key has none of them.
const PLACEHOLDERS: [&str; 8] = [
    "secret",
    "password",
    "changeme",
    "change-me",
    "change_me",
    "placeholder",
    "example",
    "your-key",
];

/// The key in Flask's own documentation, as its readers paste it.
const FLASK_DOCUMENTATION_KEY: &str =
    "192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf";

impl SecretKeys {
    /// The key that signs. Use 32 random bytes or more, for instance the text that
    /// `python3 -c 'import secrets; print(secrets.token_hex())'` or `openssl rand -hex 32` prints.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::SecretKey`] when the key is shorter than 32 bytes or has fewer than 8 different ones, when a word of
    /// examples is in it (`secret`, `changeme`), and when it is a text with white space at an end: a line's end from a file, a
    /// space beside a comma. More cannot be told from a key: a
    /// sentence that somebody thought up passes, and can be guessed.
    pub fn new(key: impl AsRef<[u8]>) -> Result<Self, Error> {
        Self::single(SecretKey::from_bytes(key.as_ref())).and_then(Self::strong)
    }

    /// The key from an environment variable, and its fallbacks from `NAME_FALLBACKS`, if it is there and not empty,
    /// separated by commas and nothing else.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::SecretKey`] when the first variable is missing, when one of them is no text, when a fallback is empty or
    /// has white space at an end, or as [`SecretKeys::new`] says. The message names the variable and the key in it, never
    /// a byte of one. A weak fallback is refused as [`fallback`](Self::fallback) says.
    pub fn from_env(name: &str) -> Result<Self, Error> {
        let key = std::env::var(name).map_err(|_| {
            refused(format!(
                "the environment variable {name} holds no secret key: set it to the output of `openssl rand -hex 32`, \
                 and keep it the same, or every restart signs everybody out"
            ))
        })?;
        let fallbacks_name = format!("{name}_FALLBACKS");
        let fallbacks = match std::env::var(&fallbacks_name) {
            Ok(fallbacks) => fallbacks,
            Err(std::env::VarError::NotPresent) => String::new(),
            Err(std::env::VarError::NotUnicode(_)) => {
                return Err(refused(format!(
                    "the environment variable {fallbacks_name} is not text, so it holds no secret keys"
                )));
            }
        };
        Self::from_variables(name, &Zeroizing::new(key), &Zeroizing::new(fallbacks))
    }

    fn from_variables(name: &str, key: &str, fallbacks: &str) -> Result<Self, Error> {
        let in_variable = |name: String| {
            move |error: Error| refused(format!("the environment variable {name}: {error}"))
        };
        let mut keys = Self::new(key).map_err(in_variable(name.to_owned()))?;
        if fallbacks.is_empty() {
            return Ok(keys);
        }
        for fallback in fallbacks.split(',') {
            let added = keys.fallback(fallback).and_then(|keys| {
                let last = keys.keys.len() - 1;
                match has_white_space(fallback.as_bytes()) {
                    true => Err(refused(format!("{} {WHITE_SPACE}", name_of(last)))),
                    false => Ok(keys),
                }
            });
            keys = added.map_err(in_variable(format!("{name}_FALLBACKS")))?;
        }
        Ok(keys)
    }

    /// A random key that dies with the process: a restart signs everybody out. For tests and first steps.
    ///
    /// # Panics
    ///
    /// When the operating system has no randomness to give.
    pub fn generate() -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *bytes).expect("the operating system gives random bytes");
        Self {
            keys: vec![SecretKey::from_bytes(&*bytes)],
        }
    }

    /// The `SECRET_KEY` of a Flask application, given as the text that its configuration holds. A key of bytes
    /// that are no UTF-8 text goes to [`SecretKeys::flask_bytes`].
    ///
    /// Weak keys are accepted, since the application has them already, and white space at an end is part of the key, as it
    /// is for Flask; building the manager warns of both.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::SecretKey`] when the key is empty.
    pub fn flask(key: &str) -> Result<Self, Error> {
        Self::single(SecretKey::from_text(key))
    }

    /// The `SECRET_KEY` of a Flask application whose configuration holds bytes (`b"…"`).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::SecretKey`] when the key is empty.
    pub fn flask_bytes(key: &[u8]) -> Result<Self, Error> {
        Self::single(SecretKey::from_bytes(key))
    }

    /// Adds a key that verifies and never signs: Flask's `SECRET_KEY_FALLBACKS`, one at a time, newest first. Who has it
    /// can be anybody, as with the first: it is for keys that were replaced, not for keys that have leaked.
    ///
    /// A weak one is taken here and refused when a manager of the safe preset is built.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::SecretKey`] when the key is empty or is in the ring already.
    pub fn fallback(mut self, key: impl AsRef<[u8]>) -> Result<Self, Error> {
        let key = match std::str::from_utf8(key.as_ref()) {
            Ok(text) => SecretKey::from_text(text),
            Err(_) => SecretKey::from_bytes(key.as_ref()),
        };
        let name = name_of(self.keys.len());
        key.not_empty(&name)?;
        if self
            .keys
            .iter()
            .any(|other| equal_in_constant_time(&other.bytes, &key.bytes))
        {
            return Err(refused(format!(
                "{name} is in the ring already: a key that was replaced must differ from the one that replaced it"
            )));
        }
        self.keys.push(key);
        Ok(self)
    }

    /// What is wrong with the keys of the ring, and with which. The safe preset refuses such a ring.
    pub(crate) fn weaknesses(&self) -> impl Iterator<Item = String> {
        let keys = self.keys.iter().enumerate();
        keys.filter_map(|(index, key)| {
            let weakness = key.weakness.as_deref()?;
            Some(format!("{} {weakness}", name_of(index)))
        })
    }

    /// Keys for one purpose. What is signed for a purpose is valid for no other; the label is bound by its length
    /// too, so that no two purposes can run together.
    pub(crate) fn for_purpose(&self, purpose: &[&str]) -> KeyRing {
        let derive = |key: &SecretKey| {
            let mut mac = hmac_sha256(&key.bytes);
            for part in purpose {
                mac.update(&(part.len() as u64).to_be_bytes());
                mac.update(part.as_bytes());
            }
            let mut derived = mac.finalize().into_bytes();
            let keyed = hmac_sha256(&derived);
            derived.as_mut_slice().zeroize();
            KeyedHash::Sha256(keyed)
        };
        KeyRing(self.keys.iter().map(derive).collect())
    }

    /// The keys of one realm: what is signed in one is worth nothing in another. Those of the realm without a name are the keys
    /// themselves.
    pub(crate) fn in_realm(&self, realm: &str) -> Self {
        if realm.is_empty() {
            return self.clone();
        }
        let derive = |key: &SecretKey| {
            let mut mac = hmac_sha256(&key.bytes);
            mac.update(b"housekey, a realm\0");
            mac.update(realm.as_bytes());
            SecretKey::from_bytes(&mac.finalize().into_bytes())
        };
        Self {
            keys: self.keys.iter().map(derive).collect(),
        }
    }

    /// Flask's keys: itsdangerous' `key_derivation="hmac"` with SHA-1 and the salt of the session interface.
    pub(crate) fn for_flask_session(&self, salt: &str) -> KeyRing {
        let derive = |key: &SecretKey| {
            let mut mac = hmac_sha1(&key.bytes);
            mac.update(salt.as_bytes());
            let mut derived = mac.finalize().into_bytes();
            let keyed = hmac_sha1(&derived);
            derived.as_mut_slice().zeroize();
            KeyedHash::Sha1(keyed)
        };
        KeyRing(self.keys.iter().map(derive).collect())
    }

    /// Flask-Login's keys: the secret key itself, without a salt, for HMAC-SHA-512.
    pub(crate) fn for_flask_remember_token(&self) -> KeyRing {
        let derive = |key: &SecretKey| {
            KeyedHash::Sha512(Box::new(
                Hmac::new_from_slice(&key.latin1).expect("HMAC takes keys of any length"),
            ))
        };
        KeyRing(self.keys.iter().map(derive).collect())
    }

    fn single(key: SecretKey) -> Result<Self, Error> {
        key.not_empty(&name_of(0))?;
        Ok(Self { keys: vec![key] })
    }

    fn strong(self) -> Result<Self, Error> {
        let weakness = self.weaknesses().next();
        match weakness {
            Some(weakness) => Err(refused(weakness)),
            None => Ok(self),
        }
    }
}

impl fmt::Debug for SecretKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKeys({} keys)", self.keys.len())
    }
}

impl SecretKey {
    fn from_bytes(bytes: &[u8]) -> Self {
        Self {
            bytes: bytes.to_vec().into(),
            latin1: bytes.to_vec().into(),
            weakness: weakness(bytes),
        }
    }

    fn from_text(text: &str) -> Self {
        // With room for all of it, so that it does not move and leave a copy behind.
        let mut latin1 = Zeroizing::new(Vec::with_capacity(text.len()));
        let is_latin1 = text.chars().all(|c| {
            let byte = u8::try_from(u32::from(c));
            byte.map(|byte| latin1.push(byte)).is_ok()
        });
        let bytes = Zeroizing::new(text.as_bytes().to_vec());
        Self {
            latin1: if is_latin1 { latin1 } else { bytes.clone() },
            bytes,
            weakness: weakness(text.as_bytes()),
        }
    }

    fn not_empty(&self, name: &str) -> Result<(), Error> {
        if self.bytes.is_empty() {
            return Err(refused(format!(
                "{name} is empty: set it to the output of `openssl rand -hex 32`, or leave it out if it is a fallback"
            )));
        }
        Ok(())
    }
}

/// What a message calls a key: the one that signs, or which of the others, as people count.
fn name_of(index: usize) -> String {
    match index {
        0 => "the secret key".to_owned(),
        number => format!("fallback key number {number}"),
    }
}

const WHITE_SPACE: &str = "has white space at an end, which would be part of the key: take it away; only a key \
                           that a Flask application shares may keep it, through SecretKeys::flask and LoginManager::flask";

/// At an end of a text. Random bytes may be anything, and are no text but by a chance as small as that of guessing them.
fn has_white_space(key: &[u8]) -> bool {
    std::str::from_utf8(key).is_ok_and(|text| {
        let is_text = text.chars().all(|c| !c.is_control() || c.is_whitespace());
        is_text && text.trim().len() < text.len()
    })
}

/// What is wrong with a key, after its name.
fn weakness(key: &[u8]) -> Option<String> {
    if has_white_space(key) {
        return Some(WHITE_SPACE.to_owned());
    }
    if key.len() < SHORTEST_STRONG_KEY {
        return Some(format!(
            "has {} bytes and needs at least {SHORTEST_STRONG_KEY} bytes that nobody can guess: set it \
             to the output of `openssl rand -hex 32`",
            key.len()
        ));
    }
    let distinct = key.iter().collect::<std::collections::HashSet<_>>().len();
    if distinct < FEWEST_DISTINCT_BYTES {
        return Some(format!(
            "repeats the same few bytes ({distinct} different ones; at least {FEWEST_DISTINCT_BYTES} are \
             needed), so it was not drawn at random: set it to the output of `openssl rand -hex 32`"
        ));
    }
    let text = String::from_utf8_lossy(key).to_ascii_lowercase();
    if text == FLASK_DOCUMENTATION_KEY || PLACEHOLDERS.iter().any(|word| text.contains(word)) {
        return Some(
            "is one of those that stand in examples: set it to the output of `openssl rand -hex 32`"
                .to_owned(),
        );
    }
    None
}

fn refused(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::SecretKey, message)
}

fn hmac_sha1(key: &[u8]) -> Hmac<Sha1> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

fn hmac_sha256(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

/// The keys of one purpose, first to last.
pub(crate) struct KeyRing(Vec<KeyedHash>);

/// An HMAC with its key absorbed already, which halves the work of each use.
enum KeyedHash {
    Sha1(Hmac<Sha1>),
    Sha256(Hmac<Sha256>),
    Sha512(Box<Hmac<Sha512>>),
}

impl KeyRing {
    /// The tag under the key that signs.
    pub(crate) fn sign(&self, message: &[&[u8]]) -> Tag {
        self.0[0].tag(message)
    }

    /// One fingerprint for each key: two rings with one in common verify what the other signs.
    pub(crate) fn fingerprints(&self) -> Vec<Vec<u8>> {
        let fingerprint = |key: &KeyedHash| key.tag(&[b"mark"]).as_bytes().to_vec();
        self.0.iter().map(fingerprint).collect()
    }

    /// Which key's tag `matches` accepts, trying the one that signs first. The caller compares, since it knows how
    /// the tag is spelled.
    pub(crate) fn verify(
        &self,
        message: &[&[u8]],
        matches: impl Fn(&Tag) -> bool,
    ) -> Option<KeyUsed> {
        Some(match self.find(message, matches)? {
            0 => KeyUsed::Current,
            _ => KeyUsed::Fallback,
        })
    }

    /// The same by the key's number: the one that signs is 0.
    pub(crate) fn find(&self, message: &[&[u8]], matches: impl Fn(&Tag) -> bool) -> Option<usize> {
        self.0.iter().position(|key| matches(&key.tag(message)))
    }
}

/// Which key verified a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyUsed {
    Current,
    /// Valid, and to be signed again with the current key.
    Fallback,
}

/// An HMAC tag of whatever length the hash has.
pub(crate) struct Tag {
    bytes: [u8; 64],
    len: usize,
}

impl Tag {
    fn new(bytes: &[u8]) -> Self {
        let mut tag = Self {
            bytes: [0; 64],
            len: bytes.len(),
        };
        tag.bytes[..bytes.len()].copy_from_slice(bytes);
        tag
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// Spelled forwards and compared as text, so that one tag has one spelling: no padding, no other alphabet, no
    /// other bits in the last character.
    pub(crate) fn is_base64(&self, text: &[u8]) -> bool {
        let mut spelled = [0; 88];
        URL_SAFE_NO_PAD
            .encode_slice(self.as_bytes(), &mut spelled)
            .is_ok_and(|len| equal_in_constant_time(&spelled[..len], text))
    }
}

impl KeyedHash {
    fn tag(&self, message: &[&[u8]]) -> Tag {
        macro_rules! finish {
            ($mac:expr) => {{
                let mut mac = $mac.clone();
                message.iter().for_each(|part| mac.update(part));
                Tag::new(&mac.finalize().into_bytes())
            }};
        }
        match self {
            Self::Sha1(mac) => finish!(mac),
            Self::Sha256(mac) => finish!(mac),
            Self::Sha512(mac) => finish!(mac),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRONG: &str = "9f2c8d54b61e4bd9a1f0c7d35e8b2a64";

    #[test]
    fn a_weak_key_is_refused_with_what_to_do() {
        for key in [
            "",
            "dev",
            "secret",
            &"a".repeat(64),
            &"ab".repeat(32),
            "your-very-secret-key-change-it-in-production",
            FLASK_DOCUMENTATION_KEY,
        ] {
            let error = SecretKeys::new(key).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::SecretKey);
            assert!(
                error.to_string().contains("openssl rand -hex 32"),
                "{error}"
            );
            assert!(
                key.is_empty() || key.len() < 10 || !error.to_string().contains(key),
                "a key in a message"
            );
        }
    }

    #[test]
    fn a_flask_key_is_taken_as_it_is_but_never_empty() {
        assert!(SecretKeys::flask("dev").unwrap().weaknesses().count() == 1);
        assert!(SecretKeys::flask(STRONG).unwrap().weaknesses().count() == 0);
        assert!(SecretKeys::flask("").is_err());
        assert!(SecretKeys::flask_bytes(b"").is_err());
    }

    #[test]
    fn a_fallback_may_not_repeat_a_key_or_be_empty() {
        let keys = SecretKeys::new(STRONG).unwrap();
        assert!(keys.clone().fallback(STRONG).is_err());
        assert!(keys.clone().fallback("").is_err());
        assert!(keys.fallback("old").is_ok());
    }

    const OTHER: &str = "2b7e151628aed2a6abf7158809cf4f3c";
    const THIRD: &str = "7d793037a0760186574b0282f2f435e7";

    #[test]
    fn white_space_at_an_end_and_an_empty_key_are_errors_that_say_which_key_in_which_variable() {
        let of = |key: &str, fallbacks: &str| {
            SecretKeys::from_variables("KEY", &key.replace('K', STRONG), fallbacks)
                .map(|keys| keys.keys.len())
                .map_err(|error| error.to_string())
        };
        let list = |text: &str| text.replace('A', OTHER).replace('B', THIRD);
        for (fallbacks, count) in [("", 1), ("A", 2), ("A,B", 3), ("weak", 2)] {
            assert_eq!(of("K", &list(fallbacks)), Ok(count), "{fallbacks}");
        }
        for (fallbacks, key, what) in [
            ("A, B", 2, "white space"),
            (" A,B", 1, "white space"),
            ("A ,B", 1, "white space"),
            ("A,B\n", 2, "white space"),
            ("A,\u{a0}B", 2, "white space"),
            (" ", 1, "white space"),
            ("A,,B", 2, "is empty"),
            (",A", 1, "is empty"),
            ("A,", 2, "is empty"),
            ("A,A", 2, "in the ring already"),
        ] {
            let message = of("K", &list(fallbacks)).unwrap_err();
            let start =
                format!("the environment variable KEY_FALLBACKS: fallback key number {key} ");
            assert!(message.starts_with(&start), "{fallbacks:?}: {message}");
            assert!(message.contains(what), "{fallbacks:?}: {message}");
            assert!(!message.contains(OTHER) && !message.contains(THIRD));
        }
        for key in ["K\n", " K", "K\r\n", "\tK", "", "short"] {
            let message = of(key, "").unwrap_err();
            let start = "the environment variable KEY: the secret key ";
            assert!(message.starts_with(start), "{key:?}: {message}");
            assert!(!message.contains(STRONG));
        }
    }

    #[test]
    fn a_key_with_white_space_at_an_end_is_flasks_alone_and_random_bytes_may_end_with_any() {
        let typed = format!("{STRONG}\n");
        assert!(SecretKeys::new(&typed).is_err());
        let keys = SecretKeys::flask(&typed).unwrap();
        assert_eq!(&*keys.keys[0].bytes, typed.as_bytes(), "as Flask takes it");
        let said: Vec<_> = keys.weaknesses().collect();
        assert!(
            said[0].starts_with("the secret key has white space"),
            "{said:?}"
        );
        for (first, last) in [(b' ', 0x9c), (0x9c, b'\n'), (b'\t', 0x01)] {
            let mut bytes: Vec<u8> = (0x80..0xa0).collect();
            (bytes[0], bytes[31]) = (first, last);
            assert!(SecretKeys::new(&bytes).is_ok());
        }
    }

    #[test]
    fn every_weak_key_of_a_ring_is_named() {
        let keys = SecretKeys::flask(STRONG).unwrap();
        let keys = keys.fallback("old").unwrap().fallback(OTHER).unwrap();
        let said: Vec<_> = keys.fallback("older ").unwrap().weaknesses().collect();
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(
            said[0].starts_with("fallback key number 1 has 3 bytes"),
            "{said:?}"
        );
        assert!(
            said[1].starts_with("fallback key number 3 has white space"),
            "{said:?}"
        );
    }

    #[test]
    fn a_key_is_overwritten_when_it_is_dropped() {
        fn overwritten<T: zeroize::ZeroizeOnDrop>(_: &T) {}
        fn of_type<T: zeroize::ZeroizeOnDrop>() {}
        let keys = SecretKeys::new(STRONG).unwrap();
        overwritten(&keys.keys[0].bytes);
        overwritten(&keys.keys[0].latin1);
        // Of which an HMAC consists: two states that have absorbed the key.
        of_type::<Sha1>();
        of_type::<Sha256>();
        of_type::<Sha512>();
    }

    #[test]
    fn debug_shows_no_key() {
        assert_eq!(
            format!("{:?}", SecretKeys::new(STRONG).unwrap()),
            "SecretKeys(1 keys)"
        );
    }

    #[test]
    fn purposes_cannot_run_together() {
        let keys = SecretKeys::new(STRONG).unwrap();
        let tag = |purpose: &[&str]| keys.for_purpose(purpose).sign(&[b"x"]).as_bytes().to_vec();
        assert_ne!(tag(&["ab", "c"]), tag(&["a", "bc"]));
        assert_ne!(tag(&["abc"]), tag(&["ab", "c"]));
        assert_eq!(tag(&["ab", "c"]), tag(&["ab", "c"]));
    }
}
