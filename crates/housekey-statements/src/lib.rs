//! What housekey's login stores tell their servers: the SQL for PostgreSQL and the Lua for Redis, without a client.
//!
//! `housekey-postgres`, `housekey-redis` and the stores of the Python package `flask_housekey` say the same words to one server,
//! and so share its records. Applications need none of this: their store has it.

pub mod postgres;
pub mod redis;
