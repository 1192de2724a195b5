//! Guards: ordinary middlewares that protect a whole scope, resource or application.

use std::rc::Rc;

use actix_web::dev::{Service, ServiceRequest, ServiceResponse};
use housekey::User;
use housekey::door::Requirement;

use crate::scope::admit;
use crate::wrap::{Answer, middleware};

/// Lets only logged-in users reach what it wraps.
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
/// [`Guard`] says what passes without a login.
pub fn login_required<U: User>() -> Guard<U> {
    Guard::requiring(Some(Requirement::login()))
}

/// Lets only users with a fresh login reach what it wraps: they logged in or confirmed the login recently, in this session.
/// Other logged-in users are sent to the `refresh_view`. [`fresh_within`](Guard::fresh_within) sets another age than the
/// manager's.
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
    /// A middleware that protects routes and sets how denied requests are answered. It is not one of actix-web's own
    /// guards, which choose a route.
    ///
    /// It covers everything that it wraps, in any order: every route of a scope, and its unknown paths too, which are
    /// denied like any other instead of 404. It looks up the user before any of the body is read.
    ///
    /// No method is exempt. A CORS preflight (an OPTIONS request with `Origin` and `Access-Control-Request-Method`) comes
    /// without cookies, and the guard answers it itself: 403 without a CORS header. A CORS middleware outside the guard
    /// answers preflights first; one inside needs [`let_preflights_pass`](Self::let_preflights_pass).
    #[must_use = "a guard protects nothing until something is wrapped in it"]
}

middleware! {
    Guard<U: User>, guard,
    /// The service that [`Guard`] makes.
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
