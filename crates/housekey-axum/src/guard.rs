//! Guards: ordinary layers that protect a whole router.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum_core::body::Body;
use axum_core::response::{IntoResponse, Response};
use housekey::door::{GuardRules, Requirement};
use housekey::{AnswerAs, Scope, User};
use http::Request;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::scope::{admit, enter};

/// Lets only users who are logged in reach the routes below it.
///
/// Put it on a router with `route_layer`, so that unknown paths stay 404, and inside of the manager's layer:
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
/// What it lets pass without a login, [`Guard`] says.
pub fn login_required<U: User>() -> Guard<U> {
    Guard(GuardRules::new(Some(Requirement::login())))
}

/// Lets only users whose login is fresh reach the routes below it: proved lately, in this session. Others who are logged
/// in are sent to the `refresh_view`. [`fresh_within`](Guard::fresh_within) sets another age than the manager's.
pub fn fresh_login_required<U: User>() -> Guard<U> {
    Guard(GuardRules::new(Some(Requirement::fresh_login(None))))
}

/// Denies nobody by itself: settings for the extractors and guards below it, for instance another login page for a
/// part of the site, or 401 for everything under `/api`. The innermost scope that says something wins.
pub fn login_scope<U: User>() -> Guard<U> {
    Guard(GuardRules::new(None))
}

/// A layer that protects routes, and says how denied requests are answered.
///
/// It covers the routes that are in the router when it is added, so it belongs last; routes added afterwards are open.
///
/// No method is exempt. A CORS preflight (an OPTIONS request with `Origin` and `Access-Control-Request-Method`) comes
/// without cookies, and the guard answers it itself: 403 without a CORS header. A `CorsLayer` outside of the guard answers
/// preflights first; one inside needs [`let_preflights_pass`](Self::let_preflights_pass).
#[must_use = "a guard protects nothing until it is a layer of a router"]
pub struct Guard<U>(GuardRules<U>);

impl<U: User> Guard<U> {
    /// Requires a login that is fresh and no older than this, in place of what the guard required before.
    pub fn fresh_within(self, within: Duration) -> Self {
        Self(self.0.fresh_within(within))
    }

    /// Requires a logged-in user that passes this test. Other logged-in users get 403. What an earlier call asked for
    /// must hold too.
    pub fn require(self, test: impl Fn(&U) -> bool + Send + Sync + 'static) -> Self {
        Self(self.0.require(test))
    }

    /// Another login page for the routes below.
    ///
    /// # Panics
    ///
    /// When it is neither a path nor an absolute URL.
    pub fn login_view(self, view: &str) -> Self {
        Self(self.0.scope(|scope| scope.login_view(view)))
    }

    /// No login page for the routes below: 401 for everybody.
    pub fn no_login_view(self) -> Self {
        Self(self.0.scope(Scope::no_login_view))
    }

    /// Another page to prove oneself again for the routes below.
    ///
    /// # Panics
    ///
    /// When it is neither a path nor an absolute URL.
    pub fn refresh_view(self, view: &str) -> Self {
        Self(self.0.scope(|scope| scope.refresh_view(view)))
    }

    /// How those are answered who may not pass, whatever their headers say.
    pub fn answer_as(self, answer: AnswerAs) -> Self {
        Self(self.0.scope(|scope| scope.answer_as(answer)))
    }

    /// Asking who is there counts as no use of the login, by this guard and all below it: for what a page polls, so that a
    /// page which was left open keeps nobody logged in. No timeout is put off, and nobody is let in who is only
    /// remembered: a remember token is for people. [`WithoutUse`](crate::WithoutUse) does the same for one extractor.
    ///
    /// An outer guard that asks before counts; put this there, or on the outermost
    /// [`login_scope`](crate::login_scope).
    ///
    /// ```
    /// # use axum::{Router, routing::get};
    /// # use housekey_axum::*;
    /// # struct Member; impl User for Member { fn id(&self) -> String { "1".into() } }
    /// let polled: Router = Router::new()
    ///     .route("/unread-messages", get(async || "3"))
    ///     .route_layer(login_required::<Member>().without_use());
    /// ```
    pub fn without_use(self) -> Self {
        Self(self.0.without_use())
    }

    /// Lets CORS preflights pass this guard and those below it, so that a `CorsLayer` or a handler further inside can
    /// answer them. **Anybody can send one**, with two headers: a handler of every method (`any`, a fallback, a proxy)
    /// then runs for people who are not signed in. Let an extractor ask in there, which exempts nothing.
    pub fn let_preflights_pass(self) -> Self {
        Self(self.0.scope(Scope::let_preflights_pass))
    }
}

impl<U> Clone for Guard<U> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<U> fmt::Debug for Guard<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Guard").field(&self.0).finish()
    }
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

/// What [`Guard`] makes of a service.
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
        let scope = enter(&self.guard.0, &mut parts);
        if self.guard.0.requirement().is_none() {
            let future = self.inner.call(Request::from_parts(parts, body));
            return GuardFuture {
                state: State::Passing { future },
            };
        }
        let guard = Arc::clone(&self.guard);
        let check = Box::pin(async move {
            match admit(&guard.0, &parts, &scope).await {
                Ok(()) => Ok(Request::from_parts(parts, body)),
                Err(rejection) => Err(rejection.into_response()),
            }
        });
        // The service that was polled ready is the one to be called.
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
