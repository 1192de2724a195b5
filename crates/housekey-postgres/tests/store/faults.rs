//! Servers that are slow, refuse, hang, are killed and come back.

use std::sync::Arc;

use housekey_postgres::PostgresLoginStore;
use sqlx::Executor as _;
use store_tests::{Kind, Network, Server, faults, operations};
use url::Url;

use super::common::{CONNECTIONS, OwnTable, pool, store_at};

/// A store with a short timeout.
async fn store_of(server: &Server) -> Arc<PostgresLoginStore> {
    hasty(&server.url()).await
}

async fn hasty(url: &str) -> Arc<PostgresLoginStore> {
    let store = store_at(url).timeout(faults::SOON);
    store.create_table().await.expect("the table is made");
    Arc::new(store)
}

/// The store works, and has not lost track of any connection.
async fn all_is_well(store: &PostgresLoginStore) {
    for _ in 0..CONNECTIONS {
        operations::every_one_works(store).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_or_stopped_in_mid_traffic_loses_no_answer() {
    let mut server = Server::start(Kind::Postgres);
    let store = store_of(&server).await;
    faults::no_end_of_the_server_loses_an_answer(&mut server, &store).await;
    all_is_well(&store).await;
}

/// An administrator does this (SIGTERM for the process of each connection), and so does a failover.
#[tokio::test(flavor = "multi_thread")]
async fn connections_that_the_server_ends_in_mid_traffic_lose_no_answer() {
    let server = Server::start(Kind::Postgres);
    let store = store_of(&server).await;
    let pool = pool(server.url().parse().unwrap());
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
    let end = async || assert!(pool.execute(end).await.is_ok());
    faults::no_end_of_a_connection_loses_an_answer(&store, end).await;
    all_is_well(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_is_an_error_until_it_comes() {
    let mut server = Server::start(Kind::Postgres);
    let store = store_of(&server).await;
    faults::a_server_that_is_not_there_is_an_error_until_it_comes(&mut server, &*store).await;
    all_is_well(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_is_an_error_until_it_goes_on() {
    let server = Server::start(Kind::Postgres);
    let store = store_of(&server).await;
    faults::a_server_that_hangs_is_an_error_until_it_goes_on(&server, &*store).await;
    all_is_well(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_connections_are_given_up() {
    let server = Server::start(Kind::Postgres);
    let network = Network::to(server.port()).await;
    let mut url = Url::parse(&server.url()).unwrap();
    url.set_port(Some(network.port())).unwrap();
    let store = hasty(url.as_str()).await;
    faults::dead_connections_are_given_up(&network, &store).await;
    all_is_well(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_answer_is_an_error_and_leaves_the_connections_in_order() {
    let table = OwnTable::created().await;
    let store = PostgresLoginStore::clone(&table.store()).timeout(faults::SOON);
    let other = table.locked().await;
    let errors = operations::every_one_fails(&store).await;
    errors.say("somebody holds a lock");
    other.rollback().await.unwrap();
    all_is_well(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_given_up_leaves_the_connections_in_order() {
    let table = OwnTable::created().await;
    let store = table.store();
    let other = table.locked().await;
    faults::nobody_waits_for_the_answer(&*store, 3 * CONNECTIONS as usize).await;
    other.rollback().await.unwrap();
    all_is_well(&store).await;
}
