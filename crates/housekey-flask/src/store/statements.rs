//! What the stores in `stores.py` send to their servers: the statements of `housekey-postgres` and `housekey-redis`, so
//! that a Flask program and a Rust program can share their records.

use housekey::records::LoginRecord;
use housekey_statements::postgres::{self, AttemptStatements, Statements, TableName};
use housekey_statements::redis;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::values::{Record, login_id};

/// The SQL on one table. Arguments are `$1`, `$2` and so on.
#[pyclass(frozen, module = "flask_housekey._core")]
pub(crate) struct PostgresStatements {
    table: TableName,
    statements: Statements,
    attempts: AttemptStatements,
}

#[pymethods]
impl PostgresStatements {
    #[classattr]
    const DEFAULT_TABLE: &'static str = postgres::DEFAULT_TABLE;
    #[classattr]
    const LARGEST_BATCH: usize = postgres::LARGEST_BATCH;
    #[classattr]
    const IS_THERE: &'static str = postgres::IS_THERE;

    #[new]
    fn new(table: &str) -> PyResult<Self> {
        let table = TableName::new(table);
        let table = table.map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok(Self {
            statements: Statements::new(&table),
            attempts: AttemptStatements::new(&table),
            table,
        })
    }

    /// The table's name in SQL.
    #[getter]
    fn table(&self) -> String {
        self.table.to_string()
    }

    /// Makes the table unless it exists, under a lock: several statements in one transaction.
    #[getter]
    fn create_table(&self) -> String {
        postgres::create_table(&self.table)
    }

    /// The same for migrations.
    #[getter]
    fn create_table_sql(&self) -> String {
        self.table.create_sql()
    }

    /// Begins a transaction that may take this many milliseconds. With a user, it keeps others from making logins for that
    /// user meanwhile.
    #[pyo3(signature = (patience, user_id=None))]
    fn begin(&self, patience: i32, user_id: Option<&str>) -> String {
        postgres::begin(patience, user_id.map(|user_id| self.table.lock_of(user_id)))
    }

    #[getter]
    fn standing(&self) -> &str {
        &self.statements.standing
    }

    #[getter]
    fn create(&self) -> &str {
        &self.statements.create
    }

    #[getter]
    fn delete_all(&self) -> &str {
        &self.statements.delete_all
    }

    #[getter]
    fn load_or_standby(&self) -> &str {
        &self.statements.load_or_standby
    }

    #[getter]
    fn update(&self) -> &str {
        &self.statements.update
    }

    #[getter]
    fn touch(&self) -> &str {
        &self.statements.touch
    }

    #[getter]
    fn delete(&self) -> &str {
        &self.statements.delete
    }

    #[getter]
    fn delete_by_user(&self) -> &str {
        &self.statements.delete_by_user
    }

    #[getter]
    fn list_or_standby(&self) -> &str {
        &self.statements.list_or_standby
    }

    #[getter]
    fn delete_expired(&self) -> &str {
        &self.statements.delete_expired
    }

    /// The name of the table of attempts as SQL has it.
    #[getter]
    fn attempts_table(&self) -> String {
        self.table.attempts()
    }

    #[getter]
    fn count_attempt(&self) -> &str {
        &self.attempts.count
    }

    #[getter]
    fn take_attempt_back(&self) -> &str {
        &self.attempts.take_back
    }

    #[getter]
    fn forgive_attempts(&self) -> &str {
        &self.attempts.forgive
    }

    #[getter]
    fn delete_expired_attempts(&self) -> &str {
        &self.attempts.delete_expired
    }

    /// Whether the server undid a statement only because of concurrent ones, and it should be tried again.
    #[staticmethod]
    fn was_undone(sqlstate: &str) -> bool {
        postgres::was_undone(sqlstate)
    }

    /// Whether another connection may get another answer, and nothing was done over this one.
    #[staticmethod]
    fn is_of_the_connection(sqlstate: &str) -> bool {
        postgres::is_of_the_connection(sqlstate)
    }

    /// How to fix an error of the server.
    #[staticmethod]
    fn advice(sqlstate: Option<&str>) -> &'static str {
        postgres::advice(sqlstate)
    }
}

/// The Lua for Redis, and the numbers that it gets.
#[pyclass(frozen, module = "flask_housekey._core")]
pub(crate) struct RedisScripts;

#[pymethods]
impl RedisScripts {
    #[classattr]
    const DEFAULT_PREFIX: &'static str = redis::DEFAULT_PREFIX;
    #[classattr]
    const LARGEST_BATCH: usize = redis::LARGEST_BATCH;
    #[classattr]
    const SWEPT: usize = redis::SWEPT;
    #[classattr]
    const CREATE: &'static str = redis::CREATE;
    #[classattr]
    const UPDATE: &'static str = redis::UPDATE;
    #[classattr]
    const TOUCH: &'static str = redis::TOUCH;
    #[classattr]
    const DELETE: &'static str = redis::DELETE;
    #[classattr]
    const DELETE_BY_USER: &'static str = redis::DELETE_BY_USER;
    #[classattr]
    const LIST_BY_USER: &'static str = redis::LIST_BY_USER;
    #[classattr]
    const PURGE: &'static str = redis::PURGE;
    #[classattr]
    const FENCE: &'static str = redis::FENCE;
    #[classattr]
    const CLAIM: &'static str = redis::CLAIM_ID;
    #[classattr]
    const POINT: &'static str = redis::POINT;
    #[classattr]
    const RELEASE: &'static str = redis::RELEASE;
    #[classattr]
    const COUNT_ATTEMPT: &'static str = redis::COUNT_ATTEMPT;
    #[classattr]
    const TAKE_ATTEMPT_BACK: &'static str = redis::TAKE_ATTEMPT_BACK;
    #[classattr]
    const BUCKETS: u16 = redis::BUCKETS;
    #[classattr]
    const FENCED_FOR: u64 = redis::FENCED_FOR;

    /// The keys for the scripts about a user. The first holds the user's records.
    #[staticmethod]
    fn keys_of_user(prefix: &str, user_id: &str) -> [String; 3] {
        redis::keys_of_user(prefix, user_id)
    }

    /// The index by expiry of a bucket.
    #[staticmethod]
    fn expiry_key(prefix: &str, bucket: u16) -> String {
        redis::expiry_key(prefix, bucket)
    }

    /// The pointer to an id.
    #[staticmethod]
    fn pointer_key(prefix: &str, id: &str) -> String {
        redis::pointer_key(prefix, id)
    }

    /// The key of the attempts at an attempt key, which is in hexadecimal.
    #[staticmethod]
    fn attempts_key(prefix: &str, key: &str) -> String {
        redis::attempts_key(prefix, key)
    }

    /// The pointer to a record that this claim made.
    #[staticmethod]
    fn pointer(claim: &str, user_id: &str) -> String {
        redis::pointer(claim, user_id)
    }

    /// The claim and the user in a pointer.
    #[staticmethod]
    fn read_pointer(pointer: &str) -> Option<(&str, &str)> {
        redis::read_pointer(pointer)
    }

    /// A claim of 8 random bytes.
    #[staticmethod]
    fn claim(random: [u8; 8]) -> String {
        redis::claim(random)
    }

    /// The id and the user in an entry of an index by expiry.
    #[staticmethod]
    fn read_expiry(entry: &str) -> Option<(&str, &str)> {
        redis::read_expiry(entry)
    }

    /// A record as Redis stores it.
    #[staticmethod]
    fn record(id: &Bound<'_, PyAny>, user_id: String, text: &str) -> PyResult<Option<Record>> {
        let id = login_id(id)?;
        let record = redis::Record::read(text).map(|record| {
            Record(LoginRecord {
                id,
                user_id,
                version: record.version,
                created_at: record.created_at,
                last_seen_at: record.last_seen_at,
                expires_at: record.expires_at,
                data: record.data.to_owned(),
            })
        });
        Ok(record)
    }

    /// Replaces a number that is too large for Redis with the largest one that it supports.
    #[staticmethod]
    fn number(number: u64) -> u64 {
        redis::number(number)
    }

    /// How long Redis keeps a record.
    #[staticmethod]
    fn seconds_to_keep(now: u64, expires_at: u64) -> u64 {
        redis::seconds_to_keep(now, expires_at)
    }

    /// Redis itself has deleted whatever had expired by then.
    #[staticmethod]
    fn long_expired(now: u64) -> u64 {
        redis::long_expired(now)
    }
}
