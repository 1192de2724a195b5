//! Records kept in the process: what every store must do, and what must not go wrong in between.

use std::sync::Arc;
use std::time::Duration;

use housekey::ErrorKind;
use housekey::records::{LoginStore as _, RecordCache};
use housekey_postgres::PostgresLoginStore;
use sqlx::{AssertSqlSafe, Executor as _, PgPool};
use store_tests::caches::{self, ThroughCache};
use store_tests::operations::becomes;
use store_tests::{
    Kind, NOW, Network, Server, Traffic, create, faults, races, record, rules, shared_url,
    unique_name,
};
use tokio::task::yield_now;

use super::common::{OwnTable, pool, store_at, with};

fn cached(store: &PostgresLoginStore) -> PostgresLoginStore {
    let store = store.clone().cache_records(caches::settings());
    store.expect("these settings make sense")
}

async fn made(url: &str) -> PostgresLoginStore {
    let store = cached(&store_at(url).timeout(faults::SOON));
    store.create_table().await.expect("it can be cached");
    store
}

async fn own() -> (OwnTable, PostgresLoginStore) {
    let table = OwnTable::named();
    let store = cached(&table.store());
    store.create_table().await.expect("it can be cached");
    (table, store)
}

async fn run(pool: &PgPool, sql: String) {
    let ran = sqlx::raw_sql(AssertSqlSafe(sql)).execute(pool).await;
    ran.expect("the server does it");
}

async fn is_over(store: &PostgresLoginStore, login: &housekey::records::LoginRecord) {
    while store.look_up(&login.id, NOW).await.unwrap().is_some() {
        yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_with_a_cache_does_what_every_store_must() {
    let (_table, store) = own().await;
    rules::check(ThroughCache::alone(store)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_with_caches_at_one_table_see_one_store() {
    let (table, store) = own().await;
    let store = ThroughCache::among_others(store);
    let other = ThroughCache::among_others(cached(&table.store()));
    races::check(store, other).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_is_known_from_the_server_and_ones_own_at_once() {
    let (table, here) = own().await;
    let elsewhere = table.store();
    caches::changes_by_another_process_are_known_here(&here, &*elsewhere).await;
    caches::changes_by_this_process_are_known_at_once(&here, &*elsewhere).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn truncating_the_table_or_changing_it_by_hand_is_noticed_also_in_the_role_of_a_replica() {
    let (table, here) = own().await;
    let (pool, name) = (table.pool(), &table.name);
    for sql in [
        format!("TRUNCATE \"{name}\""),
        format!("SET session_replication_role = replica; DELETE FROM \"{name}\""),
        format!("UPDATE \"{name}\" SET expires_at = {NOW}"),
        format!("BEGIN; SET LOCAL session_replication_role = replica; TRUNCATE \"{name}\"; COMMIT"),
    ] {
        let login = caches::cached(&here, &here).await;
        run(&pool, sql).await;
        is_over(&here, &login).await;
    }
}

/// The server does not report it, so the lease is not renewed.
#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_does_not_say_any_more_what_changes_keeps_no_login_alive() {
    let (table, here) = own().await;
    let (pool, name) = (table.pool(), &table.name);
    for sql in [
        format!("ALTER TABLE \"{name}\" DISABLE TRIGGER ALL"),
        format!("ALTER TABLE \"{name}\" ENABLE TRIGGER ALL"),
        format!("DROP TRIGGER housekey_deleted ON \"{name}\""),
        format!(
            "CREATE OR REPLACE FUNCTION \"{name}_changed\"() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$"
        ),
    ] {
        here.create_table().await.expect("it makes them again");
        let login = caches::cached(&here, &here).await;
        run(&pool, sql.clone()).await;
        run(
            &pool,
            format!("SET session_replication_role = replica; DELETE FROM \"{name}\""),
        )
        .await;
        is_over(&here, &login).await;
        let login = record("mia");
        create(&here, &login).await;
        let uncached = async {
            while here
                .look_up(&login.id, NOW)
                .await
                .unwrap()
                .unwrap()
                .is_cached()
            {
                yield_now().await;
            }
        };
        let uncached = tokio::time::timeout(Duration::from_secs(60), uncached).await;
        uncached.unwrap_or_else(|_| panic!("{sql}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_touch_is_not_said() {
    let (table, here) = own().await;
    let elsewhere = table.store();
    let login = caches::cached(&here, &*elsewhere).await;
    let mut listener = sqlx::postgres::PgListener::connect_with(&table.pool())
        .await
        .unwrap();
    listener
        .listen(&format!("housekey:{}", table.name))
        .await
        .unwrap();
    let touch = housekey::records::Touch {
        now: NOW + 100,
        unless_since: NOW + 50,
        expires_at: NOW + 9000,
    };
    assert!(elsewhere.touch(&login.id, touch).await.unwrap());
    assert!(elsewhere.delete(&login.id).await.unwrap());
    loop {
        let said = listener.recv().await.unwrap();
        // The others are beats.
        if !said.payload().starts_with('?') {
            let id = login.id.as_bytes().iter();
            let id: String = id.map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(said.payload(), id);
            break;
        }
    }
    // Next comes a beat, or nothing.
    while let Ok(said) = tokio::time::timeout(caches::LEASE, listener.recv()).await {
        let payload = said.unwrap().payload().to_owned();
        assert!(payload.starts_with('?'), "one is enough: {payload}");
        if payload.len() > 2 {
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cable_that_is_cut_keeps_no_login_alive() {
    let server = Server::start(Kind::Postgres);
    let network = Network::to(server.port()).await;
    let [there, around] = [server.port(), network.port()].map(|port| format!(":{port}/"));
    let here = made(&server.url().replace(&there, &around)).await;
    let elsewhere = store_at(&server.url());
    caches::a_cable_that_is_cut_keeps_no_login_alive(&network, &here, &elsewhere).await;
    let (here, elsewhere) = (Arc::new(here), Arc::new(elsewhere));
    caches::no_fault_keeps_a_login_alive(&here, &elsewhere, async || network.lose_connections())
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_answer_is_not_answered_for() {
    let mut server = Server::start(Kind::Postgres);
    let here = made(&server.url()).await;
    caches::a_server_that_hangs_is_not_answered_for(&server, &here).await;
    caches::a_server_that_is_gone_is_not_answered_for(&mut server, &here).await;
    let (here, elsewhere) = (Arc::new(here), Arc::new(store_at(&server.url())));
    caches::no_fault_keeps_a_login_alive(&here, &elsewhere, async || {
        server.kill();
        server.start_again();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_the_server_ends_keep_no_login_alive() {
    let server = Server::start(Kind::Postgres);
    let here = Arc::new(made(&server.url()).await);
    let elsewhere = Arc::new(store_at(&server.url()));
    let admin = pool(server.url().parse().unwrap());
    caches::no_fault_keeps_a_login_alive(&here, &elsewhere, async || {
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'";
        admin.execute(end).await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_in_mid_traffic_loses_no_answer() {
    let mut server = Server::start(Kind::Postgres);
    let store = ThroughCache::alone(made(&server.url()).await);
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

/// Each is asked every time, and the log says why.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_say_what_changes_is_not_cached_and_that_is_reported() {
    let (table, store) = own().await;
    let login = record("mia");
    create(&store, &login).await;
    let pooler = Server::start_pooler_of(&shared_url(Kind::Postgres), "");
    let unprepared = with(&table.url, "statement-cache-capacity=0");
    for url in [pooler.url(), unprepared] {
        let store = cached(&table.store_at(&url));
        let error = store.create_table().await.unwrap_err();
        assert!(error.to_string().contains("pooler"), "{error}");
        for _ in 0..3 {
            let found = store.look_up(&login.id, NOW).await.unwrap().unwrap();
            assert!(!found.is_cached());
        }
    }
    let plain = OwnTable::created().await;
    let store = cached(&plain.store());
    create(&store, &login).await;
    for _ in 0..3 {
        let found = store.look_up(&login.id, NOW).await.unwrap().unwrap();
        assert!(!found.is_cached(), "it has no triggers");
    }
    store.create_table().await.expect("it makes them");
    while !store
        .look_up(&login.id, NOW)
        .await
        .unwrap()
        .unwrap()
        .is_cached()
    {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_says_nothing_and_is_asked_each_time() {
    let primary = Server::start(Kind::Postgres);
    let store = made(&primary.url()).await;
    let login = record("mia");
    create(&store, &login).await;
    let standby = Server::start_standby_of(&primary);
    let any = cached(&store_at(&with(&standby.url(), "target_session_attrs=any")));
    for _ in 0..3 {
        let found = any.look_up(&login.id, NOW).await.unwrap().unwrap();
        assert!(!found.is_cached());
    }
    let error = any.create_table().await.unwrap_err();
    assert!(error.to_string().contains("standby"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sql_for_migrations_has_the_triggers_and_can_be_run_again() {
    let table = OwnTable::named();
    let (store, pool) = (cached(&table.store()), table.pool());
    for _ in 0..2 {
        run(&pool, store.create_table_sql()).await;
    }
    caches::cached(&store, &*table.store()).await;
    assert!(!table.store().create_table_sql().contains("TRIGGER"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_with_partitions_is_not_cached() {
    let table = OwnTable::named();
    let (store, pool) = (table.store(), table.pool());
    let sql = store
        .create_table_sql()
        .replacen(");", ") PARTITION BY HASH (id);", 1);
    run(&pool, sql).await;
    let name = &table.name;
    let part = format!(
        "CREATE TABLE \"{name}_0\" PARTITION OF \"{name}\" FOR VALUES WITH (MODULUS 1, REMAINDER 0)"
    );
    run(&pool, part).await;
    let store = cached(&store);
    let login = record("mia");
    create(&store, &login).await;
    for _ in 0..3 {
        let found = store.look_up(&login.id, NOW).await.unwrap().unwrap();
        assert!(!found.is_cached());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_dropped_leaves_no_connection_behind() {
    let (table, _) = own().await;
    let (pool, name) = (table.pool(), unique_name());
    let count = async || {
        let count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1";
        let count = sqlx::query_scalar::<_, i64>(count).bind(&name);
        count.fetch_one(&pool).await.unwrap()
    };
    let url = with(&table.url, &format!("application_name={name}"));
    let store = cached(&table.store_at(&url));
    let login = caches::cached(&store, &*table.store()).await;
    let now = becomes(count, 1).await;
    assert!(now, "one for look-ups, and what is said");
    assert!(store.look_up(&login.id, NOW).await.unwrap().is_some());
    drop(store);
    assert!(becomes(count, 0).await, "it has closed its own");
}

#[test]
fn settings_of_the_cache_that_make_no_sense_are_refused() {
    let store = store_at("postgres://localhost/");
    let refused = store.cache_records(RecordCache::new().lease(Duration::ZERO));
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Setting);
}
