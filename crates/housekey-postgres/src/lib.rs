// The first definition of a link counts, so here the README's link leads to the repository.
#![doc = concat!("[speed]: ", env!("CARGO_PKG_REPOSITORY"), "/blob/HEAD/docs/login-records.md#records-at-the-speed-of-cookies\n")]
#![doc = include_str!("../README.md")]

mod address;
mod attempts;
mod fault;
mod loads;
mod pool;
mod questions;
mod rows;
mod session;
mod store;
mod tls;
mod value;
mod watch;
mod words;

pub use store::PostgresLoginStore;
