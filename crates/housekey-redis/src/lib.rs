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
