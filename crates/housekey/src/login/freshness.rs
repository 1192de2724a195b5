//! Whether the user proved themselves lately.
//!
//! A login by password is fresh. A session that a remember token started is not, nor is a session from another browser, nor
//! a user that the request itself proves. With an age ([`fresh_within`](crate::LoginManagerBuilder::fresh_within)),
//! freshness also ends by itself.

use std::time::Duration;

use super::state::{LoginSource, View, Who};
use crate::policy::Policy;
use crate::session::{SessionMap, keys};

impl Policy {
    /// Whether a session's login is fresh, and not older than `within`.
    pub(crate) fn is_fresh(
        &self,
        session: &SessionMap,
        within: Option<Duration>,
        now: u64,
    ) -> bool {
        if !session.is_true(keys::FRESH) {
            return false;
        }
        let Some(within) = within else {
            return true;
        };
        let tolerance = self.settings.clock_tolerance.as_secs();
        match session.number(keys::FRESH_AT) {
            Some(at) => {
                at <= now.saturating_add(tolerance) && now.saturating_sub(at) <= within.as_secs()
            }
            None => self.settings.trust_fresh_flag,
        }
    }
}

impl View<'_> {
    /// Whether the current user's login is fresh, and not older than `within`. The settings say how a session without a time
    /// counts, as a Flask peer makes it.
    pub(crate) fn is_fresh(&self, within: Option<Duration>) -> bool {
        let by_session = matches!(self.who, Who::Somebody(_, LoginSource::Session));
        by_session && self.policy.is_fresh(&self.session, within, self.now)
    }

    pub(crate) fn make_fresh(&mut self) {
        self.make_fresh_since(self.now);
    }

    pub(crate) fn make_fresh_since(&mut self, proved_at: u64) {
        self.session.set(keys::FRESH, "true".to_owned());
        self.session.set(keys::FRESH_AT, proved_at.to_string());
    }

    pub(crate) fn make_stale(&mut self) {
        self.session.set(keys::FRESH, "false".to_owned());
        self.session.remove(keys::FRESH_AT);
    }
}
