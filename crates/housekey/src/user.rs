//! Who logs in: the application's own user type, and how it is found again.

use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use http::request::Parts;

use crate::error::BoxError;

/// The application's own user type. Only [`id`](User::id) is required.
///
/// ```
/// use housekey::User;
///
/// struct Member {
///     id: i64,
///     suspended: bool,
///     /// 16 random bytes, drawn anew when the password changes.
///     auth_stamp: Vec<u8>,
/// }
///
/// impl User for Member {
///     fn id(&self) -> String {
///         self.id.to_string()
///     }
///     fn is_active(&self) -> bool {
///         !self.suspended
///     }
///     fn session_auth_hash(&self) -> Option<Vec<u8>> {
///         Some(self.auth_stamp.clone())
///     }
/// }
/// ```
pub trait User: Any + Send + Sync {
    /// The id under which a session remembers this user, and which the loader is asked for at later requests.
    ///
    /// **An id must never become somebody else's.** Cookies say the id, so one that is given again, such as a name, opens
    /// the account to the cookies of its former owner, remember tokens included, for as long as those live. Use a number
    /// or a random text that is never given again. Where that cannot be, let
    /// [`session_auth_hash`](User::session_auth_hash) be a random stamp of the account, or call
    /// [`end_logins_of`](crate::LoginManager::end_logins_of) when it goes.
    ///
    /// Anybody who holds the cookie can read it, so it should not be a secret. It may not be empty or the text
    /// `None` (which a Python peer writes for a missing id); logging in such a user is an error.
    fn id(&self) -> String;

    /// Whether this user may be logged in. Answering `false` also ends the logins that exist, each at its next request
    /// (Flask-Login's `is_active`).
    ///
    /// A login that made no request meanwhile is there again when the answer is `true` again. To end them all, call
    /// [`end_logins_of`](crate::LoginManager::end_logins_of) or change
    /// [`session_auth_hash`](User::session_auth_hash) when you disable an account.
    fn is_active(&self) -> bool {
        true
    }

    /// Bytes that change when every login of this user must end, for instance after a password change.
    ///
    /// Only a keyed digest of them is put into cookies. A random stamp in a column of its own is better than the
    /// password hash: a hash also changes when it is only made stronger, and that would sign people out for nothing.
    /// `None`, the default, means that logins end by logging out or by expiry only. Going from bytes to `None` is a change
    /// like any other, and ends the user's logins. Beginning to return something signs everybody out once, since earlier
    /// logins have no digest of it (the `flask` preset accepts those).
    fn session_auth_hash(&self) -> Option<Vec<u8>> {
        None
    }
}

/// How the user of a session is found again: Flask-Login's `user_loader`, and optionally its `request_loader`.
///
/// ```
/// use housekey::{BoxError, User, UserLoader};
/// # #[derive(Clone)] struct Member { id: String }
/// # impl User for Member { fn id(&self) -> String { self.id.clone() } }
/// # struct Members; impl Members {
/// #     async fn find(&self, id: &str) -> Result<Option<Member>, std::io::Error> { Ok(None) }
/// #     async fn find_by_key(&self, key: &str) -> Result<Option<Member>, std::io::Error> { Ok(None) } }
///
/// impl UserLoader<Member> for Members {
///     async fn load_user(&self, id: &str) -> Result<Option<Member>, BoxError> {
///         Ok(self.find(id).await?)
///     }
///
///     // Optional: scripts come with a key instead of a session.
///     async fn load_from_request(
///         &self,
///         request: &http::request::Parts,
///     ) -> Result<Option<Member>, BoxError> {
///         match request.headers.get("x-api-key").and_then(|key| key.to_str().ok()) {
///             Some(key) => Ok(self.find_by_key(key).await?),
///             None => Ok(None),
///         }
///     }
/// }
/// ```
///
/// A closure that takes the id is a loader as well:
/// `|id: String| async move { Ok::<_, BoxError>(find(&id)) }`.
pub trait UserLoader<U: User>: Send + Sync + 'static {
    /// The user with this id, or `None` when there is no such user (any more).
    ///
    /// The two must not be confused: `Ok(None)` ends the login and removes its cookies, `Err` says that nobody knows
    /// at the moment. After an `Err` the request that asked is answered with 503 and nobody is logged out.
    ///
    /// So an id that cannot be one of yours is `Ok(None)`. With number ids, `id.parse()?` would answer 503 for as long
    /// as the browser keeps a cookie of the time when ids were names:
    /// `let Ok(id) = id.parse::<i64>() else { return Ok(None) };`.
    fn load_user(&self, id: &str) -> impl Future<Output = Result<Option<U>, BoxError>> + Send;

    /// Whether [`load_user`](Self::load_user) finds anybody at all. Where every request proves its own user, as with API keys
    /// alone, it may be `false`: then nobody is asked for the user of a session or a remember token, and neither is ended
    /// because of that. Asked once, when the manager is built.
    fn finds_by_id(&self) -> bool {
        true
    }

    /// The user that the request itself proves, for instance by an API key. Asked only when neither the session nor
    /// a remember token named somebody; it lasts for this request, never writes the session and is never fresh.
    ///
    /// It answers the question who is there, so it must not ask it: a loader that waits for the current user of its own
    /// request waits for itself.
    fn load_from_request(
        &self,
        request: &Parts,
    ) -> impl Future<Output = Result<Option<U>, BoxError>> + Send {
        let _ = request;
        async { Ok(None) }
    }

    /// Whether [`load_from_request`](Self::load_from_request) finds anybody at all. Asked once, when the manager is built. A
    /// closure does not; of a type this is taken for `true` unless it says otherwise, which spares visitors without a login
    /// the question, and on actix-web the copy of the request's head that goes with it.
    fn finds_by_request(&self) -> bool {
        true
    }
}

impl<U, F, Answer, E> UserLoader<U> for F
where
    U: User,
    F: Fn(String) -> Answer + Send + Sync + 'static,
    Answer: Future<Output = Result<Option<U>, E>> + Send,
    E: Into<BoxError>,
{
    async fn load_user(&self, id: &str) -> Result<Option<U>, BoxError> {
        self(id.to_owned()).await.map_err(Into::into)
    }

    fn finds_by_request(&self) -> bool {
        false
    }
}

pub(crate) type LoaderFuture<'a> =
    Pin<Box<dyn Future<Output = Result<Option<Arc<dyn User>>, BoxError>> + Send + 'a>>;

/// A [`UserLoader`] whose user type is no longer visible, so that nothing but the doors is generic.
pub(crate) trait ErasedLoader: Send + Sync {
    fn load_user<'a>(&'a self, id: &'a str) -> LoaderFuture<'a>;
    fn load_from_request<'a>(&'a self, request: &'a Parts) -> LoaderFuture<'a>;
    fn finds_by_id(&self) -> bool;
    fn finds_by_request(&self) -> bool;
}

pub(crate) fn erase<U: User>(loader: impl UserLoader<U>) -> Box<dyn ErasedLoader> {
    struct Erased<U, L>(L, std::marker::PhantomData<fn() -> U>);

    impl<U: User, L: UserLoader<U>> ErasedLoader for Erased<U, L> {
        fn load_user<'a>(&'a self, id: &'a str) -> LoaderFuture<'a> {
            Box::pin(async move { Ok(shared(self.0.load_user(id).await?)) })
        }

        fn load_from_request<'a>(&'a self, request: &'a Parts) -> LoaderFuture<'a> {
            Box::pin(async move { Ok(shared(self.0.load_from_request(request).await?)) })
        }

        fn finds_by_id(&self) -> bool {
            self.0.finds_by_id()
        }

        fn finds_by_request(&self) -> bool {
            self.0.finds_by_request()
        }
    }

    fn shared<U: User>(user: Option<U>) -> Option<Arc<dyn User>> {
        user.map(|user| Arc::new(user) as Arc<dyn User>)
    }

    Box::new(Erased(loader, std::marker::PhantomData))
}

/// The application's type again. `None` only if the user belongs to another manager.
pub(crate) fn downcast<U: User>(user: Arc<dyn User>) -> Option<Arc<U>> {
    (user as Arc<dyn Any + Send + Sync>).downcast().ok()
}

/// Empty ids name nobody, and `None` is what Python makes of a missing one.
pub(crate) fn is_usable_id(id: &str) -> bool {
    !id.is_empty() && id != "None"
}
