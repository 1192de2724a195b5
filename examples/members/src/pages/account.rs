//! `/account`: change the password. Being remembered is not enough here.

use axum::extract::State;
use axum::response::{Html, IntoResponse, Redirect, Response};
use housekey_axum::{FreshLoginRequired, Login};
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
    Fields(form): Fields<PasswordChange>,
) -> Result<Response, AppError> {
    let current_error = if form.current_password.is_empty() {
        Some("Type your current password.")
    } else if members
        .authenticate(&login, &member.username, &form.current_password)
        .await?
        .is_none()
    {
        Some("That is not your current password.")
    } else {
        None
    };
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
    Ok(Redirect::to("/account").into_response())
}
