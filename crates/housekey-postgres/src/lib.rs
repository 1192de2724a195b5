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
