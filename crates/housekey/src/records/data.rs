//! What a record says about its login, beyond what a store needs.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::LoginRecord;

/// The parsed [`LoginRecord::data`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LoginData {
    /// The digest of the session's secret.
    pub(crate) session: String,
    /// The digest of the previous secret, and until when that still reads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) previous: Option<Previous>,
    /// When the user last proved themselves, or a remember token did it for them: the absolute timeout runs from here.
    pub(crate) started_at: u64,
    /// When the login ends in any case, if it has its own lifetime, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ends_at: Option<u64>,
    /// Whether and how this browser is remembered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) remember: Option<Remember>,
    /// The digest of the user's auth hash, for the remember token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) auth_hash: Option<String>,
    /// Whether all browsers with this user's Flask-Login remember token share it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) shared: bool,
    /// Separates the secret of a shared login's sessions from that of the login before it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) salt: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) user_agent: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) address: Option<IpAddr>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Previous {
    pub(crate) digest: String,
    /// Seconds since 1970.
    pub(crate) until: u64,
}

/// A used remember token, and what is known of its successors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Spent {
    pub(crate) digest: String,
    /// Until when all uses of it get the same successors, in seconds since 1970.
    pub(crate) until: u64,
    /// How often it was used again because its successors had not been used.
    #[serde(default)]
    pub(crate) again: u32,
    /// Whether a browser came with a successor, which proves that it got the answer.
    #[serde(default)]
    pub(crate) arrived: bool,
}

/// The rotating remember token of a login.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Remember {
    pub(crate) digest: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) previous: Option<Spent>,
    /// When a change of the auth hash withdrew the token. A copy from before is worthless, and its arrival is not a theft.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) withdrawn_at: Option<u64>,
    /// Seconds since 1970. Using the token does not extend it, unless the settings say so.
    pub(crate) expires_at: u64,
    /// Its original duration, in seconds.
    pub(crate) duration: u64,
}

impl LoginData {
    /// `None` if housekey did not write it. Such a record does not count.
    pub(crate) fn read(record: &LoginRecord) -> Option<Self> {
        serde_json::from_str(&record.data).ok()
    }

    /// The remember token that was last used.
    pub(crate) fn spent_token(&self) -> Option<&Spent> {
        self.remember.as_ref()?.previous.as_ref()
    }

    pub(crate) fn spent_token_mut(&mut self) -> Option<&mut Spent> {
        self.remember.as_mut()?.previous.as_mut()
    }

    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).expect("texts and numbers can be JSON")
    }
}
