//! `/sign-out`: by POST only, so that no link and no picture on another site can sign somebody out.

use axum::extract::State;
use axum::response::Redirect;
use housekey_axum::{Flash, Login};

use crate::errors::AppError;
use crate::members::Member;
use crate::root::Root;

pub(crate) async fn submit(
    login: Login<Member>,
    flash: Flash,
    State(root): State<Root>,
) -> Result<Redirect, AppError> {
    login.logout_user().await?;
    flash.push("success", "You are signed out. See you soon.")?;
    Ok(root.redirect("/"))
}
