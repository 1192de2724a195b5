//! `/sign-in`: a member comes in, or, when already in but not fresh, proves it once more.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use housekey_axum::{Login, NextUrl, User as _};
use minijinja::{Value, context};
use serde::Deserialize;

use super::{try_again, try_later, wait_a_little};
use crate::errors::AppError;
use crate::forms::Fields;
use crate::members::{Member, Members};
use crate::templates::Page;

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct SignIn {
    username: String,
    password: String,
    remember: Option<String>,
    next: String,
}

pub(crate) async fn form(page: Page, next: NextUrl) -> Result<Response, AppError> {
    if page.current_user.is_fresh() {
        return Ok(next.or("/dashboard")?.into_response());
    }
    let values = context! { next => next.get(), ..who(&page, &SignIn::default()) };
    Ok(page.render("sign-in.html", values)?.into_response())
}

pub(crate) async fn submit(
    page: Page,
    login: Login<Member>,
    next: NextUrl,
    State(members): State<Members>,
    Fields(form): Fields<SignIn>,
) -> Result<Response, AppError> {
    let next = next.or_field(Some(&form.next));
    let errors = match form.missing(&page) {
        Some(errors) => errors,
        None => match members
            .authenticate(&login, form.username(&page), &form.password)
            .await
        {
            Err(error) => {
                let wait = error.wait().ok_or(error)?;
                let errors = context! { password => wait_a_little(wait) };
                let values = context! { next => next.get(), errors, ..who(&page, &form) };
                return Ok(try_later(page.render("sign-in.html", values)?, wait));
            }
            Ok(Some(member)) if member.is_active() => {
                enter(&page, &login, &member, form.remember.is_some()).await?;
                return Ok(next.or("/dashboard")?.into_response());
            }
            Ok(Some(_)) => context! { username => "This account has been closed." },
            // That page shows no username.
            Ok(None) if page.current_user.is_authenticated() => {
                context! { password => "That is not your password." }
            }
            // One message for both, so that nobody can find out who is a member.
            Ok(None) => {
                context! { password => "This username and password do not belong together." }
            }
        },
    };
    let values = context! { next => next.get(), errors, ..who(&page, &form) };
    Ok(try_again(page.render("sign-in.html", values)?))
}

async fn enter(
    page: &Page,
    login: &Login<Member>,
    member: &Member,
    remember: bool,
) -> Result<(), AppError> {
    match page.current_user.user() {
        Some(current) if current.id == member.id => login.confirm_login(member).await?,
        _ => login.login_user(member).remember(remember).await?,
    }
    Ok(())
}

impl SignIn {
    /// What was typed, or, to confirm, who is signed in.
    fn username<'a>(&'a self, page: &'a Page) -> &'a str {
        let current = page.current_user.user();
        match (self.username.trim(), current) {
            ("", Some(member)) => &member.username,
            (typed, _) => typed,
        }
    }

    fn missing(&self, page: &Page) -> Option<Value> {
        let username = self
            .username(page)
            .is_empty()
            .then_some("Type your username.");
        let password = self.password.is_empty().then_some("Type your password.");
        (username.is_some() || password.is_some()).then(|| context! { username, password })
    }
}

/// Whose name the form shows: what was typed, or, to confirm, who is signed in.
fn who(page: &Page, form: &SignIn) -> Value {
    match page.current_user.user() {
        Some(member) => context! { confirming => true, username => member.username.as_str() },
        None => context! { username => form.username.trim(), remember => form.remember.is_some() },
    }
}
