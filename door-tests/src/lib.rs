//! What every framework's door to housekey must do, as a suite: [`suite!`] makes each case a test in the door's crate.
//!
//! A door implements [`Door`]. The README explains how, and what belongs here.
//!
//! - [`flask_login`]: Flask-Login's own tests, in their order, under the `flask` preset.
//! - [`flask_login_traps`]: the surprises of Flask-Login, one test for each.
//! - [`axum_login_defects`]: the defects of axum-login, one test for each.
//! - [`login_records`]: logins with a record on the server.
//! - [`behaviour`]: everything else.
//! - [`csrf`]: requests that pages of other origins make their visitors send, for any door's protection against them.
//!
//! Time is a number that the tests set, and nothing sleeps.

// All of this is test code: an unwrap states what a test expects.
#![allow(clippy::unwrap_used)]

#[macro_use]
mod cases;

mod answer;
mod browser;
mod door;
mod handlers;
mod log;
pub mod peer;
mod people;
mod plan;
mod site;
mod store;

pub mod axum_login_defects;
pub mod behaviour;
pub mod csrf;
pub mod flask_login;
pub mod flask_login_traps;
pub mod login_records;

pub use answer::Answer;
#[doc(hidden)]
pub use door::{Case, run};
pub use door::{Door, Local, local};
pub use handlers::{
    Credentials, LATELY, Who, cart, confirm, fill, flashes, new_password, pending, read, said,
};
pub use housekey::testing::{Clock, Jar};
pub use people::{Member, Members, Staff};
pub use plan::{
    Action, Ask, Does, ELSEWHERE, Extractor, Given, Guard, Layer, Of, Page, Plan, Requires, Rule,
};
#[doc(hidden)]
pub use site::Sites;
