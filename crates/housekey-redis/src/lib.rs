#![doc = include_str!("../README.md")]

mod error;
mod link;
mod scripts;
mod store;

pub use error::Error;
pub use store::RedisLoginStore;
