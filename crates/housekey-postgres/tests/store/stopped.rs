//! A process that was stopped with a login in its cache.

use housekey_postgres::PostgresLoginStore;
use store_tests::{Kind, Network, Server, caches, faults, stopped};

use super::common::store_at;

fn cached(url: &str) -> PostgresLoginStore {
    let store = store_at(url).timeout(faults::SOON);
    store
        .cache_records(caches::settings())
        .expect("these settings make sense")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_was_stopped_does_not_answer_from_its_cache() {
    if let Some(url) = stopped::url() {
        return stopped::go_on(&cached(&url)).await;
    }
    let server = Server::start(Kind::Postgres);
    let network = Network::to(server.port()).await;
    let [there, around] = [server.port(), network.port()].map(|port| format!(":{port}/"));
    let around = server.url().replace(&there, &around);
    cached(&server.url())
        .create_table()
        .await
        .expect("it can be cached");
    stopped::a_process_that_was_stopped_does_not_answer_from_its_cache(
        "stopped::a_process_that_was_stopped_does_not_answer_from_its_cache",
        &around,
        &network,
        &store_at(&server.url()),
    )
    .await;
}
