//! The layer: gives each request a visit, and lets the visit finish the response's headers.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum_core::body::Body;
use housekey::{LoginManager, User, Visit};
use http::header::{self, HeaderValue};
use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::scope;
use crate::unread::{Failed, Unread};

/// Makes a layer from a manager.
pub trait LoginManagerExt<U> {
    /// The layer that every route needs if it asks for the current user: `router.layer(manager.layer())`, outside all
    /// guards.
    ///
    /// A route below it that asks nothing costs one allocation: no cookie is read and no header set. Put it on the
    /// outermost router, where it sees the whole path; inside a nested one it would send users back to a path without the
    /// prefix.
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
/// It reads the rest of the body of a denied request
/// ([`discard_denied_body`](housekey::LoginManagerBuilder::discard_denied_body)), which needs tokio's timer, as axum's
/// server does. Without tokio it reads nothing.
///
/// Two managers, for two types of users, are two layers, and need different cookie names; in the `flask` preset, whose
/// signatures are valid under every name, also different secret keys. Otherwise every extractor and guard answers 500. The
/// extractors find their manager by the user type that they name, so name it for [`Session`](crate::Session),
/// [`Flash`](crate::Flash) and [`NextUrl`](crate::NextUrl) too: each manager keeps its own, and its users' logins and
/// logouts empty them. Without a type they answer 500 where two layers cover the route.
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

/// The service that [`LoginLayer`] makes.
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

impl<S, U, ResBody> Service<Request<Body>> for LoginService<S, U>
where
    U: User,
    S: Service<Request<Body>, Response = Response<ResBody>>,
    ResBody: Default,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, ResBody>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let visit = self.manager.visit(request.uri());
        let unread = Unread::lend(&mut request, |headers| visit.discard(headers));
        scope::push(request.extensions_mut(), visit.clone());
        ResponseFuture {
            state: State::Answering {
                inner: self.inner.call(request),
                visit,
                unread,
            },
        }
    }
}

pin_project! {
    /// The future of [`LoginService`].
    pub struct ResponseFuture<F, ResBody> {
        #[pin]
        state: State<F, ResBody>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<F, ResBody> {
        Answering {
            #[pin]
            inner: F,
            visit: Visit,
            unread: Option<Unread>,
        },
        /// Reads the rest of the request before the response goes out.
        Discarding {
            response: Option<Response<ResBody>>,
            discarding: Discarding,
        },
    }
}

type Discarding = Pin<Box<dyn Future<Output = Option<HeaderValue>> + Send>>;

impl<F, ResBody> fmt::Debug for ResponseFuture<F, ResBody> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

impl<F, ResBody, E> Future for ResponseFuture<F, ResBody>
where
    F: Future<Output = Result<Response<ResBody>, E>>,
    ResBody: Default,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let mut state = self.as_mut().project().state;
            let (response, unread) = match state.as_mut().project() {
                StateProjection::Answering {
                    inner,
                    visit,
                    unread,
                } => {
                    let mut response = visit.finish_response(ready!(inner.poll(cx))?);
                    let is_error = response.extensions_mut().remove::<Failed>().is_some();
                    match unread.take() {
                        Some(unread) if is_error || visit.has_denied() => (response, unread),
                        _ => return Poll::Ready(Ok(response)),
                    }
                }
                StateProjection::Discarding {
                    response,
                    discarding,
                } => {
                    let connection = ready!(discarding.as_mut().poll(cx));
                    let mut response = response.take().expect("polled after it was ready");
                    if let Some(connection) = connection {
                        response
                            .headers_mut()
                            .insert(header::CONNECTION, connection);
                    }
                    return Poll::Ready(Ok(response));
                }
            };
            state.set(State::Discarding {
                response: Some(response),
                discarding: Box::pin(unread.discard()),
            });
        }
    }
}
