//! What a handler may ask for.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use axum_core::response::{IntoResponse, Response};
use housekey::door::{Requirement, Visits};
use housekey::{Current, LoginSource, LoginWatch, OpenVisit, User};
use http::header::{self, HeaderValue};
use http::request::Parts;
use http::{HeaderMap, StatusCode};

use crate::error::{Error, LoginRejection};
use crate::scope::{only_visit, require, visit_for, visits};

/// The current user, who may be nobody. Denies nobody; a loader that fails is a 503.
///
/// ```
/// use housekey_axum::CurrentUser;
/// # struct Member { name: String }
/// # impl housekey_axum::User for Member { fn id(&self) -> String { self.name.clone() } }
///
/// async fn home(current_user: CurrentUser<Member>) -> String {
///     match current_user.user() {
///         Some(member) => format!("Hello {}", member.name),
///         None => "Hello stranger".to_owned(),
///     }
/// }
/// ```
pub struct CurrentUser<U> {
    user: Option<Arc<U>>,
    login: Option<LoginFacts>,
    visit: OpenVisit,
}

#[derive(Clone, Copy)]
struct LoginFacts {
    source: LoginSource,
    fresh: bool,
}

impl<U: User> CurrentUser<U> {
    fn new(visit: OpenVisit, current: Option<Current<U>>) -> Self {
        match current {
            Some(current) => Self {
                login: Some(LoginFacts {
                    source: current.source,
                    fresh: current.fresh,
                }),
                user: Some(current.user),
                visit,
            },
            None => Self {
                user: None,
                login: None,
                visit,
            },
        }
    }

    /// The user, `None` for an anonymous visitor.
    pub fn user(&self) -> Option<&Arc<U>> {
        self.user.as_ref()
    }

    /// The user, taken out.
    pub fn into_user(self) -> Option<Arc<U>> {
        self.user
    }

    /// Whether somebody is logged in.
    pub fn is_authenticated(&self) -> bool {
        self.user.is_some()
    }

    /// Whether nobody is logged in.
    pub fn is_anonymous(&self) -> bool {
        self.user.is_none()
    }

    /// Whether the login is fresh by the manager's rule (`login_fresh`). `false` for an anonymous visitor.
    pub fn is_fresh(&self) -> bool {
        self.login.is_some_and(|login| login.fresh)
    }

    /// Whether the login is fresh and no older than this, whatever the manager's `fresh_within` says.
    pub fn is_fresh_within(&self, within: Duration) -> bool {
        self.login.is_some() && self.visit.is_fresh_within(within)
    }

    /// Whether this browser is remembered as the user's (`login_remembered`).
    pub fn is_remembered(&self) -> bool {
        self.login.is_some() && self.visit.is_remembered()
    }

    /// A watch over this login, for a WebSocket or a stream of events, which goes on after the request: it should end when
    /// the login does.
    ///
    /// ```
    /// use std::time::Duration;
    /// use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
    /// use axum::response::Response;
    /// use housekey_axum::{CurrentUser, Error, LoginWatch};
    /// # struct Member;
    /// # impl housekey_axum::User for Member { fn id(&self) -> String { "1".into() } }
    ///
    /// async fn chat(current_user: CurrentUser<Member>, upgrade: WebSocketUpgrade) -> Result<Response, Error> {
    ///     let watch = current_user.watch()?;
    ///     Ok(upgrade.on_upgrade(|socket| talk(socket, watch)))
    /// }
    ///
    /// async fn talk(mut socket: WebSocket, watch: LoginWatch) {
    ///     tokio::select! {
    ///         () = async { while let Some(Ok(message)) = socket.recv().await { /* … */ } } => {}
    ///         _ = watch.ended(|| tokio::time::sleep(Duration::from_secs(15))) => {}
    ///     }
    ///     let _ = socket.send(Message::Close(None)).await;
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`NoLoginStore`](housekey::ErrorKind::NoLoginStore), [`NotLoggedIn`](housekey::ErrorKind::NotLoggedIn) when nobody is
    /// there or an API key proved it.
    pub fn watch(&self) -> Result<LoginWatch, Error> {
        Ok(self.visit.watch()?)
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

impl<U: User, S: Send + Sync> FromRequestParts<S> for CurrentUser<U> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        let visit = visit_for::<U>(parts)?;
        let current = visit.current_user(parts).await?;
        Ok(Self::new(visit, current))
    }
}

/// The current user of a route that needs one. An anonymous visitor is sent to the login page, or told so in the way
/// that suits who is asking.
///
/// `Option<LoginRequired<U>>` is `None` where this would have denied. `Result<LoginRequired<U>, _>` is a denial that was
/// made already, with its message and its event: do not use it to let the visitor pass all the same.
pub struct LoginRequired<U>(pub Arc<U>);

impl<U: User, S: Send + Sync> FromRequestParts<S> for LoginRequired<U> {
    type Rejection = LoginRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, LoginRejection> {
        require(parts, &Requirement::login()).await.map(Self)
    }
}

impl<U: User, S: Send + Sync> OptionalFromRequestParts<S> for LoginRequired<U> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Error> {
        Ok(visit_for::<U>(parts)?
            .current_user(parts)
            .await?
            .map(|current| Self(current.user)))
    }
}

/// The current user of a route that needs a fresh login: one that was proved lately, in this session, and not by a
/// remember token. Others are sent to prove themselves again (`refresh_view`); nobody is logged out by it.
pub struct FreshLoginRequired<U>(pub Arc<U>);

impl<U: User, S: Send + Sync> FromRequestParts<S> for FreshLoginRequired<U> {
    type Rejection = LoginRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, LoginRejection> {
        require(parts, &Requirement::fresh_login(None))
            .await
            .map(Self)
    }
}

macro_rules! arc_wrapper {
    ($($name:ident),*) => {$(
        impl<U> Clone for $name<U> {
            fn clone(&self) -> Self {
                Self(Arc::clone(&self.0))
            }
        }

        impl<U> Deref for $name<U> {
            type Target = U;

            fn deref(&self) -> &U {
                &self.0
            }
        }

        impl<U> fmt::Debug for $name<U> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    )*};
}

arc_wrapper!(LoginRequired, FreshLoginRequired);

/// An extractor that asks who is there without using their login: for what a page polls. No timeout is put off by it, the
/// session is not sent again because of its age, and a remember token is left for a request that a person makes.
///
/// ```
/// use housekey_axum::{CurrentUser, WithoutUse};
/// # struct Member { name: String }
/// # impl housekey_axum::User for Member { fn id(&self) -> String { self.name.clone() } }
///
/// async fn unread_messages(WithoutUse(current_user): WithoutUse<CurrentUser<Member>>) -> &'static str {
///     match current_user.is_authenticated() {
///         true => "3",
///         false => "signed out",
///     }
/// }
/// ```
///
/// Another extractor or guard of the request that asks without this uses the login all the same.
#[derive(Clone, Copy, Debug)]
pub struct WithoutUse<E>(pub E);

impl<E: FromRequestParts<S>, S: Send + Sync> FromRequestParts<S> for WithoutUse<E> {
    type Rejection = E::Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, E::Rejection> {
        let without_use = Visits::without_use(visits(parts));
        let found = E::from_request_parts(parts, state).await;
        drop(without_use);
        found.map(Self)
    }
}

/// Changes who is logged in: see [`housekey::Login`] for what it can do. Loads nobody.
#[derive(Debug)]
pub struct Login<U>(housekey::Login<U>);

impl<U: User> Clone for Login<U> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<U> Deref for Login<U> {
    type Target = housekey::Login<U>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<U: User, S: Send + Sync> FromRequestParts<S> for Login<U> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        Ok(Self(housekey::Login::new(visit_for::<U>(parts)?)))
    }
}

/// Stands for the type of the users where one login manager covers the route, as it does on most sites.
#[derive(Debug)]
pub enum AnyUser {}

/// An extractor of what a manager keeps for each browser: by the type of its users, or of the only manager.
macro_rules! by_user_type {
    ($name:ident, |$visit:ident, $parts:ident| $value:expr) => {
        impl<U> Clone for $name<U> {
            fn clone(&self) -> Self {
                Self(self.0.clone(), PhantomData)
            }
        }

        impl<U> fmt::Debug for $name<U> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl<U: User, S: Send + Sync> FromRequestParts<S> for $name<U> {
            type Rejection = Error;

            async fn from_request_parts($parts: &mut Parts, _: &S) -> Result<Self, Error> {
                let $visit = visit_for::<U>($parts)?;
                Ok(Self($value, PhantomData))
            }
        }

        impl<S: Send + Sync> FromRequestParts<S> for $name {
            type Rejection = Error;

            async fn from_request_parts($parts: &mut Parts, _: &S) -> Result<Self, Error> {
                let $visit = only_visit($parts, stringify!($name))?;
                Ok(Self($value, PhantomData))
            }
        }
    };
}

/// The session: see [`housekey::Session`] for what it can do. Where two managers cover the route, name the type of the users
/// whose session it is: `Session<Member>`.
pub struct Session<U = AnyUser>(housekey::Session, PhantomData<fn() -> U>);

impl<U> Deref for Session<U> {
    type Target = housekey::Session;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

by_user_type!(Session, |visit, _parts| visit.session());

/// Flashed messages: see [`housekey::Flash`] for what it can do. Where two managers cover the route, name the type of the
/// users who are told: `Flash<Member>`.
pub struct Flash<U = AnyUser>(housekey::Flash, PhantomData<fn() -> U>);

impl<U> Deref for Flash<U> {
    type Target = housekey::Flash;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

by_user_type!(Flash, |visit, _parts| visit.flash());

/// Where to go after logging in, if the address that the request claims is safe: a path of this site that is not the
/// login page, or an address of a listed origin. Read from the query, or from the session where the manager keeps it.
///
/// Where two managers cover the route, name the type of the users who log in: `NextUrl<Member>`.
pub struct NextUrl<U = AnyUser>(housekey::NextUrl, PhantomData<fn() -> U>);

impl<U> NextUrl<U> {
    /// Takes the field of a form instead, unless it is empty. The same checks apply.
    #[must_use]
    pub fn or_field(self, field: Option<&str>) -> Self {
        Self(self.0.or_field(field), PhantomData)
    }

    /// The address, if there is one and it is safe: for the hidden field of a login form, whose template escapes it.
    pub fn get(&self) -> Option<&str> {
        self.0.get()
    }

    /// Goes there, or to `default` when there is no address or it is not safe. `default` is the application's and is
    /// not checked.
    ///
    /// # Errors
    ///
    /// [`TooLate`](housekey::ErrorKind::TooLate) in a task that outlives the handler.
    pub fn or(self, default: &str) -> Result<SeeOther, Error> {
        Ok(SeeOther(self.0.or(default)?))
    }
}

by_user_type!(NextUrl, |visit, parts| visit.next_url(parts));

/// A redirect after a form: 303, which a browser follows with GET.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeeOther(String);

impl SeeOther {
    /// Where it leads.
    pub fn location(&self) -> &str {
        &self.0
    }
}

impl IntoResponse for SeeOther {
    fn into_response(self) -> Response {
        match HeaderValue::try_from(self.0) {
            Ok(location) => (
                StatusCode::SEE_OTHER,
                HeaderMap::from_iter([(header::LOCATION, location)]),
            )
                .into_response(),
            Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        }
    }
}
