#![doc = include_str!("../README.md")]

mod fault;
mod link;
mod scripts;
mod store;

pub use store::RedisLoginStore;
