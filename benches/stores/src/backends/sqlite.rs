//! A file of SQLite.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use housekey::records::{LoginId, LoginRecord};
use housekey_sqlite::SqliteLoginStore;
use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params};

use super::Backend;
use crate::BoxError;

/// How many records go into one transaction: large enough for few waits for the disk, small enough for a short log.
const TRANSACTION: usize = 200_000;

pub(crate) struct Sqlite {
    store: SqliteLoginStore,
    /// Another connection to the same file.
    own: Mutex<Connection>,
}

impl Sqlite {
    pub(crate) fn open(folder: &Path, name: &str) -> Result<Self, BoxError> {
        let path = folder.join(format!("{name}.db"));
        let store = SqliteLoginStore::open(&path)?;
        let own = Connection::open(&path)?;
        own.busy_timeout(Duration::from_secs(5))?;
        // In KiB. Keys are added in random order, which is much faster if the index fits.
        own.pragma_update(None, "cache_size", -262_144)?;
        Ok(Self {
            store,
            own: Mutex::new(own),
        })
    }

    pub(crate) fn about() -> String {
        format!("SQLite {}, synchronous = full", rusqlite::version())
    }

    fn own(&self) -> MutexGuard<'_, Connection> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Backend for Sqlite {
    type Store = SqliteLoginStore;

    const PLAIN: Option<&'static str> = Some("plain `SELECT data … WHERE id`");

    fn store(&self) -> &SqliteLoginStore {
        &self.store
    }

    async fn add(&self, records: impl Iterator<Item = LoginRecord> + Send) -> Result<(), BoxError> {
        let mut records = records.peekable();
        while records.peek().is_some() {
            let mut own = self.own();
            let transaction = own.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let mut insert = transaction
                .prepare_cached("INSERT INTO logins VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?;
            for record in records.by_ref().take(TRANSACTION) {
                insert.execute(params![
                    record.id.as_bytes(),
                    record.user_id,
                    i64::try_from(record.version)?,
                    i64::try_from(record.created_at)?,
                    i64::try_from(record.last_seen_at)?,
                    i64::try_from(record.expires_at)?,
                    record.data,
                ])?;
            }
            drop(insert);
            transaction.commit()?;
        }
        Ok(())
    }

    async fn fill(
        &self,
        records: impl Iterator<Item = LoginRecord> + Send,
    ) -> Result<(), BoxError> {
        self.add(records).await?;
        Ok(self
            .own()
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?)
    }

    async fn plain(&self, id: &LoginId) -> Result<bool, BoxError> {
        let own = self.own();
        let mut select = own.prepare_cached("SELECT data FROM logins WHERE id = ?1")?;
        let data: Option<String> = select
            .query_row([id.as_bytes()], |row| row.get(0))
            .optional()?;
        Ok(data.is_some())
    }

    async fn raw(&self, record: &LoginRecord) -> Result<String, BoxError> {
        let sql = "SELECT quote(id) || quote(user_id) || quote(version) || quote(created_at) || quote(last_seen_at) || \
                   quote(expires_at) || quote(data) FROM logins WHERE id = ?1";
        Ok(self
            .own()
            .query_row(sql, [record.id.as_bytes()], |row| row.get(0))?)
    }
}
