#![doc = include_str!("../README.md")]

mod fault;
mod link;
mod store;

pub use store::RedisLoginStore;
