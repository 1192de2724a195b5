//! What errors say, and what they leave out.

use housekey::ErrorKind;
use housekey::records::{Limit, LoginRecord, LoginStore as _};
use housekey_postgres::PostgresLoginStore;
use sqlx::{AssertSqlSafe, Executor as _};
use store_tests::{Kind, faults, operations, record, shared_url, unique_name};
use url::Url;

use super::common::{OwnTable, pool, shared_server, store_at};

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_table_is_reported_with_what_to_do() {
    let table = OwnTable::named();
    let errors = operations::every_one_fails(&*table.store()).await;
    errors.say(&table.name);
    errors.say("call create_table");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_of_somebody_else_is_reported() {
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

/// What is there in place of the table, and the message about it.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_cannot_keep_logins_is_reported_when_the_table_is_made() {
    for (instead, says) in [
        ("CREATE VIEW NAME AS SELECT 1 AS id", "a view"),
        ("CREATE MATERIALIZED VIEW NAME AS SELECT 1 AS id", "a view"),
        ("CREATE SEQUENCE NAME", "a sequence"),
        ("CREATE TABLE NAME (id int PRIMARY KEY)", "no column id bytea"),
        (
            "CREATE TABLE NAME (id bytea, user_id text, version bigint, created_at bigint, last_seen_at bigint,
                expires_at bigint, data text)",
            "ADD PRIMARY KEY",
        ),
        (
            "CREATE TABLE NAME (id bytea PRIMARY KEY, user_id text, version int, created_at bigint,
                last_seen_at bigint, expires_at bigint, data text)",
            "no column version bigint",
        ),
    ] {
        let table = OwnTable::named();
        let (name, pool) = (format!("\"{}\"", table.name), table.pool());
        let instead = instead.replace("NAME", &name);
        pool.execute(AssertSqlSafe(instead.as_str())).await.unwrap();
        let error = table.store().create_table().await.unwrap_err();
        assert!(error.to_string().contains(says), "{instead}: {error}");
        for kind in ["VIEW", "MATERIALIZED VIEW", "SEQUENCE"] {
            let drop = format!("DROP {kind} {name}");
            let _ = pool.execute(AssertSqlSafe(drop)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_taken_name_of_an_index_is_reported_when_the_table_is_made() {
    let (table, other) = (OwnTable::named(), OwnTable::named());
    let take = format!(
        "CREATE TABLE \"{}\" (n int); CREATE INDEX \"{}_by_user\" ON \"{0}\" (n)",
        other.name, table.name
    );
    let pool = table.pool();
    pool.execute(AssertSqlSafe(take)).await.unwrap();
    for _ in 0..2 {
        let error = table.store().create_table().await.unwrap_err();
        assert!(
            error.to_string().contains("no index on (user_id"),
            "{error}"
        );
    }
    let free = format!("DROP TABLE \"{}\"", other.name);
    pool.execute(AssertSqlSafe(free)).await.unwrap();
    table.store().create_table().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_right_is_reported() {
    let table = OwnTable::created().await;
    let (admin, schema, role) = (table.pool(), unique_name(), unique_name());
    let run = async |sql: String| {
        admin
            .execute(sqlx::raw_sql(AssertSqlSafe(sql)))
            .await
            .unwrap()
    };
    run(format!(
        "CREATE SCHEMA {schema}; CREATE ROLE {role} LOGIN PASSWORD 'worker'"
    ))
    .await;
    let mut worker = Url::parse(&table.url).unwrap();
    worker.set_username(&role).unwrap();
    worker.set_password(Some("worker")).unwrap();
    let in_schema = store_at(worker.as_str())
        .table(&format!("{schema}.logins"))
        .unwrap();
    let error = in_schema.create_table().await.unwrap_err();
    assert!(error.to_string().contains("USAGE on the schema"), "{error}");
    let errors = operations::every_one_fails(&in_schema).await;
    errors.say("USAGE on the schema");
    let errors = operations::every_one_fails(&*table.store_at(worker.as_str())).await;
    errors.say("SELECT, INSERT, UPDATE and DELETE");
    run(format!(
        "DROP SCHEMA {schema}; DROP OWNED BY {role}; DROP ROLE {role}"
    ))
    .await;
}

/// A browser may choose any name for itself.
#[tokio::test(flavor = "multi_thread")]
async fn an_encoding_that_lacks_characters_is_reported_when_the_table_is_made() {
    let url = shared_url(Kind::Postgres);
    let (admin, name) = (pool(shared_server()), unique_name());
    let create = format!(
        "CREATE DATABASE {name} ENCODING LATIN1 LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
    );
    admin.execute(AssertSqlSafe(create)).await.unwrap();
    let mut there = Url::parse(&url).unwrap();
    there.set_path(&name);
    let store = store_at(there.as_str());
    let error = store.create_table().await.unwrap_err();
    assert!(error.to_string().contains("LATIN1"), "{error}");
    // From a migration.
    let other = pool(there.as_str().parse().unwrap());
    let sql = store.create_table_sql();
    other
        .execute(sqlx::raw_sql(AssertSqlSafe(sql)))
        .await
        .unwrap();
    let browser = LoginRecord {
        data: "Браузер".to_owned(),
        ..record("mia")
    };
    let error = store.create(&browser, &[], Limit::NONE).await.unwrap_err();
    assert!(error.to_string().contains("UTF8"), "{error}");
    other.close().await;
    drop(store);
    let drop = format!("DROP DATABASE {name} WITH (FORCE)");
    admin.execute(AssertSqlSafe(drop)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_users_id_that_no_index_takes_is_reported() {
    let table = OwnTable::created().await;
    // It cannot be shortened.
    let ids: String = (0..300).map(|_| unique_name()).collect();
    let error = table
        .store()
        .create(&record(&ids), &[], Limit::NONE)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("let ids be shorter"), "{error}");
    assert!(!format!("{error:?}").contains(&ids[..30]), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_refuses_is_reported_without_the_password() {
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
