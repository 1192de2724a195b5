//! The store on real servers. Run it by `scripts/with-servers cargo test -p housekey-redis`.

mod cached;
mod claims;
mod cluster;
mod common;
mod errors;
mod faults;
mod keys;
mod rules;
mod sentinel;
mod stopped;
