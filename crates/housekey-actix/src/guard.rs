//! Guards: ordinary middlewares that protect a whole scope, resource or application.

use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use actix_web::dev::{Service, ServiceRequest, ServiceResponse};
use housekey::door::{GuardRules, Requirement};
use housekey::{AnswerAs, Scope, User};

use crate::scope::admit;
use crate::wrap::{Answer, middleware};

/// Lets only users who are logged in reach what it wraps.
///
/// ```
/// # use actix_web::{App, web};
/// # use housekey_actix::*;
/// # struct Member; impl User for Member { fn id(&self) -> String { "1".into() } }
/// # let loader = |_: String| async { Ok::<_, BoxError>(None::<Member>) };
/// # let manager = LoginManager::new(SecretKeys::generate(), loader).build()?;
/// let members = web::scope("/members")
///     .route("/dashboard", web::get().to(async || "members only"))
///     .wrap(login_required::<Member>());
/// let app = App::new()
///     .route("/", web::get().to(async || "for everybody"))
///     .service(members)
///     .wrap(manager.middleware());
/// # Ok::<(), Error>(())
/// ```
///
/// What it lets pass without a login, [`Guard`] says.
pub fn login_required<U: User>() -> Guard<U> {
    Guard(GuardRules::new(Some(Requirement::login())))
}

/// Lets only users whose login is fresh reach what it wraps: proved lately, in this session. Others who are logged in are
/// sent to the `refresh_view`. [`fresh_within`](Guard::fresh_within) sets another age than the manager's.
pub fn fresh_login_required<U: User>() -> Guard<U> {
    Guard(GuardRules::new(Some(Requirement::fresh_login(None))))
}

/// Denies nobody by itself: settings for the extractors and guards below it, for instance another login page for a
/// part of the site, or 401 for everything under `/api`. The innermost scope that says something wins.
pub fn login_scope<U: User>() -> Guard<U> {
    Guard(GuardRules::new(None))
}

/// A middleware that protects routes, and says how denied requests are answered. Not one of actix-web's own guards,
/// which choose a route.
///
/// It covers all that it is a `wrap` of, whatever the order: every route of a scope, and its unknown paths too, which are
/// denied like any other and not 404. It asks before anything of the body is read.
///
/// No method is exempt. A CORS preflight (an OPTIONS request with `Origin` and `Access-Control-Request-Method`) comes
/// without cookies, and the guard answers it itself: 403 without a CORS header. A CORS middleware outside of the guard
/// answers preflights first; one inside needs [`let_preflights_pass`](Self::let_preflights_pass).
#[must_use = "a guard protects nothing until something is wrapped in it"]
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
    /// # use actix_web::web;
    /// # use housekey_actix::*;
    /// # struct Member; impl User for Member { fn id(&self) -> String { "1".into() } }
    /// let polled = web::resource("/unread-messages")
    ///     .get(async || "3")
    ///     .wrap(login_required::<Member>().without_use());
    /// ```
    pub fn without_use(self) -> Self {
        Self(self.0.without_use())
    }

    /// Lets CORS preflights pass this guard and those below it, so that a CORS middleware or a handler further inside can
    /// answer them. **Anybody can send one**, with two headers: a handler of every method (`web::to`, a default service, a
    /// proxy) then runs for people who are not signed in. Let an extractor ask in there, which exempts nothing.
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

middleware! {
    Guard, guard,
    /// What [`Guard`] makes of a service.
    GuardService
}

async fn guard<S, B, U>(guard: Guard<U>, inner: Rc<S>, request: ServiceRequest) -> Answer<B>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = actix_web::Error>,
    U: User,
{
    match admit(&guard.0, request.request()).await {
        Ok(()) => Ok(inner.call(request).await?.map_into_left_body()),
        Err(rejection) => Ok(request.error_response(rejection).map_into_right_body()),
    }
}
