//! A login in two steps, for the application.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::OpenVisit;
use super::driver::Begun;
use super::login::{Login, seconds};
use crate::cookie::check_duration;
use crate::error::{Error, ErrorKind};
use crate::login::actions::LoginOptions;
use crate::login::pending::{LONGEST_LIFETIME, PendingKind, PendingOptions, USUAL_LIFETIME};
use crate::user::{User, downcast};

/// The two steps.
impl<U: User> Login<U> {
    /// Begins a login in two steps when the builder is awaited: this user has taken the first step (their password was
    /// right), and must take another (a code, a passkey) before [`finish`](Self::finish) logs them in.
    ///
    /// Until then they are half logged in, which counts as anonymous: `current_user` is `None`, and only the guard
    /// `pending_login_required` lets them pass, which is for the pages of the second step. [`PendingLogin`] gives their
    /// user. It is signed into the session, lasts for ten minutes unless [told otherwise](BeginLogin::expires_in), ends if
    /// the user's auth hash changes, and counts only in this browser, as far as [session
    /// protection](crate::SessionProtection) tells browsers apart.
    ///
    /// Any user logged in here is logged out, as when [`login_user`](Self::login_user) logs in another user: their session
    /// is emptied, the remember token deleted and, with a store, their login ended. An anonymous visitor's data stays until
    /// the login is finished.
    ///
    /// # What it does not do
    ///
    /// The session is a cookie and can be copied. **With a login store**, a login is finished once: afterwards every copy is
    /// refused, and of two at the same time, one is refused. **Without one**, a copy can be finished too until it expires,
    /// by taking the second step once more. So the second step must accept a code only once. A
    /// code of six digits is soon guessed: limit that by [`attempt`](Self::attempt).
    ///
    /// ```
    /// # use housekey::*;
    /// # struct Member; impl User for Member { fn id(&self) -> String { "1".into() } }
    /// # async fn example(login: Login<Member>, member: Member, next: NextUrl, has_second_factor: bool) -> Result<&'static str, Error> {
    /// // The password was right.
    /// if has_second_factor {
    ///     login.begin(&member).next(next.get()).await?;
    ///     return Ok("/second-step");
    /// }
    /// login.login_user(&member).await?;
    /// # Ok("/") }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`login_user`](Self::login_user), and [`ErrorKind::StoreFailed`].
    #[must_use = "a login begins when it is awaited"]
    pub fn begin<'a>(&'a self, user: &'a U) -> BeginLogin<'a, U> {
        BeginLogin {
            login: self,
            user,
            options: PendingOptions {
                kind: PendingKind::Login,
                login: LoginOptions::default(),
                lifetime: USUAL_LIFETIME,
                next: None,
            },
        }
    }

    /// Begins a proof in two steps for the user who is logged in. It works as [`begin`](Self::begin), and their login goes
    /// on meanwhile. [`finish`](Self::finish) makes it fresh, as [`confirm_login`](Self::confirm_login) does.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotLoggedIn`] if the session names a different user, or none, [`ErrorKind::SessionTooLarge`].
    #[must_use = "a proof begins when it is awaited"]
    pub fn begin_confirmation<'a>(&'a self, user: &'a U) -> BeginConfirmation<'a, U> {
        let BeginLogin {
            login,
            user,
            mut options,
        } = self.begin(user);
        options.kind = PendingKind::Confirmation;
        BeginConfirmation {
            login,
            user,
            options,
        }
    }

    /// The login that has [begun](Self::begin), if it counts. Pages of the second step use the extractor or the guard
    /// instead.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::LoaderFailed`], [`ErrorKind::StoreFailed`].
    pub async fn pending(&self) -> Result<Option<PendingLogin<U>>, Error> {
        PendingLogin::of(self.visit()).await
    }

    /// Logs in the user of the [pending login](Self::begin) with the options given there, or makes their login fresh
    /// ([`begin_confirmation`](Self::begin_confirmation)). The application has checked the second step. Returns the user.
    ///
    /// The user is loaded again. With a store, only one of all copies of a pending login is ever finished.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NoPendingLogin`] (401) if none counts: it took too long, was used, is from another browser, the auth hash
    /// has changed, or another login was made since. Those of [`login_user`](Self::login_user) and of
    /// [`confirm_login`](Self::confirm_login). It can be tried again after an error that is
    /// [temporary](Error::is_temporary).
    pub async fn finish(&self) -> Result<Arc<U>, Error> {
        let (_, user) = self.visit().finish_login().await?;
        downcast(user).ok_or_else(foreign)
    }

    /// Forgets a pending login, or does nothing if there is none. With a login store, every copy of it is worthless from now
    /// on. [`logout_user`](Self::logout_user) does this too.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::StoreFailed`], [`ErrorKind::TooLate`].
    pub async fn cancel(&self) -> Result<(), Error> {
        self.visit().cancel_login().await
    }
}

/// A login about to begin: set its options, then await it. See [`Login::begin`].
#[must_use = "a login begins when it is awaited"]
pub struct BeginLogin<'a, U> {
    login: &'a Login<U>,
    user: &'a U,
    options: PendingOptions,
}

/// A proof in two steps about to begin: see [`Login::begin_confirmation`].
#[must_use = "a proof begins when it is awaited"]
pub struct BeginConfirmation<'a, U> {
    login: &'a Login<U>,
    user: &'a U,
    options: PendingOptions,
}

impl<U: User> BeginLogin<'_, U> {
    /// Whether this browser is remembered once the login is finished: see [`LoginUser::remember`](crate::LoginUser::remember).
    pub fn remember(mut self, remember: bool) -> Self {
        self.options.login.remember = remember.then(|| self.options.login.remember.flatten());
        self
    }

    /// The longest that the login lasts, from when it is finished: see [`LoginUser::lifetime`](crate::LoginUser::lifetime).
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.options.login.lifetime = Some(lifetime);
        self
    }

    /// The latest time that it lasts to: see [`LoginUser::until`](crate::LoginUser::until).
    pub fn until(mut self, until: SystemTime) -> Self {
        self.options.login.until = Some(seconds(until));
        self
    }

    /// Remembers this browser for this long, in whole seconds: see
    /// [`LoginUser::remember_for`](crate::LoginUser::remember_for).
    pub fn remember_for(mut self, duration: Duration) -> Self {
        self.options.login.remember = Some(Some(duration));
        self
    }
}

macro_rules! begun {
    ($($name:ident)*) => {$(
        impl<U: User> $name<'_, U> {
            /// How long the second step may take: from one second to one hour. The default is ten minutes.
            pub fn expires_in(mut self, lifetime: Duration) -> Self {
                self.options.lifetime = lifetime;
                self
            }

            /// Where to go afterwards: pass [`NextUrl::get`](crate::NextUrl::get) at the first step, and
            /// [`NextUrl`](crate::NextUrl) has it at the second. It is dropped if the session has no room for it.
            pub fn next(mut self, next: Option<&str>) -> Self {
                self.options.next = next.map(str::to_owned);
                self
            }
        }

        impl<U> fmt::Debug for $name<'_, U> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name))
                    .field("options", &self.options)
                    .finish_non_exhaustive()
            }
        }

        impl<'a, U: User> IntoFuture for $name<'a, U> {
            type Output = Result<(), Error>;
            type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

            fn into_future(self) -> Self::IntoFuture {
                Box::pin(async move {
                    check(&self.options)?;
                    self.login.visit().begin_login(self.user, &self.options).await
                })
            }
        }
    )*};
}

begun! { BeginLogin BeginConfirmation }

fn check(options: &PendingOptions) -> Result<(), Error> {
    if let Some(Some(duration)) = options.login.remember {
        check_duration("remember_for", duration)?;
    }
    if let Some(lifetime) = options.login.lifetime {
        check_duration("lifetime", lifetime)?;
    }
    check_duration("expires_in", options.lifetime)?;
    match options.lifetime > LONGEST_LIFETIME {
        true => Err(Error::setting(
            "expires_in: a second step is taken within an hour; choose less",
        )),
        false => Ok(()),
    }
}

/// A user who has taken the first step of a login and not the second: not logged in. See [`Login::begin`].
pub struct PendingLogin<U> {
    user: Arc<U>,
    id: String,
    next: Option<String>,
    ends_at: u64,
    is_confirmation: bool,
}

impl<U: User> PendingLogin<U> {
    /// The pending login of a visit, if one counts.
    pub(super) async fn of(visit: &OpenVisit) -> Result<Option<Self>, Error> {
        match visit.pending_login().await? {
            Some(begun) => Self::new(visit, begun).map(Some),
            None => Ok(None),
        }
    }

    fn new(visit: &OpenVisit, (pending, user): Begun) -> Result<Self, Error> {
        let next = pending.next.as_deref();
        let next = next.filter(|next| visit.visit().shared().is_safe_next(next));
        Ok(Self {
            next: next.map(str::to_owned),
            id: pending.id().map(|id| id.to_string()).unwrap_or_default(),
            ends_at: pending.ends_at(),
            is_confirmation: pending.is_confirmation(),
            user: downcast(user).ok_or_else(foreign)?,
        })
    }

    /// The user who has begun to log in.
    pub fn user(&self) -> &Arc<U> {
        &self.user
    }

    /// The id of the pending login: 22 characters, different each time one begins. For what the server keeps about it, such
    /// as a challenge that may be answered once. It is not a secret and proves nothing.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Where to go afterwards, if the first step said so and it is safe.
    pub fn next(&self) -> Option<&str> {
        self.next.as_deref()
    }

    /// When it ends.
    pub fn expires_at(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
            .checked_add(Duration::from_secs(self.ends_at))
            .unwrap_or(SystemTime::UNIX_EPOCH)
    }

    /// Whether it makes the current login fresh ([`Login::begin_confirmation`]) rather than logging in.
    pub fn is_confirmation(&self) -> bool {
        self.is_confirmation
    }
}

impl<U> Deref for PendingLogin<U> {
    type Target = U;

    fn deref(&self) -> &U {
        &self.user
    }
}

impl<U> Clone for PendingLogin<U> {
    fn clone(&self) -> Self {
        Self {
            user: Arc::clone(&self.user),
            id: self.id.clone(),
            next: self.next.clone(),
            ..*self
        }
    }
}

impl<U> fmt::Debug for PendingLogin<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingLogin")
            .field("id", &self.id)
            .field("is_confirmation", &self.is_confirmation)
            .finish_non_exhaustive()
    }
}

fn foreign() -> Error {
    Error::new(
        ErrorKind::MissingLayer,
        "the login manager of this route is for users of another type",
    )
}
