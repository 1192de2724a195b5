//! What a store keeps.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, ErrorKind};
use crate::signing::{base64_decode_array, base64_encode};

/// One login of one browser, as a [`LoginStore`](super::LoginStore) keeps it. A store needs the first fields to find and
/// expire records. It neither reads nor changes [`data`](Self::data).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginRecord {
    /// The login's id. Lists show it, because it proves nothing.
    pub id: LoginId,
    /// The user's id.
    pub user_id: String,
    /// How often the record was changed. The store increments it at each [`update`](super::LoginStore::update).
    pub version: u64,
    /// When the login was made, in seconds since 1970.
    pub created_at: u64,
    /// When it was last used, in seconds since 1970, to within a step.
    pub last_seen_at: u64,
    /// When it stops counting and may be deleted, in seconds since 1970.
    pub expires_at: u64,
    /// Everything else, as JSON: digests, address, user agent. At most 4 KiB.
    pub data: String,
}

/// The id of a login: 128 random bits, written as 22 characters of base64 (`A-Z a-z 0-9 - _`).
///
/// It is not a secret: by itself it permits nothing.
///
/// ```
/// use housekey::records::LoginId;
///
/// let id: LoginId = "AAECAwQFBgcICQoLDA0ODw".parse()?;
/// assert_eq!(id.to_string(), "AAECAwQFBgcICQoLDA0ODw");
/// assert_eq!(id.as_bytes()[15], 15);
/// assert!("AAECAwQFBgcICQoLDA0ODx".parse::<LoginId>().is_err(), "one spelling for one id");
/// # Ok::<(), housekey::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LoginId([u8; 16]);

impl LoginId {
    /// Makes an id from the sixteen bytes that a store keeps.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Its sixteen bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for LoginId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base64_encode(&self.0))
    }
}

impl fmt::Debug for LoginId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LoginId({self})")
    }
}

impl FromStr for LoginId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        base64_decode_array(text.as_bytes())
            .map(Self)
            .ok_or_else(|| {
                Error::new(
                    ErrorKind::InvalidLoginId,
                    "this is not the id of a login: one has 22 characters, letters, digits, - and _",
                )
            })
    }
}
