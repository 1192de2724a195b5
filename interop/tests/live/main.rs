//! A Flask application and its Rust twin, live, behind one address: who logs in at one is logged in at the other.
//!
//! - [`harness`]: both servers, the proxy in front of them, browsers, and what is told when something fails.
//! - [`scenarios`]: a story each, told twice: once it begins at Flask, once at Rust.
//! - [`random`]: whatever people do, in any order, against a model of what must come of it.
//!
//! It needs the virtual environment that `interop/install` makes, and a system on which all of 127.0.0.0/8 is this
//! machine (Linux), for browsers that come from different addresses.

// The helpers are tests as well: what they unwrap is what a test expects.
#![allow(clippy::unwrap_used)]

mod harness;
mod random;
mod scenarios;

/// What is on the Rust side.
const RUST: &str = env!("CARGO_BIN_EXE_twin");
