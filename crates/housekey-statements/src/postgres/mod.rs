//! The SQL of each operation. Most are a single statement, and so a transaction of its own. A user's records are looked for
//! in a transaction that [tells the planner how](begin). Creating a record is two statements: it
//! looks at the user's others first, under a lock for which everybody waits who creates one for the same user.
//!
//! Whoever locks several rows does so in the order of their ids, so that no two can wait for each other; or, when it
//! purges, without waiting at all.

mod attempts;
mod layout;
mod table;

use std::sync::Arc;

pub use attempts::AttemptStatements;
pub use layout::{LAYOUT, Layout};
pub use table::{InvalidName, TableName};

/// The table of a store that was told no other.
pub const DEFAULT_TABLE: &str = "housekey_logins";

/// No deletion of many holds the locks of more rows than these at once.
pub const LARGEST_BATCH: usize = 1000;

/// What the lock stands for under which tables are made: `housekey` in ASCII. Nobody else of the database takes it.
const MAKING_TABLES: i64 = i64::from_be_bytes(*b"housekey");

/// Asks whether there is a table; `$1` is its [name in SQL](TableName). `IF NOT EXISTS` looks before it creates, and locks the
/// table even when nothing is to be done.
pub const IS_THERE: &str = "SELECT to_regclass($1) IS NOT NULL";

/// Makes the tables and their indexes, unless they are there, while nobody else does. A transaction of its own, of several
/// statements.
pub fn create_table(table: &TableName) -> String {
    let create = table.create_sql();
    format!("SELECT pg_advisory_xact_lock({MAKING_TABLES}); {create}")
}

/// Begins a transaction that follows an index, and, if it has a lock, while nobody else has it: several statements. Each
/// statement after them is to see what others have committed before it, which is not so at the other levels. A machine that goes
/// away in between has the lock for so many milliseconds at most, and no statement goes on for longer.
///
/// Most users have a few records, so that sorting all of them looks cheapest to a planner that does not know which user it will
/// be. It would sort hundreds of thousands for the one who has them.
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

/// Whether the server undid a statement only because of others, and asks to try again: serialization failure, deadlock.
pub fn was_undone(sqlstate: &str) -> bool {
    matches!(sqlstate, "40001" | "40P01")
}

/// What to do about an error of the server's.
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

/// The statements on one table. Each says what it returns; then the arguments, in their order.
#[derive(Clone, Debug)]
pub struct Statements {
    /// A user's records, the newest first: `id`, `last_seen_at`, `expires_at`. User, how many.
    pub standing: Arc<str>,
    /// Whether the record was made. All columns, the ids of those that go (the new one's included), now.
    pub create: Arc<str>,
    /// Ids.
    pub delete_all: Arc<str>,
    /// All columns. Id, now.
    pub load: Arc<str>,
    /// The same after a column that says whether the server only reads, as a standby does: one that is behind still knows logins
    /// that have ended. There is always a row; all columns of a record that is not found are `NULL`.
    pub load_or_standby: Arc<str>,
    /// Whether it was there, and whether it was changed. All columns.
    pub update: Arc<str>,
    /// A row if it was noted. Id, now, unless since, expires at.
    pub touch: Arc<str>,
    /// A row if it was there. Id.
    pub delete: Arc<str>,
    /// Ids, and whether each was deleted. User, id of the one that stays or `NULL`, how many.
    pub delete_by_user: Arc<str>,
    /// All columns. User, now, how many.
    pub list_by_user: Arc<str>,
    /// The same as `load_or_standby` is to `load`.
    pub list_or_standby: Arc<str>,
    /// How many were deleted. Now, how many at most.
    pub delete_expired: Arc<str>,
}

impl Statements {
    /// Those on this table.
    pub fn new(table: &TableName) -> Self {
        let list_by_user = format!(
            "SELECT {COLUMNS} FROM {table} WHERE user_id = $1 AND expires_at > $2 {NEWEST_FIRST} LIMIT $3"
        );
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
            // A plain join, which costs a third less than one with a query that the planner has to take apart.
            load_or_standby: format!(
                "SELECT {ONLY_READS}, {COLUMNS} FROM (SELECT) one LEFT JOIN {table} ON id = $1 AND expires_at > $2"
            )
            .into(),
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
            list_or_standby: format!(
                "SELECT {ONLY_READS}, found.* FROM (SELECT) one LEFT JOIN LATERAL ({list_by_user}) found ON true"
            )
            .into(),
            list_by_user: list_by_user.into(),
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
