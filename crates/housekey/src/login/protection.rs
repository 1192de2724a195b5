//! Session protection: compares this browser with the one that the session was made for, and acts on the result.

use super::state::View;
use crate::event::Event;
use crate::session::keys;
use crate::settings::SessionProtection;

/// The result of comparing this browser with the session's.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protection {
    /// The session is from this browser.
    Fits,
    /// The session does not say, and is bound to this browser from now on.
    Unbound,
    /// The login stops being fresh.
    Stales,
    /// The login ends.
    Ends,
}

impl View<'_> {
    /// Compares the client with the one that the session was made for, and acts on the result. `true` if the login was
    /// ended.
    pub(crate) fn protect(&mut self, user_id: &str) -> bool {
        let protection = self.protection();
        self.follow(protection, user_id)
    }

    /// Acts on the result of the comparison. `true` if the login was ended.
    pub(crate) fn follow(&mut self, protection: Protection, user_id: &str) -> bool {
        let ended = match protection {
            Protection::Fits => return false,
            Protection::Unbound => {
                // Without room for the identifier, the session stays unbound, as it came.
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
            // A peer fills a session to the brim. Without the flag the session is just as stale, and shorter.
            if self.policy.session_cookie.must_fit(&self.session).is_err() {
                self.session.remove(keys::FRESH);
            }
        }
        // Flask-Login reports this at every request until the next login. Once is enough.
        if ended || was_fresh {
            self.event(Event::SessionProtected {
                user_id: user_id.to_owned(),
                ended,
            });
        }
        ended
    }

    /// Compares the client with the one that the session was made for. Changes nothing.
    pub(crate) fn protection(&self) -> Protection {
        let settings = &self.policy.settings;
        if settings.protection == SessionProtection::Off {
            return Protection::Fits;
        }
        match self.session.text(keys::IDENTIFIER) {
            Some(kept) if settings.identifier.matches(&kept, &self.client) => Protection::Fits,
            // Flask-Login restores sessions without an identifier, and in strong mode ends them at the next request. The
            // signature shows that such a session can come from nowhere else.
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
