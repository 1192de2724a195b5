//! Servers that are slow, refuse, hang, are killed and come back.

use std::sync::Arc;

use housekey::records::LoginStore as _;
use housekey_redis::RedisLoginStore;
use redis::Client;
use store_tests::{Kind, NOW, Network, Server, create, faults, operations, record};

fn store_at(url: &str) -> Arc<RedisLoginStore> {
    let client = Client::open(url).expect("the URL of a server");
    Arc::new(RedisLoginStore::new(client).timeout(faults::SOON))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_or_stopped_in_mid_traffic_loses_no_answer() {
    let mut server = Server::start(Kind::Redis);
    let store = store_at(&server.url());
    faults::no_end_of_the_server_loses_an_answer(&mut server, &store).await;
    operations::every_one_works(&*store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_is_an_error_until_it_comes() {
    let mut server = Server::start(Kind::Redis);
    let store = store_at(&server.url());
    faults::a_server_that_is_not_there_is_an_error_until_it_comes(&mut server, &*store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_is_an_error_until_it_goes_on() {
    let server = Server::start(Kind::Redis);
    let store = store_at(&server.url());
    faults::a_server_that_hangs_is_an_error_until_it_goes_on(&server, &*store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_connection_is_given_up() {
    let server = Server::start(Kind::Redis);
    let network = Network::to(server.port()).await;
    let [there, around] = [server.port(), network.port()].map(|port| format!(":{port}/"));
    let store = store_at(&server.url().replace(&there, &around));
    faults::dead_connections_are_given_up(&network, &store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_given_up_leaves_the_connection_in_order() {
    let server = Server::start(Kind::Redis);
    let store = store_at(&server.url());
    let record = record("mia");
    create(&*store, &record).await;
    server.freeze();
    faults::nobody_waits_for_the_answer(&*store, 12).await;
    server.thaw();
    let loaded = store.load(&record.id, NOW).await.unwrap();
    assert_eq!(loaded, Some(record));
    operations::every_one_works(&*store).await;
}
