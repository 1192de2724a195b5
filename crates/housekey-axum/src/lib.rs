// The first definition of a link counts, so that here the README's lead to the repository.
#![doc = concat!("[guides]: ", env!("CARGO_PKG_REPOSITORY"), "/blob/HEAD/docs/README.md")]
#![doc = concat!("[security]: ", env!("CARGO_PKG_REPOSITORY"), "/blob/HEAD/SECURITY.md\n")]
#![doc = include_str!("../README.md")]

mod error;
mod extract;
mod guard;
mod layer;
mod scope;
mod unread;

pub use housekey::*;

/// The rules' own error, which an [`Error`] is made of: what [`Login`] and [`Passwords`] give. An application with an
/// error type of its own implements `From` for both.
pub use housekey::Error as CoreError;

pub use error::{Error, LoginRejection};
pub use extract::{
    AnyUser, CurrentUser, Flash, FreshLoginRequired, Login, LoginRequired, NextUrl, PendingLogin,
    SeeOther, Session, WithoutUse,
};
pub use guard::{
    Guard, GuardFuture, GuardService, fresh_login_required, login_required, login_scope,
    pending_login_required,
};
pub use layer::{LoginLayer, LoginManagerExt, LoginService, ResponseFuture};
