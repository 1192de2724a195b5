//! The current user, as a door asks for them.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use http::request::Parts;

use super::{Current, OpenVisit};
use crate::error::{Error, ErrorKind};
use crate::event::Event;
use crate::login::state::{View, Who};
use crate::user::{User, downcast};

/// Who is there; `None` is an anonymous visitor.
type Known<U> = Result<Option<Current<U>>, Error>;

impl OpenVisit {
    /// Who is there: found at the first call, remembered for the others. `None` is an anonymous visitor.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::LoaderFailed`] or [`ErrorKind::StoreFailed`] when that is not known at the moment. Nothing is remembered of
    /// it: the next call asks again.
    pub async fn current_user<U: User>(&self, request: &Parts) -> Known<U> {
        let without_use = self.visit.inner.without_use.load(Ordering::Relaxed);
        let (found, is_first) = self.with(|view| {
            view.ask(without_use);
            match known(view) {
                Some(found) => (Some(found), false),
                None => (None, !std::mem::replace(&mut view.accessed, true)),
            }
        });
        if let Some(found) = found {
            return found;
        }
        // At every request, and hardly anybody listens.
        if is_first && self.visit.inner.shared.hears_accesses() {
            self.deliver(&Event::Accessed);
        }
        loop {
            self.search(request).await?;
            // Not known if somebody has logged in or out since.
            if let Some(found) = self.with(|view| known(view)) {
                return found;
            }
        }
    }
}

/// Who is there, if the search for them is over.
fn known<U: User>(view: &View<'_>) -> Option<Known<U>> {
    let (user, source) = match &view.who {
        Who::NotAsked => return None,
        Who::Nobody => return Some(Ok(None)),
        Who::Somebody(user, source) => (Arc::clone(user), *source),
    };
    let Some(user) = downcast(user) else {
        return Some(Err(Error::new(
            ErrorKind::MissingLayer,
            "the login manager of this route is one for users of another type",
        )));
    };
    Some(Ok(Some(Current {
        user,
        source,
        fresh: view.is_fresh(view.policy.settings.fresh_within),
    })))
}
