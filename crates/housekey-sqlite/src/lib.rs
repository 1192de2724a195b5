#![doc = include_str!("../README.md")]

mod fault;
mod file;
mod readers;
mod store;
mod table;
mod writer;

pub use store::{SqliteLoginStore, SqliteLoginStoreBuilder};
