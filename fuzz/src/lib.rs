//! What must hold for every byte that a client sends. Each module is a target: a function of bytes that panics when
//! something does not hold. `targets` gives them to the fuzzer, and `tests` feeds them the seeds without one.

#![allow(clippy::unwrap_used)]

mod asker;
mod clients;
pub mod cookies;
pub mod door;
pub mod formats;
pub mod forms;
pub mod next;
mod passwords;
pub mod sessions;
pub mod site;
pub mod tokens;
