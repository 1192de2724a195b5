//! What time it is, for a lease.

use std::time::{Duration, Instant, SystemTime};

/// A moment by two clocks. The one that never goes back may stand still while the machine sleeps; the one on the wall does not, and
/// may be set. A lease is over when either says so, so that a process that was held and a machine that slept have lost it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) running: Duration,
    pub(super) wall: Duration,
}

impl Moment {
    /// Whether it is less than this since then, by both. A wall clock that was set back is not.
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
