//! Checks that each statement finds its records by an index.

use housekey_statements::postgres::{FOLLOW_AN_INDEX, Statements, TableName};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, Row as _};
use store_tests::{Kind, shared_url};

/// Five logins of each user, one of which expires every second, as the planner knows them in a table in use.
async fn filled(table: &TableName) -> PgConnection {
    let connection = PgConnection::connect(&shared_url(Kind::Postgres)).await;
    let mut connection = connection.expect("the server answers");
    let fill = format!(
            "{}
            INSERT INTO {table} SELECT decode(md5(n::text), 'hex'), 'user ' || n % 1000, 0, n, n, n, repeat('x', 400)
                FROM generate_series(1, 5000) n;
            ANALYZE {table};",
            table.create_sql()
        );
    let filled = connection.execute(AssertSqlSafe(fill)).await;
    filled.expect("the table is filled");
    connection
}

#[tokio::test]
async fn every_statement_finds_its_records_by_an_index() {
    // It is dropped with the connection.
    let table = TableName::new("pg_temp.logins").unwrap();
    let mut connection = filled(&table).await;
    let Statements {
        standing,
        create,
        delete_all,
        load_or_standby,
        update,
        touch,
        delete,
        delete_by_user,
        list_or_standby,
        delete_expired,
    } = Statements::new(&table);
    let (by_id, by_user, by_expiry) = ("logins_pkey", "logins_by_user", "logins_expires_at");
    let id = r"decode(md5('7'), 'hex')";
    let ids = r"ARRAY [decode(md5('7'), 'hex'), decode(md5('8'), 'hex')]";
    for (name, sql, arguments, indexes) in [
        (
            "create",
            create,
            format!(r"'\x00', 'mia', 0, 1, 1, 1, '', {ids}, 1"),
            vec![by_id],
        ),
        (
            "standing",
            standing,
            "'user 7', 100".to_owned(),
            vec![by_user],
        ),
        ("delete_all", delete_all, ids.to_owned(), vec![by_id]),
        (
            "load_or_standby",
            load_or_standby,
            format!("{id}, 1"),
            vec![by_id],
        ),
        (
            "update",
            update,
            format!("{id}, 'mia', 0, 1, 1, 1, ''"),
            vec![by_id],
        ),
        ("touch", touch, format!("{id}, 1, 2, 3"), vec![by_id]),
        ("delete", delete, id.to_owned(), vec![by_id]),
        (
            "delete_by_user",
            delete_by_user,
            format!("'user 7', {id}, 100"),
            vec![by_user, by_id],
        ),
        (
            "list_or_standby",
            list_or_standby,
            "'user 7', 1, 100".to_owned(),
            vec![by_user],
        ),
        (
            "delete_expired",
            delete_expired,
            "4000, 100".to_owned(),
            vec![by_expiry, by_id],
        ),
    ] {
        let prepare = format!("PREPARE {name}_ AS {sql}");
        connection.execute(AssertSqlSafe(prepare)).await.unwrap();
        let of_user = indexes.contains(&by_user);
        let begin = match of_user {
            true => format!("BEGIN; {FOLLOW_AN_INDEX}"),
            false => "BEGIN".to_owned(),
        };
        connection.execute(AssertSqlSafe(begin)).await.unwrap();
        for mode in ["force_custom_plan", "force_generic_plan"] {
            let set = format!("SET LOCAL plan_cache_mode = {mode}");
            connection.execute(AssertSqlSafe(set)).await.unwrap();
            let explain = format!("EXPLAIN EXECUTE {name}_ ({arguments})");
            let rows = connection.fetch_all(sqlx::raw_sql(AssertSqlSafe(explain)));
            let plan: Vec<String> = rows.await.unwrap().iter().map(|row| row.get(0)).collect();
            let plan = plan.join("\n");
            assert!(!plan.contains("Seq Scan"), "{name}, {mode}:\n{plan}");
            if of_user {
                assert!(!plan.contains("Bitmap"), "{name}, {mode}:\n{plan}");
                assert!(
                    !plan.contains("last_seen_at DESC"),
                    "{name}, {mode}:\n{plan}"
                );
            }
            for index in indexes.iter() {
                assert!(plan.contains(index), "{name}, {mode}:\n{plan}");
            }
        }
        connection.execute("ROLLBACK").await.unwrap();
    }
}
