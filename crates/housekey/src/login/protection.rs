//! Session protection: whether the session came from the browser that it was made for, and what follows.

use super::state::View;
use crate::event::Event;
use crate::session::keys;
use crate::settings::SessionProtection;

/// What comes of a session's being from this browser or from another.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protection {
    /// It is from this one.
    Fits,
    /// It does not say, and is bound to this one from now on.
    Unbound,
    /// The login is not fresh any more.
    Stales,
    /// The login is over.
    Ends,
}

impl View<'_> {
    /// Compares the client with the one that the session was made for, and does what follows. `true` when the login was
    /// ended.
    pub(crate) fn protect(&mut self, user_id: &str) -> bool {
        let protection = self.protection();
        self.follow(protection, user_id)
    }

    /// Does what follows from the session's being from this browser or from another. `true` when the login was ended.
    pub(crate) fn follow(&mut self, protection: Protection, user_id: &str) -> bool {
        let ended = match protection {
            Protection::Fits => return false,
            Protection::Unbound => {
                // Without room for it, the session stays unbound, as it came.
                let _ = self.if_it_fits(|view| view.bind_to_client());
                return false;
            }
            Protection::Stales => false,
            Protection::Ends => true,
        };
        let was_fresh = self.session.is_true(keys::FRESH);
        if ended {
            match self.policy.settings.strong_keeps_values {
                true => self.forget_login(),
                false => self.session.clear(),
            }
            self.remember.delete();
        } else if was_fresh {
            self.make_stale();
            // A peer packs a session until it is full. Without the flag it is as stale, and shorter.
            if self.policy.session_cookie.must_fit(&self.session).is_err() {
                self.session.remove(keys::FRESH);
            }
        }
        // Flask-Login says so at every request until the next login; once is enough.
        if ended || was_fresh {
            self.event(Event::SessionProtected {
                user_id: user_id.to_owned(),
                ended,
            });
        }
        ended
    }

    /// What session protection says of the session's login.
    pub(crate) fn protection(&self) -> Protection {
        let settings = &self.policy.settings;
        if settings.protection == SessionProtection::Off {
            return Protection::Fits;
        }
        match self.session.text(keys::IDENTIFIER) {
            Some(kept) if settings.identifier.matches(&kept, &self.client) => Protection::Fits,
            // Flask-Login restores sessions without an identifier and then, in strong mode, ends them at the next
            // request. Signed as it is, such a session can come from nowhere else.
            None if !self.session.is_true(keys::FRESH) && !settings.unbound_is_foreign => {
                Protection::Unbound
            }
            _ if settings.protection == SessionProtection::Strong
                && !(settings.strong_spares_permanent && self.session.is_permanent()) =>
            {
                Protection::Ends
            }
            _ => Protection::Stales,
        }
    }
}
