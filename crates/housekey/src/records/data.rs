//! What a record says about its login, beyond what a store needs to know.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::LoginRecord;

/// [`LoginRecord::data`], read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LoginData {
    /// The digest of the session's secret.
    pub(crate) session: String,
    /// The digest of the secret before that one, and until when it still reads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) previous: Option<Previous>,
    /// When the user last proved themselves, or a remember token did it for them: the absolute timeout runs from here.
    pub(crate) started_at: u64,
    /// When the login ends whatever is done with it, if it has a lifetime of its own, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ends_at: Option<u64>,
    /// Whether and how this browser is remembered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) remember: Option<Remember>,
    /// The digest of the user's auth hash, for the remember token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) auth_hash: Option<String>,
    /// Whether all browsers that have Flask-Login's remember token of this user share it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) shared: bool,
    /// What sets the secret of a shared login's sessions apart from those of the one before it.
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

/// A remember token that was used, and what is known of its successors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Spent {
    pub(crate) digest: String,
    /// Until when all uses of it are given the same successors, in seconds since 1970.
    pub(crate) until: u64,
    /// How often it was used again because nobody had used its successors.
    #[serde(default)]
    pub(crate) again: u32,
    /// Whether a browser came with a successor, so that it had the answer.
    #[serde(default)]
    pub(crate) arrived: bool,
}

/// The rotating remember token of a login.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Remember {
    pub(crate) digest: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) previous: Option<Spent>,
    /// When a change of the auth hash took the token away that was out. A copy from before is worth nothing, and that it
    /// comes is no theft.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) withdrawn_at: Option<u64>,
    /// Seconds since 1970. Using the token does not put it off, unless the settings say so.
    pub(crate) expires_at: u64,
    /// How long it was to live from the beginning, in seconds.
    pub(crate) duration: u64,
}

impl LoginData {
    /// `None` when it was not written here. Such a record counts for nothing.
    pub(crate) fn read(record: &LoginRecord) -> Option<Self> {
        serde_json::from_str(&record.data).ok()
    }

    /// The remember token that was used last.
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
