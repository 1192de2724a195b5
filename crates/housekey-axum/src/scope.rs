//! What a request carries for the rules, in its extensions: its visits, and the scope of the route that it came to.

use std::sync::Arc;

use axum::extract::MatchedPath;
use housekey::door::{GuardRules, Requirement, Visits};
use housekey::{OpenVisit, PendingLogin, User, Visit};
use http::Extensions;
use http::request::Parts;

use crate::error::{Error, LoginRejection};

/// What to do about a route without a layer.
const ADD_LAYER: &str = "add `.layer(manager.layer())` to the router, after all its routes";

pub(crate) fn visits(parts: &Parts) -> Option<&Visits> {
    parts.extensions.get()
}

/// Adds a visit, unless its manager has one already.
pub(crate) fn push(extensions: &mut Extensions, visit: Visit) {
    if let Some(visits) = Visits::push(extensions.get(), visit) {
        extensions.insert(visits);
    }
}

/// The visit of the manager for users of this type, opened.
pub(crate) fn visit_for<U: User>(parts: &Parts) -> Result<OpenVisit, Error> {
    Ok(Visits::of::<U>(visits(parts), parts, ADD_LAYER)?)
}

/// The visit of the only manager, opened, for an extractor of this name.
pub(crate) fn only_visit(parts: &Parts, extractor: &str) -> Result<OpenVisit, Error> {
    Ok(Visits::only(visits(parts), parts, extractor, ADD_LAYER)?)
}

/// Gives a request the scope that it has from a guard on.
pub(crate) fn enter<U: User>(rules: &GuardRules<U>, parts: &mut Parts) {
    if let Some(scope) = rules.enter(visits(parts), parts.extensions.get()) {
        parts.extensions.insert(scope);
    }
}

/// The current user, if they may pass.
pub(crate) async fn require<U: User>(
    parts: &Parts,
    requirement: &Requirement<U>,
) -> Result<Arc<U>, LoginRejection> {
    let scope = parts.extensions.get();
    Visits::require(visits(parts), parts, requirement, scope, ADD_LAYER)
        .await
        .map_err(LoginRejection::of)
}

/// The login that has begun, for the pages of its second step.
pub(crate) async fn require_pending<U: User>(
    parts: &Parts,
) -> Result<PendingLogin<U>, LoginRejection> {
    let scope = parts.extensions.get();
    Visits::require_pending(visits(parts), parts, scope, ADD_LAYER)
        .await
        .map_err(LoginRejection::of)
}

/// Whether a request may pass a guard.
pub(crate) async fn admit<U: User>(
    rules: &GuardRules<U>,
    parts: &Parts,
) -> Result<(), LoginRejection> {
    let scope = parts.extensions.get();
    let route = rules.has_exceptions().then(|| parts.extensions.get());
    let route = route.flatten().map(MatchedPath::as_str);
    let admitted = rules.admit(visits(parts), parts, route, scope, ADD_LAYER);
    admitted.await.map_err(LoginRejection::of)
}
