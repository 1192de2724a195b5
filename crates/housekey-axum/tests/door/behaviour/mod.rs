//! What the library promises besides: a module for each concern.

mod caching;
mod cookies;
mod denials;
mod effects;
mod errors;
mod events;
mod extractors;
mod flash;
mod freshness;
mod identity;
mod key_rotation;
mod polling;
mod protection;
mod remember;
mod secrets_in_logs;
mod sessions;
mod settings;
mod user_types;
mod websockets;
