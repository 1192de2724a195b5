//! The rules for every store, and what PostgreSQL's types could do to them.

use std::sync::Arc;

use housekey::records::{Limit, LoginRecord, LoginStore as _, conformance};
use housekey_postgres::PostgresLoginStore;
use sqlx::{ConnectOptions as _, Executor as _};
use store_tests::{NOW, attempts, create, list, races, record, rules};

use super::common::{OwnTable, with};

#[tokio::test(flavor = "multi_thread")]
async fn it_does_what_every_store_must() {
    let table = OwnTable::created().await;
    rules::check(table.store()).await;
}

/// The server then undoes what would otherwise have waited, and leaves it to the client to try again.
#[tokio::test(flavor = "multi_thread")]
async fn it_does_so_in_a_database_that_serializes_transactions() {
    let mut table = OwnTable::created().await;
    table.url = with(
        &table.url,
        "options[default_transaction_isolation]=serializable",
    );
    rules::check(table.store()).await;
    races::check(table.store(), table.store()).await;
    attempts::check([table.store(), table.store()].map(own)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_does_so_without_statements_that_stay_prepared() {
    let mut table = OwnTable::created().await;
    table.url = with(&table.url, "statement-cache-capacity=0");
    conformance::check(&*table.store()).await;
    attempts::check([own(table.store())]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_at_one_table_see_one_store() {
    let table = OwnTable::created().await;
    races::check(table.store(), table.store()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_at_one_table_count_attempts_together() {
    let table = OwnTable::created().await;
    attempts::check([table.store(), table.store()].map(own)).await;
}

fn own(store: Arc<PostgresLoginStore>) -> PostgresLoginStore {
    PostgresLoginStore::clone(&store)
}

#[tokio::test(flavor = "multi_thread")]
async fn one_connection_beside_that_of_the_look_ups_is_enough() {
    let table = OwnTable::created().await;
    let store = PostgresLoginStore::clone(&table.store()).max_connections(1);
    conformance::check_races(Arc::new(store), tokio::spawn).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_tables_in_one_database_know_nothing_of_each_other() {
    let (members, staff) = (OwnTable::created().await, OwnTable::created().await);
    rules::neighbours_share_nothing(&*members.store(), &*staff.store()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_that_do_not_fit_are_the_largest_that_do() {
    let table = OwnTable::created().await;
    let store = table.store();
    rules::numbers_that_do_not_fit_are_the_largest_that_do(&*store, i64::MAX as u64).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deletions_go_on_beyond_the_largest_batch() {
    let table = OwnTable::created().await;
    // As `rules::fill`, at once.
    let fill = format!(
        "INSERT INTO \"{}\" SELECT decode(md5(n::text), 'hex'), 'old', 0, 1, 1, {NOW} + n, '{{}}' FROM generate_series(0, 3999) n",
        table.name
    );
    let pool = table.pool();
    pool.execute(sqlx::AssertSqlSafe(fill)).await.unwrap();
    rules::deletions_go_on_beyond_the_largest_batch(&*table.store(), 1000).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nul_character_is_in_no_record() {
    let table = OwnTable::created().await;
    let store = table.store();
    for (user_id, data, says) in [("a\0b", "{}", "the user's id"), ("a", "{\0}", "the data")] {
        let record = LoginRecord {
            data: data.to_owned(),
            ..record(user_id)
        };
        let created = store.create(&record, &[], Limit::NONE).await.unwrap_err();
        assert!(created.to_string().contains(says), "{created}");
        let updated = store.update(&record).await.unwrap_err();
        assert!(updated.to_string().contains(says), "{updated}");
    }
    assert!(list(&*store, "a\0b").await.is_empty());
    assert!(
        store
            .delete_by_user("a\0b", None, usize::MAX)
            .await
            .unwrap()
            .is_empty()
    );
}

/// An application keeps its sqlx pool, and gives the store the pool's URL.
#[tokio::test(flavor = "multi_thread")]
async fn a_pool_of_sqlx_lives_beside_the_store_and_names_its_server() {
    let table = OwnTable::created().await;
    let pool = table.pool();
    let url = pool.connect_options().to_url_lossy();
    let store = table.store_at(url.as_str());
    let count = format!("SELECT count(*) FROM \"{}\"", table.name);
    for expected in 1..=3_i64 {
        create(&*store, &record("mia")).await;
        let counted = sqlx::query_scalar(sqlx::AssertSqlSafe(count.as_str()));
        assert_eq!(counted.fetch_one(&pool).await.ok(), Some(expected));
    }
}
