//! The lifetime of a single login without a record: the session holds it, and so does a remember token.

use super::state::View;
use crate::owned;
use crate::session::{SessionMap, keys};

/// In digits. The limit lets the code find the owner behind them.
const LENGTH: usize = 20;

/// When this user's login ends by itself. An end that a peer left from another user's login does not count.
pub(crate) fn end_of(session: &SessionMap, user_id: &str) -> Option<u64> {
    let value = session.text(keys::ENDS_AT)?;
    let (ends_at, owner) = owned::split(&value, LENGTH)?;
    (owner == user_id).then(|| ends_at.parse().ok())?
}

impl View<'_> {
    pub(crate) fn write_end(&mut self, user_id: &str, ends_at: u64) {
        let value = owned::join(&format!("{ends_at:0LENGTH$}"), user_id);
        self.session.set_text(keys::ENDS_AT, &value);
    }

    pub(crate) fn session_end(&self, user_id: &str) -> Option<u64> {
        end_of(&self.session, user_id)
    }

    /// Whether the lifetime of this user's login is over.
    pub(crate) fn is_over(&self, user_id: &str) -> bool {
        self.session_end(user_id)
            .is_some_and(|ends_at| self.now >= ends_at)
    }

    /// Whether this user's login has its own lifetime.
    pub(crate) fn has_end(&self, user_id: &str) -> bool {
        let recorded = self.live.as_ref().and_then(|live| live.data.ends_at);
        recorded.or_else(|| self.session_end(user_id)).is_some()
    }
}
