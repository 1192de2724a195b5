//! Behind PgBouncer in transaction mode, where each transaction may use another connection to the server.

use std::sync::Arc;
use std::time::Duration;

use housekey::records::LoginStore as _;
use housekey_postgres::PostgresLoginStore;
use sqlx::{AssertSqlSafe, Executor as _};
use store_tests::{
    Kind, NOW, Server, create, list, operations, races, record, rules, shared_url, unique_name,
};
use tokio::task::JoinSet;
use url::Url;

use super::common::{OwnTable, pool, shared_server};

/// Fewer connections than clients, so that they are mixed. With the second setting, it accepts settings for a connection and
/// forgets them.
const SETTINGS: [&str; 2] = [
    "default_pool_size = 3",
    "default_pool_size = 3\nignore_startup_parameters = options",
];

/// With several stores, as in several processes.
async fn there(settings: &str) -> (Server, OwnTable, Vec<Arc<PostgresLoginStore>>) {
    let pooler = Server::start_pooler_of(&shared_url(Kind::Postgres), settings);
    let mut table = OwnTable::created().await;
    table.url = pooler.url();
    let stores = (0..4).map(|_| table.store()).collect();
    (pooler, table, stores)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_is_right_behind_a_pooler() {
    for settings in SETTINGS {
        let (_pooler, _table, stores) = there(settings).await;
        let mut clients = JoinSet::new();
        for number in 0..12 {
            let store = Arc::clone(&stores[number % stores.len()]);
            clients
                .spawn(async move { is_answered_right(&store, &format!("user {number}")).await });
        }
        clients.join_all().await;
    }
}

/// Each operation, many times.
async fn is_answered_right(store: &PostgresLoginStore, user: &str) {
    for _ in 0..40 {
        let (one, two) = (record(user), record(user));
        create(store, &one).await;
        create(store, &two).await;
        assert_eq!(store.load(&one.id, NOW).await.unwrap().as_ref(), Some(&one));
        assert_eq!(list(store, user).await.len(), 2);
        assert!(store.delete(&one.id).await.unwrap());
        assert_eq!(store.load(&one.id, NOW).await.unwrap(), None);
        let deleted = store.delete_by_user(user, None, usize::MAX).await;
        assert_eq!(deleted.unwrap(), [two.id]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_does_what_every_store_must_behind_a_pooler() {
    let (_pooler, _table, stores) = there(SETTINGS[0]).await;
    rules::check(Arc::clone(&stores[0])).await;
    races::check(Arc::clone(&stores[1]), Arc::clone(&stores[2])).await;
}

/// The end of the pooler, and of the connections behind it.
#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_that_starts_again_is_found_again() {
    let (mut pooler, _table, stores) = there(SETTINGS[0]).await;
    operations::every_one_works(&*stores[0]).await;
    pooler.kill();
    operations::every_one_fails(&*stores[0]).await;
    pooler.start_again();
    operations::every_one_works(&*stores[0]).await;
}

/// With the setting that the crate's documentation requires.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_given_up_behind_a_pooler_ends_at_the_server() {
    let mut server = Url::parse(&shared_url(Kind::Postgres)).unwrap();
    let (admin, role) = (pool(shared_server()), unique_name());
    let run = async |sql: String| {
        admin
            .execute(sqlx::raw_sql(AssertSqlSafe(sql)))
            .await
            .unwrap()
    };
    let table = OwnTable::created().await;
    run(format!(
        "CREATE ROLE {role} LOGIN PASSWORD 'worker'; ALTER ROLE {role} SET statement_timeout = '1s';
        GRANT SELECT, INSERT, UPDATE, DELETE ON \"{}\" TO {role}",
        table.name
    ))
    .await;
    server.set_username(&role).unwrap();
    server.set_password(Some("worker")).unwrap();
    let pooler = Server::start_pooler_of(server.as_str(), SETTINGS[0]);
    let store = table.store_at(&pooler.url());
    let hasty = PostgresLoginStore::clone(&store).timeout(Duration::from_millis(300));
    let locked = table.locked().await;
    for _ in 0..3 {
        operations::every_one_fails(&hasty).await;
    }
    let busy = "SELECT count(*) FROM pg_stat_activity WHERE usename = $1 AND state <> 'idle'";
    let all_end = async {
        while sqlx::query_scalar::<_, i64>(busy)
            .bind(&role)
            .fetch_one(&admin)
            .await
            .unwrap()
            > 0
        {}
    };
    let all_end = tokio::time::timeout(Duration::from_secs(60), all_end).await;
    all_end.expect("nothing waits for the lock any more");
    locked.rollback().await.unwrap();
    operations::every_one_works(&*store).await;
    drop(pooler);
    run(format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
}
