//! A login in two steps, as an application sees it.

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

/// Two steps.
impl<U: User> Login<U> {
    /// Begins a login in two steps, once the builder is awaited: this user has taken the first one (their password was right),
    /// and must take another (a code, a passkey) before [`finish`](Self::finish) logs them in.
    ///
    /// Until then they are half logged in, which is nothing: `current_user` is nobody, and no guard lets them pass but
    /// `pending_login_required`, which is for the pages of the second step. [`PendingLogin`] says who they are. It is signed into
    /// the session, lasts for ten minutes unless [told otherwise](BeginLogin::expires_in), ends when the user's auth hash
    /// changes, and is good in this browser only, as far as [session protection](crate::SessionProtection) tells browsers apart.
    ///
    /// Whoever was logged in here is out, as by [`login_user`](Self::login_user) with somebody else: their session is emptied,
    /// their login ended where there is a store, and the remember token deleted. What an anonymous visitor had stays until the
    /// login is finished.
    ///
    /// # What it does not do
    ///
    /// The session is a cookie, and can be copied. **With a login store** it is finished once: afterwards every copy is refused,
    /// and of two at the same time one is. **Without one** a copy can be finished too until it expires, by somebody who takes the second
    /// step once more; so what a second step takes must be good for one time (a code that was used is refused from then on).
    /// Nothing here limits attempts: a code of six digits needs a limit.
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

    /// Begins a proof in two steps that the user who is logged in is there: as [`begin`](Self::begin), and their login goes on
    /// meanwhile. [`finish`](Self::finish) makes it fresh, as [`confirm_login`](Self::confirm_login) does.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotLoggedIn`] when it is not this user whom the session names,
    /// [`ErrorKind::SessionTooLarge`].
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

    /// Who has [begun](Self::begin) to log in, if what has begun counts. Pages of the second step ask by the extractor or the
    /// guard instead.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::LoaderFailed`], [`ErrorKind::StoreFailed`].
    pub async fn pending(&self) -> Result<Option<PendingLogin<U>>, Error> {
        PendingLogin::of(self.visit()).await
    }

    /// Logs in the user who has [begun](Self::begin) to, by what was said there, or makes their login fresh
    /// ([`begin_confirmation`](Self::begin_confirmation)). The application has checked the second step. Returns the user.
    ///
    /// The user is loaded anew. Where there is a store, of all copies of what had begun only one is ever finished.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NoPendingLogin`] (401) when none has begun that counts: it took too long, was used, is not of this browser, the
    /// auth hash has changed, somebody has logged in since. Those of [`login_user`](Self::login_user) and of
    /// [`confirm_login`](Self::confirm_login). It can be tried again after one that is [temporary](Error::is_temporary).
    pub async fn finish(&self) -> Result<Arc<U>, Error> {
        let (_, user) = self.visit().finish_login().await?;
        downcast(user).ok_or_else(foreign)
    }

    /// Forgets a login that has begun. Nothing happens when none has. With a login store, every copy of it is worthless from now
    /// on. [`logout_user`](Self::logout_user) does this too.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::StoreFailed`], [`ErrorKind::TooLate`].
    pub async fn cancel(&self) -> Result<(), Error> {
        self.visit().cancel_login().await
    }
}

/// A login about to begin: say how, then await it. See [`Login::begin`].
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

    /// How long the login lasts at most, from when it is finished: see [`LoginUser::lifetime`](crate::LoginUser::lifetime).
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.options.login.lifetime = Some(lifetime);
        self
    }

    /// Until when it lasts at most: see [`LoginUser::until`](crate::LoginUser::until).
    pub fn until(mut self, until: SystemTime) -> Self {
        self.options.login.until = Some(seconds(until));
        self
    }

    /// For how long, in whole seconds: see [`LoginUser::remember_for`](crate::LoginUser::remember_for).
    pub fn remember_for(mut self, duration: Duration) -> Self {
        self.options.login.remember = Some(Some(duration));
        self
    }
}

macro_rules! begun {
    ($($name:ident)*) => {$(
        impl<U: User> $name<'_, U> {
            /// How long there is for the second step: from one second to one hour, and ten minutes if nothing is said.
            pub fn expires_in(mut self, lifetime: Duration) -> Self {
                self.options.lifetime = lifetime;
                self
            }

            /// Where to go afterwards: what [`NextUrl::get`](crate::NextUrl::get) says at the first step.
            /// [`NextUrl`](crate::NextUrl) says so at the second one. It is dropped where the session has no room for it.
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

/// Somebody who has taken the first step of a login and not the second: not logged in. See [`Login::begin`].
pub struct PendingLogin<U> {
    user: Arc<U>,
    id: String,
    next: Option<String>,
    ends_at: u64,
    is_confirmation: bool,
}

impl<U: User> PendingLogin<U> {
    /// The one of a visit, if there is one that counts.
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

    /// Who it is that has begun.
    pub fn user(&self) -> &Arc<U> {
        &self.user
    }

    /// Which login has begun: 22 characters, another at each beginning. For what the server keeps of it, such as a challenge that
    /// may be answered once. Not a secret, and proves nothing.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Where to go afterwards, if the first step said so and it is safe.
    pub fn next(&self) -> Option<&str> {
        self.next.as_deref()
    }

    /// When it is over.
    pub fn expires_at(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(self.ends_at)
    }

    /// Whether it makes the login fresh that is there ([`Login::begin_confirmation`]), and not a login.
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
        "the login manager of this route is one for users of another type",
    )
}
