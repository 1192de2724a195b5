//! The SQL of each operation. Most are a single statement, and so a transaction of their own. A user's records are looked
//! up in a transaction that [tells the planner how](begin). Creating a record takes two statements: it looks at the user's
//! other records first, under a lock that makes everything wait that creates a record for the same user.
//!
//! A statement that locks several rows locks them in the order of their ids, so that no two can wait for each other; a
//! purge does not wait at all.

mod attempts;
mod changes;
mod layout;
mod table;

use std::sync::Arc;

pub use attempts::AttemptStatements;
pub use changes::{PULSE, SAYS_CHANGES, read_changed};
pub use layout::{LAYOUT, Layout};
pub use table::{InvalidName, TableName};

/// The table of a store that was not given another name.
pub const DEFAULT_TABLE: &str = "housekey_logins";

/// No bulk deletion holds the locks of more rows at once.
pub const LARGEST_BATCH: usize = 1000;

/// The number of the lock under which tables are made: `housekey` in ASCII. Nothing else in the database uses it.
const MAKING_TABLES: i64 = i64::from_be_bytes(*b"housekey");

/// Asks whether the table exists; `$1` is its [name in SQL](TableName). `IF NOT EXISTS` checks before it creates, but locks
/// the table even when there is nothing to do.
pub const IS_THERE: &str = "SELECT to_regclass($1) IS NOT NULL";

/// Makes the tables and their indexes unless they exist, under a lock. A transaction of its own, of several statements.
pub fn create_table(table: &TableName) -> String {
    let create = table.create_sql();
    format!("SELECT pg_advisory_xact_lock({MAKING_TABLES}); {create}")
}

/// Makes the triggers by which the server says what changes, while nobody else makes something. A transaction of its own.
pub fn create_triggers(table: &TableName) -> String {
    let create = table.triggers_sql();
    format!("SELECT pg_advisory_xact_lock({MAKING_TABLES}); {create}")
}

/// Begins a transaction that follows an index and, with a lock, excludes others that take the same lock: several
/// statements. Each later statement has to see what others committed before it, which is not so at the other isolation
/// levels. A machine that goes away in between holds the lock for at most this many milliseconds, and no statement runs
/// longer.
///
/// Most users have few records, so to a planner that does not know the user, sorting all of them looks cheapest. For the
/// one user with hundreds of thousands, it would sort them all.
pub fn begin(patience: i32, lock: Option<i64>) -> String {
    let lock = lock.map(|lock| format!("SELECT pg_advisory_xact_lock({lock})"));
    format!(
        "BEGIN ISOLATION LEVEL READ COMMITTED;
         SET LOCAL idle_in_transaction_session_timeout = {patience};
         SET LOCAL lock_timeout = {patience};
         SET LOCAL statement_timeout = {patience};
         {FOLLOW_AN_INDEX}
         {}",
        lock.unwrap_or_default()
    )
}

/// What [`begin`] tells the planner.
pub const FOLLOW_AN_INDEX: &str = "SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off;";

/// Whether the server undid a statement only because of concurrent ones, and it should be tried again: serialization
/// failure, deadlock.
pub fn was_undone(sqlstate: &str) -> bool {
    matches!(sqlstate, "40001" | "40P01")
}

/// Whether another connection may get another answer, and nothing was done over this one: the server only reads now, or is
/// stopping or starting.
pub fn is_of_the_connection(sqlstate: &str) -> bool {
    matches!(sqlstate, "25006" | "57P01" | "57P02" | "57P03")
}

/// How to fix an error of the server.
pub fn advice(sqlstate: Option<&str>) -> &'static str {
    match sqlstate {
        Some("28000" | "28P01") => "see which user and password the pool was given",
        Some("3D000") => "create the database, or give the pool the name of another",
        Some("3F000") => "create the schema, or name another",
        Some("42P01") => {
            "make the table: call create_table, or put create_table_sql into the migrations"
        }
        Some("42703" | "42804" | "42883") => {
            "another program made that table; give the store a table of its own"
        }
        Some("42501") => {
            "grant the pool's user USAGE on the schema, and SELECT, INSERT, UPDATE and DELETE on the tables"
        }
        Some("22P05") => {
            "the database's encoding has no such character; keep logins in a database whose encoding is UTF8"
        }
        Some("54000") => {
            "the user's id is too long for an index, which takes about 2,600 bytes; let ids be shorter"
        }
        Some("55P03" | "57014") => {
            "see whether it is overloaded, and whether somebody holds a lock on the table"
        }
        Some("26000" | "42P05" | "08P01") => {
            "something between this program and the server keeps connections for several; see what the store's documentation \
             says of poolers"
        }
        Some("25006") => {
            "the address leads to a server that only reads, as a standby does; it must lead to the one that writes"
        }
        Some("53300") => "let the server have more connections, or the pools fewer",
        Some("57P01" | "57P02" | "57P03") => {
            "the server stops or starts; the pool connects again by itself"
        }
        _ => "the server's log may say more",
    }
}

/// The columns of a record, in the order in which they are read and bound.
pub const COLUMNS: &str = "id, user_id, version, created_at, last_seen_at, expires_at, data";

const ONLY_READS: &str = "current_setting('transaction_read_only')::bool";

/// In the order of the index by user.
const NEWEST_FIRST: &str = "ORDER BY last_seen_at DESC, created_at DESC";

/// The statements on one table. Each comment says what the statement returns, then lists its arguments in order.
#[derive(Clone, Debug)]
pub struct Statements {
    /// A user's records, newest first: `id`, `last_seen_at`, `expires_at`. User, how many.
    pub standing: Arc<str>,
    /// Whether the record was made. All columns, the ids to delete (including the new one's), now.
    pub create: Arc<str>,
    /// Ids.
    pub delete_all: Arc<str>,
    /// Whether the server only reads, as a standby does, and all columns. A standby that lags behind still knows logins that have
    /// ended. Always returns a row; without a record, all its columns are `NULL`. Id, now.
    pub load_or_standby: Arc<str>,
    /// Whether the record existed, and whether it was changed. All columns.
    pub update: Arc<str>,
    /// A row if the use was noted. Id, now, unless since, expires at.
    pub touch: Arc<str>,
    /// A row if the record existed. Id.
    pub delete: Arc<str>,
    /// Ids, and whether each was deleted. User, id of the record that stays or `NULL`, how many.
    pub delete_by_user: Arc<str>,
    /// Rows like that of `load_or_standby`. User, now, how many.
    pub list_or_standby: Arc<str>,
    /// How many were deleted. Now, how many at most.
    pub delete_expired: Arc<str>,
}

impl Statements {
    /// The statements on this table.
    pub fn new(table: &TableName) -> Self {
        let list_by_user = format!(
            "SELECT {COLUMNS} FROM {table} WHERE user_id = $1 AND expires_at > $2 {NEWEST_FIRST} LIMIT $3"
        );
        Self {
            standing: format!(
                "SELECT id, last_seen_at, expires_at FROM {table} WHERE user_id = $1 {NEWEST_FIRST} LIMIT $2"
            )
            .into(),
            // The new record replaces an expired one with its id. That one is locked first, in its turn among the records
            // to delete: the count makes the server do so before it writes.
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
            // A plain join: it costs a third less than one with a query that the planner has to take apart.
            load_or_standby: format!(
                "SELECT {ONLY_READS}, {COLUMNS} FROM (SELECT) one LEFT JOIN {table} ON id = $1 AND expires_at > $2"
            )
            .into(),
            // The lock waits for concurrent changes and deletions of the record, so that the answer is true.
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
            // Records that were found and not deleted have been deleted by others meanwhile.
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
            list_or_standby: format!(
                "SELECT {ONLY_READS}, found.* FROM (SELECT) one LEFT JOIN LATERAL ({list_by_user}) found ON true"
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
