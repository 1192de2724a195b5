//! One program, one file, and in it the application's tables through sqlx and the logins through the store.

#![cfg(test)]

use std::sync::Arc;

use housekey::records::conformance;
use housekey_sqlite::SqliteLoginStore;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};

#[tokio::test(flavor = "multi_thread")]
async fn an_application_with_sqlx_and_the_store_share_one_library_and_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("site.db");
    let options = SqliteConnectOptions::new()
        .filename(&path)
        .create_if_missing(true);
    let pool = SqlitePool::connect_with(options).await.unwrap();
    sqlx::query("CREATE TABLE members (number INTEGER)")
        .execute(&pool)
        .await
        .unwrap();

    let store = Arc::new(SqliteLoginStore::open(&path).unwrap());
    let application = {
        let pool = pool.clone();
        tokio::spawn(async move {
            for number in 0..200_i64 {
                let insert = sqlx::query("INSERT INTO members VALUES (?)").bind(number);
                insert.execute(&pool).await.unwrap();
            }
        })
    };
    conformance::check(&*store).await;
    conformance::check_races(Arc::clone(&store), tokio::spawn).await;
    application.await.unwrap();

    let members: i64 = sqlx::query_scalar("SELECT count(*) FROM members")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(members, 200);
    let version: String = sqlx::query_scalar("SELECT sqlite_version()")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(version, rusqlite::version());
}
