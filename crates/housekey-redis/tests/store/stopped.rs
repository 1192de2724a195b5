//! A process that was stopped with a login in its cache.

use housekey_redis::RedisLoginStore;
use redis::Client;
use store_tests::{Kind, Network, Server, caches, faults, stopped};

fn store_at(url: &str) -> RedisLoginStore {
    let client = Client::open(url).expect("the URL of a server");
    RedisLoginStore::new(client).timeout(faults::SOON)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_was_stopped_does_not_answer_from_its_cache() {
    if let Some(url) = stopped::url() {
        let store = store_at(&url).cache_records(caches::settings());
        return stopped::go_on(&store.expect("these settings make sense")).await;
    }
    let server = Server::start(Kind::Redis);
    let network = Network::to(server.port()).await;
    let [there, around] = [server.port(), network.port()].map(|port| format!(":{port}/"));
    stopped::a_process_that_was_stopped_does_not_answer_from_its_cache(
        "stopped::a_process_that_was_stopped_does_not_answer_from_its_cache",
        &server.url().replace(&there, &around),
        &network,
        &store_at(&server.url()),
    )
    .await;
}
