//! `/account/logins`: where a member is signed in, and how to end what they do not know.
//!
//! All of it needs a fresh login: a stranger at an open browser must not sign its owner out everywhere else.

use std::time::SystemTime;

use axum::extract::State;
use axum::response::{Html, Redirect};
use housekey_axum::{Flash, FreshLoginRequired, Login, LoginTimeouts};
use minijinja::{Value, context};
use serde::Deserialize;

use super::sign_out;
use crate::errors::AppError;
use crate::forms::Fields;
use crate::members::Member;
use crate::moments;
use crate::root::Root;
use crate::templates::Page;
use crate::user_agents;

const HERE: &str = "/account/logins";
/// How many logins a page shows.
const PER_PAGE: usize = 20;

/// Which part of the list. What is no number, or leads beyond the end, is the nearest that there is.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Part {
    page: String,
}

impl Part {
    fn of(&self, pages: usize) -> usize {
        self.page.parse().unwrap_or(1).clamp(1, pages.max(1))
    }
}

pub(crate) async fn list(
    _: FreshLoginRequired<Member>,
    page: Page,
    login: Login<Member>,
    State(timeouts): State<LoginTimeouts>,
    Fields(part): Fields<Part>,
) -> Result<Html<String>, AppError> {
    let (now, step) = (SystemTime::now(), timeouts.step());
    let mut logins = login.logins().await?;
    // This browser first, the others as they come: the one last used before the rest.
    logins.sort_by_key(|login| !login.current);
    let (count, pages) = (logins.len(), logins.len().div_ceil(PER_PAGE));
    let number = part.of(pages);
    let shown = logins.iter().skip((number - 1) * PER_PAGE).take(PER_PAGE);
    let logins: Vec<Value> = shown
        .map(|login| {
            context! {
                id => login.id.to_string(),
                program => user_agents::heading(login.user_agent.as_deref()),
                current => login.current,
                since => moments::moment(login.created_at, now),
                last_used => moments::last_used(login.last_seen_at, now, step),
                address => login.address.map(|address| address.to_string()),
                remembered => login.remembered,
            }
        })
        .collect();
    page.render(
        "logins.html",
        context! { logins, count, number, pages, step => moments::long(step) },
    )
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Choice {
    login: String,
}

pub(crate) async fn end(
    _: FreshLoginRequired<Member>,
    login: Login<Member>,
    flash: Flash,
    State(root): State<Root>,
    Fields(form): Fields<Choice>,
) -> Result<Redirect, AppError> {
    let logins = login.logins().await?;
    let chosen = logins.iter().find(|it| it.id.to_string() == form.login);
    match chosen {
        Some(chosen) if chosen.current => return sign_out::submit(login, flash, State(root)).await,
        Some(chosen) if login.end_login(&chosen.id).await? => {
            let program = user_agents::heading(chosen.user_agent.as_deref());
            flash.push("success", &format!("{program} is signed out."))?;
        }
        // Ended meanwhile, or never theirs.
        _ => flash.push("success", "That one was signed out already.")?,
    }
    Ok(root.redirect(HERE))
}

pub(crate) async fn end_others(
    _: FreshLoginRequired<Member>,
    login: Login<Member>,
    flash: Flash,
    State(root): State<Root>,
) -> Result<Redirect, AppError> {
    let message = match login.end_other_logins().await? {
        0 => "You were signed in nowhere else.".to_owned(),
        1 => "You are signed out in the one other place.".to_owned(),
        count => format!("You are signed out in the {count} other places."),
    };
    flash.push("success", &message)?;
    Ok(root.redirect(HERE))
}
