//! `/account`: change the password. Being remembered is not enough here.

use axum::extract::State;
use axum::response::{Html, IntoResponse, Response};
use housekey_axum::{FreshLoginRequired, Login};
use minijinja::context;
use serde::Deserialize;

use super::{try_again, try_later, wait_a_little};
use crate::errors::AppError;
use crate::forms::Fields;
use crate::members::{Member, Members};
use crate::root::Root;
use crate::rules;
use crate::templates::Page;

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct PasswordChange {
    current_password: String,
    new_password: String,
}

pub(crate) async fn form(
    _: FreshLoginRequired<Member>,
    page: Page,
) -> Result<Html<String>, AppError> {
    page.render("account.html", context! {})
}

pub(crate) async fn submit(
    FreshLoginRequired(member): FreshLoginRequired<Member>,
    page: Page,
    login: Login<Member>,
    State(members): State<Members>,
    State(root): State<Root>,
    Fields(form): Fields<PasswordChange>,
) -> Result<Response, AppError> {
    let mut current_error = Some("Type your current password.");
    if !form.current_password.is_empty() {
        let (name, password) = (&member.username, &form.current_password);
        current_error = match members.authenticate(&login, name, password).await {
            Ok(Some(_)) => None,
            Ok(None) => Some("That is not your current password."),
            Err(error) => {
                let wait = error.wait().ok_or(error)?;
                let errors = context! { current_password => wait_a_little(wait) };
                let html = page.render("account.html", context! { errors })?;
                return Ok(try_later(html, wait));
            }
        };
    }
    let new_error = rules::password(&form.new_password).err();

    if current_error.is_some() || new_error.is_some() {
        let errors = context! { current_password => current_error, new_password => new_error };
        return Ok(try_again(page.render("account.html", context! { errors })?));
    }

    let member = members.change_password(&member, &form.new_password).await?;
    // Without this line, this browser would be out as well.
    login.update_auth_hash(&member).await?;
    page.flash.push(
        "success",
        "Your password is changed. All your other browsers have been signed out.",
    )?;
    Ok(root.redirect("/account").into_response())
}
