//! Everything that one request knows about its visitor, and the view through which the rules see it.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use crate::attempts::known::Known;
use crate::client::Client;
use crate::error::{Error, Told};
use crate::event::Event;
use crate::policy::Policy;
use crate::records::rules::Live;
use crate::records::secret::LoginSecret;
use crate::remember::RememberState;
use crate::session::{Arrival, CookieArrival, Flashes, OWNER, PERMANENT, SessionMap, keys};
use crate::user::User;

/// Where the current user was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoginSource {
    /// The session names the user.
    Session,
    /// A remember token names the user, and started a new session in this request.
    RememberToken,
    /// The request itself proves the user (an API key). Nothing is remembered.
    Request,
}

/// How many events are kept for a door that has not taken them. Ending all logins of a user makes one event per login.
const MOST_KEPT_EVENTS: usize = 1000;

/// Everything that one request knows about its visitor.
pub(crate) struct VisitState {
    /// Seconds since 1970.
    pub(crate) now: u64,
    pub(crate) client: Client,
    pub(crate) session: SessionMap,
    /// How the session arrived, which decides what has to be sent back.
    pub(crate) arrival: Arrival,
    pub(crate) remember: RememberState,
    /// The record of the session's login, once it is known to count.
    pub(crate) live: Option<Box<Live>>,
    /// The session came with a secret that was replaced moments ago. The browser has a newer one, so the changes of this
    /// request must not reach it.
    pub(crate) reads_only: bool,
    pub(crate) flashes: Flashes,
    /// Whether perhaps no person will see the answer, so that it must not use anything up.
    pub(crate) unseen: bool,
    pub(crate) who: Who,
    /// Counts logins and logouts, so that a user loaded meanwhile is not taken for the current one.
    pub(crate) generation: u32,
    /// Whether the current user has been asked for.
    pub(crate) accessed: bool,
    /// Whether any part of the answer was made for one user.
    pub(crate) personal: bool,
    /// Whether the request loader was asked, so that the answer depends on more than cookies.
    pub(crate) asked_request: bool,
    /// Whether the current user was asked for, or the session read, in a way that counts as use.
    pub(crate) is_used: bool,
    /// A digest that the session lacks. It is added whenever the session is next written.
    pub(crate) missing_digest: Option<String>,
    /// Whether a login or a logout happened in this request.
    pub(crate) replaced: bool,
    /// The host name that the browser called, if cookies may have been set for a wider domain.
    pub(crate) host: Option<String>,
    /// Whether a door has taken a change ahead of the rest of the response: the session's changes, or the remember token's
    /// cookie.
    pub(crate) sent_ahead: bool,
    /// Whether the response has been written, so that changes can no longer reach the browser.
    pub(crate) written: bool,
    /// Set if attempts are limited.
    pub(crate) attempts: Option<Box<AttemptsHere>>,
    /// Delivered once the state is unlocked, so that a hook may look at it.
    pub(crate) events: Vec<Event>,
    /// Delivered events, if the door wants them.
    pub(crate) kept_events: Vec<Event>,
}

/// What attempts in this request need to know.
pub(crate) struct AttemptsHere {
    /// The form in which a refusal is answered.
    pub(crate) told: Told,
    /// The cookies that say where this browser has proved itself before, as they came, joined by semicolons.
    pub(crate) sent: Vec<u8>,
    /// What this request adds to them.
    pub(crate) learnt: Option<Known>,
    /// Whether that still has to be sent.
    pub(crate) is_news: bool,
}

/// The current user, as far as the search has got.
pub(crate) enum Who {
    NotAsked,
    Nobody,
    Somebody(Arc<dyn User>, LoginSource),
}

impl VisitState {
    pub(crate) fn view<'a>(&'a mut self, policy: &'a Policy) -> View<'a> {
        View {
            policy,
            state: self,
        }
    }

    pub(crate) fn event(&mut self, event: Event) {
        self.events.push(event);
    }

    /// Keeps delivered events, if the door wants them.
    pub(crate) fn keep_events(&mut self, events: &[Event]) {
        let room = MOST_KEPT_EVENTS.saturating_sub(self.kept_events.len());
        self.kept_events.extend(events.iter().take(room).cloned());
    }

    /// The user id in the session, as the loader is asked for it.
    pub(crate) fn session_user_id(&self) -> Option<String> {
        self.session.user_id()
    }

    /// The token in the session, which names its record.
    pub(crate) fn session_token(&self) -> Option<LoginSecret> {
        self.session.token()
    }

    /// All sessions that came under the cookie's name, beginning with the one that counts.
    pub(crate) fn sessions(&self) -> impl Iterator<Item = (&SessionMap, &CookieArrival)> {
        let others = self
            .arrival
            .others
            .iter()
            .map(|(session, arrival)| (session, arrival));
        std::iter::once((&self.session, &self.arrival.main)).chain(others)
    }

    /// Whether the session names the record as this user's.
    pub(crate) fn session_token_is_of(&self, user_id: &str) -> bool {
        let value = self.session.text(keys::TOKEN);
        value.is_some_and(|value| LoginSecret::owner_in_session(&value) == Some(user_id))
    }

    /// Removes the login and everything that belongs to it from the session, and leaves the application's data.
    pub(crate) fn forget_login(&mut self) {
        for key in keys::LOGIN
            .into_iter()
            .chain([keys::NEXT, keys::PENDING, OWNER])
        {
            self.session.remove(key);
        }
    }
}

/// The state of one request together with the policy that judges it. The rules are methods of this view.
pub(crate) struct View<'a> {
    pub(crate) policy: &'a Policy,
    pub(crate) state: &'a mut VisitState,
}

impl Deref for View<'_> {
    type Target = VisitState;

    fn deref(&self) -> &VisitState {
        self.state
    }
}

impl DerefMut for View<'_> {
    fn deref_mut(&mut self) -> &mut VisitState {
        self.state
    }
}

impl View<'_> {
    pub(crate) fn reborrow(&mut self) -> View<'_> {
        View {
            policy: self.policy,
            state: self.state,
        }
    }

    /// Whether the session fits into a cookie, together with the messages that are about to join it, and with what the rules
    /// may add later, when an error could no longer be reported.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::SessionTooLarge`](crate::ErrorKind::SessionTooLarge) when it does not.
    pub(crate) fn must_fit(&self) -> Result<(), Error> {
        let mut session = self.session.clone();
        self.flashes.store(&mut session);
        session.set(PERMANENT, "true".to_owned());
        session.set(keys::FRESH, "false".to_owned());
        session.set(keys::FRESH_AT, self.now.to_string());
        self.policy.session_cookie.must_fit(&session)
    }

    /// Changes the session, if there is room.
    ///
    /// # Errors
    ///
    /// As [`must_fit`](Self::must_fit). The session is then unchanged.
    pub(crate) fn if_it_fits(&mut self, change: impl FnOnce(&mut Self)) -> Result<(), Error> {
        let before = self.session.clone();
        change(self);
        self.must_fit().inspect_err(|_| self.session = before)
    }

    /// Whether a change to the session would fit. Changes nothing.
    ///
    /// # Errors
    ///
    /// As [`if_it_fits`](Self::if_it_fits).
    pub(crate) fn would_fit(&mut self, change: impl FnOnce(&mut Self)) -> Result<(), Error> {
        let before = self.session.clone();
        let result = self.if_it_fits(change);
        self.session = before;
        result
    }

    /// Makes a change that a login cannot do without. If there is no other room, it replaces everything else in the session:
    /// a visitor can fill a session, and must not lock out a user by it.
    ///
    /// # Errors
    ///
    /// As [`if_it_fits`](Self::if_it_fits), if there is not even room for the change alone.
    pub(crate) fn fit_or_clear(&mut self, change: impl Fn(&mut Self)) -> Result<(), Error> {
        self.if_it_fits(&change).or_else(|_| {
            self.if_it_fits(|view| {
                view.session.clear();
                change(view);
            })
        })
    }
}
