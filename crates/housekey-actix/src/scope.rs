//! What a request carries in its extensions for the rules: its visits, and the scope of its route.

use std::future::Future;
use std::sync::Arc;

use actix_web::{HttpMessage as _, HttpRequest};
use housekey::door::{GuardRules, Requirement, Visits};
use housekey::{OpenVisit, PendingLogin, User, Visit};

use crate::error::{Error, LoginRejection};
use crate::head::{Head, head};

/// How to fix a route without a middleware.
const WRAP: &str = "add `.wrap(manager.middleware())` to the App, after its guards";

/// A clone of the value of this type that a request carries.
fn carried<T: Clone + 'static>(request: &HttpRequest) -> Option<T> {
    request.extensions().get::<T>().cloned()
}

pub(crate) fn visits(request: &HttpRequest) -> Option<Visits> {
    carried(request)
}

/// Adds a visit, unless its manager has one already.
pub(crate) fn push(request: &HttpRequest, visit: Visit) -> bool {
    let pushed = Visits::push(visits(request).as_ref(), visit);
    let is_new = pushed.is_some();
    if let Some(visits) = pushed {
        request.extensions_mut().insert(visits);
    }
    is_new
}

/// The opened visit of the manager for users of this type.
pub(crate) fn visit_for<U: User>(request: &HttpRequest, head: &Head) -> Result<OpenVisit, Error> {
    Ok(Visits::of::<U>(visits(request).as_ref(), head, WRAP)?)
}

/// The opened visit of the only manager, for an extractor of this name.
pub(crate) fn only_visit(request: &HttpRequest, extractor: &str) -> Result<OpenVisit, Error> {
    let visits = visits(request);
    Ok(Visits::only(
        visits.as_ref(),
        &head(request),
        extractor,
        WRAP,
    )?)
}

/// Whether a request may pass a guard. Sets the guard's scope on the request.
pub(crate) async fn admit<U: User>(
    rules: &GuardRules<U>,
    request: &HttpRequest,
) -> Result<(), LoginRejection> {
    let visits = visits(request);
    let outer = carried(request);
    let entered = rules.enter(visits.as_ref(), outer.as_ref());
    if let Some(scope) = &entered {
        request.extensions_mut().insert(scope.clone());
    }
    if rules.requirement().is_none() {
        return Ok(());
    }
    let head = head(request);
    let scope = entered.or(outer);
    let route = rules.has_exceptions().then(|| request.match_pattern());
    let (route, scope) = (route.flatten(), scope.as_ref());
    let admitted = rules.admit(visits.as_ref(), &head, route.as_deref(), scope, WRAP);
    admitted.await.map_err(LoginRejection::of)
}

/// The extractor of the current user, if they may pass. The result holds no clone of the request, or actix-web could not route
/// it.
pub(crate) fn require<U: User, T>(
    request: &HttpRequest,
    requirement: Requirement<U>,
    extractor: fn(Arc<U>) -> T,
) -> impl Future<Output = Result<T, LoginRejection>> + use<U, T> {
    let (head, visits, scope) = (head(request), visits(request), carried(request));
    async move {
        Visits::require(visits.as_ref(), &head, &requirement, scope.as_ref(), WRAP)
            .await
            .map(extractor)
            .map_err(LoginRejection::of)
    }
}

/// The extractor of the login that has begun, for the pages of its second step.
pub(crate) fn require_pending<U: User, T>(
    request: &HttpRequest,
    extractor: fn(PendingLogin<U>) -> T,
) -> impl Future<Output = Result<T, LoginRejection>> + use<U, T> {
    let (head, visits, scope) = (head(request), visits(request), carried(request));
    async move {
        Visits::require_pending(visits.as_ref(), &head, scope.as_ref(), WRAP)
            .await
            .map(extractor)
            .map_err(LoginRejection::of)
    }
}
