//! What a handler may ask for.

use std::marker::PhantomData;

use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use axum_core::response::{IntoResponse, Response};
use housekey::User;
use housekey::door::{Requirement, Visits};
use http::header::{self, HeaderValue};
use http::request::Parts;
use http::{HeaderMap, StatusCode};

use crate::error::{Error, LoginRejection};
use crate::scope::{only_visit, require, require_pending, visit_for, visits};

housekey::door::extractors! {
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
    CurrentUser,
    /// The current user of a route that needs one. An anonymous visitor is sent to the login page, or told so in the way
    /// that suits who is asking.
    ///
    /// `Option<LoginRequired<U>>` is `None` where this would have denied. `Result<LoginRequired<U>, _>` is a denial that was
    /// made already, with its message and its event: do not use it to let the visitor pass all the same.
    LoginRequired,
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
    WithoutUse
}

/// How axum asks for an extractor.
macro_rules! from_parts {
    ($($name:ident $(<$user:ident>)? or $rejection:ident: |$parts:ident| $extract:expr;)*) => {$(
        impl<$($user: User,)? S: Send + Sync> FromRequestParts<S> for $name $(<$user>)? {
            type Rejection = $rejection;

            async fn from_request_parts($parts: &mut Parts, _: &S) -> Result<Self, $rejection> {
                Ok($extract)
            }
        }
    )*};
}

from_parts! {
    CurrentUser<U> or Error: |parts| {
        Self(housekey::CurrentUser::ask(visit_for::<U>(parts)?, parts).await?)
    };
    LoginRequired<U> or LoginRejection: |parts| Self(require(parts, &Requirement::login()).await?);
    FreshLoginRequired<U> or LoginRejection: |parts| {
        Self(require(parts, &Requirement::fresh_login(None)).await?)
    };
    PendingLogin<U> or LoginRejection: |parts| Self(require_pending(parts).await?);
    Login<U> or Error: |parts| Self(housekey::Login::new(visit_for::<U>(parts)?));
    Session<U> or Error: |parts| Self(visit_for::<U>(parts)?.session(), PhantomData);
    Session or Error: |parts| Self(only_visit(parts, "Session")?.session(), PhantomData);
    Flash<U> or Error: |parts| Self(visit_for::<U>(parts)?.flash(), PhantomData);
    Flash or Error: |parts| Self(only_visit(parts, "Flash")?.flash(), PhantomData);
    NextUrl<U> or Error: |parts| Self(visit_for::<U>(parts)?.next_url(parts), PhantomData);
    NextUrl or Error: |parts| Self(only_visit(parts, "NextUrl")?.next_url(parts), PhantomData);
}

impl<U: User, S: Send + Sync> OptionalFromRequestParts<S> for LoginRequired<U> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Error> {
        let current = visit_for::<U>(parts)?.current_user(parts).await?;
        Ok(current.map(|current| Self(current.user)))
    }
}

impl<E: FromRequestParts<S>, S: Send + Sync> FromRequestParts<S> for WithoutUse<E> {
    type Rejection = E::Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, E::Rejection> {
        let _without_use = Visits::without_use(visits(parts));
        E::from_request_parts(parts, state).await.map(Self)
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
