//! Records that this process has read, kept correct by the changes that the store's server pushes.
//!
//! An application turns it on at its store, with a [`RecordCache`]. The rest of this module is for stores, and does no input
//! or output of its own.
//!
//! A store whose server pushes changes makes a [`Feed`] for each connection that delivers them, and reports
//! [changes](Feed::changed) to it. It asks the server something over that connection again and again, and each
//! [answer](Feed::answered) renews the lease. Without a lease, the feed's records are gone. What is
//! [loaded](CachedRecords::loading) is [kept](Loading::keep) unless it changed meanwhile. The store
//! [announces](CachedRecords::changing) its own changes.
//!
//! ```
//! use housekey::records::{LoginId, LoginRecord, RecordCache, SharedRecord};
//! use housekey::records::cache::Changed;
//!
//! # let record = LoginRecord { id: LoginId::from_bytes([7; 16]), user_id: "mia".to_owned(), version: 0,
//! #     created_at: 1_700_000_000, last_seen_at: 1_700_000_000, expires_at: 1_700_003_600, data: "{}".to_owned() };
//! # let (id, now) = (record.id, 1_700_000_000);
//! let cache = RecordCache::new().build()?;
//! let feed = cache.feed();
//! let asked = feed.ask();
//! // … the server answers …
//! feed.answered(asked);
//!
//! let loading = cache.loading();
//! // … the server answers with a record …
//! loading.keep(&SharedRecord::new(record), &feed);
//! assert!(cache.get(&id, now).is_some());
//! feed.changed(Changed::Login(id));
//! assert!(cache.get(&id, now).is_none());
//! # Ok::<(), housekey::Error>(())
//! ```

mod clock;
mod feed;
mod recent;
mod table;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use self::clock::Clock;
pub use self::feed::{Asked, Changed, Feed};

use self::recent::Recent;
use self::table::{Entry, Table};
use super::{LoginId, SharedRecord};
use crate::error::{Error, ErrorKind};

/// How a store keeps records that it has read, so that most requests need not ask its server.
///
/// It is off unless a store is given one. Its [lease](Self::lease) is its price: a login that another process has ended is
/// over here when the server's push arrives, which takes milliseconds. If pushes are lost without an error, it is over only
/// when the lease is.
#[derive(Clone, Copy, Debug)]
pub struct RecordCache {
    lease: Duration,
    max_records: usize,
}

impl Default for RecordCache {
    fn default() -> Self {
        Self::new()
    }
}

impl RecordCache {
    /// Two seconds.
    pub const DEFAULT_LEASE: Duration = Duration::from_secs(2);
    /// Ten thousand.
    pub const DEFAULT_MAX_RECORDS: usize = 10_000;
    /// The longest possible lease.
    const SHORTEST_LEASE: Duration = Duration::from_millis(100);
    const LONGEST_LEASE: Duration = Duration::from_secs(60);
    const MOST_RECORDS: usize = 1_000_000;

    /// With the defaults.
    pub const fn new() -> Self {
        Self {
            lease: Self::DEFAULT_LEASE,
            max_records: Self::DEFAULT_MAX_RECORDS,
        }
    }

    /// How long records count after the server was last known to push its changes. A login that has ended elsewhere goes on
    /// here for that long at most. At most a minute; the server is asked a few times in it.
    pub const fn lease(self, lease: Duration) -> Self {
        Self { lease, ..self }
    }

    /// How many records to keep, from 2 to a million. One takes 1 to 10 KiB. The least recently used make room.
    pub const fn max_records(self, max_records: usize) -> Self {
        Self {
            max_records,
            ..self
        }
    }

    /// An empty cache, for a store.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Setting`] if the lease is shorter than 100 milliseconds or longer than a minute, or if there are too few or too many records.
    pub fn build(self) -> Result<CachedRecords, Error> {
        self.with_clock(clock::system())
    }

    fn with_clock(self, clock: Clock) -> Result<CachedRecords, Error> {
        let refused = |words: &str| Err(Error::new(ErrorKind::Setting, words.to_owned()));
        if !(Self::SHORTEST_LEASE..=Self::LONGEST_LEASE).contains(&self.lease) {
            return refused("the lease of a RecordCache is from 100 milliseconds to a minute");
        }
        if !(2..=Self::MOST_RECORDS).contains(&self.max_records) {
            return refused("a RecordCache has from 2 to 1,000,000 records");
        }
        Ok(CachedRecords(Arc::new(Shared {
            lease: self.lease,
            clock,
            state: Mutex::new(State {
                table: Table::new(self.max_records),
                recent: Recent::default(),
            }),
        })))
    }
}

/// Records of a store that were read before. Clones share them.
#[derive(Clone)]
pub struct CachedRecords(Arc<Shared>);

struct Shared {
    lease: Duration,
    clock: Clock,
    state: Mutex<State>,
}

struct State {
    table: Table,
    /// The most recent changes, for loads that are under way.
    recent: Recent,
}

impl CachedRecords {
    /// The record with this id, unless it is missing or expired, or its feed no longer vouches for it.
    pub fn get(&self, id: &LoginId, now: u64) -> Option<SharedRecord> {
        let mut state = self.lock();
        // Read under the lock. A time from before waiting for the lock could be too old.
        let moment = (self.0.clock)();
        let entry = state.table.get(id)?;
        if !entry.lease.lock().is_held(entry.term, moment, self.0.lease) {
            let lease = entry.lease.clone();
            state.table.forget_those_of(&lease);
            return None;
        }
        if now < entry.record.expires_at {
            return Some(entry.record.clone());
        }
        state.table.forget(id);
        None
    }

    /// Begins to load a record. Call it before the server is asked.
    pub fn loading(&self) -> Loading {
        Loading {
            since: self.lock().recent.count(),
            cache: self.clone(),
        }
    }

    /// The store itself is about to change these logins. They are not answered from here, however the change ends, and loads
    /// that are under way meanwhile are not kept.
    #[must_use = "what was announced lasts until this is dropped"]
    pub fn changing(&self, logins: impl IntoIterator<Item = LoginId>) -> Changing {
        let changing = Changing {
            logins: logins.into_iter().collect(),
            user_id: None,
            cache: self.clone(),
        };
        changing.forget();
        changing
    }

    /// The same for all logins of a user.
    #[must_use = "what was announced lasts until this is dropped"]
    pub fn changing_those_of(&self, user_id: &str) -> Changing {
        let changing = Changing {
            logins: Vec::new(),
            user_id: Some(user_id.to_owned()),
            cache: self.clone(),
        };
        changing.forget();
        changing
    }

    /// A connection over which the server will report changes. It vouches for nothing before the first
    /// [answer](Feed::answered). Dropping it removes its records.
    pub fn feed(&self) -> Feed {
        Feed::new(self.clone())
    }

    /// The lease.
    pub fn lease(&self) -> Duration {
        self.0.lease
    }

    /// The number of records.
    pub fn len(&self) -> usize {
        self.lock().table.len()
    }

    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn changed(&self, what: Changed<'_>) {
        let mut state = self.lock();
        let State { table, recent } = &mut *state;
        recent.note(what);
        match what {
            Changed::Login(id) => table.forget(&id),
            Changed::User(user_id) => table.forget_user(user_id),
            Changed::Everything => table.clear(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for CachedRecords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedRecords")
            .field("lease", &self.0.lease)
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

/// A load that is under way.
#[derive(Debug)]
pub struct Loading {
    cache: CachedRecords,
    /// How many changes there were before it.
    since: u64,
}

impl Loading {
    /// Keeps the server's answer, unless it has changed since the load began, or the feed vouches for nothing. The feed must
    /// belong to the same server, and must have existed before the load began.
    pub fn keep(self, record: &SharedRecord, feed: &Feed) {
        let mut state = self.cache.lock();
        let moment = (self.cache.0.clock)();
        if !state.recent.left_alone(self.since, record) {
            return;
        }
        let Some(term) = feed.lease.lock().term(moment, self.cache.0.lease) else {
            return;
        };
        state.table.insert(Entry {
            record: record.cached(),
            lease: feed.lease.clone(),
            term,
        });
    }
}

/// A change that the store is about to make, or has made. Dropping it ends the change.
#[derive(Debug)]
pub struct Changing {
    cache: CachedRecords,
    logins: Vec<LoginId>,
    user_id: Option<String>,
}

impl Changing {
    /// These logins have changed too.
    pub fn also(&mut self, logins: &[LoginId]) {
        self.logins.extend_from_slice(logins);
    }

    fn forget(&self) {
        for id in &self.logins {
            self.cache.changed(Changed::Login(*id));
        }
        if let Some(user_id) = &self.user_id {
            self.cache.changed(Changed::User(user_id));
        }
    }
}

impl Drop for Changing {
    fn drop(&mut self) {
        self.forget();
    }
}
