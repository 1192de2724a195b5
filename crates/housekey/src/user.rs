//! The application's own user type, and how a user is found again.

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
    /// The id by which a session remembers this user, and with which later requests ask the loader.
    ///
    /// **Never give an id to another user.** Cookies name the user by id. If an id is used again, as a name can be, the
    /// cookies of its former owner open the new owner's account, remember tokens included, for as long as they live. Use a
    /// number or a random text that is never given again. Where that is impossible, let
    /// [`session_auth_hash`](User::session_auth_hash) return a random stamp of the account, or call
    /// [`end_logins_of`](crate::LoginManager::end_logins_of) when the account goes.
    ///
    /// The holder of the cookie can read the id, so it should not be a secret. It must not be empty or the text `None`
    /// (which a Python peer writes for a missing id): logging in such a user is an error.
    fn id(&self) -> String;

    /// Whether this user may be logged in. `false` also ends the user's existing logins, each at its next request
    /// (Flask-Login's `is_active`).
    ///
    /// A login that makes no request until the answer is `true` again stays valid. To end them all, call
    /// [`end_logins_of`](crate::LoginManager::end_logins_of) or change [`session_auth_hash`](User::session_auth_hash) when
    /// you disable an account.
    fn is_active(&self) -> bool {
        true
    }

    /// Bytes that change when every login of this user must end, for instance after a password change.
    ///
    /// Cookies hold only a keyed digest of these bytes. Use a random stamp in a column of its own rather than the password
    /// hash: the hash also changes when it is merely strengthened, which would log users out for nothing. `None`, the
    /// default, means that logins end only by logging out or by expiry. Changing from bytes to `None` ends the user's
    /// logins, like any other change. Starting to return bytes logs everybody out once, since earlier logins have no digest
    /// (the `flask` preset accepts those).
    fn session_auth_hash(&self) -> Option<Vec<u8>> {
        None
    }
}

/// How the user of a session is found: Flask-Login's `user_loader`, and optionally its `request_loader`.
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
///     // Optional: scripts send a key instead of a session.
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
    /// The user with this id, or `None` when that user does not exist (any more).
    ///
    /// Do not confuse the two: `Ok(None)` ends the login and removes its cookies; `Err` says that the answer is unknown at
    /// the moment. After an `Err`, the request is answered with 503 and nobody is logged out.
    ///
    /// So return `Ok(None)` for an id that cannot be one of yours. With integer ids, `id.parse()?` would answer 503 for as
    /// long as a browser keeps a cookie from the time when ids were names. Write
    /// `let Ok(id) = id.parse::<i64>() else { return Ok(None) };`.
    fn load_user(&self, id: &str) -> impl Future<Output = Result<Option<U>, BoxError>> + Send;

    /// Whether [`load_user`](Self::load_user) ever finds a user. Where every request proves its own user, as with API keys
    /// alone, return `false`: then the loader is never asked for the user of a session or a remember token, and neither
    /// ends because of that. Asked once, when the manager is built.
    fn finds_by_id(&self) -> bool {
        true
    }

    /// The user that the request itself proves, for instance with an API key. Asked only when neither the session nor a
    /// remember token names a user. The result lasts for this request, never writes the session and is never fresh.
    ///
    /// This call decides the current user, so it must not ask for it: a loader that waits for the current user of its own
    /// request waits for itself.
    fn load_from_request(
        &self,
        request: &Parts,
    ) -> impl Future<Output = Result<Option<U>, BoxError>> + Send {
        let _ = request;
        async { Ok(None) }
    }

    /// Whether [`load_from_request`](Self::load_from_request) ever finds a user. Asked once, when the manager is built. A
    /// closure never does. Any other type is taken to, unless it says otherwise; `false` spares visitors without a login
    /// the question, and on actix-web the copy of the request's head that it needs.
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

/// A [`UserLoader`] with its user type erased, so that only the doors are generic.
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

/// An empty id names nobody, and `None` is what Python makes of a missing id.
pub(crate) fn is_usable_id(id: &str) -> bool {
    !id.is_empty() && id != "None"
}
