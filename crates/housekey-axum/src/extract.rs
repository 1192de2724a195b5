//! What a handler may ask for.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use axum_core::response::{IntoResponse, Response};
use housekey::User;
use housekey::door::{Requirement, Visits};
use http::header::{self, HeaderValue};
use http::request::Parts;
use http::{HeaderMap, StatusCode};

use crate::error::{Error, LoginRejection};
use crate::scope::{only_visit, require, visit_for, visits};

/// Extractors of what an open visit gives: by the type of its manager's users.
macro_rules! by_user_type {
    ($($name:ident is $held:ty, $visit:ident, $parts:ident => $value:expr;)*) => {$(
        impl<U> Clone for $name<U> {
            fn clone(&self) -> Self {
                Self(self.0.clone(), PhantomData)
            }
        }

        impl<U> Deref for $name<U> {
            type Target = $held;

            fn deref(&self) -> &Self::Target {
                &self.0
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
    )*};
}

/// The same, and of the only manager where no type is named.
macro_rules! by_user_type_or_only {
    ($($name:ident is $held:ty, $visit:ident, $parts:ident => $value:expr;)*) => {$(
        by_user_type!($name is $held, $visit, $parts => $value;);

        impl<S: Send + Sync> FromRequestParts<S> for $name {
            type Rejection = Error;

            async fn from_request_parts($parts: &mut Parts, _: &S) -> Result<Self, Error> {
                let $visit = only_visit($parts, stringify!($name))?;
                Ok(Self($value, PhantomData))
            }
        }
    )*};
}

/// The current user, who may be nobody: see [`housekey::CurrentUser`] for what there is to know of them. Denies nobody; a
/// loader that fails is a 503.
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
///
/// A WebSocket or a stream of events goes on after the request, and should end when the login does:
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
pub struct CurrentUser<U>(housekey::CurrentUser<U>, PhantomData<fn() -> U>);

impl<U: User> CurrentUser<U> {
    /// The user, taken out.
    pub fn into_user(self) -> Option<Arc<U>> {
        self.0.into_user()
    }
}

/// Changes who is logged in: see [`housekey::Login`] for what it can do. Loads nobody.
pub struct Login<U>(housekey::Login<U>, PhantomData<fn() -> U>);

by_user_type! {
    CurrentUser is housekey::CurrentUser<U>, visit, parts => housekey::CurrentUser::ask(visit, parts).await?;
    Login is housekey::Login<U>, visit, parts => housekey::Login::new(visit);
}

/// Stands for the type of the users where one login manager covers the route, as it does on most sites.
#[derive(Debug)]
pub enum AnyUser {}

/// The session: see [`housekey::Session`] for what it can do. Where two managers cover the route, name the type of the users
/// whose session it is: `Session<Member>`.
pub struct Session<U = AnyUser>(housekey::Session, PhantomData<fn() -> U>);

/// Flashed messages: see [`housekey::Flash`] for what it can do. Where two managers cover the route, name the type of the
/// users who are told: `Flash<Member>`.
pub struct Flash<U = AnyUser>(housekey::Flash, PhantomData<fn() -> U>);

/// Where to go after logging in, if the address that the request claims is safe: a path of this site that is not the
/// login page, or an address of a listed origin. Read from the query, or from the session where the manager keeps it.
///
/// Where two managers cover the route, name the type of the users who log in: `NextUrl<Member>`.
pub struct NextUrl<U = AnyUser>(housekey::NextUrl, PhantomData<fn() -> U>);

by_user_type_or_only! {
    Session is housekey::Session, visit, parts => visit.session();
    Flash is housekey::Flash, visit, parts => visit.flash();
    NextUrl is housekey::NextUrl, visit, parts => visit.next_url(parts);
}

impl<U> NextUrl<U> {
    /// Takes the field of a form instead, unless it is empty. The same checks apply.
    #[must_use]
    pub fn or_field(self, field: Option<&str>) -> Self {
        Self(self.0.or_field(field), PhantomData)
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

/// The current user of a route that needs one. An anonymous visitor is sent to the login page, or told so in the way
/// that suits who is asking.
///
/// `Option<LoginRequired<U>>` is `None` where this would have denied. `Result<LoginRequired<U>, _>` is a denial that was
/// made already, with its message and its event: do not use it to let the visitor pass all the same.
pub struct LoginRequired<U>(pub Arc<U>);

/// The current user of a route that needs a fresh login: one that was proved lately, in this session, and not by a
/// remember token. Others are sent to prove themselves again (`refresh_view`); nobody is logged out by it.
pub struct FreshLoginRequired<U>(pub Arc<U>);

macro_rules! required {
    ($($name:ident: $requirement:expr;)*) => {$(
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

        impl<U: User, S: Send + Sync> FromRequestParts<S> for $name<U> {
            type Rejection = LoginRejection;

            async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, LoginRejection> {
                require(parts, &$requirement).await.map(Self)
            }
        }
    )*};
}

required! {
    LoginRequired: Requirement::login();
    FreshLoginRequired: Requirement::fresh_login(None);
}

impl<U: User, S: Send + Sync> OptionalFromRequestParts<S> for LoginRequired<U> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Error> {
        let current = visit_for::<U>(parts)?.current_user(parts).await?;
        Ok(current.map(|current| Self(current.user)))
    }
}

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
        let _without_use = Visits::without_use(visits(parts));
        E::from_request_parts(parts, state).await.map(Self)
    }
}
