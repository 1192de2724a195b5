//! What an application calls: log in, log out, confirm.

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

/// Changes who is logged in. Clones are the same request's.
///
/// Nothing here loads the user, so that logging out works while their database does not.
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

    /// Makes this user the one who is logged in, once the builder is awaited. The application has checked the
    /// password (or whatever proves who they are) before.
    ///
    /// What an earlier login left is gone afterwards. If somebody else was logged in, the session is emptied. What an
    /// anonymous visitor had in it goes too (all of it, [`Session::make_permanent`](crate::Session::make_permanent)
    /// included, so call that afterwards), but for what
    /// [`keep_at_login`](crate::LoginManagerBuilder::keep_at_login) names; the `flask` preset keeps it. Without
    /// [`remember`](LoginUser::remember), a remember token that is there is deleted, whoever it was for.
    ///
    /// The login is fresh. The cookies go out with the response, whatever its status. [`attempt`](Self::attempt) limits
    /// guesses.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InactiveUser`](crate::ErrorKind::InactiveUser) unless forced,
    /// [`ErrorKind::InvalidUserId`](crate::ErrorKind::InvalidUserId),
    /// [`ErrorKind::Setting`](crate::ErrorKind::Setting) for a duration that no browser keeps,
    /// [`ErrorKind::SessionTooLarge`](crate::ErrorKind::SessionTooLarge) when there is no room for the login alone (if there
    /// is none for both, it takes the place of what the session held). Nothing is changed then.
    #[must_use = "a login happens when it is awaited"]
    pub fn login_user<'a>(&'a self, user: &'a U) -> LoginUser<'a, U> {
        LoginUser {
            login: self,
            user,
            options: LoginOptions::default(),
        }
    }

    /// Tells the hooks and the log that somebody did not prove who they are: at the login page, at the page where people prove
    /// themselves again, at a second step. Only the application knows, so only with this can attempts be counted and audited
    /// ([`Event::LoginFailed`](crate::Event::LoginFailed)). It limits nothing and changes nothing.
    ///
    /// Give it the user whose account was tried, if there is one of that name. What was typed does not go into logs: it may be
    /// a password.
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

    /// Logs out whoever is there: the session is emptied and the remember token deleted. Works for anonymous
    /// visitors too.
    ///
    /// The cookies are taken from this browser. With a login store, its login is deleted there, and any copy of the
    /// cookies is worthless from now on; a remember token that somebody else has used is noticed here as anywhere, and Flask-Login's
    /// ends for all browsers that have it. Without one, a copy that somebody made before stays valid until it expires or
    /// the user's auth hash changes; Flask-Login's remember token does neither. Cookies that earlier settings left in the browser
    /// with another `Domain` or partition, or at a
    /// [`former_path`](crate::CookieSettings::former_path), go too. Call it from a POST route only: a link or an
    /// image of another site can cause a GET.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::TooLate`](crate::ErrorKind::TooLate) after the response, as for every change.
    /// [`ErrorKind::StoreFailed`](crate::ErrorKind::StoreFailed) when the login store does not answer: nobody is logged out
    /// then.
    pub async fn logout_user(&self) -> Result<(), Error> {
        self.visit.log_out().await
    }

    /// Makes the login fresh again. The application has checked that it is this user, by the same means as at a login;
    /// that it is also the user who is logged in, this checks.
    ///
    /// A login that a remember token started in this request is there only once somebody has asked for the current
    /// user, for instance by an extractor.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotLoggedIn`](crate::ErrorKind::NotLoggedIn) when it is not this user whom the session names, or when
    /// strong session protection ended the login,
    /// [`ErrorKind::SessionTooLarge`](crate::ErrorKind::SessionTooLarge).
    pub async fn confirm_login(&self, user: &U) -> Result<(), Error> {
        self.visit.renew(user, Renewal::Confirm).await
    }

    /// Marks the session as fresh where nobody is logged in by it, as Flask-Login's `confirm_login` does. It proves nothing and
    /// opens nothing: a login that follows is as fresh as it says itself. Only in the preset
    /// [`flask_login`](crate::LoginManager::flask_login).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotLoggedIn`](crate::ErrorKind::NotLoggedIn) in other presets, or when somebody is logged in;
    /// [`ErrorKind::SessionTooLarge`](crate::ErrorKind::SessionTooLarge).
    pub fn confirm_anonymous(&self) -> Result<(), Error> {
        self.visit.change(|view| view.confirm_anonymous())
    }

    /// After the auth hash of the user who is logged in has changed: keeps this browser in, with what it had of
    /// freshness and remembering. All other logins of the user are out at their next request, but for those that have
    /// no digest of it: under the `flask` preset, sessions that a Flask peer made, and Flask-Login's remember tokens.
    ///
    /// With a login store, copies of this browser's cookies are worthless from now on as well, and the other logins end
    /// at once. Give it the user as they are after the change.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotLoggedIn`](crate::ErrorKind::NotLoggedIn) when it is not this user who is logged in.
    pub async fn update_auth_hash(&self, user: &U) -> Result<(), Error> {
        self.visit.renew(user, Renewal::AuthHash).await
    }

    /// The current user's logins, the one last used first: for a page where people see where they are signed in. At most
    /// 100, or as many as [`max_logins`](crate::LoginManagerBuilder::max_logins) allows, whichever is more.
    ///
    /// Needs a fresh login that was looked at in this request: let the handler ask for one, or guard its route.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFresh`](crate::ErrorKind::NotFresh), [`ErrorKind::NoLoginStore`](crate::ErrorKind::NoLoginStore),
    /// [`ErrorKind::StoreFailed`](crate::ErrorKind::StoreFailed).
    pub async fn logins(&self) -> Result<Vec<LoginInfo>, Error> {
        self.visit.logins().await
    }

    /// Ends one of the current user's logins, at once. `false` when they have no such login, be it that it is over or
    /// that it is somebody else's.
    ///
    /// # Errors
    ///
    /// As [`logins`](Self::logins).
    pub async fn end_login(&self, id: &LoginId) -> Result<bool, Error> {
        self.visit.end_login(id).await
    }

    /// Ends all of the current user's logins but this one, at once, and says how many there were.
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

    /// The id that the session holds. Neither the loader nor session protection has been asked about it; to know
    /// who is there, ask for the current user.
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

/// A login about to happen: say how, then await it.
#[must_use = "a login happens when it is awaited"]
pub struct LoginUser<'a, U> {
    login: &'a Login<U>,
    user: &'a U,
    options: LoginOptions,
}

impl<U: User> LoginUser<'_, U> {
    /// Whether this browser is remembered after the session has gone: what the checkbox says. For as long as the
    /// manager says, unless [`remember_for`](Self::remember_for) came before.
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

    /// The login lasts for so long and no longer, from one second to 400 days, whatever is done with it: for what somebody else
    /// vouches for, or a login at a machine in a shop. The manager's timeouts count beside it. A remember token ends no later.
    ///
    /// With a login store its record says so; otherwise the session does, and the token. `confirm_login` does not put it off.
    /// Under the `flask` preset a Flask peer does not look at it, and such a login cannot be
    /// [remembered](Self::remember), since Flask-Login's token never expires: [`ErrorKind::Setting`](crate::ErrorKind::Setting).
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.options.lifetime = Some(lifetime);
        self
    }

    /// The login lasts until then and no longer: see [`lifetime`](Self::lifetime), of which the earlier one counts. One that lies
    /// behind makes a login that is over at the next request.
    pub fn until(mut self, until: SystemTime) -> Self {
        self.options.until = Some(seconds(until));
        self
    }

    /// When the user proved themselves, if that is not just now: the `auth_time` that an identity provider tells. The login is as
    /// fresh as that, and the absolute timeout runs from there. A time that lies ahead counts as now.
    pub fn authenticated_at(mut self, time: SystemTime) -> Self {
        self.options.authenticated_at = Some(seconds(time));
        self
    }

    /// The login is not fresh: it was proved by something weaker than a password.
    pub fn not_fresh(mut self) -> Self {
        self.options.not_fresh = true;
        self
    }

    /// Logs in a user who is not active. They are out again as soon as somebody asks who is there, in this request too.
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

/// Since 1970.
pub(super) fn seconds(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}
