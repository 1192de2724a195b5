//! Logs in, logs out, confirms: what an application calls.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::time::{Duration, SystemTime};

use crate::cookie::check_duration;
use crate::error::Error;
use crate::event::Event;
use crate::login::actions::LoginOptions;
use crate::records::LoginId;
use crate::records::info::LoginInfo;
use crate::records::rules::Renewal;
use crate::user::User;
use crate::visit::OpenVisit;

/// Logs users in and out. Clones belong to the same request.
///
/// Nothing here loads the user, so logging out works even if the user database does not.
pub struct Login<U> {
    visit: OpenVisit,
    user: PhantomData<fn() -> U>,
}

impl<U: User> Login<U> {
    /// The login of an open visit, for doors.
    pub fn new(visit: OpenVisit) -> Self {
        Self {
            visit,
            user: PhantomData,
        }
    }

    /// Logs in this user when the builder is awaited. The application has checked the password (or another proof of
    /// identity) before.
    ///
    /// Anything that an earlier login left is removed. If another user was logged in, the session is emptied. An anonymous
    /// visitor's values go too, including [`Session::make_permanent`](crate::Session::make_permanent), so call that
    /// afterwards. Only those named by [`keep_at_login`](crate::LoginManagerBuilder::keep_at_login) stay; the `flask` preset
    /// keeps them all. Without [`remember`](LoginUser::remember), an existing remember token is deleted, whichever user it
    /// was for.
    ///
    /// The login is fresh. The cookies go out with the response, whatever its status. [`attempt`](Self::attempt) limits
    /// guesses.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InactiveUser`](crate::ErrorKind::InactiveUser) unless forced,
    /// [`ErrorKind::InvalidUserId`](crate::ErrorKind::InvalidUserId), [`ErrorKind::Setting`](crate::ErrorKind::Setting) for
    /// a duration that browsers do not keep, [`ErrorKind::SessionTooLarge`](crate::ErrorKind::SessionTooLarge) if there is
    /// no room for the login alone (if there is no room for both, the login replaces the session's other values). Nothing
    /// has changed then.
    #[must_use = "a login happens when it is awaited"]
    pub fn login_user<'a>(&'a self, user: &'a U) -> LoginUser<'a, U> {
        LoginUser {
            login: self,
            user,
            options: LoginOptions::default(),
        }
    }

    /// Tells the hooks and the log that a visitor failed to prove their identity: at the login page, at the page where
    /// people prove themselves again, at a second step. Only the application knows this, so only this call lets failed
    /// attempts be counted and audited ([`Event::LoginFailed`](crate::Event::LoginFailed)). It limits nothing and changes
    /// nothing.
    ///
    /// Pass the user whose account was tried, if an account has that name. What was typed does not go into logs: it may be a
    /// password.
    ///
    /// ```
    /// # use housekey::*;
    /// # struct Member { hash: String }
    /// # impl User for Member { fn id(&self) -> String { "1".into() } }
    /// # fn example(login: &Login<Member>, found: Option<&Member>, is_right: bool) {
    /// if !is_right {
    ///     login.login_failed(found);
    /// }
    /// # }
    /// ```
    pub fn login_failed(&self, user: Option<&U>) {
        let user_id = user.map(User::id);
        self.visit.deliver(&Event::LoginFailed { user_id });
    }

    /// Logs out the current user: empties the session and deletes the remember token. Works for anonymous visitors too.
    ///
    /// This deletes the cookies of this browser. With a login store, its login is deleted there, and any copy of the cookies
    /// is worthless from now on. A stolen remember token is noticed here as anywhere, and a login by Flask-Login's token
    /// ends for all browsers that have it. Without a store, a copy made earlier stays valid until it expires or the user's
    /// auth hash changes; for Flask-Login's remember token, neither happens. Cookies that earlier settings left in the
    /// browser with another `Domain` or partition, or at a [`former_path`](crate::CookieSettings::former_path), are deleted
    /// too. Call it from a POST route only: a link or an image of another site can cause a GET.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::TooLate`](crate::ErrorKind::TooLate) after the response, as for every change.
    /// [`ErrorKind::StoreFailed`](crate::ErrorKind::StoreFailed) if the login store does not answer: the user is then still
    /// logged in.
    pub async fn logout_user(&self) -> Result<(), Error> {
        self.visit.log_out().await
    }

    /// Makes the login fresh again. The application has checked this user's identity, by the same means as at a login. This
    /// call checks that the same user is logged in.
    ///
    /// A login that a remember token starts in this request exists only after the current user has been asked for, for
    /// instance by an extractor.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotLoggedIn`](crate::ErrorKind::NotLoggedIn) if the session does not name this user, or if strong
    /// session protection ended the login, [`ErrorKind::SessionTooLarge`](crate::ErrorKind::SessionTooLarge).
    pub async fn confirm_login(&self, user: &U) -> Result<(), Error> {
        self.visit.renew(user, Renewal::Confirm).await
    }

    /// Marks a session without a login as fresh, as Flask-Login's `confirm_login` does. It proves nothing and opens nothing:
    /// a later login decides for itself how fresh it is. Only in the preset
    /// [`flask_login`](crate::LoginManager::flask_login).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotLoggedIn`](crate::ErrorKind::NotLoggedIn) in other presets, or if a user is logged in;
    /// [`ErrorKind::SessionTooLarge`](crate::ErrorKind::SessionTooLarge).
    pub fn confirm_anonymous(&self) -> Result<(), Error> {
        self.visit.change(|view| view.confirm_anonymous())
    }

    /// Keeps this browser logged in after the user's auth hash has changed, as fresh and as remembered as it was. All other
    /// logins of the user end at their next request, except those without a digest of the auth hash: under the `flask`
    /// preset, sessions that a Flask peer made, and Flask-Login's remember tokens.
    ///
    /// With a login store, copies of this browser's cookies are also worthless from now on, and the other logins end at
    /// once. Pass the user as they are after the change.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotLoggedIn`](crate::ErrorKind::NotLoggedIn) if this user is not the one logged in.
    pub async fn update_auth_hash(&self, user: &U) -> Result<(), Error> {
        self.visit.renew(user, Renewal::AuthHash).await
    }

    /// The current user's logins, beginning with the one last used: for a page where people see where they are logged in. At
    /// most 100, or as many as [`max_logins`](crate::LoginManagerBuilder::max_logins) allows, whichever is more.
    ///
    /// Needs a fresh login that this request has checked: let the handler ask for one, or guard its route.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFresh`](crate::ErrorKind::NotFresh), [`ErrorKind::NoLoginStore`](crate::ErrorKind::NoLoginStore),
    /// [`ErrorKind::StoreFailed`](crate::ErrorKind::StoreFailed).
    pub async fn logins(&self) -> Result<Vec<LoginInfo>, Error> {
        self.visit.logins().await
    }

    /// Ends one of the current user's logins, at once. `false` if they do not have this login: it is over, or another
    /// user's.
    ///
    /// # Errors
    ///
    /// As [`logins`](Self::logins).
    pub async fn end_login(&self, id: &LoginId) -> Result<bool, Error> {
        self.visit.end_login(id).await
    }

    /// Ends all of the current user's logins except this one, at once, and returns how many there were.
    ///
    /// # Errors
    ///
    /// As [`logins`](Self::logins).
    pub async fn end_other_logins(&self) -> Result<usize, Error> {
        self.visit.end_other_logins().await
    }

    pub(super) fn visit(&self) -> &OpenVisit {
        &self.visit
    }

    /// The id that the session holds. Neither the loader nor session protection has checked it. To know the user, ask for
    /// the current user.
    pub fn user_id(&self) -> Option<String> {
        self.visit.with(|view| view.session_user_id())
    }
}

impl<U> Clone for Login<U> {
    fn clone(&self) -> Self {
        Self {
            visit: self.visit.clone(),
            user: PhantomData,
        }
    }
}

impl<U> fmt::Debug for Login<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").finish_non_exhaustive()
    }
}

/// A login about to happen: set its options, then await it.
#[must_use = "a login happens when it is awaited"]
pub struct LoginUser<'a, U> {
    login: &'a Login<U>,
    user: &'a U,
    options: LoginOptions,
}

impl<U: User> LoginUser<'_, U> {
    /// Whether to remember this browser after the session has gone: the state of the checkbox. It is remembered for as long
    /// as the manager says, unless [`remember_for`](Self::remember_for) came before.
    pub fn remember(mut self, remember: bool) -> Self {
        self.options.remember = remember.then(|| self.options.remember.flatten());
        self
    }

    /// Remembers this browser for this long, from one second to 400 days, in place of the manager's
    /// [`remember_duration`](crate::LoginManagerBuilder::remember_duration).
    pub fn remember_for(mut self, duration: Duration) -> Self {
        self.options.remember = Some(Some(duration));
        self
    }

    /// The login lasts this long at most, from one second to 400 days, whatever happens to it: for a login that somebody
    /// else vouches for, or one at a machine in a shop. The manager's timeouts apply too. A remember token ends no later.
    ///
    /// With a login store, the login's record holds this; otherwise the session and the token do. `confirm_login` does not
    /// extend it. Under the `flask` preset a Flask peer ignores it, and such a login cannot be [remembered](Self::remember),
    /// because Flask-Login's token never expires: [`ErrorKind::Setting`](crate::ErrorKind::Setting).
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.options.lifetime = Some(lifetime);
        self
    }

    /// The login lasts until this time at most: see [`lifetime`](Self::lifetime). If both are set, the earlier end counts.
    /// With a time in the past, the login is over at the next request.
    pub fn until(mut self, until: SystemTime) -> Self {
        self.options.until = Some(seconds(until));
        self
    }

    /// When the user proved themselves, if not just now: the `auth_time` of an identity provider. The login is as fresh as
    /// that, and the absolute timeout runs from there. A time in the future counts as now.
    pub fn authenticated_at(mut self, time: SystemTime) -> Self {
        self.options.authenticated_at = Some(seconds(time));
        self
    }

    /// The login is not fresh: it was proved by something weaker than a password.
    pub fn not_fresh(mut self) -> Self {
        self.options.not_fresh = true;
        self
    }

    /// Logs in a user who is not active. They are logged out again as soon as the current user is asked for, even in this
    /// request.
    pub fn force(mut self) -> Self {
        self.options.force = true;
        self
    }
}

impl<U> fmt::Debug for LoginUser<'_, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoginUser")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl<'a, U: User> IntoFuture for LoginUser<'a, U> {
    type Output = Result<(), Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            if let Some(Some(duration)) = self.options.remember {
                check_duration("remember_for", duration)?;
            }
            if let Some(lifetime) = self.options.lifetime {
                check_duration("lifetime", lifetime)?;
            }
            self.login.visit.log_in(self.user, self.options).await
        })
    }
}

/// As seconds since 1970.
pub(super) fn seconds(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}
