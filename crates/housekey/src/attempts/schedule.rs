//! The rule: how many attempts are free, and how long to wait after them.

use std::time::Duration;

use crate::error::Error;

/// How many attempts may fail in a row, and how long to wait for the next one after that.
///
/// A wait begins with an attempt, and doubles from one to the next. Nobody is locked out for good: after the longest wait
/// there is always another attempt. Failures are forgotten one by one.
///
/// Fractions of a second are ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttemptSchedule {
    /// How many attempts need not wait: 1 to 10,000.
    pub free: u32,
    /// The first wait, after the last free attempt: at least a second.
    pub first_delay: Duration,
    /// The longest wait: at most a day.
    pub longest_delay: Duration,
    /// One failed attempt is forgotten after each interval of this length: a second to 30 days.
    pub forgets_one_every: Duration,
}

/// What a store keeps of an [`AttemptKey`](super::AttemptKey), in seconds since 1970. The number of failed attempts follows
/// from the time at which they will be forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttemptStanding {
    /// When the next attempt may come; 0 if it need not wait.
    pub next_at: u64,
    /// When everything is forgotten; never before `next_at`. After that, it is as if nothing had been kept.
    pub forgotten_at: u64,
}

/// The result of [counting](super::AttemptStore::count_attempt) an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// It may go on, and counts as failed. Holds what is kept now.
    Allowed(AttemptStanding),
    /// It comes too early, and does not count.
    Wait {
        /// When the next one may come.
        until: u64,
    },
}

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

impl AttemptSchedule {
    /// For strangers at one account: five attempts are free; then waits of 1 second, 2, 4, up to 15 minutes. One is
    /// forgotten every half hour.
    ///
    /// That allows about a hundred passwords a day, from any number of addresses.
    pub const ACCOUNT: Self = Self {
        free: 5,
        first_delay: Duration::from_secs(1),
        longest_delay: Duration::from_secs(15 * MINUTE),
        forgets_one_every: Duration::from_secs(30 * MINUTE),
    };

    /// For one address, which may be a whole office: 50 attempts are free; then waits of 1 second, 2, 4, up to 15 minutes.
    /// One is forgotten every minute.
    pub const ADDRESS: Self = Self {
        free: 50,
        forgets_one_every: Duration::from_secs(MINUTE),
        ..Self::ACCOUNT
    };

    /// For a browser at an account that knows it: ten attempts are free; otherwise as [`ACCOUNT`](Self::ACCOUNT).
    pub const BROWSER: Self = Self {
        free: 10,
        ..Self::ACCOUNT
    };

    /// For all browsers together that an account knows: 30 attempts are free; otherwise as [`ACCOUNT`](Self::ACCOUNT).
    ///
    /// Each right password makes another browser known, so somebody who had it once may hold any number of them.
    pub const KNOWN_BROWSERS: Self = Self {
        free: 30,
        ..Self::ACCOUNT
    };

    /// The most failed attempts that are kept. The wait after the last of them is the longest.
    pub fn most(&self) -> u64 {
        let (first, longest) = (self.first_delay.as_secs(), self.longest_delay.as_secs());
        let doublings = (0..u64::from(u64::BITS)).find(|times| doubled(first, *times) >= longest);
        u64::from(self.free).saturating_add(doublings.unwrap_or(0))
    }

    /// Counts an attempt, as a store does in one operation. `before` is what the store keeps, forgotten or not.
    ///
    /// The clocks of the processes that count may differ. A free attempt keeps no time that a slower clock could wait for. A
    /// wait longer than `longest_delay` was written by a clock far ahead (or by another schedule): it does not hold, and as
    /// many attempts as can be kept count as failed. If clocks differ by more than `longest_delay`, waits limit little.
    pub fn count(&self, before: Option<AttemptStanding>, now: u64) -> Counted {
        let before = before.unwrap_or(AttemptStanding {
            next_at: 0,
            forgotten_at: 0,
        });
        let latest = now.saturating_add(self.longest_delay.as_secs());
        if before.next_at > now && before.next_at <= latest {
            return Counted::Wait {
                until: before.next_at,
            };
        }
        let every = self.forgets_one_every.as_secs().max(1);
        let most_left = self.most().saturating_mul(every);
        let left = before.forgotten_at.saturating_sub(now).min(most_left);
        let failed = left.div_ceil(every).saturating_add(1).min(self.most());
        let next_at = match self.delay_after(failed) {
            0 => 0,
            delay => now.saturating_add(delay),
        };
        let left = left.saturating_add(every).min(most_left);
        Counted::Allowed(AttemptStanding {
            next_at,
            forgotten_at: now.saturating_add(left).max(next_at),
        })
    }

    /// Takes back one attempt that was [counted](Self::count) with this standing. Returns what to keep; `None` for nothing.
    pub fn take_back(
        &self,
        before: AttemptStanding,
        counted: AttemptStanding,
        now: u64,
    ) -> Option<AttemptStanding> {
        let every = self.forgets_one_every.as_secs().max(1);
        // A later attempt has its own wait.
        let is_last = before.next_at == counted.next_at;
        let next_at = if is_last { 0 } else { before.next_at };
        let forgotten_at = before.forgotten_at.saturating_sub(every).max(next_at);
        (forgotten_at > now).then_some(AttemptStanding {
            next_at,
            forgotten_at,
        })
    }

    /// How long to wait after this many failed attempts, in seconds.
    fn delay_after(&self, failed: u64) -> u64 {
        match failed.checked_sub(u64::from(self.free)) {
            None => 0,
            Some(times) => {
                doubled(self.first_delay.as_secs(), times).min(self.longest_delay.as_secs())
            }
        }
    }

    pub(crate) fn check(&self, setting: &str) -> Result<(), Error> {
        let wrong = |what: &str| Err(Error::setting(format!("{setting}: {what}")));
        let seconds = |duration: Duration| duration.as_secs();
        if !(1..=10_000).contains(&self.free) {
            return wrong("free must be 1 to 10,000; with none nobody could log in");
        }
        if !(1..=DAY).contains(&seconds(self.first_delay)) {
            return wrong("first_delay must be a second to a day");
        }
        if !(seconds(self.first_delay)..=DAY).contains(&seconds(self.longest_delay)) {
            return wrong(
                "longest_delay must be as long as first_delay at least, and a day at most",
            );
        }
        if !(1..=30 * DAY).contains(&seconds(self.forgets_one_every)) {
            return wrong("forgets_one_every must be a second to 30 days");
        }
        Ok(())
    }
}

fn doubled(first: u64, times: u64) -> u64 {
    let factor = u32::try_from(times)
        .ok()
        .and_then(|times| 1_u64.checked_shl(times));
    first.saturating_mul(factor.unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_700_000_000;

    /// Three free, then 10, 20, 40, 60; one forgotten every hundred seconds.
    const SCHEDULE: AttemptSchedule = AttemptSchedule {
        free: 3,
        first_delay: Duration::from_secs(10),
        longest_delay: Duration::from_secs(60),
        forgets_one_every: Duration::from_secs(100),
    };

    /// How long each of this many attempts has to wait if they come as early as possible.
    fn waits(schedule: &AttemptSchedule, count: usize) -> Vec<u64> {
        let (mut now, mut standing, mut waits) = (NOW, None, Vec::new());
        for _ in 0..count {
            let Counted::Allowed(next) = schedule.count(standing, now) else {
                panic!("it may come now")
            };
            waits.push(next.next_at.saturating_sub(now));
            if next.next_at > now {
                let early = schedule.count(Some(next), next.next_at - 1);
                let until = next.next_at;
                assert_eq!(early, Counted::Wait { until });
            }
            (now, standing) = (next.next_at.max(now), Some(next));
        }
        waits
    }

    #[test]
    fn some_are_free_and_then_the_waits_double_up_to_the_longest() {
        assert_eq!(waits(&SCHEDULE, 8), [0, 0, 10, 20, 40, 60, 60, 60]);
        let account = waits(&AttemptSchedule::ACCOUNT, 16);
        assert_eq!(account[..8], [0, 0, 0, 0, 1, 2, 4, 8]);
        assert_eq!(account[14..], [900, 900]);
    }

    #[test]
    fn one_is_forgotten_at_a_time_and_at_the_end_all() {
        let standing = |now: u64, before| match SCHEDULE.count(before, now) {
            Counted::Allowed(standing) => standing,
            Counted::Wait { until } => panic!("until {until}"),
        };
        let (one, mut three) = (standing(NOW, None), None);
        for _ in 0..3 {
            three = Some(standing(NOW, three));
        }
        let forgotten_at = three.map(|it| it.forgotten_at);
        assert_eq!(forgotten_at, Some(NOW + 300));
        // The third of three has to wait ten seconds; the fourth twenty, unless one is forgotten.
        for (later, wait) in [
            (10, 20),
            (99, 20),
            (100, 10),
            (199, 10),
            (200, 0),
            (9999, 0),
        ] {
            let next = standing(NOW + later, three);
            let next_at = if wait == 0 { 0 } else { NOW + later + wait };
            assert_eq!(next.next_at, next_at, "after {later} seconds");
        }
        assert_eq!(standing(NOW + 300, three).forgotten_at, NOW + 400);
        assert_eq!(one.forgotten_at, NOW + 100);
    }

    #[test]
    fn any_number_of_failures_is_forgotten_in_the_time_of_the_most_that_are_kept() {
        let (mut now, mut standing) = (NOW, None);
        for _ in 0..1000 {
            let Counted::Allowed(next) = SCHEDULE.count(standing, now) else {
                panic!("it may come now")
            };
            assert!(next.forgotten_at <= now + SCHEDULE.most() * 100);
            (now, standing) = (next.next_at.max(now), Some(next));
        }
        assert_eq!(SCHEDULE.most(), 6);
        assert_eq!(AttemptSchedule::ACCOUNT.most(), 15);
    }

    #[test]
    fn what_is_taken_back_is_as_if_it_had_not_been_unless_another_came_meanwhile() {
        let count = |before| match SCHEDULE.count(before, NOW) {
            Counted::Allowed(standing) => standing,
            Counted::Wait { .. } => panic!("it may come now"),
        };
        let one = count(None);
        assert_eq!(SCHEDULE.take_back(one, one, NOW), None);
        let two = count(Some(one));
        let three = count(Some(two));
        let left = SCHEDULE.take_back(three, three, NOW).unwrap();
        assert_eq!(count(Some(left)), three, "the wait went with it");
        // The first one succeeds after the third has come.
        let left = SCHEDULE.take_back(three, one, NOW).unwrap();
        assert_eq!(left.next_at, three.next_at);
        assert_eq!(left.forgotten_at, NOW + 200);
        assert_eq!(SCHEDULE.take_back(three, three, NOW + 200), None);
    }

    #[test]
    fn free_attempts_are_free_on_a_machine_whose_clock_is_behind() {
        let (mut standing, clocks) = (None, [NOW, NOW - 30, NOW - 59]);
        for now in clocks {
            let Counted::Allowed(next) = AttemptSchedule::ACCOUNT.count(standing, now) else {
                panic!("it may come at {now}")
            };
            assert_eq!(next.next_at, 0);
            standing = Some(next);
        }
    }

    #[test]
    fn what_a_clock_far_ahead_has_left_costs_one_longest_wait_and_no_more() {
        let (year, longest) = (365 * DAY, 60);
        let (mut now, mut standing) = (NOW + year, None);
        for _ in 0..10 {
            let Counted::Allowed(next) = SCHEDULE.count(standing, now) else {
                panic!("it may come now")
            };
            (now, standing) = (next.next_at.max(now), Some(next));
        }
        let Counted::Allowed(next) = SCHEDULE.count(standing, NOW) else {
            panic!("it may come now")
        };
        let forgotten_at = NOW + SCHEDULE.most() * 100;
        assert_eq!(
            (next.next_at, next.forgotten_at),
            (NOW + longest, forgotten_at)
        );
        // A wait that the schedule can make still holds.
        for (ahead, may_come) in [(1, false), (longest, false), (longest + 1, true)] {
            let before = AttemptStanding {
                next_at: NOW + ahead,
                forgotten_at: NOW + 300,
            };
            let counted = SCHEDULE.count(Some(before), NOW);
            assert_eq!(matches!(counted, Counted::Allowed(_)), may_come, "{ahead}");
        }
    }

    #[test]
    fn no_number_breaks_it() {
        let longest = AttemptSchedule {
            free: 10_000,
            first_delay: Duration::from_secs(1),
            longest_delay: Duration::from_secs(DAY),
            forgets_one_every: Duration::from_secs(30 * DAY),
        };
        longest.check("x").unwrap();
        for now in [0, 1, u64::MAX - 1, u64::MAX] {
            for at in [0, now, u64::MAX] {
                let before = AttemptStanding {
                    next_at: at,
                    forgotten_at: at,
                };
                match longest.count(Some(before), now) {
                    Counted::Allowed(next) => {
                        assert!(next.forgotten_at >= next.next_at && next.forgotten_at >= now);
                        longest.take_back(next, before, now);
                    }
                    Counted::Wait { until } => assert!(until > now && until - now <= DAY),
                }
            }
        }
    }

    #[test]
    fn a_schedule_that_nobody_could_mean_is_refused() {
        let account = AttemptSchedule::ACCOUNT;
        let seconds = Duration::from_secs;
        for (schedule, says) in [
            (AttemptSchedule { free: 0, ..account }, "free"),
            (
                AttemptSchedule {
                    free: 10_001,
                    ..account
                },
                "free",
            ),
            (
                AttemptSchedule {
                    first_delay: Duration::from_millis(999),
                    ..account
                },
                "first_delay",
            ),
            (
                AttemptSchedule {
                    first_delay: seconds(901),
                    ..account
                },
                "longest_delay",
            ),
            (
                AttemptSchedule {
                    longest_delay: seconds(DAY + 1),
                    ..account
                },
                "longest_delay",
            ),
            (
                AttemptSchedule {
                    forgets_one_every: Duration::ZERO,
                    ..account
                },
                "forgets_one_every",
            ),
        ] {
            let error = schedule.check("by_account").unwrap_err().to_string();
            assert!(error.starts_with(&format!("by_account: {says}")), "{error}");
        }
    }
}
