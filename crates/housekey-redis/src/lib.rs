// The first definition of a link counts, so here the README's link leads to the repository.
#![doc = concat!("[speed]: ", env!("CARGO_PKG_REPOSITORY"), "/blob/HEAD/docs/login-records.md#records-at-the-speed-of-cookies\n")]
#![doc = include_str!("../README.md")]

mod attempts;
mod cluster;
mod fault;
mod greeting;
mod link;
mod making;
mod node;
mod places;
mod question;
mod records;
mod sentinel;
mod store;
mod watch;

pub use store::RedisLoginStore;
