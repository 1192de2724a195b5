//! A login record as people see it.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use super::data::LoginData;
use super::{LoginId, LoginRecord};

/// One login, as its owner or an administrator sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoginInfo {
    /// Its number, by which it can be ended.
    pub id: LoginId,
    /// When it was made.
    pub created_at: SystemTime,
    /// When it was last used, to within a [step](crate::LoginTimeouts::step) of the timeouts.
    pub last_seen_at: SystemTime,
    /// From where it was made, or last restored by a remember token; where the manager knows addresses.
    pub address: Option<IpAddr>,
    /// With which program: the first 256 bytes of the header, without control characters. The client's own words.
    pub user_agent: Option<String>,
    /// Whether the browser is remembered.
    pub remembered: bool,
    /// Whether it is the one that asks.
    pub current: bool,
}

impl LoginInfo {
    /// A user's logins, the one last used first.
    pub(crate) fn list(mut records: Vec<LoginRecord>, current: Option<&LoginId>) -> Vec<Self> {
        // Of those that a store has no order for, as well.
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
