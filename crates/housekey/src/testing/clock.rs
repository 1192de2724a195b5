//! A clock for tests.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

/// A clock that tests set. It starts at 14 November 2023, 22:13:20 UTC. Clones are the same clock.
#[derive(Clone, Debug)]
pub struct Clock(Arc<AtomicU64>);

impl Default for Clock {
    fn default() -> Self {
        Self(Arc::new(AtomicU64::new(Self::START)))
    }
}

impl Clock {
    /// Where a clock starts, in seconds since 1970.
    pub const START: u64 = 1_700_000_000;

    /// In seconds since 1970.
    pub fn now(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    /// Sets it forward or back.
    pub fn set(&self, now: u64) {
        self.0.store(now, Ordering::SeqCst);
    }

    /// Moves it forward by whole seconds.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(by.as_secs(), Ordering::SeqCst);
    }

    /// For [`LoginManagerBuilder::clock`](crate::LoginManagerBuilder::clock).
    pub fn reader(&self) -> impl Fn() -> SystemTime + Send + Sync + 'static {
        let clock = self.clone();
        move || SystemTime::UNIX_EPOCH + Duration::from_secs(clock.now())
    }
}
