#![doc = include_str!("../README.md")]

mod fault;
mod pool;
mod store;

pub use store::PostgresLoginStore;
