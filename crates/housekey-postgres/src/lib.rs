#![doc = include_str!("../README.md")]

mod error;
mod pool;
mod statements;
mod store;
mod table;

pub use error::Error;
pub use store::PostgresLoginStore;
