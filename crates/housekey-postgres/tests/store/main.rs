//! The store on real servers. Run it by `scripts/with-servers cargo test -p housekey-postgres`.

#![allow(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

mod bounds;
mod cached;
mod common;
mod encrypted;
mod errors;
mod faults;
mod indexes;
mod pooler;
mod rules;
mod standbys;
mod stopped;
mod table;
