//! The secrets that prove a login, and the digests that a store keeps of them.

use std::fmt;

use super::LoginId;
use crate::signing::keys::{KeyRing, KeyUsed};
use crate::signing::{SecretKeys, base64_decode, base64_encode};

/// Of 16 bytes in base64, a dot, and 32 bytes in base64.
const TEXT_LENGTH: usize = 22 + 1 + 43;

/// What a cookie carries: which login, and the secret that proves it. 128 and 256 random bits.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct LoginToken {
    pub(crate) id: LoginId,
    secret: [u8; 32],
}

/// Which of a login's two cookies a secret is for. One is worth nothing as the other.
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

impl LoginToken {
    /// Of a login that is new.
    ///
    /// # Panics
    ///
    /// When the operating system has no randomness to give.
    pub(crate) fn generate() -> Self {
        let mut id = [0; 16];
        getrandom::fill(&mut id).expect("the operating system gives random bytes");
        Self::generate_for(LoginId::from_bytes(id))
    }

    /// A new secret of a login that exists.
    pub(crate) fn generate_for(id: LoginId) -> Self {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).expect("the operating system gives random bytes");
        Self { id, secret }
    }

    /// `id.secret`, both in base64. One spelling for one token.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (id, secret) = text.split_once('.')?;
        Some(Self {
            id: id.parse().ok()?,
            secret: base64_decode(secret.as_bytes())?.try_into().ok()?,
        })
    }

    pub(crate) fn to_text(&self) -> String {
        format!("{}.{}", self.id, base64_encode(&self.secret))
    }

    /// The session's value: the token and whose login it is, since a Python peer that logs out or in leaves it behind.
    pub(crate) fn for_session(&self, user_id: &str) -> String {
        format!("{}.{user_id}", self.to_text())
    }

    /// The token in a session's value, and whose login it is.
    pub(crate) fn in_session(value: &str) -> Option<(Self, &str)> {
        let (token, owner) = value.split_at_checked(TEXT_LENGTH)?;
        Some((Self::parse(token)?, owner.strip_prefix('.')?))
    }
}

/// Never the secret.
impl fmt::Debug for LoginToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LoginToken({})", self.id)
    }
}

/// Makes and compares digests.
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

    /// What the store keeps of a token.
    pub(crate) fn digest(&self, token: &LoginToken, purpose: Purpose) -> String {
        base64_encode(
            self.keys
                .sign(&[purpose.label(), token.id.as_bytes(), &token.secret])
                .as_bytes(),
        )
    }

    /// Whether a kept digest is of this token, and with which key it was made. In constant time.
    pub(crate) fn verify(
        &self,
        token: &LoginToken,
        purpose: Purpose,
        kept: &str,
    ) -> Option<KeyUsed> {
        let message: [&[u8]; 3] = [purpose.label(), token.id.as_bytes(), &token.secret];
        self.keys
            .verify(&message, |tag| tag.is_base64(kept.as_bytes()))
    }

    /// The secret that comes after a remember token's. It follows from the token and the secret key, so that several
    /// requests which use one token at once are all given the same successor, and none is left with one that does not
    /// count. Whoever has the one token and not the key cannot compute it.
    pub(crate) fn successor(&self, remember: &LoginToken, purpose: Purpose) -> LoginToken {
        let tag =
            self.successors
                .sign(&[purpose.label(), remember.id.as_bytes(), &remember.secret]);
        let secret = tag.as_bytes().try_into();
        LoginToken {
            id: remember.id,
            secret: secret.expect("a SHA-256 tag has 32 bytes"),
        }
    }
}
