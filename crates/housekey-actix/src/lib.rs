// The first definition of a link counts, so that here the README's lead to the repository.
#![doc = concat!("[guides]: ", env!("CARGO_PKG_REPOSITORY"), "/blob/HEAD/docs/README.md")]
#![doc = concat!("[security]: ", env!("CARGO_PKG_REPOSITORY"), "/blob/HEAD/SECURITY.md\n")]
#![doc = include_str!("../README.md")]

mod csrf;
mod error;
mod extract;
mod guard;
mod head;
mod middleware;
mod scope;
mod unread;
mod wrap;

pub use housekey::*;

/// The rules' own error, which an [`Error`] is made of: what [`Login`] and [`Passwords`] give. An application with an
/// error type of its own implements `From` for both.
pub use housekey::Error as CoreError;

/// Version 1, whose [`request::Parts`](http::request::Parts) loaders and settings get. actix-web's own `http` is of version 0.2.
pub use http;

pub use csrf::{CsrfGuard, CsrfService};
pub use error::{Error, LoginRejection};
pub use extract::{
    AnyUser, CurrentUser, Flash, FreshLoginRequired, Login, LoginRequired, NextUrl, PendingLogin,
    SeeOther, Session, WithoutUse,
};
pub use guard::{
    Guard, GuardService, fresh_login_required, login_required, login_scope, pending_login_required,
};
pub use middleware::{LoginManagerExt, LoginMiddleware, LoginService};
