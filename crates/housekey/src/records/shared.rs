//! A record that several requests use.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use super::LoginRecord;
use super::data::LoginData;

/// A record that was read once, for any number of requests. Clones share the record, which does not change.
///
/// ```
/// use housekey::records::{LoginId, LoginRecord, SharedRecord};
///
/// let record = LoginRecord {
///     id: LoginId::from_bytes([7; 16]),
///     user_id: "mia".to_owned(),
///     version: 0,
///     created_at: 1_700_000_000,
///     last_seen_at: 1_700_000_000,
///     expires_at: 1_700_003_600,
///     data: "{}".to_owned(),
/// };
/// let shared = SharedRecord::new(record);
/// assert_eq!(shared.clone().user_id, "mia");
/// ```
#[derive(Clone)]
pub struct SharedRecord {
    record: Arc<LoginRecord>,
    /// `None` if housekey did not write it.
    data: Option<Arc<LoginData>>,
    /// Whether it came from a cache.
    is_cached: bool,
}

impl SharedRecord {
    /// Reads a record that the store has just returned.
    pub fn new(record: LoginRecord) -> Self {
        Self {
            data: LoginData::read(&record).map(Arc::new),
            record: Arc::new(record),
            is_cached: false,
        }
    }

    /// The record, for keeping.
    pub fn record(&self) -> Arc<LoginRecord> {
        Arc::clone(&self.record)
    }

    /// What it says about its login, unless another program wrote it.
    pub(crate) fn data(&self) -> Option<&Arc<LoginData>> {
        self.data.as_ref()
    }

    /// Whether it may be older than the store's. It lets a login go on, and does not end one.
    pub fn is_cached(&self) -> bool {
        self.is_cached
    }

    /// The same with other fields, except `data`.
    pub(super) fn with(&self, record: LoginRecord) -> Self {
        Self {
            record: Arc::new(record),
            ..self.clone()
        }
    }

    /// The same, as a cache returns it.
    pub(crate) fn cached(&self) -> Self {
        Self {
            is_cached: true,
            ..self.clone()
        }
    }
}

impl Deref for SharedRecord {
    type Target = LoginRecord;

    fn deref(&self) -> &LoginRecord {
        &self.record
    }
}

impl From<LoginRecord> for SharedRecord {
    fn from(record: LoginRecord) -> Self {
        Self::new(record)
    }
}

impl fmt::Debug for SharedRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.record.fmt(f)
    }
}
