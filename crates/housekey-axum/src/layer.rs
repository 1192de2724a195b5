//! The layer: gives each request a visit, and lets the visit finish the response's headers.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use housekey::{LoginManager, OpenVisit, User, Visit};
use http::request::Parts;
use http::{Extensions, Request, Response, StatusCode};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::error::Error;

/// Makes a layer of a manager.
pub trait LoginManagerExt<U> {
    /// The layer that every route needs which asks who is there: `router.layer(manager.layer())`, outside of all
    /// guards.
    ///
    /// A route below it that asks nothing costs an allocation: no cookie is read, no header set. Put it on the
    /// outermost router, where it sees the whole path; inside a nested one it would send people back to a path
    /// without the prefix.
    fn layer(&self) -> LoginLayer<U>;
}

impl<U: User> LoginManagerExt<U> for LoginManager<U> {
    fn layer(&self) -> LoginLayer<U> {
        LoginLayer {
            manager: self.clone(),
        }
    }
}

/// Gives each request its [`Visit`]. Made by [`LoginManagerExt::layer`]. A second layer of the same manager, further
/// inside, does nothing.
///
/// Two managers, for two types of users, are two layers, and need cookies of different names; in the `flask` preset,
/// whose signatures hold for every name, also different secret keys. Otherwise every extractor and guard answers 500.
/// The extractors that name a user type find theirs; those that do not ([`Session`](crate::Session),
/// [`Flash`](crate::Flash), [`NextUrl`](crate::NextUrl)) take the inner one.
#[derive(Debug)]
pub struct LoginLayer<U> {
    manager: LoginManager<U>,
}

impl<U> Clone for LoginLayer<U> {
    fn clone(&self) -> Self {
        Self {
            manager: self.manager.clone(),
        }
    }
}

impl<S, U> Layer<S> for LoginLayer<U> {
    type Service = LoginService<S, U>;

    fn layer(&self, inner: S) -> Self::Service {
        LoginService {
            inner,
            manager: self.manager.clone(),
        }
    }
}

/// What [`LoginLayer`] makes of a service.
pub struct LoginService<S, U> {
    inner: S,
    manager: LoginManager<U>,
}

impl<S: Clone, U> Clone for LoginService<S, U> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            manager: self.manager.clone(),
        }
    }
}

impl<S, U> fmt::Debug for LoginService<S, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoginService").finish_non_exhaustive()
    }
}

impl<S, U, B, ResBody> Service<Request<B>> for LoginService<S, U>
where
    U: User,
    S: Service<Request<B>, Response = Response<ResBody>>,
    ResBody: Default,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let visit = self.manager.visit(request.uri());
        Visits::push(request.extensions_mut(), visit.clone());
        ResponseFuture {
            inner: self.inner.call(request),
            visit,
        }
    }
}

pin_project! {
    /// The future of [`LoginService`].
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        visit: Visit,
    }
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

impl<F, ResBody, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<ResBody>, E>>,
    ResBody: Default,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut response = ready!(this.inner.poll(cx))?;
        if let Err(error) = this.visit.finish(response.headers_mut()) {
            tracing::error!(target: "housekey", %error, "the session cannot be sent");
            response = Response::new(ResBody::default());
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        }
        Poll::Ready(Ok(response))
    }
}

/// The visits of a request: one for each manager whose layer it came through, the innermost first.
#[derive(Clone)]
struct Visits {
    visit: Visit,
    outer: Option<Arc<Visits>>,
    /// Two of the managers would read each other's cookies.
    collide: bool,
}

impl Visits {
    /// A second layer of one manager changes nothing: the visit that is there goes on.
    fn push(extensions: &mut Extensions, visit: Visit) {
        let before = extensions.get::<Self>().cloned();
        let others = || before.iter().flat_map(Self::chain);
        if others().any(|other| visit.is_to_the_same_manager(other)) {
            return;
        }
        let collide = before.as_ref().is_some_and(|before| before.collide)
            || others().any(|other| visit.collides_with(other));
        extensions.insert(Self {
            visit,
            outer: before.map(Arc::new),
            collide,
        });
    }

    fn of(parts: &Parts) -> Result<Option<&Self>, Error> {
        match parts.extensions.get::<Self>() {
            Some(visits) if visits.collide => Err(Error::colliding_cookies()),
            visits => Ok(visits),
        }
    }

    fn chain(&self) -> impl Iterator<Item = &Visit> {
        std::iter::successors(Some(self), |visits| visits.outer.as_deref())
            .map(|visits| &visits.visit)
    }
}

/// The visit of the manager for users of this type, opened.
pub(crate) fn visit_for<U: User>(parts: &Parts) -> Result<OpenVisit, Error> {
    let visits = Visits::of(parts)?;
    match visits.and_then(|visits| visits.chain().find(|visit| visit.is_for::<U>())) {
        Some(visit) => Ok(visit.open(parts)?),
        None => Err(Error::missing_layer(std::any::type_name::<U>())),
    }
}

/// The visit of the innermost manager, opened.
pub(crate) fn innermost_visit(parts: &Parts) -> Result<OpenVisit, Error> {
    match Visits::of(parts)? {
        Some(visits) => Ok(visits.visit.open(parts)?),
        None => Err(Error::missing_layer("…")),
    }
}
