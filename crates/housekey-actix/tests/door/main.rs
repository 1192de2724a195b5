//! The suite of all doors, at actix-web's.

// The helpers are tests as well: what they unwrap is what a test expects.
#![allow(clippy::unwrap_used)]

mod layers;
mod pages;
mod site;

door_tests::suite!(site::Actix);
