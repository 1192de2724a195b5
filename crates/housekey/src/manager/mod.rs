//! The login manager. Its settings are checked when it is built.

mod builder;
mod managers;
mod reading;

pub use builder::LoginManagerBuilder;
pub use reading::{CookieKind, CookieReading, CookieVerdict};

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::net::IpAddr;
use std::sync::Arc;

use http::Uri;
use http::request::Parts;
use http::uri::PathAndQuery;

use crate::error::Error;
use crate::event::EndReason;
use crate::records::LoginId;
use crate::records::info::LoginInfo;
use crate::settings::Settings;
use crate::signing::SecretKeys;
use crate::user::{User, UserLoader};
use crate::visit::Visit;
use crate::visit::shared::Shared;

/// Who may log in, and how logins are kept: made once at start, shared by all requests. Clones are the same manager.
///
/// ```
/// use housekey::{BoxError, LoginManager, SecretKeys, User};
///
/// struct Member { name: String }
/// impl User for Member {
///     fn id(&self) -> String { self.name.clone() }
/// }
///
/// let loader = |name: String| async move { Ok::<_, BoxError>(Some(Member { name })) };
/// let manager = LoginManager::new(SecretKeys::generate(), loader)
///     .login_view("/login")
///     .build()?;
/// # Ok::<(), housekey::Error>(())
/// ```
pub struct LoginManager<U> {
    pub(crate) shared: Arc<Shared>,
    user: PhantomData<fn() -> U>,
}

impl<U: User> LoginManager<U> {
    /// The safe preset: `__Host-` cookies that are Secure, HttpOnly and SameSite=Lax, signed with HMAC-SHA-256;
    /// remember tokens that expire on the server and end with the user's auth hash; an empty session after every
    /// change of user; denials that suit the client. Without a [`login_store`](LoginManagerBuilder::login_store) nothing is kept
    /// on the server, so a copied cookie works until it expires or the auth hash changes, even after a logout.
    ///
    /// Browsers send such cookies over HTTPS only. For development call
    /// [`plain_http`](LoginManagerBuilder::plain_http).
    #[allow(clippy::new_ret_no_self)]
    pub fn new(keys: SecretKeys, loader: impl UserLoader<U>) -> LoginManagerBuilder<U> {
        LoginManagerBuilder::new(keys, loader, Settings::safe())
    }

    /// Flask's formats: cookies, tokens, identifiers and redirects as Flask 3.1 with Flask-Login 0.6.3 makes them, so
    /// that a Flask application with the same `SECRET_KEY` shares the logins.
    ///
    /// What Flask's defaults leave open is open here too: the cookies are not Secure and have no SameSite, and the
    /// remember token never expires on the server. Set what your Flask application sets, and
    /// [`client_address`](LoginManagerBuilder::client_address): without it, sessions that Flask made seem to come from
    /// elsewhere. `docs/COMPATIBILITY.md` lists the differences that remain, with their reasons.
    pub fn flask(keys: SecretKeys, loader: impl UserLoader<U>) -> LoginManagerBuilder<U> {
        LoginManagerBuilder::new(keys, loader, Settings::flask())
    }

    /// Flask-Login's rules on Flask's formats: like [`flask`](Self::flask), but as lenient as Flask-Login. For a door that runs
    /// unchanged Flask programs; a program in Rust is better off with the other presets.
    ///
    /// - Strong session protection ends the login and keeps the application's values.
    /// - A session that names no browser counts as one from elsewhere.
    /// - A session may be marked as fresh while nobody is logged in ([`Login::confirm_anonymous`](crate::Login::confirm_anonymous)).
    /// - With [`remember_refresh_each_request`](LoginManagerBuilder::remember_refresh_each_request), everybody who is logged in
    ///   gets a remember token, whether they asked to be remembered or not.
    /// - The return address in the session outlives a login, unless another user was logged in: such programs read it afterwards.
    pub fn flask_login(keys: SecretKeys, loader: impl UserLoader<U>) -> LoginManagerBuilder<U> {
        LoginManagerBuilder::new(keys, loader, Settings::flask_login())
    }

    /// A user's logins, the last used first: for an administrator. This checks no login; the caller must. At most 100, or as
    /// many as [`max_logins`](LoginManagerBuilder::max_logins) allows if that is more.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NoLoginStore`](crate::ErrorKind::NoLoginStore), [`ErrorKind::StoreFailed`](crate::ErrorKind::StoreFailed).
    pub async fn logins_of(&self, user_id: &str) -> Result<Vec<LoginInfo>, Error> {
        let now = self.shared.now();
        self.shared.records()?.list(user_id, None, now).await
    }

    /// Ends any user's login at once, and returns the user's id. `None` if there is no such login.
    ///
    /// # Errors
    ///
    /// As [`logins_of`](Self::logins_of).
    pub async fn end_login(&self, id: &LoginId) -> Result<Option<String>, Error> {
        self.shared.end_login(id).await
    }

    /// Ends all logins of a user, and returns how many there were. When it returns, all logins that existed when it began have
    /// ended; after an error, some of them may have.
    ///
    /// # Errors
    ///
    /// As [`logins_of`](Self::logins_of).
    pub async fn end_logins_of(&self, user_id: &str) -> Result<usize, Error> {
        let reason = EndReason::EndedByApplication;
        self.shared
            .end_all(self.shared.records()?, user_id, None, reason, &*self.shared)
            .await
    }

    /// What one of this manager's cookies says, and whether it counts at this moment: for an administrator who has a copy of it. It
    /// changes nothing: no use is noted, and a remember token is not used up. `None` if none of the keys signed it; then nothing
    /// in it was read.
    ///
    /// The `name` of the cookie matters, because a cookie of the safe preset is signed for its name. Without one, all names that
    /// this manager writes are tried.
    ///
    /// The user loader is not called, so this does not know whether the user exists and is active, whether their auth hash has
    /// changed, and whether the cookie comes from the browser that it was made for.
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// # use housekey::*;
    /// # struct Member; impl User for Member { fn id(&self) -> String { "1".into() } }
    /// # let loader = |_: String| async { Ok::<_, BoxError>(None::<Member>) };
    /// let manager = LoginManager::flask(SecretKeys::flask("deterministic")?, loader).build()?;
    /// let cookie = "eyJfdXNlcl9pZCI6IjEifQ.ZVPxAA.dlSWEs3z-rSsORe4n9RLR5bz2rg";
    /// let reading = manager.read_cookie(Some("session"), cookie).await?.expect("the key is right");
    /// assert_eq!(reading.user_id.as_deref(), Some("1"));
    /// assert_eq!(reading.verdict, CookieVerdict::Rejected(Rejection::Expired));
    /// assert_eq!(manager.read_cookie(None, "forged").await?, None);
    /// # Ok::<(), Error>(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::StoreFailed`](crate::ErrorKind::StoreFailed), if there is a store and the cookie's login may have a record.
    pub async fn read_cookie(
        &self,
        name: Option<&str>,
        value: impl AsRef<[u8]>,
    ) -> Result<Option<CookieReading>, Error> {
        reading::read(&self.shared, name, value.as_ref()).await
    }

    /// Deletes the records of expired logins, now and after each pause, without end, so that the table does not grow. Expired
    /// records never count, deleted or not. `pause` is your runtime's sleep.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use housekey::*;
    /// # struct Member; impl User for Member { fn id(&self) -> String { "1".into() } }
    /// # fn start(manager: LoginManager<Member>) -> impl Future<Output = ()> {
    /// # mod tokio { pub mod time { pub async fn sleep(_: std::time::Duration) {} } }
    /// // For instance tokio::spawn of this:
    /// async move { manager.purge_logins(|| tokio::time::sleep(Duration::from_secs(600))).await }
    /// # }
    /// ```
    ///
    /// It deletes forgotten [attempts](crate::Attempts) as well.
    ///
    /// It ends only if there is no store. A store that fails is asked again after the next pause; the fault goes to
    /// `tracing`.
    pub async fn purge_logins<Pause: Future>(&self, mut pause: impl FnMut() -> Pause) {
        while self.shared.records.is_some() || self.shared.attempts.is_some() {
            // The stores have traced their faults.
            let _ = self.shared.delete_expired_attempts().await;
            if self.shared.records.is_some() {
                let _ = self.shared.delete_expired_logins().await;
            }
            pause().await;
        }
    }

    /// Deletes the records of expired logins, a thousand at a time, and returns how many there were. It deletes forgotten
    /// [attempts](crate::Attempts) as well. With a store of attempts alone, it deletes those and returns 0.
    ///
    /// # Errors
    ///
    /// As [`logins_of`](Self::logins_of), but [`NoLoginStore`](crate::ErrorKind::NoLoginStore) only if there is no store of
    /// attempts either. If one part fails, the other is still done.
    pub async fn delete_expired_logins(&self) -> Result<usize, Error> {
        let attempts = self.shared.delete_expired_attempts().await;
        let counts_only = self.shared.records.is_none() && self.shared.attempts.is_some();
        let deleted = match counts_only {
            true => Ok(0),
            false => self.shared.delete_expired_logins().await,
        };
        attempts.and(deleted)
    }

    /// Forgets the failed [attempts](crate::Login::attempt) of strangers at an account, under this name and at this form: for an
    /// administrator. This checks no login; the caller must.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Setting`](crate::ErrorKind::Setting) without
    /// [`limit_attempts`](LoginManagerBuilder::limit_attempts), [`ErrorKind::StoreFailed`](crate::ErrorKind::StoreFailed).
    pub async fn forgive_attempts(&self, form: &str, name: &str) -> Result<(), Error> {
        self.shared
            .forgive_attempts(form, name, &*self.shared)
            .await
    }

    /// The address that a request came from, the same as in logins, events and attempts: by
    /// [`trusted_proxies`](LoginManagerBuilder::trusted_proxies) and
    /// [`client_address`](LoginManagerBuilder::client_address). For log lines. `None` if neither knows it.
    ///
    /// ```
    /// # use housekey::*;
    /// # struct Member; impl User for Member { fn id(&self) -> String { "1".into() } }
    /// # let loader = |_: String| async { Ok::<_, BoxError>(None::<Member>) };
    /// let manager = LoginManager::new(SecretKeys::generate(), loader)
    ///     .login_view("/login")
    ///     .trusted_proxies(1)
    ///     .build()?;
    /// let request = http::Request::get("/").header("x-forwarded-for", "203.0.113.9, 192.0.2.7");
    /// let (parts, ()) = request.body(()).unwrap().into_parts();
    /// assert_eq!(manager.client_address(&parts), Some([192, 0, 2, 7].into()));
    /// # Ok::<(), Error>(())
    /// ```
    pub fn client_address(&self, request: &Parts) -> Option<IpAddr> {
        self.shared.address(request)
    }

    /// One request, for a door.
    pub fn visit(&self, uri: &Uri) -> Visit {
        self.visit_to(uri.path_and_query().cloned())
    }

    /// The same, for a door whose framework has another type of address. `None` if the address has no path that people could be
    /// sent back to.
    pub fn visit_to(&self, target: Option<PathAndQuery>) -> Visit {
        Visit::new(Arc::clone(&self.shared), target)
    }
}

impl<U> Clone for LoginManager<U> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            user: PhantomData,
        }
    }
}

impl<U> fmt::Debug for LoginManager<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoginManager").finish_non_exhaustive()
    }
}
