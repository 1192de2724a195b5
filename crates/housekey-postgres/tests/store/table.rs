//! Creating the table.

use housekey::records::LoginStore as _;
use sqlx::{AssertSqlSafe, Executor as _, PgPool};
use store_tests::{Kind, NOW, create, record, shared_url, unique_name};
use tokio::task::JoinSet;
use url::Url;

use super::common::{OwnTable, pool, store_at};

async fn indexes(pool: &PgPool, table: &str) -> Vec<String> {
    sqlx::query_scalar("SELECT indexname::text FROM pg_indexes WHERE tablename = $1 ORDER BY 1")
        .bind(table)
        .fetch_all(pool)
        .await
        .expect("the indexes")
}

#[tokio::test(flavor = "multi_thread")]
async fn several_processes_make_the_table_at_once() {
    for _ in 0..5 {
        let table = OwnTable::named();
        let mut making = JoinSet::new();
        for _ in 0..8 {
            let store = table.store();
            making.spawn(async move { store.create_table().await.unwrap() });
        }
        making.join_all().await;
        let ends = ["_by_user", "_expires_at", "_pkey"];
        let expected = ends.map(|end| format!("{}{end}", table.name));
        assert_eq!(indexes(&table.pool(), &table.name).await, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn making_the_table_again_leaves_the_records() {
    let table = OwnTable::created().await;
    let (store, record) = (table.store(), record("mia"));
    create(&*store, &record).await;
    store.create_table().await.unwrap();
    assert_eq!(store.load(&record.id, NOW).await.unwrap(), Some(record));
}

/// A running application holds locks. A second `CREATE INDEX` would wait for them, and everything else behind it.
#[tokio::test(flavor = "multi_thread")]
async fn making_a_table_that_is_there_waits_for_nobody() {
    let table = OwnTable::created().await;
    let other = table.locked().await;
    table.store().create_table().await.unwrap();
    other.rollback().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sql_for_migrations_makes_the_same_table() {
    let table = OwnTable::named();
    let (store, pool) = (table.store(), table.pool());
    for _ in 0..2 {
        pool.execute(AssertSqlSafe(store.create_table_sql()))
            .await
            .unwrap();
    }
    create(&*store, &record("mia")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_can_be_in_a_schema_and_have_the_name_of_a_keyword() {
    let schema = unique_name();
    let pool = pool(super::common::shared_server());
    let run = |sql: String| {
        let pool = pool.clone();
        async move { pool.execute(AssertSqlSafe(sql)).await.unwrap() }
    };
    run(format!("CREATE SCHEMA {schema}")).await;
    let store = store_at(&shared_url(Kind::Postgres));
    let store = store.table(&format!("{schema}.user")).unwrap();
    store.create_table().await.unwrap();
    let record = record("mia");
    create(&store, &record).await;
    assert_eq!(store.load(&record.id, NOW).await.unwrap(), Some(record));
    run(format!("DROP SCHEMA {schema} CASCADE")).await;
}

/// As in production, where migrations create the table.
#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_cannot_create_tables_can_use_one() {
    let table = OwnTable::created().await;
    let admin = table.pool();
    let role = unique_name();
    let (name, run) = (&table.name, |sql: String| {
        let admin = admin.clone();
        async move { admin.execute(AssertSqlSafe(sql)).await.unwrap() }
    });
    run(format!("CREATE ROLE {role} LOGIN PASSWORD 'worker'")).await;
    run(format!(
        "GRANT SELECT, INSERT, UPDATE, DELETE ON \"{name}\", \"{name}_attempts\" TO {role}"
    ))
    .await;
    let mut worker = Url::parse(&table.url).unwrap();
    worker.set_username(&role).unwrap();
    worker.set_password(Some("worker")).unwrap();
    let store = table.store_at(worker.as_str());
    store.create_table().await.unwrap();
    create(&*store, &record("mia")).await;
    run(format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
}
