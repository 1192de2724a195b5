//! Finds the current user for a door.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::{Current, OpenVisit};
use crate::error::{Error, ErrorKind};
use crate::event::Event;
use crate::head::Head;
use crate::login::state::{LoginSource, View, Who};
use crate::user::{User, downcast};

/// The current user; `None` for an anonymous visitor.
type Known<U> = Result<Option<Current<U>>, Error>;

/// Which login counts as fresh.
#[derive(Clone, Copy)]
pub(super) enum Fresh {
    /// By the manager's rule.
    ByRule,
    /// Not older than this.
    Within(Duration),
    /// None, because nothing asks for it, as on nearly every page.
    NotAsked,
}

impl Fresh {
    fn is(self, view: &View<'_>) -> bool {
        match self {
            Self::ByRule => view.is_fresh(view.policy.settings.fresh_within),
            Self::Within(within) => view.is_fresh(Some(within)),
            Self::NotAsked => false,
        }
    }
}

impl OpenVisit {
    /// The current user, found at the first call and remembered for the others. `None` for an anonymous visitor.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::LoaderFailed`] or [`ErrorKind::StoreFailed`] if this is not known at the moment. A failure is not
    /// remembered: the next call asks again.
    pub async fn current_user<U: User>(&self, request: &impl Head) -> Known<U> {
        self.find_user(request, Fresh::ByRule).await
    }

    /// The same, with its own rule for which login is fresh.
    pub(super) async fn find_user<U: User>(&self, request: &impl Head, fresh: Fresh) -> Known<U> {
        if let Some(found) = self.ask_for_known(fresh) {
            return found;
        }
        loop {
            self.search(request).await?;
            // Not known if a login or a logout came in between.
            if let Some(found) = self.with(|view| known(view, fresh)) {
                return found;
            }
        }
    }

    /// The current user, if the search is over. This is the question that counts as use.
    fn ask_for_known<U: User>(&self, fresh: Fresh) -> Option<Known<U>> {
        let without_use = self.visit.inner.without_use.load(Ordering::Relaxed);
        let (found, is_first) = self.with(|view| {
            view.ask(without_use);
            match known(view, fresh) {
                Some(found) => (Some(found), false),
                None => (None, !std::mem::replace(&mut view.accessed, true)),
            }
        });
        // This happens at every request, and is rarely listened to.
        if is_first && self.visit.inner.shared.hears_accesses() {
            self.deliver(&Event::Accessed);
        }
        found
    }

    /// Makes the user object that was just logged in the current user, so that the loader is not asked again in this
    /// request. If logins have records, or the user is not active, this does nothing, and the search runs as usual.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotLoggedIn`] if the session does not name this user.
    pub fn set_current_user<U: User>(&self, user: Arc<U>) -> Result<(), Error> {
        let (id, is_active) = (user.id(), user.is_active());
        let is_recorded = self.visit.inner.shared.records.is_some();
        let without_use = self.visit.inner.without_use.load(Ordering::Relaxed);
        self.with(|view| {
            if view.session_user_id().as_deref() != Some(id.as_str()) {
                return Err(Error::new(
                    ErrorKind::NotLoggedIn,
                    "the session does not name this user, so they are not the current user",
                ));
            }
            if is_active && !is_recorded {
                view.is_used |= !without_use;
                view.who = Who::Somebody(user, LoginSource::Session);
            }
            Ok(())
        })
    }

    /// The current user, if this visit has found them and nothing is changing at the moment. It neither asks nor waits: for
    /// a door whose language wants to know which objects refer to which.
    pub fn known_user<U: User>(&self) -> Option<Arc<U>> {
        let state = self.visit.inner.state.get()?.try_lock().ok()?;
        match &state.who {
            Who::Somebody(user, _) => downcast(Arc::clone(user)),
            Who::Nobody | Who::NotAsked => None,
        }
    }

    /// Makes the next call of [`current_user`](Self::current_user) search again.
    pub fn forget_current_user(&self) {
        self.with(|view| {
            view.generation += 1;
            view.who = Who::NotAsked;
            view.live = None;
        });
    }
}

/// The current user, if the search is over.
fn known<U: User>(view: &View<'_>, fresh: Fresh) -> Option<Known<U>> {
    let (user, source) = match &view.who {
        Who::NotAsked => return None,
        Who::Nobody => return Some(Ok(None)),
        Who::Somebody(user, source) => (Arc::clone(user), *source),
    };
    let Some(user) = downcast(user) else {
        return Some(Err(Error::new(
            ErrorKind::MissingLayer,
            "the login manager of this route is for users of another type",
        )));
    };
    Some(Ok(Some(Current {
        user,
        source,
        fresh: fresh.is(view),
    })))
}
