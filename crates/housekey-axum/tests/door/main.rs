//! What an application and its visitors see through the axum door, as requests and answers.
//!
//! - [`flask_login`]: what Flask-Login's own tests say, in their order, under the `flask` preset.
//! - [`flask_login_traps`]: what surprises in Flask-Login, one test for each.
//! - [`axum_login_defects`]: what is wrong in axum-login, one test for each.
//! - [`login_records`]: logins that have a record on the server.
//! - [`behaviour`]: everything else.
//!
//! Time is a number that the tests set, and nothing sleeps.

// The helpers are tests as well: what they unwrap is what a test expects.
#![allow(clippy::unwrap_used)]

mod axum_login_defects;
mod behaviour;
mod common;
mod flask_login;
mod flask_login_traps;
mod login_records;
