//! Redis Clusters: what every store does, on nodes that fail and slots that move.

use std::sync::Arc;

use housekey::records::LoginStore as _;
use housekey_redis::RedisLoginStore;
use housekey_statements::redis::{keys_of_user, slot_of};
use redis::Client;
use store_tests::{
    Kind, NOW, RedisCluster, Server, Traffic, attempts, create, faults, operations, races, record,
    rules,
};

fn store_on(cluster: &RedisCluster) -> RedisLoginStore {
    let clients = cluster.urls().into_iter().map(Client::open);
    RedisLoginStore::cluster(clients.map(|client| client.expect("the URL of a node")))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_on_a_cluster_does_what_every_store_must_on_all_nodes() {
    let cluster = RedisCluster::start(0);
    let there = || store_on(&cluster).timeout(faults::SOON * 10);
    rules::check(Arc::new(there())).await;
    let apart = || Arc::new(there().prefix("races:"));
    races::check(apart(), apart()).await;
    let counting = || there().prefix("counting:");
    attempts::check([counting(), counting()]).await;
    let store = there().prefix("spread:");
    let before = cluster.keys();
    for number in 0..300 {
        create(&store, &record(&format!("user {number}"))).await;
    }
    for (before, now) in before.into_iter().zip(cluster.keys()) {
        // Of 300, with 3 keys each and the index of a bucket.
        assert!(now - before > 200, "{now} keys, and {before} before");
    }
    assert_eq!(
        store.delete_expired(u64::MAX, usize::MAX).await.unwrap(),
        300
    );
    assert_eq!(store.check().await.unwrap(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn slots_that_move_in_mid_traffic_lose_no_answer() {
    let cluster = RedisCluster::start(0);
    let store = Arc::new(store_on(&cluster).timeout(faults::SOON));
    let old = record("moved");
    create(&*store, &old).await;
    let mut traffic = Traffic::start(&store);
    traffic.flows().await;
    // Including those of the traffic's users.
    let mut slots: Vec<_> = (0..8).map(|number| format!("worker {number}")).collect();
    slots.push("moved".to_owned());
    for user_id in slots {
        let [key, ..] = keys_of_user("housekey:", &user_id);
        let slot = slot_of(key.as_bytes());
        let from = usize::from(slot / (16_384 / 3 + 1));
        cluster.move_slots([slot].into_iter(), from, (from + 1) % 3);
    }
    traffic.flows().await;
    traffic.end(&store).await;
    let loaded = store.load(&old.id, NOW).await.unwrap();
    assert_eq!(loaded, Some(old));
    // Later ones find it as well.
    operations::every_one_works(&store_on(&cluster)).await;
}

/// A change that was answered is at the replica, which takes the master's place.
#[tokio::test(flavor = "multi_thread")]
async fn masters_that_are_killed_in_mid_traffic_lose_no_answer_that_waited_for_a_replica() {
    let mut cluster = RedisCluster::start(1);
    let store = Arc::new(store_on(&cluster).replicas(1).timeout(faults::SOON));
    let mut traffic = Traffic::start(&store);
    for number in [0, 1] {
        traffic.flows().await;
        cluster.node(number).kill();
        cluster.wait_for_the_replica_of(number);
        cluster.node(number).start_again();
        cluster.settle();
    }
    traffic.flows().await;
    traffic.end(&store).await;
    operations::every_one_works(&*store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_outside_of_a_cluster_and_a_cluster_taken_for_a_server_are_reported() {
    let server = Server::start(Kind::Redis);
    let client = Client::open(server.url()).unwrap();
    let errors = operations::every_one_fails(&RedisLoginStore::cluster([client])).await;
    errors.say("make the store with RedisLoginStore::new");
    errors.hide(&server.password());
    let errors = operations::every_one_fails(&RedisLoginStore::cluster([])).await;
    errors.say("no address was given");
    let node = Server::start_with(Kind::Redis, "password", "cluster-enabled yes\n");
    let client = Client::open(node.url()).unwrap();
    let errors = operations::every_one_fails(&RedisLoginStore::new(client.clone())).await;
    errors.say("the cluster is changing");
    let errors = operations::every_one_fails(&RedisLoginStore::cluster([client])).await;
    errors.say("no node has slot");
}
