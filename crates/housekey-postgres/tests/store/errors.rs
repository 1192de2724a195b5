//! What errors say, and what they do not.

use housekey::records::LoginStore as _;
use housekey_postgres::PostgresLoginStore;
use sqlx::{AssertSqlSafe, Executor as _};
use store_tests::{NOW, faults, operations, record};

use super::common::{OwnTable, pool, shared_server};

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_table_is_said_with_what_to_do() {
    let table = OwnTable::named();
    let errors = operations::every_one_fails(&*table.store()).await;
    errors.say(&table.name);
    errors.say("call create_table");
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
        let errors = operations::every_one_fails(&store).await;
        errors.say(says);
        errors.say("PostgreSQL at");
        errors.hide("hunter2");
        assert!(!format!("{store:?}").contains("hunter2"), "{store:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_never_answers_is_an_error_in_time() {
    faults::a_server_that_never_answers_is_an_error_in_time(|port, timeout| {
        let server = shared_server().host("127.0.0.1").port(port);
        PostgresLoginStore::new(pool(server)).timeout(timeout)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_pool_is_an_error() {
    let table = OwnTable::created().await;
    let pool = table.pool();
    let store = table.store_of(pool.clone());
    pool.close().await;
    let errors = operations::every_one_fails(&*store).await;
    errors.say("closed the pool");
}
