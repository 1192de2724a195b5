//! The login manager: every setting, each checked when it is built.

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
    /// change of user; denials that suit who is asking. A copied cookie still works until it expires or the auth hash
    /// changes, also after logout: nothing is kept on the server.
    ///
    /// Browsers send such cookies over HTTPS only. For development call
    /// [`plain_http`](LoginManagerBuilder::plain_http).
    #[allow(clippy::new_ret_no_self)]
    pub fn new(keys: SecretKeys, loader: impl UserLoader<U>) -> LoginManagerBuilder<U> {
        LoginManagerBuilder::new(keys, loader, Settings::safe())
    }

    /// Flask's wire: cookies, tokens, identifiers and redirects as Flask 3.1 with Flask-Login 0.6.3 makes them, so
    /// that a Flask application with the same `SECRET_KEY` shares the logins.
    ///
    /// What Flask's defaults leave open is open here too: the cookies are not Secure and have no SameSite, and the
    /// remember token never expires on the server. Set what your Flask application sets, and
    /// [`client_address`](LoginManagerBuilder::client_address), without which sessions that Flask made seem to come from
    /// elsewhere. The differences that remain are on purpose and listed in `docs/COMPATIBILITY.md`.
    pub fn flask(keys: SecretKeys, loader: impl UserLoader<U>) -> LoginManagerBuilder<U> {
        LoginManagerBuilder::new(keys, loader, Settings::flask())
    }

    /// Flask-Login's rules on Flask's wire: [`flask`](Self::flask), less strict where Flask-Login is. For a door through which
    /// Flask programs come as they are; a program in Rust is better off with the other presets.
    ///
    /// - Strong session protection ends the login and keeps the application's values.
    /// - A session that does not say which browser it was made for counts as one from elsewhere.
    /// - A session may be marked as fresh while nobody is logged in ([`Login::confirm_anonymous`](crate::Login::confirm_anonymous)).
    /// - With [`remember_refresh_each_request`](LoginManagerBuilder::remember_refresh_each_request), everybody who is logged in
    ///   gets a remember token, whether they asked to be remembered or not.
    /// - The way back that the session keeps outlives a login, unless another user was logged in: such programs read it afterwards.
    pub fn flask_login(keys: SecretKeys, loader: impl UserLoader<U>) -> LoginManagerBuilder<U> {
        LoginManagerBuilder::new(keys, loader, Settings::flask_login())
    }

    /// A user's logins, the one last used first: for an administrator. No login is asked for; that is the caller's to
    /// do. At most 100 or as many as [`max_logins`](LoginManagerBuilder::max_logins) allows, whichever is more.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NoLoginStore`](crate::ErrorKind::NoLoginStore), [`ErrorKind::StoreFailed`](crate::ErrorKind::StoreFailed).
    pub async fn logins_of(&self, user_id: &str) -> Result<Vec<LoginInfo>, Error> {
        let now = self.shared.now();
        self.shared.records()?.list(user_id, None, now).await
    }

    /// Ends any user's login, at once, and says which user's it was. `None` when there is no such login.
    ///
    /// # Errors
    ///
    /// As [`logins_of`](Self::logins_of).
    pub async fn end_login(&self, id: &LoginId) -> Result<Option<String>, Error> {
        self.shared.end_login(id).await
    }

    /// Ends all logins of a user, and says how many there were. When it returns, all that were there when it began have
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

    /// What a cookie of this manager's says, and whether it counts at this moment: for an administrator who has it before them. It
    /// changes nothing: no use is noted, and a remember token is not used up. `None` when no key signed it, so that nothing in it
    /// can be believed; then nothing in it was looked at.
    ///
    /// Under which `name` it was sent matters, since a cookie of the safe preset is signed for its name; without one, all names
    /// are tried that this manager writes.
    ///
    /// No user loader is asked: whether the user is there and active, whether their auth hash has changed, and whether the cookie
    /// comes from the browser that it was made for, it does not know.
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
    /// [`ErrorKind::StoreFailed`](crate::ErrorKind::StoreFailed), when there is a store and the cookie's login may have a record.
    pub async fn read_cookie(
        &self,
        name: Option<&str>,
        value: impl AsRef<[u8]>,
    ) -> Result<Option<CookieReading>, Error> {
        reading::read(&self.shared, name, value.as_ref()).await
    }

    /// Deletes the records of logins that have expired, now and after each pause, without end: so that the table does not
    /// grow. They count for nothing before as well. `pause` is your runtime's sleep.
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
    /// What is kept of [attempts](crate::Attempts) that are forgotten is deleted with them.
    ///
    /// It ends only when there is no store. A store that fails is asked again after the next pause; the fault goes to
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

    /// Deletes the records of logins that have expired, a thousand at a time, and says how many there were; and whatever is kept
    /// of [attempts](crate::Attempts) that are forgotten. With a store of attempts alone, it deletes those and returns 0.
    ///
    /// # Errors
    ///
    /// As [`logins_of`](Self::logins_of), but [`NoLoginStore`](crate::ErrorKind::NoLoginStore) only if there is no store of
    /// attempts either. If one part fails, the other is done all the same.
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
    /// administrator. No login is asked for; that is the caller's to do.
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

    /// The address that a request came from, as logins, events and attempts have it: by
    /// [`trusted_proxies`](LoginManagerBuilder::trusted_proxies) and
    /// [`client_address`](LoginManagerBuilder::client_address). For log lines. `None` when neither says anything.
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

    /// The same, for a door whose framework has another type of address. `None` when the address has no path, which is nowhere
    /// to send people back to.
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
