#![doc = include_str!("../README.md")]

mod error;
mod extract;
mod guard;
#[cfg(doctest)]
mod guides;
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
