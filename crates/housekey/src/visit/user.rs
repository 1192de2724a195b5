//! The current user, for the application.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use super::OpenVisit;
use super::watch::LoginWatch;
use crate::error::Error;
use crate::head::Head;
use crate::login::state::LoginSource;
use crate::user::User;

/// The current user, if any, and what is known of their login.
pub struct CurrentUser<U> {
    user: Option<Arc<U>>,
    login: Option<Login>,
    visit: OpenVisit,
}

#[derive(Clone, Copy)]
struct Login {
    source: LoginSource,
    fresh: bool,
}

impl<U: User> CurrentUser<U> {
    /// Finds the current user, for doors.
    ///
    /// # Errors
    ///
    /// As [`OpenVisit::current_user`].
    pub async fn ask(visit: OpenVisit, request: &impl Head) -> Result<Self, Error> {
        let current = visit.current_user::<U>(request).await?;
        Ok(Self {
            login: current.as_ref().map(|current| Login {
                source: current.source,
                fresh: current.fresh,
            }),
            user: current.map(|current| current.user),
            visit,
        })
    }

    /// The user, `None` for an anonymous visitor.
    pub fn user(&self) -> Option<&Arc<U>> {
        self.user.as_ref()
    }

    /// Takes the user out.
    pub fn into_user(self) -> Option<Arc<U>> {
        self.user
    }

    /// Whether the visitor is logged in.
    pub fn is_authenticated(&self) -> bool {
        self.user.is_some()
    }

    /// Whether the visitor is anonymous.
    pub fn is_anonymous(&self) -> bool {
        self.user.is_none()
    }

    /// Whether the login is fresh by the manager's rule (`login_fresh`). `false` for an anonymous visitor.
    pub fn is_fresh(&self) -> bool {
        self.login.is_some_and(|login| login.fresh)
    }

    /// Whether the login is fresh and not older than this, whatever the manager's `fresh_within` says.
    pub fn is_fresh_within(&self, within: Duration) -> bool {
        self.login.is_some() && self.visit.is_fresh_within(within)
    }

    /// Whether this browser is remembered for the user (`login_remembered`).
    pub fn is_remembered(&self) -> bool {
        self.login.is_some() && self.visit.is_remembered()
    }

    /// A watch over this login, for a WebSocket or a stream of events. Those outlive the request, and should end when the
    /// login does.
    ///
    /// # Errors
    ///
    /// [`NoLoginStore`](crate::ErrorKind::NoLoginStore), [`NotLoggedIn`](crate::ErrorKind::NotLoggedIn) if the visitor is
    /// anonymous or an API key proved the user.
    pub fn watch(&self) -> Result<LoginWatch, Error> {
        self.visit.watch()
    }

    /// Where the user was found.
    pub fn source(&self) -> Option<LoginSource> {
        self.login.map(|login| login.source)
    }
}

impl<U> Clone for CurrentUser<U> {
    fn clone(&self) -> Self {
        Self {
            user: self.user.clone(),
            login: self.login,
            visit: self.visit.clone(),
        }
    }
}

impl<U> Deref for CurrentUser<U> {
    type Target = Option<Arc<U>>;

    fn deref(&self) -> &Self::Target {
        &self.user
    }
}

impl<U> fmt::Debug for CurrentUser<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CurrentUser")
            .field("is_authenticated", &self.user.is_some())
            .finish_non_exhaustive()
    }
}
