//! Servers that are slow, refuse, hang, are killed and come back.

use std::sync::Arc;
use std::time::Duration;

use housekey::records::LoginStore as _;
use housekey_redis::RedisLoginStore;
use redis::Client;
use store_tests::{Kind, NOW, Network, Server, Traffic, create, operations, record};

/// Short, so that tests do not wait; long enough for a server on a busy machine.
const SOON: Duration = Duration::from_secs(2);

fn store_at(url: &str) -> Arc<RedisLoginStore> {
    let client = Client::open(url).expect("the URL of a server");
    Arc::new(RedisLoginStore::new(client).timeout(SOON))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_or_stopped_in_mid_traffic_loses_no_answer() {
    let mut server = Server::start(Kind::Redis);
    let store = store_at(&server.url());
    let mut traffic = Traffic::start(&store);
    for end in [Server::kill, Server::stop, Server::kill, Server::stop] {
        traffic.flows().await;
        end(&mut server);
        traffic.fails().await;
        server.start_again();
    }
    traffic.flows().await;
    traffic.end(&*store).await;
    operations::every_one_works(&*store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_is_an_error_until_it_comes() {
    let mut server = Server::start(Kind::Redis);
    let store = store_at(&server.url());
    for _ in 0..2 {
        server.stop();
        for message in operations::every_one_fails(&*store).await {
            let address = format!("127.0.0.1:{}", server.port());
            assert!(message.contains(&address), "{message}");
            assert!(!message.contains(&server.password()), "{message}");
        }
        server.start_again();
        operations::every_one_works(&*store).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_is_an_error_until_it_goes_on() {
    let server = Server::start(Kind::Redis);
    let store = store_at(&server.url());
    operations::every_one_works(&*store).await;
    server.freeze();
    operations::every_one_fails(&*store).await;
    server.thaw();
    operations::every_one_works(&*store).await;
}

/// The connection stays open, and nothing comes back over it: what the end of the server's machine looks like.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_leads_nowhere_any_more_is_given_up() {
    let server = Server::start(Kind::Redis);
    let network = Network::to(server.port()).await;
    let [there, around] = [server.port(), network.port()].map(|port| format!(":{port}/"));
    let store = store_at(&server.url().replace(&there, &around));
    let mut traffic = Traffic::start(&store);
    for _ in 0..3 {
        traffic.flows().await;
        network.lose_connections();
    }
    traffic.flows().await;
    traffic.end(&*store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_given_up_leaves_the_connection_in_order() {
    let server = Server::start(Kind::Redis);
    let store = store_at(&server.url());
    let record = record("mia");
    create(&*store, &record).await;
    server.freeze();
    for _ in 0..20 {
        let asking = store.load(&record.id, NOW);
        let given_up = tokio::time::timeout(Duration::from_millis(10), asking).await;
        assert!(given_up.is_err(), "the server hangs");
    }
    server.thaw();
    let loaded = store.load(&record.id, NOW).await.unwrap();
    assert_eq!(loaded, Some(record));
    operations::every_one_works(&*store).await;
}
