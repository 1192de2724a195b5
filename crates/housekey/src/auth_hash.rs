//! The digest that ends logins when a password changes.
//!
//! A session or remember token holds a keyed digest of [`User::session_auth_hash`], bound to the user's id. If the user's
//! bytes change, the digest no longer matches and the login is over. The digest does not reveal the bytes, and without the
//! secret key nobody can compute a digest.

use crate::owned;
use crate::remember::{Claims, ClaimsKind};
use crate::signing::keys::{KeyRing, KeyUsed};
use crate::signing::{SecretKeys, base64_encode};
use crate::user::User;

pub(crate) struct AuthHashes(KeyRing);

/// What a stored digest says about a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AuthHash {
    /// The same as when the user logged in.
    Matches,
    /// The same, but the digest must be written again: an older key made it, or a peer wrote none.
    Rewrite,
    /// The user's auth hash has changed since the login.
    Changed,
}

impl AuthHashes {
    pub(crate) fn new(keys: &SecretKeys) -> Self {
        Self(keys.for_purpose(&["housekey", "auth hash"]))
    }

    /// What a login of this user keeps; `None` when the user has no auth hash.
    pub(crate) fn digest(&self, user: &dyn User) -> Option<String> {
        let hash = user.session_auth_hash()?;
        let id = user.id();
        Some(base64_encode(
            self.0
                .sign(&[&length(&id), id.as_bytes(), &hash])
                .as_bytes(),
        ))
    }

    /// Compares the digest of a login with the user as they are now. `missing` is the verdict when the user has an auth
    /// hash and the login has no digest. A login with a digest ends when its user no longer has an auth hash.
    pub(crate) fn check(
        &self,
        user: &dyn User,
        id: &str,
        kept: Option<&str>,
        missing: AuthHash,
    ) -> AuthHash {
        let (hash, kept) = match (user.session_auth_hash(), kept) {
            (Some(hash), Some(kept)) => (hash, kept),
            (Some(_), None) => return missing,
            // Removing the stamp is a change like any other.
            (None, Some(_)) => return AuthHash::Changed,
            (None, None) => return AuthHash::Matches,
        };
        let message: [&[u8]; 3] = [&length(id), id.as_bytes(), &hash];
        match self
            .0
            .verify(&message, |tag| tag.is_base64(kept.as_bytes()))
        {
            Some(KeyUsed::Current) => AuthHash::Matches,
            Some(KeyUsed::Fallback) => AuthHash::Rewrite,
            None => AuthHash::Changed,
        }
    }

    /// Compares the digest of a remember token.
    pub(crate) fn check_token(&self, user: &dyn User, claims: &Claims) -> AuthHash {
        match &claims.kind {
            // Flask-Login's token has no room for a digest.
            ClaimsKind::Flask => AuthHash::Matches,
            ClaimsKind::Timed { auth_digest } => self.check(
                user,
                &claims.user_id,
                auth_digest.as_deref(),
                AuthHash::Changed,
            ),
            // Its record is bound instead.
            ClaimsKind::Rotating(_) => AuthHash::Matches,
        }
    }
}

/// Keeps an id from running into the bytes behind it.
fn length(id: &str) -> [u8; 8] {
    (id.len() as u64).to_be_bytes()
}

/// A digest's length: 32 bytes in base64.
const LENGTH: usize = 43;

/// The session's value: the digest and whose it is.
pub(crate) fn for_session(digest: &str, user_id: &str) -> String {
    owned::join(digest, user_id)
}

/// The digest in a session's value, if it is this user's.
pub(crate) fn in_session<'a>(value: &'a str, user_id: &str) -> Option<&'a str> {
    let (digest, owner) = owned::split(value, LENGTH)?;
    (owner == user_id).then_some(digest)
}
