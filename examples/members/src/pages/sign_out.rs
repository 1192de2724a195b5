//! `/sign-out`: by POST only, so that no link and no picture on another site can sign somebody out.

use axum::response::Redirect;
use housekey_axum::{Flash, Login};

use crate::errors::AppError;
use crate::members::Member;

pub(crate) async fn submit(login: Login<Member>, flash: Flash) -> Result<Redirect, AppError> {
    login.logout_user().await?;
    flash.push("success", "You are signed out. See you soon.")?;
    Ok(Redirect::to("/"))
}
