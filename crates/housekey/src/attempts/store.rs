//! Counts attempts.

use std::future::Future;
use std::pin::Pin;

use super::{AttemptKey, AttemptSchedule, AttemptStanding, Counted};
use crate::error::{BoxError, Error, ErrorKind};

/// Counts attempts: in the login store's own database, so that all processes count together.
///
/// [`AttemptSchedule::count`] and [`AttemptSchedule::take_back`] say what to keep of a key and how it changes. A store does
/// that in one operation. [`conformance`](super::conformance) checks it. Times are in seconds since 1970 and come from the
/// caller; a store reads no clock.
///
/// An `Err` means that the answer is not known: the attempt is refused with 503, and not allowed.
pub trait AttemptStore: Send + Sync + 'static {
    /// Counts one attempt at a key, if it may come now: all of that in one operation. If many do so at once, from any number
    /// of processes, each sees what the others did.
    fn count_attempt(
        &self,
        key: &AttemptKey,
        schedule: &AttemptSchedule,
        now: u64,
    ) -> impl Future<Output = Result<Counted, BoxError>> + Send;

    /// Takes back one attempt that was [`Counted::Allowed`] with this standing. Does nothing if nothing is kept of the key.
    fn take_attempt_back(
        &self,
        key: &AttemptKey,
        schedule: &AttemptSchedule,
        counted: AttemptStanding,
        now: u64,
    ) -> impl Future<Output = Result<(), BoxError>> + Send;

    /// Forgets all attempts at a key.
    fn forgive_attempts(
        &self,
        key: &AttemptKey,
    ) -> impl Future<Output = Result<(), BoxError>> + Send;

    /// Deletes keys whose attempts are all forgotten by now, at most `limit` of them, and returns how many. Fewer than
    /// `limit` means that there were no more. A store that deletes them by itself may return 0.
    fn delete_expired_attempts(
        &self,
        now: u64,
        limit: usize,
    ) -> impl Future<Output = Result<usize, BoxError>> + Send;
}

type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send + 'a>>;

/// An [`AttemptStore`] with its type erased.
trait ErasedStore: Send + Sync {
    fn count<'a>(
        &'a self,
        key: &'a AttemptKey,
        schedule: &'a AttemptSchedule,
        now: u64,
    ) -> Answer<'a, Counted>;
    fn take_back<'a>(
        &'a self,
        key: &'a AttemptKey,
        schedule: &'a AttemptSchedule,
        counted: AttemptStanding,
        now: u64,
    ) -> Answer<'a, ()>;
    fn forgive<'a>(&'a self, key: &'a AttemptKey) -> Answer<'a, ()>;
    fn delete_expired(&self, now: u64, limit: usize) -> Answer<'_, usize>;
}

impl<S: AttemptStore> ErasedStore for S {
    fn count<'a>(
        &'a self,
        key: &'a AttemptKey,
        schedule: &'a AttemptSchedule,
        now: u64,
    ) -> Answer<'a, Counted> {
        Box::pin(self.count_attempt(key, schedule, now))
    }

    fn take_back<'a>(
        &'a self,
        key: &'a AttemptKey,
        schedule: &'a AttemptSchedule,
        counted: AttemptStanding,
        now: u64,
    ) -> Answer<'a, ()> {
        Box::pin(self.take_attempt_back(key, schedule, counted, now))
    }

    fn forgive<'a>(&'a self, key: &'a AttemptKey) -> Answer<'a, ()> {
        Box::pin(self.forgive_attempts(key))
    }

    fn delete_expired(&self, now: u64, limit: usize) -> Answer<'_, usize> {
        Box::pin(self.delete_expired_attempts(now, limit))
    }
}

/// A store whose faults become [`ErrorKind::StoreFailed`].
pub(crate) struct Store(Box<dyn ErasedStore>);

/// The latest start time with which every store can calculate: 285 million years after 1970.
const LAST: u64 = 1 << 53;

impl Store {
    pub(crate) fn new(store: impl AttemptStore) -> Self {
        Self(Box::new(store))
    }

    pub(crate) async fn count(
        &self,
        key: &AttemptKey,
        schedule: &AttemptSchedule,
        now: u64,
    ) -> Result<Counted, Error> {
        let counted = self.0.count(key, schedule, now.min(LAST)).await;
        counted.map_err(failed)
    }

    pub(crate) async fn take_back(
        &self,
        key: &AttemptKey,
        schedule: &AttemptSchedule,
        counted: AttemptStanding,
        now: u64,
    ) -> Result<(), Error> {
        let taken = self.0.take_back(key, schedule, counted, now.min(LAST));
        taken.await.map_err(failed)
    }

    pub(crate) async fn forgive(&self, key: &AttemptKey) -> Result<(), Error> {
        self.0.forgive(key).await.map_err(failed)
    }

    /// Deletes everything that is forgotten.
    pub(crate) async fn delete_expired(&self, now: u64, batch: usize) -> Result<(), Error> {
        while self.0.delete_expired(now, batch).await.map_err(failed)? >= batch {}
        Ok(())
    }
}

fn failed(error: BoxError) -> Error {
    tracing::error!(target: "housekey", %error, "the store of attempts failed");
    Error::new(
        ErrorKind::StoreFailed,
        "this cannot be verified at the moment; try again in a little while",
    )
    .caused_by(error)
}
