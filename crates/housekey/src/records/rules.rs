//! By which rules a manager makes and reads its records. [`crate::login::records`] applies them.

use super::secret::Digests;
use super::timeouts::LoginTimeouts;

/// How the records of a manager are to be made and read.
pub(crate) struct RecordRules {
    pub(crate) digests: Digests,
    pub(crate) timeouts: LoginTimeouts,
    pub(crate) max_logins: MaxLogins,
    /// Whether a session without a record is a login all the same, and gets one: a Flask peer may have made it.
    pub(crate) adopts: bool,
    /// How long Flask-Login's remember token counts without being used, in seconds.
    pub(crate) remember_for: u64,
    /// Whether using a remember token puts off its end.
    pub(crate) remember_slides: bool,
    /// By how many seconds the machines' clocks may differ.
    pub(crate) clock_tolerance: u64,
}

/// How many logins a user may have at once, and what happens beyond.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MaxLogins {
    pub(crate) count: usize,
    pub(crate) when_full: WhenFull,
}

impl MaxLogins {
    /// The most that a manager takes: ending one of so many, and listing them, is quick.
    pub(crate) const MOST: usize = 1000;
}

impl Default for MaxLogins {
    /// More than a person has, and few enough to be listed.
    fn default() -> Self {
        Self {
            count: 100,
            when_full: WhenFull::EndOldest,
        }
    }
}

/// What happens when a user logs in who has as many logins as they may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhenFull {
    /// The login that was not used for the longest time ends.
    EndOldest,
    /// The new login is refused ([`ErrorKind::TooManyLogins`](crate::ErrorKind::TooManyLogins)) when all the others are in
    /// use: seen in the last ten minutes. Others end, the one that was not used for the longest time first. So nobody is
    /// locked out for a day who closed the browser without signing out, or whose answer with the cookie was lost; but
    /// anybody who has the password can keep its owner out by staying busy, for as long as they are.
    Refuse,
}
