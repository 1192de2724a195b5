//! What housekey's login stores send to their servers: the SQL for PostgreSQL and the Lua for Redis, without a client.
//!
//! `housekey-postgres`, `housekey-redis` and the stores of the Python package `flask_housekey` use the same statements, and
//! so share the records on one server. Applications do not need this crate: their store includes it.

pub mod postgres;
pub mod redis;
