//! The same as `main.rs`, with the twin on actix-web on the Rust side.

// The helpers are tests as well: what they unwrap is what a test expects.
#![allow(clippy::unwrap_used)]

mod harness;
mod random;
mod scenarios;

/// What is on the Rust side.
const RUST: &str = env!("CARGO_BIN_EXE_twin-actix");
