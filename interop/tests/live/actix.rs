//! The same as `main.rs`, with the twin on actix-web on the Rust side.

// The helpers are part of the tests: an unwrap in them states what a test expects.
#![allow(clippy::unwrap_used)]

mod harness;
mod random;
mod scenarios;

/// The program on the Rust side.
const RUST: &str = env!("CARGO_BIN_EXE_twin-actix");
