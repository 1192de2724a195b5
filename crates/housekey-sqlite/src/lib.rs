#![doc = include_str!("../README.md")]

mod attempt_table;
mod attempts;
mod builder;
mod fault;
mod file;
mod inline;
mod ledger;
mod log;
mod number;
mod readers;
mod store;
mod table;
mod writer;

pub use builder::SqliteLoginStoreBuilder;
pub use store::{ForkPause, SqliteLoginStore};
