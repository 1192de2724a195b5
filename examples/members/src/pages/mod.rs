//! The pages, a file for each form.

pub(crate) mod account;
pub(crate) mod api;
pub(crate) mod sign_in;
pub(crate) mod sign_out;
pub(crate) mod sign_up;

use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use housekey_axum::LoginRequired;
use minijinja::context;

use crate::errors::{self, AppError};
use crate::members::Member;
use crate::templates::Page;

pub(crate) async fn home(page: Page) -> Result<Html<String>, AppError> {
    page.render("home.html", context! {})
}

pub(crate) async fn dashboard(
    _: LoginRequired<Member>,
    page: Page,
) -> Result<Html<String>, AppError> {
    page.render("dashboard.html", context! {})
}

pub(crate) async fn not_found(page: Page) -> Result<Response, AppError> {
    let html = page.render("error.html", errors::describe(StatusCode::NOT_FOUND))?;
    Ok((StatusCode::NOT_FOUND, html).into_response())
}

/// A form shown again, with what is wrong beside its fields.
fn try_again(html: Html<String>) -> Response {
    (StatusCode::UNPROCESSABLE_ENTITY, html).into_response()
}
