//! What errors say, and what they do not.

use housekey::ErrorKind;
use housekey_postgres::PostgresLoginStore;
use sqlx::{AssertSqlSafe, Executor as _};
use store_tests::{Kind, faults, operations, shared_url};
use url::Url;

use super::common::{OwnTable, store_at};

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
    let error = store.create_table().await.unwrap_err();
    assert!(error.to_string().contains("a table of its own"), "{error}");
    let errors = operations::every_one_fails(&*store).await;
    errors.say("a table of its own");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_refuses_is_said_without_the_password() {
    let url = Url::parse(&shared_url(Kind::Postgres)).unwrap();
    let mut nobody = url.clone();
    nobody.set_username("nobody-of-that-name").unwrap();
    nobody
        .set_password(Some("not-the-password-hunter2"))
        .unwrap();
    let mut nothing = url.clone();
    nothing.set_path("nothing-of-that-name");
    for (url, says) in [
        (nobody, "which user and password"),
        (nothing, "create the database"),
    ] {
        let store = store_at(url.as_str());
        let errors = operations::every_one_fails(&store).await;
        errors.say(says);
        errors.say("PostgreSQL at");
        errors.hide("hunter2");
        errors.hide(url.password().unwrap());
        assert!(!format!("{store:?}").contains("hunter2"), "{store:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_never_answers_is_an_error_in_time() {
    faults::a_server_that_never_answers_is_an_error_in_time(|port, timeout| {
        store_at(&format!("postgres://mia:hunter2@127.0.0.1:{port}/members")).timeout(timeout)
    })
    .await;
}

#[test]
fn what_is_not_the_url_of_a_server_is_an_error_at_once_and_without_the_password() {
    for (url, says) in [
        (
            "mysql://mia:hunter2@db/members",
            "it begins with postgres://",
        ),
        (
            "postgres://mia:hunter2@db:port/members",
            "a port is not a number",
        ),
        ("postgres:///members", "it names no host"),
        (
            "postgres://mia:hunter2@db/members?sslmode=always",
            "sslmode is",
        ),
        (
            "postgres://mia:hunter2@db/members?sslmode=verify-full&sslrootcert=/nowhere.pem",
            "sslrootcert",
        ),
        (
            "postgres://mia:hunter2@db/members?target_session_attrs=standby",
            "read-write or any",
        ),
        (
            "postgres://mia:hunter2@db/members?passfile=/nowhere",
            "an option passfile",
        ),
        ("postgres://mia:hun?ter2=x@db/members", "of the password"),
    ] {
        let error = PostgresLoginStore::connect(url).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Setting);
        let error = format!("{error} {error:?}");
        assert!(error.contains(says), "{says}: {error}");
        assert!(
            !error.contains("hunter2") && !error.contains("ter2"),
            "{error}"
        );
    }
}
