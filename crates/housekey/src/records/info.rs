//! A login record as users see it.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use super::data::LoginData;
use super::{LoginId, LoginRecord};

/// One login, as its owner or an administrator sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoginInfo {
    /// Its id, which ends it.
    pub id: LoginId,
    /// When it was made.
    pub created_at: SystemTime,
    /// When it was last used, to within a [step](crate::LoginTimeouts::step) of the timeouts.
    pub last_seen_at: SystemTime,
    /// The address where it was made, or last restored by a remember token, if the manager knows addresses.
    pub address: Option<IpAddr>,
    /// The client program: the first 256 bytes of the header, without control characters. The client chose this text.
    pub user_agent: Option<String>,
    /// Whether the browser is remembered.
    pub remembered: bool,
    /// Whether it is the login that asks.
    pub current: bool,
}

impl LoginInfo {
    /// A user's logins, beginning with the one last used.
    pub(crate) fn list(mut records: Vec<LoginRecord>, current: Option<&LoginId>) -> Vec<Self> {
        // A store may return those with equal times in any order.
        records.sort_by_key(|it| std::cmp::Reverse((it.last_seen_at, it.created_at, it.id)));
        let logins = records.iter();
        logins
            .filter_map(|record| Self::of(record, current))
            .collect()
    }

    /// `None` for a record that housekey did not write.
    pub(crate) fn of(record: &LoginRecord, current: Option<&LoginId>) -> Option<Self> {
        let data = LoginData::read(record)?;
        let time = |seconds| {
            SystemTime::UNIX_EPOCH
                .checked_add(Duration::from_secs(seconds))
                .unwrap_or(SystemTime::UNIX_EPOCH)
        };
        Some(Self {
            id: record.id,
            created_at: time(record.created_at),
            last_seen_at: time(record.last_seen_at),
            address: data.address,
            user_agent: data.user_agent,
            remembered: data.remember.is_some(),
            current: current == Some(&record.id),
        })
    }
}
