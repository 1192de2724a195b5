//! The login stores of flask_housekey beside those in Rust: at one file or server they are one store, and a Python process
//! copes with what happens to its server just as a Rust one does.
//!
//! crates/housekey-flask/test runs this, since it makes the virtual environment that `FLASK_HOUSEKEY_VENV` names.
#![allow(clippy::unwrap_used)]

mod faults;
mod python;
mod shared;
