//! Servers that are slow, refuse, hang, are killed and come back.

use std::sync::Arc;
use std::time::Duration;

use housekey::records::LoginStore as _;
use housekey_postgres::PostgresLoginStore;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Executor as _, PgPool};
use store_tests::{Kind, NOW, Network, Server, Traffic, operations, record};

use super::common::{CONNECTIONS, OwnTable, pool};

/// Short, so that tests do not wait; long enough for a server on a busy machine.
const SOON: Duration = Duration::from_secs(2);

/// A store, and its pool to look after.
async fn store_at(server: PgConnectOptions) -> (Arc<PostgresLoginStore>, PgPool) {
    let pool = pool(server);
    let store = PostgresLoginStore::new(pool.clone());
    store.create_table().await.expect("the table is made");
    (Arc::new(store.timeout(SOON)), pool)
}

fn options(server: &Server) -> PgConnectOptions {
    server.url().parse().expect("the URL of a server")
}

/// The store works, and the pool has not lost the place of any connection.
async fn all_is_well(store: &PostgresLoginStore, pool: &PgPool) {
    operations::every_one_works(store).await;
    let mut connections = Vec::new();
    for _ in 0..CONNECTIONS {
        connections.push(pool.acquire().await.expect("a connection"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_or_stopped_in_mid_traffic_loses_no_answer() {
    let mut server = Server::start(Kind::Postgres);
    let (store, pool) = store_at(options(&server)).await;
    let mut traffic = Traffic::start(&store);
    for end in [Server::kill, Server::stop, Server::kill, Server::stop] {
        traffic.flows().await;
        end(&mut server);
        traffic.fails().await;
        server.start_again();
    }
    traffic.flows().await;
    traffic.end(&*store).await;
    all_is_well(&store, &pool).await;
}

/// Whoever looks after the server does this (SIGTERM for the process of each connection), and so does a failover.
#[tokio::test(flavor = "multi_thread")]
async fn connections_that_the_server_ends_in_mid_traffic_lose_no_answer() {
    let server = Server::start(Kind::Postgres);
    let (store, pool) = store_at(options(&server)).await;
    let mut traffic = Traffic::start(&store);
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
    for _ in 0..5 {
        traffic.flows().await;
        pool.execute(end).await.unwrap();
    }
    traffic.flows().await;
    traffic.end(&*store).await;
    all_is_well(&store, &pool).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_is_an_error_until_it_comes() {
    let mut server = Server::start(Kind::Postgres);
    let (store, _) = store_at(options(&server)).await;
    server.stop();
    for message in operations::every_one_fails(&*store).await {
        let address = format!("127.0.0.1:{}", server.port());
        assert!(message.contains(&address), "{message}");
        assert!(!message.contains(&server.password()), "{message}");
    }
    server.start_again();
    operations::every_one_works(&*store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_is_an_error_until_it_goes_on() {
    let server = Server::start(Kind::Postgres);
    let (store, pool) = store_at(options(&server)).await;
    all_is_well(&store, &pool).await;
    server.freeze();
    operations::every_one_fails(&*store).await;
    server.thaw();
    all_is_well(&store, &pool).await;
}

/// The connections stay open, and nothing comes back over them: what the end of the server's machine looks like.
#[tokio::test(flavor = "multi_thread")]
async fn connections_that_lead_nowhere_any_more_are_given_up() {
    let server = Server::start(Kind::Postgres);
    let network = Network::to(server.port()).await;
    let (store, pool) = store_at(options(&server).port(network.port())).await;
    let mut traffic = Traffic::start(&store);
    for _ in 0..3 {
        traffic.flows().await;
        network.lose_connections();
    }
    traffic.flows().await;
    traffic.end(&*store).await;
    all_is_well(&store, &pool).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_answer_is_an_error_and_leaves_the_pool_in_order() {
    let table = OwnTable::created().await;
    let pool = table.pool();
    let store = PostgresLoginStore::clone(&table.store_of(pool.clone())).timeout(SOON);
    let mut other = table.pool().begin().await.unwrap();
    let lock = format!("LOCK TABLE \"{}\" IN ACCESS EXCLUSIVE MODE", table.name);
    other.execute(AssertSqlSafe(lock)).await.unwrap();
    for message in operations::every_one_fails(&store).await {
        assert!(message.contains("somebody holds a lock"), "{message}");
    }
    other.rollback().await.unwrap();
    all_is_well(&store, &pool).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_given_up_leaves_the_pool_in_order() {
    let table = OwnTable::created().await;
    let pool = table.pool();
    let store = table.store_of(pool.clone());
    let mut other = table.pool().begin().await.unwrap();
    let lock = format!("LOCK TABLE \"{}\" IN ACCESS EXCLUSIVE MODE", table.name);
    other.execute(AssertSqlSafe(lock)).await.unwrap();
    for _ in 0..3 * CONNECTIONS {
        let id = record("mia").id;
        let given_up = tokio::time::timeout(Duration::from_millis(50), store.load(&id, NOW)).await;
        assert!(given_up.is_err(), "somebody holds a lock");
    }
    other.rollback().await.unwrap();
    all_is_well(&store, &pool).await;
}
