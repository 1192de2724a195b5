//! The pages, a file for each form.

pub(crate) mod account;
pub(crate) mod api;
pub(crate) mod events;
pub(crate) mod logins;
pub(crate) mod sign_in;
pub(crate) mod sign_out;
pub(crate) mod sign_up;

use std::time::{Duration, SystemTime};

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, HeaderValue, RETRY_AFTER};
use axum::response::{Html, IntoResponse, Response};
use housekey_axum::{Login, LoginRequired};
use minijinja::context;

use crate::errors::{self, AppError};
use crate::members::Member;
use crate::moments;
use crate::templates::{Page, Templates};
use crate::user_agents;

/// The front door stays open while nobody can say who is there: without a greeting, and without a menu.
pub(crate) async fn home(
    State(templates): State<Templates>,
    page: Result<Page, Response>,
) -> Result<Response, AppError> {
    match page {
        Ok(page) => Ok(page.render("home.html", context! {})?.into_response()),
        Err(response) if response.status() == StatusCode::SERVICE_UNAVAILABLE => {
            let html = templates.render("home.html", context! {})?;
            Ok(([(CACHE_CONTROL, "no-store")], html).into_response())
        }
        Err(response) => Ok(response),
    }
}

pub(crate) async fn dashboard(
    LoginRequired(member): LoginRequired<Member>,
    page: Page,
    login: Login<Member>,
) -> Result<Html<String>, AppError> {
    let now = SystemTime::now();
    // Where else somebody is signed in is for a fresh login only.
    let logins = match page.current_user.is_fresh() {
        true => login.logins().await?,
        false => Vec::new(),
    };
    let here = logins.iter().find(|login| login.current);
    let values = context! {
        since => moments::day(member.created_at, now),
        here => here.map(|login| context! {
            program => user_agents::heading(login.user_agent.as_deref()),
            since => moments::moment(login.created_at, now),
        }),
        others => logins.len().checked_sub(1),
    };
    page.render("dashboard.html", values)
}

pub(crate) async fn not_found(page: Page) -> Result<Response, AppError> {
    let html = page.render("error.html", errors::describe(StatusCode::NOT_FOUND))?;
    Ok((StatusCode::NOT_FOUND, html).into_response())
}

/// What is said beside the password when too many were wrong.
fn wait_a_little(wait: Duration) -> String {
    let wait = moments::wait(wait);
    format!("There were too many wrong ones. Wait {wait}, then try again.")
}

/// A form shown again, for a later try.
fn try_later(html: Html<String>, wait: Duration) -> Response {
    let seconds = HeaderValue::from(wait.as_secs());
    (
        StatusCode::TOO_MANY_REQUESTS,
        [(RETRY_AFTER, seconds)],
        html,
    )
        .into_response()
}

/// A form shown again, with what is wrong beside its fields.
fn try_again(html: Html<String>) -> Response {
    (StatusCode::UNPROCESSABLE_ENTITY, html).into_response()
}
