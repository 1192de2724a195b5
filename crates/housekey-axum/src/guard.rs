//! Guards: ordinary layers that protect a whole router.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum_core::body::Body;
use axum_core::response::{IntoResponse, Response};
use housekey::User;
use housekey::door::Requirement;
use http::Request;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::scope::{admit, enter};

/// Lets only logged-in users reach the routes below it.
///
/// Put it on a router with `route_layer`, so that unknown paths stay 404, and inside the manager's layer:
///
/// ```
/// # use axum::{Router, routing::get};
/// # use housekey_axum::*;
/// # struct Member; impl User for Member { fn id(&self) -> String { "1".into() } }
/// # let loader = |_: String| async { Ok::<_, BoxError>(None::<Member>) };
/// # let manager = LoginManager::new(SecretKeys::generate(), loader).build()?;
/// let members = Router::new()
///     .route("/dashboard", get(async || "members only"))
///     .route_layer(login_required::<Member>());
/// let app: Router = Router::new()
///     .route("/", get(async || "for everybody"))
///     .merge(members)
///     .layer(manager.layer());
/// # Ok::<(), Error>(())
/// ```
///
/// [`Guard`] says what passes without a login.
pub fn login_required<U: User>() -> Guard<U> {
    Guard::requiring(Some(Requirement::login()))
}

/// Lets only users with a fresh login reach the routes below it: they logged in or confirmed the login recently, in this
/// session. Other logged-in users are sent to the `refresh_view`. [`fresh_within`](Guard::fresh_within) sets another age
/// than the manager's.
pub fn fresh_login_required<U: User>() -> Guard<U> {
    Guard::requiring(Some(Requirement::fresh_login(None)))
}

/// For the pages of the second step of a login: only users who have taken the first step and not the second may pass
/// ([`Login::begin`](housekey::Login::begin)). They are not logged in, and no other guard lets them pass. Other visitors are
/// denied as by [`login_required`]; a logged-in user has nothing to do there and is denied too.
pub fn pending_login_required<U: User>() -> Guard<U> {
    Guard::requiring(Some(Requirement::pending_login()))
}

/// Denies nobody by itself: holds settings for the extractors and guards below it, for instance another login page for a
/// part of the site, or 401 for everything under `/api`. The innermost scope that sets something wins.
pub fn login_scope<U: User>() -> Guard<U> {
    Guard::requiring(None)
}

housekey::door::guard! {
    /// A layer that protects routes and sets how denied requests are answered.
    ///
    /// It covers the routes that are in the router when you add it, so add it last; routes added afterwards are open.
    ///
    /// No method is exempt. A CORS preflight (an OPTIONS request with `Origin` and `Access-Control-Request-Method`) comes
    /// without cookies, and the guard answers it itself: 403 without a CORS header. A `CorsLayer` outside the guard answers
    /// preflights first; one inside needs [`let_preflights_pass`](Self::let_preflights_pass).
    #[must_use = "a guard protects nothing until it is a layer of a router"]
}

impl<S, U> Layer<S> for Guard<U> {
    type Service = GuardService<S, U>;

    fn layer(&self, inner: S) -> Self::Service {
        GuardService {
            inner,
            guard: Arc::new(self.clone()),
        }
    }
}

/// The service that [`Guard`] makes.
pub struct GuardService<S, U> {
    inner: S,
    guard: Arc<Guard<U>>,
}

impl<S: Clone, U> Clone for GuardService<S, U> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            guard: Arc::clone(&self.guard),
        }
    }
}

impl<S, U> fmt::Debug for GuardService<S, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardService")
            .field("guard", &self.guard)
            .finish_non_exhaustive()
    }
}

impl<S, U> Service<Request<Body>> for GuardService<S, U>
where
    U: User,
    S: Service<Request<Body>> + Clone,
    S::Response: IntoResponse,
{
    type Response = Response;
    type Error = S::Error;
    type Future = GuardFuture<S>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        enter(&self.guard.0, &mut parts);
        if self.guard.0.requirement().is_none() {
            let future = self.inner.call(Request::from_parts(parts, body));
            return GuardFuture {
                state: State::Passing { future },
            };
        }
        let guard = Arc::clone(&self.guard);
        let check = Box::pin(async move {
            match admit(&guard.0, &parts).await {
                Ok(()) => Ok(Request::from_parts(parts, body)),
                Err(rejection) => Err(rejection.into_response()),
            }
        });
        // The service that was polled ready must be the one that is called.
        let clone = self.inner.clone();
        let inner = std::mem::replace(&mut self.inner, clone);
        GuardFuture {
            state: State::Checking { check, inner },
        }
    }
}

type Check = Pin<Box<dyn Future<Output = Result<Request<Body>, Response>> + Send>>;

pin_project! {
    /// The future of [`GuardService`].
    pub struct GuardFuture<S: Service<Request<Body>>> {
        #[pin]
        state: State<S, S::Future>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, F> {
        Checking {
            check: Check,
            inner: S,
        },
        Passing {
            #[pin]
            future: F,
        },
    }
}

impl<S: Service<Request<Body>>> fmt::Debug for GuardFuture<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardFuture").finish_non_exhaustive()
    }
}

impl<S> Future for GuardFuture<S>
where
    S: Service<Request<Body>>,
    S::Response: IntoResponse,
{
    type Output = Result<Response, S::Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let mut state = self.as_mut().project().state;
            let future = match state.as_mut().project() {
                StateProjection::Checking { check, inner } => match ready!(check.as_mut().poll(cx))
                {
                    Ok(request) => inner.call(request),
                    Err(response) => return Poll::Ready(Ok(response)),
                },
                StateProjection::Passing { future } => {
                    return Poll::Ready(Ok(ready!(future.poll(cx))?.into_response()));
                }
            };
            state.set(State::Passing { future });
        }
    }
}
