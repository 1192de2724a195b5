//! The store on real servers. Run it by `scripts/with-servers cargo test -p housekey-postgres`.

mod bounds;
mod common;
mod encrypted;
mod errors;
mod faults;
mod indexes;
mod pooler;
mod rules;
mod standbys;
mod table;
