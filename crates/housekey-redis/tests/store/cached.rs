//! Records kept in the process: what every store must do, and what must not go wrong in between.

use std::sync::Arc;

use housekey::records::{LoginStore as _, RecordCache};
use housekey_redis::RedisLoginStore;
use redis::Client;
use store_tests::caches::{self, ThroughCache};
use store_tests::operations::becomes;
use store_tests::{
    Kind, NOW, Network, RedisCluster, Server, Traffic, Watched, create, faults, races, record,
    rules,
};

use super::common::OwnKeys;

fn cached(store: RedisLoginStore) -> RedisLoginStore {
    store
        .cache_records(caches::settings())
        .expect("these settings make sense")
}

fn store_at(url: &str) -> RedisLoginStore {
    let client = Client::open(url).expect("the URL of a server");
    RedisLoginStore::new(client).timeout(faults::SOON)
}

fn of(keys: &OwnKeys) -> RedisLoginStore {
    cached(RedisLoginStore::clone(&keys.store()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_with_a_cache_does_what_every_store_must() {
    let keys = OwnKeys::new();
    rules::check(ThroughCache::alone(of(&keys))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_with_caches_at_one_prefix_see_one_store() {
    let keys = OwnKeys::new();
    let store = || ThroughCache::among_others(of(&keys));
    races::check(store(), store()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_is_known_from_the_server_and_ones_own_at_once() {
    let keys = OwnKeys::new();
    let (here, elsewhere) = (of(&keys), keys.store());
    caches::changes_by_another_process_are_known_here(&here, &*elsewhere).await;
    caches::changes_by_this_process_are_known_at_once(&here, &*elsewhere).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_forgets_everything_says_so() {
    let server = Server::start(Kind::Redis);
    let (here, elsewhere) = (cached(store_at(&server.url())), store_at(&server.url()));
    let login = caches::cached(&here, &elsewhere).await;
    let client = Client::open(server.url()).unwrap();
    let mut connection = client.get_connection().unwrap();
    let () = redis::cmd("FLUSHALL").query(&mut connection).unwrap();
    while here.look_up(&login.id, NOW).await.unwrap().is_some() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cable_that_is_cut_keeps_no_login_alive() {
    let server = Server::start(Kind::Redis);
    let network = Network::to(server.port()).await;
    let [there, around] = [server.port(), network.port()].map(|port| format!(":{port}/"));
    let here = cached(store_at(&server.url().replace(&there, &around)));
    let elsewhere = store_at(&server.url());
    caches::a_cable_that_is_cut_keeps_no_login_alive(&network, &here, &elsewhere).await;
    let (here, elsewhere) = (Arc::new(here), Arc::new(elsewhere));
    caches::no_fault_keeps_a_login_alive(&here, &elsewhere, async || network.lose_connections())
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_answer_is_not_answered_for() {
    let mut server = Server::start(Kind::Redis);
    let here = cached(store_at(&server.url()));
    caches::a_server_that_hangs_is_not_answered_for(&server, &here).await;
    caches::a_server_that_is_gone_is_not_answered_for(&mut server, &here).await;
    let (here, elsewhere) = (Arc::new(here), Arc::new(store_at(&server.url())));
    caches::no_fault_keeps_a_login_alive(&here, &elsewhere, async || {
        server.kill();
        server.start_again();
    })
    .await;
}

/// redis-rs's own cache does not survive this: it answers from what it has.
#[tokio::test(flavor = "multi_thread")]
async fn connections_that_the_server_ends_keep_no_login_alive() {
    let server = Server::start(Kind::Redis);
    let (here, elsewhere) = (cached(store_at(&server.url())), store_at(&server.url()));
    let (here, elsewhere) = (Arc::new(here), Arc::new(elsewhere));
    let client = Client::open(server.url()).unwrap();
    caches::no_fault_keeps_a_login_alive(&here, &elsewhere, async || {
        let mut connection = client.get_connection().unwrap();
        let mut kill = redis::cmd("CLIENT");
        kill.arg("KILL")
            .arg("TYPE")
            .arg("normal")
            .arg("SKIPME")
            .arg("yes");
        let _: usize = kill.query(&mut connection).unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_in_mid_traffic_loses_no_answer() {
    let mut server = Server::start(Kind::Redis);
    let store = ThroughCache::alone(cached(store_at(&server.url())));
    let mut traffic = Traffic::start(&store);
    for _ in 0..2 {
        traffic.flows().await;
        server.kill();
        traffic.fails().await;
        server.start_again();
    }
    traffic.flows().await;
    traffic.end(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_cluster_each_node_says_what_changes_also_while_slots_move() {
    let cluster = RedisCluster::start(0);
    let store = || {
        let clients = cluster.urls().into_iter().map(Client::open);
        let clients = clients.map(|client| client.expect("the URL of a node"));
        RedisLoginStore::cluster(clients).timeout(faults::SOON * 10)
    };
    let (here, elsewhere) = (cached(store()), store());
    caches::changes_by_another_process_are_known_here(&here, &elsewhere).await;
    for number in 0..30 {
        let login = record(&format!("user {number}"));
        create(&elsewhere, &login).await;
        while !matches!(here.look_up(&login.id, NOW).await, Ok(Some(it)) if it.is_cached()) {}
        assert!(elsewhere.delete(&login.id).await.unwrap());
        while here.look_up(&login.id, NOW).await.unwrap().is_some() {
            tokio::task::yield_now().await;
        }
    }
    let [key, ..] = housekey_statements::redis::keys_of_user("housekey:", "in traffic");
    let slot = housekey_statements::redis::slot_of(key.as_bytes());
    let mut at = usize::from(slot / (16_384 / 3 + 1));
    let (here, elsewhere) = (Arc::new(here), Arc::new(elsewhere));
    caches::no_fault_keeps_a_login_alive(&here, &elsewhere, async || {
        let to = (at + 1) % 3;
        cluster.move_slots([slot].into_iter(), at, to);
        at = to;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_failover_the_new_master_says_what_changes() {
    let mut watched = Watched::start();
    let store = || {
        let sentinels = watched.sentinel_urls().into_iter().map(Client::open);
        let sentinels: Result<Vec<_>, _> = sentinels.collect();
        let master = format!("redis://:{}@{}/0", watched.password(), Watched::NAME);
        let master = Client::open(master).expect("a URL");
        RedisLoginStore::sentinel(sentinels.expect("URLs"), master).timeout(faults::SOON * 10)
    };
    let (here, elsewhere) = (cached(store()), store());
    caches::changes_by_another_process_are_known_here(&here, &elsewhere).await;
    let login = caches::cached(&here, &elsewhere).await;
    watched.server(0).kill();
    watched.wait_for_master(1);
    let _ = elsewhere.delete(&login.id).await;
    let _ = elsewhere.delete(&login.id).await;
    assert_eq!(elsewhere.load(&login.id, NOW).await.unwrap(), None);
    while !matches!(here.look_up(&login.id, NOW).await, Ok(None)) {
        tokio::task::yield_now().await;
    }
    caches::changes_by_another_process_are_known_here(&here, &elsewhere).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_say_what_changes_is_asked_each_time_and_that_is_reported() {
    let server = Server::start(Kind::Redis);
    let mut connection = Client::open(server.url())
        .and_then(|client| client.get_connection())
        .unwrap();
    let mut command = redis::cmd("ACL");
    command.arg("SETUSER").arg("simple").arg("on").arg(">pass");
    command.arg(&["~*", "+@all", "-client|tracking"]);
    let () = command.query(&mut connection).unwrap();
    let store = cached(store_at(&format!(
        "redis://simple:pass@127.0.0.1:{}/0",
        server.port()
    )));
    let login = record("mia");
    create(&store, &login).await;
    for _ in 0..3 {
        let found = store.look_up(&login.id, NOW).await.unwrap().unwrap();
        assert!(!found.is_cached());
    }
    let said = store.check().await.unwrap().join("\n");
    assert!(said.contains("records are not cached"), "{said}");
    let all = cached(store_at(&server.url())).check().await.unwrap();
    assert!(!all.join("\n").contains("cached"), "{all:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_dropped_leaves_no_connection_behind() {
    let server = Server::start(Kind::Redis);
    let client = Client::open(server.url()).unwrap();
    let mut connection = client.get_connection().unwrap();
    let mut connections = || {
        let list: String = redis::cmd("CLIENT")
            .arg("LIST")
            .query(&mut connection)
            .unwrap();
        list.lines().count()
    };
    let before = connections();
    let store = cached(store_at(&server.url()));
    caches::cached(&store, &store).await;
    let now = becomes(async || connections(), before + 1).await;
    assert!(now, "one for everything");
    drop(store);
    let now = becomes(async || connections(), before).await;
    assert!(now, "it has closed its own");
}

#[tokio::test(flavor = "multi_thread")]
async fn stores_of_one_client_with_different_prefixes_have_different_caches() {
    let (one, other) = (OwnKeys::new(), OwnKeys::new());
    let members = of(&one);
    let staff = members.clone().prefix(&*other.prefix);
    let login = caches::cached(&members, &*one.store()).await;
    assert!(staff.look_up(&login.id, NOW).await.unwrap().is_none());
    caches::changes_by_another_process_are_known_here(&staff, &*other.store()).await;
}

#[test]
fn settings_of_the_cache_that_make_no_sense_are_refused() {
    let store = store_at("redis://127.0.0.1/");
    let refused = store.cache_records(RecordCache::new().max_records(0));
    assert_eq!(refused.unwrap_err().kind(), housekey::ErrorKind::Setting);
}
