//! The SQL of each operation. Most are a single statement, and so a transaction of its own. A user's records are looked for
//! in a transaction that [tells the planner how](crate::pool::FOLLOW_AN_INDEX). Creating a record is two statements: it
//! looks at the user's others first, under a lock for which everybody waits who creates one for the same user.
//!
//! Whoever locks several rows does so in the order of their ids, so that no two can wait for each other; or, when it
//! purges, without waiting at all.

use std::sync::Arc;

use crate::table::TableName;

/// The columns of a record, in the order in which they are read and bound.
const COLUMNS: &str = "id, user_id, version, created_at, last_seen_at, expires_at, data";

/// In the order of the index by user.
const NEWEST_FIRST: &str = "ORDER BY last_seen_at DESC, created_at DESC";

#[derive(Clone)]
pub(crate) struct Statements {
    pub(crate) standing: Arc<str>,
    pub(crate) create: Arc<str>,
    pub(crate) delete_all: Arc<str>,
    pub(crate) load: Arc<str>,
    pub(crate) update: Arc<str>,
    pub(crate) touch: Arc<str>,
    pub(crate) delete: Arc<str>,
    pub(crate) delete_by_user: Arc<str>,
    pub(crate) list_by_user: Arc<str>,
    pub(crate) delete_expired: Arc<str>,
}

impl Statements {
    pub(crate) fn new(table: &TableName) -> Self {
        Self {
            standing: format!(
                "SELECT id, last_seen_at, expires_at FROM {table} WHERE user_id = $1 {NEWEST_FIRST} LIMIT $2"
            )
            .into(),
            // The new record takes the place of one with its id that has expired, which is locked first, in its turn among
            // those that go: the count makes the server do so before it writes.
            create: format!(
                "WITH locked AS MATERIALIZED (
                    SELECT id FROM {table} WHERE id = ANY ($8) ORDER BY id FOR UPDATE
                ), created AS (
                    INSERT INTO {table} AS old ({COLUMNS})
                    SELECT $1, $2, $3, $4, $5, $6, $7 WHERE (SELECT count(*) FROM locked) >= 0
                    ON CONFLICT (id) DO UPDATE SET user_id = $2, version = $3, created_at = $4,
                        last_seen_at = $5, expires_at = $6, data = $7
                    WHERE old.expires_at <= $9
                    RETURNING id
                ), deleted AS (
                    DELETE FROM {table} WHERE id = ANY (ARRAY (SELECT id FROM locked WHERE id <> $1))
                        AND EXISTS (SELECT FROM created)
                )
                SELECT EXISTS (SELECT FROM created)"
            )
            .into(),
            delete_all: format!(
                "WITH found AS MATERIALIZED (
                    SELECT id FROM {table} WHERE id = ANY ($1) ORDER BY id FOR UPDATE
                )
                DELETE FROM {table} WHERE id = ANY (ARRAY (SELECT id FROM found))"
            )
            .into(),
            load: format!("SELECT {COLUMNS} FROM {table} WHERE id = $1 AND expires_at > $2").into(),
            // The lock waits for those who change or delete the record at the moment, so that the answer is true.
            update: format!(
                "WITH found AS MATERIALIZED (
                    SELECT version FROM {table} WHERE id = $1 FOR UPDATE
                ), changed AS (
                    UPDATE {table} SET user_id = $2, version = version + 1, created_at = $4,
                        last_seen_at = $5, expires_at = $6, data = $7
                    WHERE id = $1 AND version = $3 AND EXISTS (SELECT FROM found)
                    RETURNING id
                )
                SELECT EXISTS (SELECT FROM found), EXISTS (SELECT FROM changed)"
            )
            .into(),
            touch: format!(
                "UPDATE {table} SET last_seen_at = $2, expires_at = GREATEST (expires_at, $4)
                WHERE id = $1 AND last_seen_at < $3 AND expires_at > $2
                RETURNING id"
            )
            .into(),
            delete: format!("DELETE FROM {table} WHERE id = $1 RETURNING id").into(),
            // Those that were found and not deleted, somebody else has deleted meanwhile.
            delete_by_user: format!(
                "WITH found AS MATERIALIZED (
                    SELECT id FROM {table} WHERE user_id = $1 AND id IS DISTINCT FROM $2 LIMIT $3
                ), locked AS MATERIALIZED (
                    SELECT id FROM {table} WHERE id = ANY (ARRAY (SELECT id FROM found))
                    ORDER BY id FOR UPDATE
                ), deleted AS (
                    DELETE FROM {table} WHERE id = ANY (ARRAY (SELECT id FROM locked))
                    RETURNING id
                )
                SELECT id, deleted.id IS NOT NULL FROM found LEFT JOIN deleted USING (id)"
            )
            .into(),
            list_by_user: format!(
                "SELECT {COLUMNS} FROM {table} WHERE user_id = $1 AND expires_at > $2 {NEWEST_FIRST} LIMIT $3"
            )
            .into(),
            delete_expired: format!(
                "WITH expired AS MATERIALIZED (
                    SELECT id FROM {table} WHERE expires_at <= $1
                    ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED
                ), deleted AS (
                    DELETE FROM {table} WHERE id = ANY (ARRAY (SELECT id FROM expired))
                    RETURNING id
                )
                SELECT count(*) FROM deleted"
            )
            .into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, Row as _};
    use store_tests::{Kind, shared_url};

    use super::*;
    use crate::pool::FOLLOW_AN_INDEX;

    /// Five logins of each user, one of which expires every second, as the planner of a table in use knows them.
    async fn filled(table: &TableName) -> PgConnection {
        let mut connection = PgConnection::connect(&shared_url(Kind::Postgres))
            .await
            .unwrap();
        let fill = format!(
            "{}
            INSERT INTO {table} SELECT decode(md5(n::text), 'hex'), 'user ' || n % 1000, 0, n, n, n, repeat('x', 400)
                FROM generate_series(1, 5000) n;
            ANALYZE {table};",
            table.create_sql()
        );
        connection.execute(AssertSqlSafe(fill)).await.unwrap();
        connection
    }

    #[tokio::test]
    async fn every_statement_finds_its_records_by_an_index() {
        // It is gone with the connection.
        let table = TableName::new("pg_temp.logins").unwrap();
        let mut connection = filled(&table).await;
        let Statements {
            standing,
            create,
            delete_all,
            load,
            update,
            touch,
            delete,
            delete_by_user,
            list_by_user,
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
            ("load", load, format!("{id}, 1"), vec![by_id]),
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
                "list_by_user",
                list_by_user,
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
}
