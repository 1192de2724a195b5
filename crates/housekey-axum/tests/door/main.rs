//! The suite of all doors, at axum's.

// The helpers are tests as well: what they unwrap is what a test expects.
#![allow(clippy::unwrap_used)]

mod pages;
mod site;

door_tests::suite!(site::Axum);
