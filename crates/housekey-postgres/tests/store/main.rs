//! The store on real servers. Run it by `scripts/with-servers cargo test -p housekey-postgres`.

mod common;
mod errors;
mod faults;
mod indexes;
mod rules;
mod table;
