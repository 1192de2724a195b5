//! Attempts, counted by several processes at one store.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use housekey::BoxError;
use housekey::attempts::{
    AttemptKey, AttemptSchedule, AttemptStanding, AttemptStore, Counted, conformance,
};

/// The whole conformance suite, for stores that share nothing but the server.
///
/// # Panics
///
/// When a rule is broken, or an operation fails.
pub async fn check<S: AttemptStore>(stores: impl IntoIterator<Item = S>) {
    let stores = InTurn(stores.into_iter().collect(), AtomicUsize::new(0));
    conformance::check(&stores).await;
    conformance::check_races(Arc::new(stores), tokio::spawn).await;
}

/// Several stores, which take turns with the operations.
struct InTurn<S>(Vec<S>, AtomicUsize);

impl<S> InTurn<S> {
    fn next(&self) -> &S {
        let number = self.1.fetch_add(1, Ordering::Relaxed);
        &self.0[number % self.0.len()]
    }
}

impl<S: AttemptStore> AttemptStore for InTurn<S> {
    async fn count_attempt(
        &self,
        key: &AttemptKey,
        schedule: &AttemptSchedule,
        now: u64,
    ) -> Result<Counted, BoxError> {
        self.next().count_attempt(key, schedule, now).await
    }

    async fn take_attempt_back(
        &self,
        key: &AttemptKey,
        schedule: &AttemptSchedule,
        counted: AttemptStanding,
        now: u64,
    ) -> Result<(), BoxError> {
        let store = self.next();
        store.take_attempt_back(key, schedule, counted, now).await
    }

    async fn forgive_attempts(&self, key: &AttemptKey) -> Result<(), BoxError> {
        self.next().forgive_attempts(key).await
    }

    async fn delete_expired_attempts(&self, now: u64, limit: usize) -> Result<usize, BoxError> {
        self.next().delete_expired_attempts(now, limit).await
    }
}
