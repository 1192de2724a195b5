//! A feed reports that records have changed, and is trusted for a limited time.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::CachedRecords;
use super::clock::Moment;
use crate::records::LoginId;

/// What a server reports as changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed<'a> {
    /// One login.
    Login(LoginId),
    /// The logins of a user, or some of them.
    User(&'a str),
    /// Everything, or an unknown part.
    Everything,
}

/// A connection over which a server reports changes.
pub struct Feed {
    cache: CachedRecords,
    pub(super) lease: SharedLease,
}

/// The time at which the server was asked something over a feed.
#[derive(Clone, Copy, Debug)]
pub struct Asked(Moment);

impl Feed {
    pub(super) fn new(cache: CachedRecords) -> Self {
        Self {
            cache,
            lease: SharedLease::default(),
        }
    }

    /// Records that the server has reported this change. Call it in the order in which the connection delivers, before the
    /// answers that came later.
    pub fn changed(&self, what: Changed<'_>) {
        self.cache.changed(what);
    }

    /// Call it before the server is asked something.
    pub fn ask(&self) -> Asked {
        Asked((self.cache.0.clock)())
    }

    /// The server has answered that question, and so has pushed every change from before it. The lease counts from the
    /// question.
    pub fn answered(&self, Asked(at): Asked) {
        let (now, limit) = ((self.cache.0.clock)(), self.cache.0.lease);
        let was_held = self.lease.lock().renew(at, now, limit);
        if !was_held {
            self.forget();
        }
    }

    /// The connection is lost, or no longer reports changes.
    pub fn lose(&self) {
        self.lease.lock().is_lost = true;
        self.forget();
    }

    /// Whether it was lost. Then it never vouches for anything again.
    pub fn is_lost(&self) -> bool {
        self.lease.lock().is_lost
    }

    /// Whether it vouches for records now.
    pub fn is_live(&self) -> bool {
        let (now, limit) = ((self.cache.0.clock)(), self.cache.0.lease);
        self.lease.lock().term(now, limit).is_some()
    }

    fn forget(&self) {
        self.cache.lock().table.forget_those_of(&self.lease);
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.lose();
    }
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed")
            .field("is_live", &self.is_live())
            .finish_non_exhaustive()
    }
}

/// The lease of a feed, shared by its records.
#[derive(Clone, Default)]
pub(super) struct SharedLease(Arc<Mutex<Lease>>);

impl SharedLease {
    pub(super) fn lock(&self) -> MutexGuard<'_, Lease> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// The time until which a feed is trusted.
#[derive(Debug, Default)]
pub(super) struct Lease {
    /// When the last answered question was asked.
    since: Option<Moment>,
    /// Counts the periods for which the lease was held without a break. A record kept in another period does not count.
    term: u64,
    is_lost: bool,
}

impl Lease {
    /// The current period, if the lease is held.
    pub(super) fn term(&mut self, now: Moment, limit: Duration) -> Option<u64> {
        let is_held = |since: Moment| now.is_within(limit, since);
        if !self.is_lost && self.since.is_some_and(is_held) {
            return Some(self.term);
        }
        if self.since.take().is_some() {
            self.term += 1;
        }
        None
    }

    pub(super) fn is_held(&mut self, term: u64, now: Moment, limit: Duration) -> bool {
        self.term(now, limit) == Some(term)
    }

    /// Whether it was held until now.
    fn renew(&mut self, at: Moment, now: Moment, limit: Duration) -> bool {
        let was_held = self.term(now, limit).is_some();
        let is_later = |since: Moment| at.running > since.running;
        if !self.is_lost && self.since.is_none_or(is_later) {
            self.since = Some(at);
        }
        was_held
    }
}
