#![doc = include_str!("../README.md")]

mod builder;
mod fault;
mod file;
mod inline;
mod ledger;
mod log;
mod readers;
mod store;
mod table;
mod writer;

pub use builder::SqliteLoginStoreBuilder;
pub use store::{ForkPause, SqliteLoginStore};
