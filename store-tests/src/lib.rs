//! Code that the tests of login stores share.
//!
//! - The servers: those that `scripts/with-servers` gives to all tests ([`shared_url`]), and private ones that a test can
//!   stop, kill and freeze ([`Server`]), also behind a network that loses what is sent ([`Network`]).
//! - [`RedisCluster`] and [`Watched`]: several Redis servers that belong together.
//! - [`rules`]: what holds for every store; [`faults`]: what happens when its server does not answer; [`races`]: two processes
//!   at one store; [`caches`]: records that are kept in the process, and [`stopped`]: a process that stands still with some.
//! - [`operations`] and [`Traffic`]: operations on a store while its server is away, and what must be left afterwards.
//! - [`Crowd`]: many tasks that repeat something, for traffic of other kinds.

pub mod attempts;
pub mod caches;
mod crowd;
pub mod faults;
mod network;
pub mod operations;
pub mod races;
mod redis_servers;
pub mod rules;
mod server;
pub mod stopped;
mod traffic;

pub use crowd::{Busy, Crowd};
pub use network::Network;
pub use redis_servers::{RedisCluster, Watched};
pub use server::Server;
pub use traffic::Traffic;

use housekey::records::{Limit, LoginId, LoginRecord, LoginStore};

/// The time of the tests, in seconds since 1970: long before the servers' own clocks.
pub const NOW: u64 = 1_700_000_000;
/// How long a record lives.
pub const HOUR: u64 = 60 * 60;

/// A kind of server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// PostgreSQL.
    Postgres,
    /// PgBouncer in front of a PostgreSQL server.
    PgBouncer,
    /// Redis.
    Redis,
    /// A Redis Sentinel, which a test starts itself.
    Sentinel,
}

/// The URL of the server that all tests share, each with its own names.
///
/// # Panics
///
/// If there is none, with a message that says how to get one.
pub fn shared_url(kind: Kind) -> String {
    let (variable, package) = match kind {
        Kind::Postgres | Kind::PgBouncer => ("DATABASE_URL", "housekey-postgres"),
        Kind::Redis => ("REDIS_URL", "housekey-redis"),
        Kind::Sentinel => panic!("there is none for all tests"),
    };
    std::env::var(variable).unwrap_or_else(|_| {
        panic!("{variable} is not set; run: scripts/with-servers cargo test -p {package}")
    })
}

/// A name that no other test has, of letters, digits and `_`.
pub fn unique_name() -> String {
    let random = getrandom::u64().expect("the operating system gives random bytes");
    format!("test_{random:016x}")
}

/// A record with its own id, an hour before it expires.
pub fn record(user_id: &str) -> LoginRecord {
    let mut id = [0; 16];
    getrandom::fill(&mut id).expect("the operating system gives random bytes");
    LoginRecord {
        id: LoginId::from_bytes(id),
        user_id: user_id.to_owned(),
        version: 0,
        created_at: NOW,
        last_seen_at: NOW,
        expires_at: NOW + HOUR,
        data: r#"{"session":"x"}"#.to_owned(),
    }
}

/// Stores a new record.
///
/// # Panics
///
/// When the store fails or has one with this id.
pub async fn create(store: &impl LoginStore, record: &LoginRecord) {
    let created = store
        .create(record, &[], Limit::NONE)
        .await
        .expect("the store works");
    assert!(created.is_done(), "a record with a new id is created");
}

/// All records of a user that have not expired.
///
/// # Panics
///
/// When the store fails.
pub async fn list(store: &impl LoginStore, user_id: &str) -> Vec<LoginRecord> {
    store
        .list_by_user(user_id, NOW, usize::MAX)
        .await
        .expect("the store works")
}
