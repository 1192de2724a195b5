//! `/sign-up`: a new member chooses a name and a password, and is signed in at once.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use housekey_axum::{Login, NextUrl};
use minijinja::context;
use serde::Deserialize;

use super::try_again;
use crate::errors::AppError;
use crate::forms::Fields;
use crate::members::{Member, Members};
use crate::rules;
use crate::templates::Page;

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct SignUp {
    username: String,
    password: String,
    remember: Option<String>,
    next: String,
}

pub(crate) async fn form(page: Page, next: NextUrl) -> Result<Response, AppError> {
    if page.current_user.is_authenticated() {
        return Ok(next.or("/dashboard")?.into_response());
    }
    Ok(page
        .render("sign-up.html", context! { next => next.get() })?
        .into_response())
}

pub(crate) async fn submit(
    page: Page,
    login: Login<Member>,
    next: NextUrl,
    State(members): State<Members>,
    Fields(form): Fields<SignUp>,
) -> Result<Response, AppError> {
    let next = next.or_field(Some(&form.next));
    let username = form.username.trim();
    let remember = form.remember.is_some();

    let mut username_error = rules::username(username).err();
    let password_error = rules::password(&form.password).err();
    if username_error.is_none() && password_error.is_none() {
        if let Some(member) = members.create(username, &form.password).await? {
            // From now on this browser is known at the account, and waits for no stranger's guesses.
            login.forgive_attempts("password", username).await?;
            login.login_user(&member).remember(remember).await?;
            page.flash.push(
                "success",
                &format!("Welcome, {}. The key is yours.", member.username),
            )?;
            return Ok(next.or("/dashboard")?.into_response());
        }
        username_error = Some("That username is taken.");
    }

    let errors = context! { username => username_error, password => password_error };
    let html = page.render(
        "sign-up.html",
        context! { username, remember, next => next.get(), errors },
    )?;
    Ok(try_again(html))
}
