//! What errors say, and what they do not.

use std::sync::Arc;
use std::time::Duration;

use housekey::records::LoginStore as _;
use housekey_postgres::PostgresLoginStore;
use sqlx::{AssertSqlSafe, Executor as _};
use store_tests::{NOW, operations, record};
use tokio::net::TcpListener;

use super::common::{OwnTable, pool, shared_server};

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_table_is_said_with_what_to_do() {
    let table = OwnTable::named();
    for message in operations::every_one_fails(&*table.store()).await {
        assert!(message.contains(&table.name), "{message}");
        assert!(message.contains("call create_table"), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_of_somebody_else_is_said() {
    let table = OwnTable::named();
    let create = format!("CREATE TABLE \"{}\" (id int)", table.name);
    let pool = table.pool();
    pool.execute(AssertSqlSafe(create)).await.unwrap();
    let store = table.store();
    store.create_table().await.unwrap();
    let error = store.load(&record("mia").id, NOW).await.unwrap_err();
    assert!(error.to_string().contains("a table of its own"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_refuses_is_said_without_the_password() {
    let server = shared_server().password("not-the-password-hunter2");
    for (server, says) in [
        (
            server.clone().username("nobody-of-that-name"),
            "which user and password",
        ),
        (
            shared_server().database("nothing-of-that-name"),
            "create the database",
        ),
    ] {
        let store = PostgresLoginStore::new(pool(server));
        for message in operations::every_one_fails(&store).await {
            assert!(message.contains(says), "{message}");
            assert!(message.contains("PostgreSQL at"), "{message}");
            assert!(!message.contains("hunter2"), "{message}");
        }
        assert!(!format!("{store:?}").contains("hunter2"), "{store:?}");
    }
}

/// Somebody takes the connection and says nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_never_answers_is_an_error_in_time() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let server = shared_server().host("127.0.0.1").port(port);
    let store = Arc::new(PostgresLoginStore::new(pool(server)).timeout(Duration::from_millis(200)));
    for message in operations::every_one_fails(&*store).await {
        assert!(message.contains(&format!("127.0.0.1:{port}")), "{message}");
        assert!(
            message.contains("has not answered within 200ms"),
            "{message}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_pool_is_an_error() {
    let table = OwnTable::created().await;
    let pool = table.pool();
    let store = table.store_of(pool.clone());
    pool.close().await;
    for message in operations::every_one_fails(&*store).await {
        assert!(message.contains("closed the pool"), "{message}");
    }
}
