//! When a login ends by itself, if logins have records.

use std::time::Duration;

use crate::error::Error;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How long a login lasts: until it has been unused for a while (idle), and in any case until some time after the user
/// proved themselves (absolute), whichever comes first. The server checks this against the login's record.
///
/// Use extends the idle timeout, to within a twentieth of it. Only a login, a confirmation or a remember token restarts the
/// absolute one. A remembered browser starts a new session afterwards, which is not fresh.
///
/// The profiles are what NIST SP 800-63B-4 asks for at its three assurance levels. The first has an idle timeout too, which
/// NIST does not ask for there.
///
/// ```
/// use std::time::Duration;
/// use housekey::LoginTimeouts;
///
/// assert_eq!(LoginTimeouts::default(), LoginTimeouts::EVERYDAY);
/// assert_eq!(LoginTimeouts::SENSITIVE.idle(), Duration::from_secs(60 * 60));
/// let ours = LoginTimeouts::new(Duration::from_secs(30 * 60), Duration::from_secs(8 * 60 * 60));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoginTimeouts {
    idle: Duration,
    absolute: Duration,
}

impl LoginTimeouts {
    /// For most sites, and the default: idle for one day, 30 days in all.
    pub const EVERYDAY: Self = Self::new(DAY, Duration::from_secs(30 * 24 * 60 * 60));
    /// For money and personal data: idle for one hour, one day in all.
    pub const SENSITIVE: Self = Self::new(HOUR, DAY);
    /// For what must not be left open on a desk: idle for 15 minutes, 12 hours in all.
    pub const CRITICAL: Self = Self::new(
        Duration::from_secs(15 * 60),
        Duration::from_secs(12 * 60 * 60),
    );

    /// Any other two durations, in whole seconds. A manager accepts one second to 400 days, and an idle timeout that is not
    /// longer than the absolute one.
    pub const fn new(idle: Duration, absolute: Duration) -> Self {
        Self { idle, absolute }
    }

    /// How long a login may go unused.
    pub const fn idle(&self) -> Duration {
        self.idle
    }

    /// How long a login may last from when the user proved themselves.
    pub const fn absolute(&self) -> Duration {
        self.absolute
    }

    /// The longest time for which use goes unrecorded: use of a login is written once in this time. It is a twentieth of the
    /// idle timeout, from a minute to an hour, and at most half of it.
    ///
    /// [`LoginInfo::last_seen_at`](crate::LoginInfo::last_seen_at) has this precision, and a page that shows it should not
    /// promise more.
    ///
    /// ```
    /// use std::time::Duration;
    /// use housekey::LoginTimeouts;
    ///
    /// assert_eq!(LoginTimeouts::EVERYDAY.step(), Duration::from_secs(60 * 60));
    /// assert_eq!(LoginTimeouts::SENSITIVE.step(), Duration::from_secs(3 * 60));
    /// ```
    pub fn step(&self) -> Duration {
        (self.idle / 20).clamp(MINUTE, HOUR).min(self.idle / 2)
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        crate::cookie::check_duration("login_timeouts: idle", self.idle)?;
        crate::cookie::check_duration("login_timeouts: absolute", self.absolute)?;
        if self.idle > self.absolute {
            return Err(Error::setting(
                "login_timeouts: the idle timeout is longer than the absolute one and would never come; choose a \
                 shorter one",
            ));
        }
        Ok(())
    }
}

impl Default for LoginTimeouts {
    fn default() -> Self {
        Self::EVERYDAY
    }
}
