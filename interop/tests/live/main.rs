//! A Flask application and its Rust twin, live, behind one address: a login at one is a login at the other.
//!
//! - [`harness`]: both servers, the proxy in front of them, browsers, and the report when something fails.
//! - [`scenarios`]: stories, each told twice: once starting at Flask, once at Rust.
//! - [`random`]: users do anything, in any order, compared with a model of what must happen.
//!
//! It needs the virtual environment that `interop/install` makes, and a system on which all of 127.0.0.0/8 is this machine
//! (Linux), for browsers with different addresses.

// The helpers are part of the tests: an unwrap in them states what a test expects.
#![allow(clippy::unwrap_used)]

mod harness;
mod random;
mod scenarios;

/// The program on the Rust side.
const RUST: &str = env!("CARGO_BIN_EXE_twin");
