//! What every framework's door of housekey must do, as a suite: a test of a door's crate for each case, by [`suite!`].
//!
//! A door implements [`Door`]. The README says how, and what belongs here.
//!
//! - [`flask_login`]: what Flask-Login's own tests say, in their order, under the `flask` preset.
//! - [`flask_login_traps`]: what surprises in Flask-Login, one test for each.
//! - [`axum_login_defects`]: what is wrong in axum-login, one test for each.
//! - [`login_records`]: logins that have a record on the server.
//! - [`behaviour`]: everything else.
//! - [`csrf`]: what pages of other origins have their visitors send, for whatever a door has against that.
//!
//! Time is a number that the tests set, and nothing sleeps.

// All of this is tests: what it unwraps is what a test expects.
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
