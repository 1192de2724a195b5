//! The extractors that a handler can use.

use std::future::{Future, poll_fn, ready};
use std::marker::PhantomData;
use std::pin::{Pin, pin};

use actix_web::body::BoxBody;
use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest, HttpResponse, Responder};
use housekey::door::{Requirement, Visits};
use housekey::{LoginWatch, User};

use crate::error::{Error, LoginRejection};
use crate::head::head;
use crate::scope::{only_visit, require, require_pending, visit_for, visits};

housekey::door::extractors! {
    /// The current user, or nobody: see [`housekey::CurrentUser`] for all that it knows. Denies nobody. If the loader
    /// fails, the answer is 503.
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
    /// Use this where the visitor may or may not be logged in. **Do not use `Option<LoginRequired<U>>`, nor an `Option` of
    /// any extractor here**: actix-web turns every error of an extractor in an `Option` into `None`, so a failing loader
    /// would make everybody anonymous, and a denial leaves its message in the session. `Either` does the same.
    CurrentUser,
    /// The current user of a route that needs one. An anonymous visitor is sent to the login page, or denied in the way
    /// that suits the client.
    ///
    /// `Result<LoginRequired<U>, _>` is an `Err` after the denial, with its message and its event: do not use it, nor
    /// `Option<LoginRequired<U>>`, to let the visitor pass anyway. [`CurrentUser`] denies nobody.
    ///
    /// actix-web runs the extractors of a handler side by side: while the user is looked up, a body is read, and an error
    /// in the form may be reported to a visitor who is not logged in. A [guard](crate::login_required) looks up the user
    /// before anything is read.
    LoginRequired,
    /// Wraps an extractor so that it looks up the user without using the login: for requests that a page polls. It extends
    /// no timeout, does not send an old session again, and leaves a remember token for a request that a person makes.
    ///
    /// ```
    /// use housekey_actix::{CurrentUser, WithoutUse};
    /// # struct Member { name: String }
    /// # impl housekey_actix::User for Member { fn id(&self) -> String { self.name.clone() } }
    ///
    /// async fn unread_messages(WithoutUse(current_user): WithoutUse<CurrentUser<Member>>) -> &'static str {
    ///     match current_user.is_authenticated() {
    ///         true => "3",
    ///         false => "logged out",
    ///     }
    /// }
    /// ```
    ///
    /// Another extractor or guard on the same request that looks up the user without this still uses the login.
    WithoutUse
}

impl<U: User> CurrentUser<U> {
    /// A watch over this login, for a WebSocket or an event stream, which outlives the request and should end with the
    /// login.
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
    /// [`NoLoginStore`](housekey::ErrorKind::NoLoginStore), or [`NotLoggedIn`](housekey::ErrorKind::NotLoggedIn) when
    /// nobody is logged in or an API key proved the user.
    pub fn watch(&self) -> Result<LoginWatch, Error> {
        Ok(self.0.watch()?)
    }
}

type LocalFuture<T, E> = Pin<Box<dyn Future<Output = Result<T, E>>>>;

/// How actix-web asks for an extractor that waits, and for one that does not.
macro_rules! from_request {
    ($($name:ident<U> or $error:ident: |$request:ident| $extract:expr;)*) => {$(
        impl<U: User> FromRequest for $name<U> {
            type Error = $error;
            type Future = LocalFuture<Self, $error>;

            fn from_request($request: &HttpRequest, _: &mut Payload) -> Self::Future {
                Box::pin($extract)
            }
        }
    )*};
    (at once: $($name:ident $(<$user:ident>)?: |$request:ident| $extract:expr;)*) => {$(
        impl $(<$user: User>)? FromRequest for $name $(<$user>)? {
            type Error = Error;
            type Future = std::future::Ready<Result<Self, Error>>;

            fn from_request($request: &HttpRequest, _: &mut Payload) -> Self::Future {
                ready((|| Ok($extract))())
            }
        }
    )*};
}

from_request! {
    CurrentUser<U> or Error: |request| {
        let head = head(request);
        let visit = visit_for::<U>(request, &head);
        async move { Ok(Self(housekey::CurrentUser::ask(visit?, &head).await?)) }
    };
    LoginRequired<U> or LoginRejection: |request| require(request, Requirement::login(), Self);
    FreshLoginRequired<U> or LoginRejection: |request| {
        require(request, Requirement::fresh_login(None), Self)
    };
    PendingLogin<U> or LoginRejection: |request| require_pending(request, Self);
}

from_request! { at once:
    Login<U>: |request| Self(housekey::Login::new(visit_for::<U>(request, &head(request))?));
    Session<U>: |request| Self(visit_for::<U>(request, &head(request))?.session(), PhantomData);
    Session: |request| Self(only_visit(request, "Session")?.session(), PhantomData);
    Flash<U>: |request| Self(visit_for::<U>(request, &head(request))?.flash(), PhantomData);
    Flash: |request| Self(only_visit(request, "Flash")?.flash(), PhantomData);
    NextUrl<U>: |request| {
        let head = head(request);
        Self(visit_for::<U>(request, &head)?.next_url(&head), PhantomData)
    };
    NextUrl: |request| Self(only_visit(request, "NextUrl")?.next_url(&head(request)), PhantomData);
}

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
            // Only while this extractor asks: those of a handler run side by side.
            let found = poll_fn(|cx| {
                let _without_use = Visits::without_use(visits.as_ref());
                asking.as_mut().poll(cx)
            });
            found.await.map(Self)
        })
    }
}

/// For a handler that returns a [`HttpResponse`]. 500 when the address is not valid in a header.
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
