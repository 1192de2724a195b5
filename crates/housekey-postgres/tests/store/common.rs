//! Pools, and tables that are dropped after their test.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use housekey_postgres::PostgresLoginStore;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{
    AssertSqlSafe, Connection as _, Executor as _, PgConnection, PgPool, Postgres, Transaction,
};
use store_tests::{Kind, shared_url, unique_name};

/// How many connections a pool may have, and a store beside its look-ups.
pub(crate) const CONNECTIONS: u32 = 4;

/// The server for all tests.
pub(crate) fn shared_server() -> PgConnectOptions {
    let url = shared_url(Kind::Postgres);
    url.parse().expect("DATABASE_URL is the URL of a database")
}

/// A pool that connects at its first operation.
pub(crate) fn pool(server: PgConnectOptions) -> PgPool {
    PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .connect_lazy_with(server)
}

/// A URL with one more option.
pub(crate) fn with(url: &str, option: &str) -> String {
    let sign = if url.contains('?') { '&' } else { '?' };
    format!("{url}{sign}{option}")
}

/// A store with few connections, and time for a busy machine: a test about time sets its own limit.
pub(crate) fn store_at(url: &str) -> PostgresLoginStore {
    let store = PostgresLoginStore::connect(url).expect("the URL of a server");
    store
        .max_connections(CONNECTIONS as usize)
        .timeout(Duration::from_secs(60))
}

/// A separate table on the server for all tests.
pub(crate) struct OwnTable {
    pub(crate) name: String,
    /// The URL at which a store finds it.
    pub(crate) url: String,
    server: PgConnectOptions,
}

impl OwnTable {
    /// Only a name so far.
    pub(crate) fn named() -> Self {
        Self {
            name: unique_name(),
            url: shared_url(Kind::Postgres),
            server: shared_server(),
        }
    }

    pub(crate) async fn created() -> Self {
        let table = Self::named();
        let made = table.store().create_table().await;
        made.expect("the table is made");
        table
    }

    /// Another program's pool.
    pub(crate) fn pool(&self) -> PgPool {
        pool(self.server.clone())
    }

    /// A store with its own connections.
    pub(crate) fn store(&self) -> Arc<PostgresLoginStore> {
        self.store_at(&self.url)
    }

    /// The same, by another way.
    pub(crate) fn store_at(&self, url: &str) -> Arc<PostgresLoginStore> {
        let store = store_at(url).table(&self.name);
        Arc::new(store.expect("this can be a name"))
    }

    /// Another program that locks the table.
    pub(crate) async fn locked(&self) -> Transaction<'static, Postgres> {
        let mut other = self.pool().begin().await.expect("a transaction");
        let lock = format!("LOCK TABLE \"{}\" IN ACCESS EXCLUSIVE MODE", self.name);
        let locked = other.execute(AssertSqlSafe(lock)).await;
        locked.expect("nobody else has it");
        other
    }
}

impl Drop for OwnTable {
    fn drop(&mut self) {
        let drop_table = format!(
            "DROP TABLE IF EXISTS \"{0}\", \"{0}_attempts\"; DROP FUNCTION IF EXISTS \"{0}_changed\"",
            self.name
        );
        let server = self.server.clone();
        let dropping = thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            runtime.block_on(async {
                let mut connection = PgConnection::connect_with(&server).await?;
                sqlx::raw_sql(AssertSqlSafe(drop_table))
                    .execute(&mut connection)
                    .await
            })
        });
        // A failed test has said why already.
        if let Ok(Err(error)) = dropping.join() {
            eprintln!("the table {} is left: {error}", self.name);
        }
    }
}
