//! axum alone. The protected page looks a user up, as it has to in any application; the denied one redirects.

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};

use super::{failed, greeting, with_public_pages};
use crate::users::{MIA, Users};

pub(super) fn site(users: Users) -> Router {
    let own = Router::new()
        .route("/dashboard", get(dashboard))
        .route("/sign-in", post(sign_in));
    with_public_pages(own).with_state(users)
}

async fn sign_in() -> Response {
    (
        StatusCode::NO_CONTENT,
        [(header::SET_COOKIE, "signed-in=1")],
    )
        .into_response()
}

/// Takes a missing cookie for a visitor, and believes every cookie.
async fn dashboard(State(users): State<Users>, request: Request) -> Response {
    let cookies = request.headers().get(header::COOKIE);
    if !cookies.is_some_and(|cookies| cookies.as_bytes().ends_with(b"signed-in=1")) {
        return Redirect::to("/sign-in?next=%2Fdashboard").into_response();
    }
    match users.find(MIA).await {
        Ok(Some(member)) => greeting(&member.name).into_response(),
        Ok(None) => failed("mia is gone"),
        Err(error) => failed(error),
    }
}
