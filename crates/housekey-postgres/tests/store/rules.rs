//! The rules that every store keeps, and what PostgreSQL's types could make of them.

use std::sync::Arc;

use housekey::records::{Limit, LoginRecord, LoginStore as _, Touch, Updated, conformance};
use store_tests::{HOUR, NOW, create, list, races, record};

use super::common::OwnTable;

#[tokio::test(flavor = "multi_thread")]
async fn it_does_what_every_store_must() {
    let table = OwnTable::created().await;
    let store = table.store();
    conformance::check(&*store).await;
    conformance::check_races(store, tokio::spawn).await;
}

/// There the server undoes what would have waited elsewhere, and leaves it to the client to try again.
#[tokio::test(flavor = "multi_thread")]
async fn it_does_so_in_a_database_that_serializes_transactions() {
    let mut table = OwnTable::created().await;
    table.server = table
        .server
        .clone()
        .options([("default_transaction_isolation", "serializable")]);
    let store = table.store();
    conformance::check(&*store).await;
    conformance::check_races(Arc::clone(&store), tokio::spawn).await;
    races::check(store, table.store()).await;
}

/// As behind a pooler that knows no prepared statements.
#[tokio::test(flavor = "multi_thread")]
async fn it_does_so_without_statements_that_stay_prepared() {
    let mut table = OwnTable::created().await;
    table.server = table.server.clone().statement_cache_capacity(0);
    conformance::check(&*table.store()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_at_one_table_see_one_store() {
    let table = OwnTable::created().await;
    races::check(table.store(), table.store()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_of_one_connection_is_enough() {
    let table = OwnTable::created().await;
    let options = sqlx::postgres::PgPoolOptions::new().max_connections(1);
    let store = table.store_of(options.connect_lazy_with(table.server.clone()));
    conformance::check_races(store, tokio::spawn).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_that_do_not_fit_are_the_largest_that_do() {
    let table = OwnTable::created().await;
    let store = table.store();
    let largest = i64::MAX as u64;
    let record = LoginRecord {
        created_at: u64::MAX,
        last_seen_at: 0,
        expires_at: u64::MAX,
        ..record("forever")
    };
    create(&*store, &record).await;
    let kept = LoginRecord {
        created_at: largest,
        expires_at: largest,
        ..record.clone()
    };
    let loaded = store.load(&record.id, largest - 1).await.unwrap();
    assert_eq!(loaded.as_ref(), Some(&kept));
    assert_eq!(store.load(&record.id, u64::MAX).await.unwrap(), None);
    let touch = Touch {
        now: NOW,
        unless_since: u64::MAX,
        expires_at: u64::MAX,
    };
    assert!(store.touch(&record.id, touch).await.unwrap());
    let unknown = LoginRecord {
        version: u64::MAX,
        ..record.clone()
    };
    assert_eq!(store.update(&unknown).await.unwrap(), Updated::Conflict);
    assert_eq!(store.delete_expired(NOW, usize::MAX).await.unwrap(), 0);
    assert_eq!(store.delete_expired(u64::MAX, usize::MAX).await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purge_goes_on_beyond_its_largest_batch() {
    let table = OwnTable::created().await;
    let store = table.store();
    let fill = format!(
        "INSERT INTO \"{}\" SELECT decode(md5(n::text), 'hex'), 'old', 0, 1, 1, n, '{{}}' FROM generate_series(1, 2500) n",
        table.name
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(fill))
        .execute(&table.pool())
        .await
        .unwrap();
    assert_eq!(store.delete_expired(2400, 2100).await.unwrap(), 2100);
    assert_eq!(store.delete_expired(2400, 2100).await.unwrap(), 300);
    let left = store
        .list_by_user("old", NOW - 1, usize::MAX)
        .await
        .unwrap();
    assert!(left.is_empty(), "they have expired");
    assert_eq!(
        store
            .delete_by_user("old", None, usize::MAX)
            .await
            .unwrap()
            .len(),
        100
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_login_is_not_used_again() {
    let table = OwnTable::created().await;
    let store = table.store();
    let record = record("late");
    create(&*store, &record).await;
    let touch = Touch {
        now: record.expires_at,
        unless_since: record.expires_at,
        expires_at: record.expires_at + HOUR,
    };
    assert!(!store.touch(&record.id, touch).await.unwrap());
    assert_eq!(store.load(&record.id, touch.now).await.unwrap(), None);
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
