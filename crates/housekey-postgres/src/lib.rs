#![doc = include_str!("../README.md")]

mod fault;
mod pool;
mod statements;
mod store;
mod table;

pub use store::PostgresLoginStore;
