//! What a handler may ask for.

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
    CurrentUser,
    /// The current user of a route that needs one. An anonymous visitor is sent to the login page, or told so in the way
    /// that suits who is asking.
    ///
    /// `Result<LoginRequired<U>, _>` is a denial that was made already, with its message and its event: do not use it, nor
    /// `Option<LoginRequired<U>>`, to let the visitor pass all the same. [`CurrentUser`] denies nobody.
    ///
    /// actix-web runs the extractors of a handler side by side: while the user is being looked for, a body is being read, and
    /// what is wrong with the form may be answered to somebody who is not logged in. A
    /// [guard](crate::login_required) asks before anything is read.
    LoginRequired,
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
    WithoutUse
}

impl<U: User> CurrentUser<U> {
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
    LoginRequired<U> or LoginRejection: |request| {
        let user = require(request, Requirement::login());
        async move { user.await.map(Self) }
    };
    FreshLoginRequired<U> or LoginRejection: |request| {
        let user = require(request, Requirement::fresh_login(None));
        async move { user.await.map(Self) }
    };
    PendingLogin<U> or LoginRejection: |request| {
        let pending = require_pending(request);
        async move { pending.await.map(Self) }
    };
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
            // Only while this one asks: the extractors of a handler run side by side.
            let found = poll_fn(|cx| {
                let _without_use = Visits::without_use(visits.as_ref());
                asking.as_mut().poll(cx)
            });
            found.await.map(Self)
        })
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
