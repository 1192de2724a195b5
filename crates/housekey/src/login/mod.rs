//! The rules of logging in, without IO: who is there, and what a login or a logout changes.
//!
//! - [`state`]: what one request knows, and the view of it that the rules are methods of. Time is a field of it.
//! - [`search`]: which source names the user, in which order, and what is asked of the application.
//! - [`protection`]: whether the session came from the browser that it was made for.
//! - [`actions`]: log in, log out, confirm.
//! - [`pending`]: a login that has begun, and waits for its second step.
//! - [`plan`]: what a login, a logout, a renewal or a list of logins asks of the store.
//! - [`lifetime`]: when a login ends that has a lifetime of its own.
//! - [`freshness`]: whether the user proved themselves lately.

pub(crate) mod actions;
mod freshness;
mod lifetime;
pub(crate) mod pending;
pub(crate) mod plan;
mod protection;
pub(crate) mod search;
pub(crate) mod state;
