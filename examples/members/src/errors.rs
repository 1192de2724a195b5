//! What can go wrong while answering, and the page that says so.

use std::fmt;
use std::time::Duration;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use housekey_axum::ErrorKind;
use minijinja::context;
use minijinja::value::Value;
use serde_json::json;

use crate::templates::Templates;

/// What a handler's `?` can meet.
#[derive(Debug)]
pub(crate) enum AppError {
    Database(rusqlite::Error),
    Login(housekey_axum::Error),
    Template(minijinja::Error),
}

impl AppError {
    /// How long to wait before the next try, where too many passwords were wrong.
    pub(crate) fn wait(&self) -> Option<Duration> {
        match self {
            AppError::Login(error) => error.retry_after(),
            AppError::Database(_) | AppError::Template(_) => None,
        }
    }
}

impl IntoResponse for AppError {
    fn into_response(self) -> Response {
        match self {
            AppError::Login(error) if error.kind() == ErrorKind::Busy => {
                let mut response = error.into_response();
                response.extensions_mut().insert(Busy);
                response
            }
            AppError::Login(error) => error.into_response(),
            AppError::Database(error) => {
                tracing::error!(%error, "the database failed");
                (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "5")]).into_response()
            }
            AppError::Template(error) => {
                tracing::error!(%error, "a template failed");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }
}

impl fmt::Display for AppError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AppError::Database(error) => error.fmt(f),
            AppError::Login(error) => error.fmt(f),
            AppError::Template(error) => error.fmt(f),
        }
    }
}

impl From<rusqlite::Error> for AppError {
    fn from(error: rusqlite::Error) -> AppError {
        AppError::Database(error)
    }
}

impl From<housekey_axum::CoreError> for AppError {
    fn from(error: housekey_axum::CoreError) -> AppError {
        AppError::Login(error.into())
    }
}

impl From<housekey_axum::Error> for AppError {
    fn from(error: housekey_axum::Error) -> AppError {
        AppError::Login(error)
    }
}

impl From<minijinja::Error> for AppError {
    fn from(error: minijinja::Error) -> AppError {
        AppError::Template(error)
    }
}

/// Marks an answer: the database is well, and there are too many who sign in.
#[derive(Clone, Copy)]
struct Busy;

const BUSY: (&str, &str) = (
    "Many people are at the door",
    "More are signing in at the moment than we can let in at once. Nothing is wrong with your password; please try again \
     in a moment.",
);

/// What is said about a status: a heading and a sentence.
fn explain(status: StatusCode) -> (&'static str, &'static str) {
    match status {
        StatusCode::FORBIDDEN => (
            "That came from somewhere else",
            "The form was sent by another site, so nothing was done with it. If you meant to do this, do it from here.",
        ),
        StatusCode::NOT_FOUND => (
            "There is no such room",
            "The address may be mistyped, or the page has moved.",
        ),
        StatusCode::METHOD_NOT_ALLOWED => (
            "Not this way",
            "This address is used by a form and shows no page.",
        ),
        StatusCode::PAYLOAD_TOO_LARGE => (
            "That is too much",
            "What was sent is larger than any form here needs.",
        ),
        StatusCode::SERVICE_UNAVAILABLE => (
            "We cannot reach our records",
            "Nobody has been signed out by this. Please try again in a moment.",
        ),
        _ if status.is_server_error() => (
            "Something broke",
            "It is our fault, not yours, and it has been noted.",
        ),
        _ => (
            "That made no sense to us",
            "What your browser sent could not be read.",
        ),
    }
}

/// The same for `error.html`.
pub(crate) fn describe(status: StatusCode) -> Value {
    described(status, explain(status))
}

fn described(status: StatusCode, (heading, text): (&str, &str)) -> Value {
    context! { status => status.as_u16(), heading, text }
}

/// Gives every refusal the look of the site, no matter what made it: a handler, axum, tower-http or housekey. It asks
/// nobody who is there, so it works when the database does not.
pub(crate) async fn in_our_look(
    State(templates): State<Templates>,
    request: Request,
    next: Next,
) -> Response {
    let for_script = request.uri().path().starts_with("/api/");
    let response = next.run(request).await;
    let status = response.status();
    let refused = status.is_client_error() || status.is_server_error();
    let is_kind = |kind| content_type(&response).contains(kind);
    if !refused || is_kind("json") || (is_kind("text/html") && !for_script) {
        return response;
    }
    let said = match response.extensions().get() {
        Some(Busy) => BUSY,
        None => explain(status),
    };
    let ours = if for_script {
        problem(status, said)
    } else {
        page(&templates, status, said)
    };
    let (mut parts, _bare) = response.into_parts();
    let (ours, body) = ours.into_parts();
    parts.headers.remove(CONTENT_LENGTH);
    parts.headers.extend(ours.headers);
    Response::from_parts(parts, body)
}

fn content_type(response: &Response) -> &str {
    let header = response.headers().get(CONTENT_TYPE);
    header
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

fn page(templates: &Templates, status: StatusCode, said: (&str, &str)) -> Response {
    match templates.render("error.html", described(status, said)) {
        Ok(page) => ([(CACHE_CONTROL, "no-store")], page).into_response(),
        Err(error) => AppError::from(error).into_response(),
    }
}

fn problem(status: StatusCode, (title, detail): (&str, &str)) -> Response {
    let body = json!({ "status": status.as_u16(), "title": title, "detail": detail });
    let headers = [
        (CACHE_CONTROL, "no-store"),
        (CONTENT_TYPE, "application/problem+json"),
    ];
    (headers, Json(body)).into_response()
}
