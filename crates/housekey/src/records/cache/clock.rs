//! The time, for a lease.

use std::time::{Duration, Instant, SystemTime};

/// A moment by two clocks. The monotonic clock may stop while the machine sleeps. The wall clock does not, and may be set. A
/// lease is over if either says so, so a process that was paused and a machine that slept lose it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) running: Duration,
    pub(super) wall: Duration,
}

impl Moment {
    /// Whether less than this has passed since then, by both clocks. That is false if the wall clock was set back.
    pub(super) fn is_within(self, limit: Duration, since: Self) -> bool {
        let within = |now: Duration, then: Duration| {
            now.checked_sub(then).is_some_and(|passed| passed < limit)
        };
        within(self.running, since.running) && within(self.wall, since.wall)
    }
}

pub(super) type Clock = Box<dyn Fn() -> Moment + Send + Sync>;

pub(super) fn system() -> Clock {
    let start = Instant::now();
    Box::new(move || Moment {
        running: start.elapsed(),
        wall: SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default(),
    })
}
