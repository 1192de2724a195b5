//! The secrets that prove a login, and the digests of them in a store.

use std::fmt;

use sha2::{Digest as _, Sha512};

use super::LoginId;
use crate::owned;
use crate::signing::keys::{KeyRing, KeyUsed};
use crate::signing::{SecretKeys, base64_decode_array, base64_encode};

/// 16 bytes in base64, a dot, and 32 bytes in base64.
const TEXT_LENGTH: usize = 22 + 1 + 43;

/// What a cookie carries: the login's id, and the secret that proves it. 128 and 256 random bits.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct LoginSecret {
    pub(crate) id: LoginId,
    secret: [u8; 32],
}

/// Which of a login's two cookies a secret is for. It is worthless as the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Session,
    Remember,
}

impl Purpose {
    const fn label(self) -> &'static [u8] {
        match self {
            Self::Session => b"session",
            Self::Remember => b"remember",
        }
    }
}

impl LoginSecret {
    /// The secret of a new login.
    ///
    /// # Panics
    ///
    /// If the operating system cannot supply random bytes.
    pub(crate) fn generate() -> Self {
        let mut id = [0; 16];
        getrandom::fill(&mut id).expect("the operating system gives random bytes");
        Self::generate_for(LoginId::from_bytes(id))
    }

    /// A new secret for an existing login.
    pub(crate) fn generate_for(id: LoginId) -> Self {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).expect("the operating system gives random bytes");
        Self { id, secret }
    }

    /// The secret of a login that a Flask peer made, whose cookie does not contain our token. It is computed from the
    /// cookie's value, so that one cookie has one record.
    pub(crate) fn of_peers_session(cookie: &[u8]) -> Self {
        Self::derived(b"housekey, a peer's session\0", cookie)
    }

    /// The secret of all logins that Flask-Login's remember token of this user starts. That is one token, the same in all
    /// their browsers. The secret is good for a session; the token's signature proves that a browser has it.
    pub(crate) fn of_flask_token(realm: &str, user_id: &str, token: &str) -> Self {
        let user = format!("{realm}\0{user_id}");
        let id = Self::derived(b"housekey, Flask-Login's token\0", user.as_bytes()).id;
        let secret = Self::derived(
            b"housekey, a session by Flask-Login's token\0",
            token.as_bytes(),
        );
        Self { id, ..secret }
    }

    /// The session token of one of the successive logins that Flask-Login's token starts. It is worthless in the next one.
    pub(crate) fn salted(&self, salt: &str) -> Self {
        let label = b"housekey, a session of one login by Flask-Login's token\0";
        let secret = Self::derived(label, &[&self.secret, salt.as_bytes()].concat());
        Self {
            id: self.id,
            ..secret
        }
    }

    pub(super) fn derived(label: &[u8], secret: &[u8]) -> Self {
        let digest: [u8; 64] = Sha512::new()
            .chain_update(label)
            .chain_update(secret)
            .finalize()
            .into();
        let (id, rest) = digest
            .split_first_chunk()
            .expect("64 bytes are more than 16");
        let secret = rest.first_chunk().expect("48 bytes are more than 32");
        Self {
            id: LoginId::from_bytes(*id),
            secret: *secret,
        }
    }

    /// Parses `id.secret`, both in base64. A token has only one spelling.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (id, secret) = text.split_once('.')?;
        Some(Self {
            id: id.parse().ok()?,
            secret: base64_decode_array(secret.as_bytes())?,
        })
    }

    pub(crate) fn to_text(&self) -> String {
        format!("{}.{}", self.id, base64_encode(&self.secret))
    }

    /// The session's value: the token and the login's user.
    pub(crate) fn for_session(&self, user_id: &str) -> String {
        owned::join(&self.to_text(), user_id)
    }

    /// The token in a session's value.
    pub(crate) fn in_session(value: &str) -> Option<Self> {
        Self::parse(owned::split(value, TEXT_LENGTH)?.0)
    }

    /// The login's user, from a session's value.
    pub(crate) fn owner_in_session(value: &str) -> Option<&str> {
        Some(owned::split(value, TEXT_LENGTH)?.1)
    }
}

/// For [`LoginSecret::salted`].
///
/// # Panics
///
/// If the operating system cannot supply random bytes.
pub(crate) fn salt() -> String {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).expect("the operating system gives random bytes");
    base64_encode(&salt)
}

/// Never shows the secret.
impl fmt::Debug for LoginSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LoginSecret({})", self.id)
    }
}

/// Computes and compares digests.
pub(crate) struct Digests {
    keys: KeyRing,
    successors: KeyRing,
}

impl Digests {
    pub(crate) fn new(keys: &SecretKeys) -> Self {
        Self {
            keys: keys.for_purpose(&["housekey", "login record"]),
            successors: keys.for_purpose(&["housekey", "login record", "successor"]),
        }
    }

    /// As [`KeyRing::fingerprints`].
    pub(crate) fn fingerprints(&self) -> Vec<Vec<u8>> {
        self.keys.fingerprints()
    }

    /// What the store keeps of a token.
    pub(crate) fn digest(&self, token: &LoginSecret, purpose: Purpose) -> String {
        base64_encode(
            self.keys
                .sign(&[purpose.label(), token.id.as_bytes(), &token.secret])
                .as_bytes(),
        )
    }

    /// Whether a stored digest is of this token, and made with which key. In constant time.
    pub(crate) fn verify(
        &self,
        token: &LoginSecret,
        purpose: Purpose,
        kept: &str,
    ) -> Option<KeyUsed> {
        let message: [&[u8]; 3] = [purpose.label(), token.id.as_bytes(), &token.secret];
        self.keys
            .verify(&message, |tag| tag.is_base64(kept.as_bytes()))
    }

    /// The secret that succeeds a remember token's. It is computed from the token and the secret key, so several requests
    /// that use one token at once get the same successor, and none gets one that does not count. The key is needed to
    /// compute it. `again` is how often the token was used before without any use of its successors: each time the
    /// successors differ.
    pub(crate) fn successor(
        &self,
        remember: &LoginSecret,
        purpose: Purpose,
        again: u32,
    ) -> LoginSecret {
        let (id, secret) = (remember.id.as_bytes(), &remember.secret);
        let tag = self
            .successors
            .sign(&[purpose.label(), id, secret, &again.to_be_bytes()]);
        let secret = tag.as_bytes().try_into();
        LoginSecret {
            id: remember.id,
            secret: secret.expect("a SHA-256 tag has 32 bytes"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digests(keys: SecretKeys) -> Digests {
        Digests::new(&keys)
    }

    fn keys(first: &str) -> SecretKeys {
        SecretKeys::new(first).unwrap()
    }

    const KEY: &str = "9f2c8d54b61e4bd9a1f0c7d35e8b2a64";
    const OLD_KEY: &str = "2b7e151628aed2a6abf7158809cf4f3c";

    #[test]
    fn a_token_has_one_spelling() {
        let token = LoginSecret::generate();
        let text = token.to_text();
        assert_eq!(text.len(), TEXT_LENGTH);
        assert!(LoginSecret::parse(&text) == Some(token.clone()));
        let last = |text: &str, to: char| format!("{}{to}", &text[..text.len() - 1]);
        for other in [
            String::new(),
            ".".to_owned(),
            format!("{text}="),
            format!(" {text}"),
            format!("{text}\n"),
            format!("{text}A"),
            format!("{text}."),
            text[1..].to_owned(),
            text[..text.len() - 1].to_owned(),
            text.replace('.', ""),
            text.replace('.', "=."),
            text.replacen('.', "..", 1),
            // Base64 of another alphabet, and with spare bits that are not zero.
            last(&text, '+'),
            last(&text, '/'),
            last(&text, 'B'),
        ] {
            assert!(LoginSecret::parse(&other).is_none(), "{other:?}");
        }
    }

    #[test]
    fn a_sessions_value_tells_the_token_and_the_user_whatever_their_id() {
        let token = LoginSecret::generate();
        for user_id in ["1", "a.b", ".", "~|", "", "佐藤", "x\u{0}y"] {
            let value = token.for_session(user_id);
            let (read, owner) = (
                LoginSecret::in_session(&value),
                LoginSecret::owner_in_session(&value),
            );
            assert!(
                read.as_ref() == Some(&token) && owner == Some(user_id),
                "{user_id:?}"
            );
        }
        let text = token.to_text();
        for value in [
            "",
            "é",
            &text,
            &format!("{text}1"),
            &"é".repeat(40),
            &text[1..],
        ] {
            assert!(LoginSecret::in_session(value).is_none(), "{value:?}");
        }
    }

    #[test]
    fn no_two_tokens_are_alike() {
        let tokens: std::collections::HashSet<_> = (0..1000)
            .map(|_| LoginSecret::generate().to_text())
            .collect();
        let secrets: std::collections::HashSet<_> = tokens.iter().map(|it| &it[23..]).collect();
        assert_eq!((tokens.len(), secrets.len()), (1000, 1000));
    }

    #[test]
    fn a_digest_is_of_one_token_for_one_purpose_and_by_one_key() {
        let token = LoginSecret::generate();
        let digest = digests(keys(KEY)).digest(&token, Purpose::Session);
        let verify = |digests: Digests, token: &LoginSecret, purpose| {
            digests.verify(token, purpose, &digest)
        };
        let ours = || digests(keys(KEY));
        assert_eq!(
            verify(ours(), &token, Purpose::Session),
            Some(KeyUsed::Current)
        );
        assert_eq!(verify(ours(), &token, Purpose::Remember), None);
        let same_number = LoginSecret::generate_for(token.id);
        assert_eq!(verify(ours(), &same_number, Purpose::Session), None);
        let same_secret = LoginSecret {
            id: LoginSecret::generate().id,
            ..token.clone()
        };
        assert_eq!(verify(ours(), &same_secret, Purpose::Session), None);
        assert_eq!(
            verify(digests(keys(OLD_KEY)), &token, Purpose::Session),
            None
        );
        let rotated = digests(keys(OLD_KEY).fallback(KEY).unwrap());
        assert_eq!(
            verify(rotated, &token, Purpose::Session),
            Some(KeyUsed::Fallback)
        );
        for other in [
            "",
            "A",
            &digest[1..],
            &format!("{digest}="),
            &digest.to_lowercase(),
        ] {
            assert_eq!(
                ours().verify(&token, Purpose::Session, other),
                None,
                "{other:?}"
            );
        }
    }

    /// The token alone is not enough to compute its successor.
    #[test]
    fn a_successor_follows_from_the_token_the_purpose_and_the_key() {
        let token = LoginSecret::generate();
        let of = |key: &str, token: &LoginSecret, purpose| {
            digests(keys(key)).successor(token, purpose, 0).to_text()
        };
        let next = of(KEY, &token, Purpose::Remember);
        assert_eq!(next, of(KEY, &token, Purpose::Remember));
        assert_eq!(next[..22], token.to_text()[..22], "the same login");
        let others = [
            token.to_text(),
            of(KEY, &token, Purpose::Session),
            of(OLD_KEY, &token, Purpose::Remember),
            of(KEY, &LoginSecret::generate_for(token.id), Purpose::Remember),
        ];
        assert!(!others.contains(&next));
        // The store's digest is not enough either.
        let digest = digests(keys(KEY)).digest(&token, Purpose::Remember);
        assert_ne!(next[23..], digest);
    }
}
