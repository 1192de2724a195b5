//! What a handler may ask for.

use std::fmt;
use std::future::{Future, Ready, poll_fn, ready};
use std::marker::PhantomData;
use std::ops::Deref;
use std::pin::{Pin, pin};
use std::sync::Arc;

use actix_web::body::BoxBody;
use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest, HttpResponse, Responder};
use housekey::door::{Requirement, Visits};
use housekey::{LoginWatch, User};

use crate::error::{Error, LoginRejection};
use crate::head::head;
use crate::scope::{only_visit, require, visit_for, visits};

type LocalFuture<T, E> = Pin<Box<dyn Future<Output = Result<T, E>>>>;

/// The current user, who may be nobody: see [`housekey::CurrentUser`] for what there is to know of them. Denies nobody; a
/// loader that fails is a 503.
///
/// ```
/// use housekey_actix::CurrentUser;
/// # struct Member { name: String }
/// # impl housekey_actix::User for Member { fn id(&self) -> String { self.name.clone() } }
///
/// async fn home(current_user: CurrentUser<Member>) -> String {
///     match current_user.user() {
///         Some(member) => format!("Hello {}", member.name),
///         None => "Hello stranger".to_owned(),
///     }
/// }
/// ```
///
/// This is what to ask for where somebody may be logged in or not. **Not `Option<LoginRequired<U>>`, nor an `Option` of
/// any extractor here**: actix-web makes `None` of every error that an extractor in an `Option` has, so that a loader that
/// fails would make everybody a stranger, and a denial leaves its message in the session. `Either` does the same.
pub struct CurrentUser<U>(housekey::CurrentUser<U>);

impl<U: User> CurrentUser<U> {
    /// The user, taken out.
    pub fn into_user(self) -> Option<Arc<U>> {
        self.0.into_user()
    }

    /// A watch over this login, for a WebSocket or a stream of events, which goes on after the request: it should end when
    /// the login does.
    ///
    /// ```
    /// use std::time::Duration;
    /// use actix_web::rt::{spawn, time::sleep};
    /// use actix_web::{HttpRequest, HttpResponse, web};
    /// use housekey_actix::{CurrentUser, LoginWatch};
    /// # struct Member;
    /// # impl housekey_actix::User for Member { fn id(&self) -> String { "1".into() } }
    ///
    /// async fn chat(
    ///     current_user: CurrentUser<Member>,
    ///     request: HttpRequest,
    ///     body: web::Payload,
    /// ) -> actix_web::Result<HttpResponse> {
    ///     let watch = current_user.watch()?;
    ///     let (response, session, messages) = actix_ws::handle(&request, body)?;
    ///     spawn(talk(session, messages, watch));
    ///     Ok(response)
    /// }
    ///
    /// async fn talk(session: actix_ws::Session, mut messages: actix_ws::MessageStream, watch: LoginWatch) {
    ///     tokio::select! {
    ///         () = async { while let Some(Ok(message)) = messages.recv().await { /* … */ } } => {}
    ///         _ = watch.ended(|| sleep(Duration::from_secs(15))) => {}
    ///     }
    ///     let _ = session.close(None).await;
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`NoLoginStore`](housekey::ErrorKind::NoLoginStore), [`NotLoggedIn`](housekey::ErrorKind::NotLoggedIn) when nobody is
    /// there or an API key proved it.
    pub fn watch(&self) -> Result<LoginWatch, Error> {
        Ok(self.0.watch()?)
    }
}

impl<U> Clone for CurrentUser<U> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<U: User> FromRequest for CurrentUser<U> {
    type Error = Error;
    type Future = LocalFuture<Self, Error>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let head = head(request);
        let visit = visit_for::<U>(request, &head);
        Box::pin(async move {
            let current_user = housekey::CurrentUser::ask(visit?, &head).await?;
            Ok(Self(current_user))
        })
    }
}

macro_rules! required {
    ($($(#[$doc:meta])* $name:ident: $requirement:expr;)*) => {$(
        $(#[$doc])*
        pub struct $name<U>(pub Arc<U>);

        impl<U> Clone for $name<U> {
            fn clone(&self) -> Self {
                Self(Arc::clone(&self.0))
            }
        }

        impl<U: User> FromRequest for $name<U> {
            type Error = LoginRejection;
            type Future = LocalFuture<Self, LoginRejection>;

            fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
                let user = require(request, $requirement);
                Box::pin(async move { user.await.map(Self) })
            }
        }
    )*};
}

required! {
    /// The current user of a route that needs one. An anonymous visitor is sent to the login page, or told so in the way
    /// that suits who is asking.
    ///
    /// `Result<LoginRequired<U>, _>` is a denial that was made already, with its message and its event: do not use it, nor
    /// `Option<LoginRequired<U>>`, to let the visitor pass all the same. [`CurrentUser`] denies nobody.
    ///
    /// actix-web runs the extractors of a handler side by side: while the user is being looked for, a body is being read, and
    /// what is wrong with the form may be answered to somebody who is not logged in. A
    /// [guard](crate::login_required) asks before anything is read.
    LoginRequired: Requirement::login();

    /// The current user of a route that needs a fresh login: one that was proved lately, in this session, and not by a
    /// remember token. Others are sent to prove themselves again (`refresh_view`); nobody is logged out by it.
    FreshLoginRequired: Requirement::fresh_login(None);
}

/// An extractor that asks who is there without using their login: for what a page polls. No timeout is put off by it, the
/// session is not sent again because of its age, and a remember token is left for a request that a person makes.
///
/// ```
/// use housekey_actix::{CurrentUser, WithoutUse};
/// # struct Member { name: String }
/// # impl housekey_actix::User for Member { fn id(&self) -> String { self.name.clone() } }
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

impl<E: FromRequest + 'static> FromRequest for WithoutUse<E> {
    type Error = E::Error;
    type Future = LocalFuture<Self, E::Error>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let visits = visits(request);
        let without_use = Visits::without_use(visits.as_ref());
        let asking = E::from_request(request, payload);
        drop(without_use);
        Box::pin(async move {
            let mut asking = pin!(asking);
            // Only while this one asks: the extractors of a handler run side by side.
            let found = poll_fn(|cx| {
                let _without_use = Visits::without_use(visits.as_ref());
                asking.as_mut().poll(cx)
            });
            found.await.map(Self)
        })
    }
}

/// Changes who is logged in: see [`housekey::Login`] for what it can do. Loads nobody.
pub struct Login<U>(housekey::Login<U>);

impl<U: User> Clone for Login<U> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<U: User> FromRequest for Login<U> {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(
            visit_for::<U>(request, &head(request)).map(|visit| Self(housekey::Login::new(visit))),
        )
    }
}

/// Stands for the type of the users where one login manager covers the route, as it does on most sites.
#[derive(Debug)]
pub enum AnyUser {}

/// An extractor of what a manager keeps for each browser: by the type of its users, or of the only manager.
macro_rules! by_user_type {
    ($($(#[$doc:meta])* $name:ident: |$visit:ident, $head:ident| $value:expr;)*) => {$(
        $(#[$doc])*
        pub struct $name<U = AnyUser>(housekey::$name, PhantomData<fn() -> U>);

        impl<U> Clone for $name<U> {
            fn clone(&self) -> Self {
                Self(self.0.clone(), PhantomData)
            }
        }

        impl<U: User> FromRequest for $name<U> {
            type Error = Error;
            type Future = Ready<Result<Self, Error>>;

            fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
                let $head = head(request);
                ready(visit_for::<U>(request, &$head).map(|$visit| Self($value, PhantomData)))
            }
        }

        impl FromRequest for $name {
            type Error = Error;
            type Future = Ready<Result<Self, Error>>;

            fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
                let $head = head(request);
                let visit = only_visit(request, &$head, stringify!($name));
                ready(visit.map(|$visit| Self($value, PhantomData)))
            }
        }
    )*};
}

by_user_type! {
    /// The session: see [`housekey::Session`] for what it can do. Where two managers cover the route, name the type of the
    /// users whose session it is: `Session<Member>`.
    Session: |visit, head| visit.session();

    /// Flashed messages: see [`housekey::Flash`] for what it can do. Where two managers cover the route, name the type of the
    /// users who are told: `Flash<Member>`.
    Flash: |visit, head| visit.flash();

    /// Where to go after logging in, if the address that the request claims is safe: a path of this site that is not the
    /// login page, or an address of a listed origin. Read from the query, or from the session where the manager keeps it.
    ///
    /// [`get`](housekey::NextUrl::get) gives it for the hidden field of a login form. Where two managers cover the route, name
    /// the type of the users who log in: `NextUrl<Member>`.
    NextUrl: |visit, head| visit.next_url(&head);
}

/// A type that is used like the one inside of it.
macro_rules! used_like {
    ($($name:ident.$field:tt: $inside:ty;)*) => {$(
        impl<U> Deref for $name<U> {
            type Target = $inside;

            fn deref(&self) -> &Self::Target {
                &self.$field
            }
        }

        impl<U> fmt::Debug for $name<U> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    )*};
}

used_like! {
    CurrentUser.0: housekey::CurrentUser<U>;
    LoginRequired.0: U;
    FreshLoginRequired.0: U;
    Login.0: housekey::Login<U>;
    Session.0: housekey::Session;
    Flash.0: housekey::Flash;
    NextUrl.0: housekey::NextUrl;
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

/// For a handler that returns a [`HttpResponse`]. 500 when the address cannot stand in a header.
impl From<SeeOther> for HttpResponse {
    fn from(to: SeeOther) -> Self {
        let location = (header::LOCATION, to.0);
        HttpResponse::SeeOther().insert_header(location).finish()
    }
}

impl Responder for SeeOther {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        self.into()
    }
}
