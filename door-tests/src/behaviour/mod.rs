//! Everything else that the library promises: a module for each concern.

pub mod attempts;
pub mod caching;
pub mod closed;
pub mod cookies;
pub mod denials;
pub mod effects;
pub mod errors;
pub mod events;
pub mod extractors;
pub mod flash;
pub mod freshness;
pub mod identity;
pub mod key_rotation;
pub mod lifetimes;
pub mod mounted;
pub mod polling;
pub mod protection;
pub mod remember;
pub mod second_step;
pub mod secrets_in_logs;
pub mod sessions;
pub mod user_types;
pub mod websockets;
