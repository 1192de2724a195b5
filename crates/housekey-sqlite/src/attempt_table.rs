//! The table of attempts, beside the table of logins.

use housekey::attempts::{AttemptKey, AttemptStanding};
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::number::{column, rows, uncolumn};

/// Name, type, and whether it is the primary key.
pub(crate) const COLUMNS: [(&str, &str, bool); 3] = [
    ("key", "BLOB", true),
    ("next_at", "INTEGER", false),
    ("forgotten_at", "INTEGER", false),
];

/// The statements, with the table's name in them.
pub(crate) struct AttemptTable {
    pub(crate) name: String,
    pub(crate) create: String,
    load: String,
    keep: String,
    delete: String,
    delete_expired: String,
}

impl AttemptTable {
    /// The table of attempts beside the table with this name.
    pub(crate) fn beside(logins: &str) -> Self {
        let name = format!("{logins}_attempts");
        Self {
            create: format!(
                "CREATE TABLE IF NOT EXISTS \"{name}\" (
                    key BLOB NOT NULL PRIMARY KEY,
                    next_at INTEGER NOT NULL,
                    forgotten_at INTEGER NOT NULL
                ) STRICT, WITHOUT ROWID;
                CREATE INDEX IF NOT EXISTS \"{name}_forgotten\" ON \"{name}\" (forgotten_at)"
            ),
            load: format!("SELECT next_at, forgotten_at FROM \"{name}\" WHERE key = ?1"),
            keep: format!("INSERT OR REPLACE INTO \"{name}\" VALUES (?1, ?2, ?3)"),
            delete: format!("DELETE FROM \"{name}\" WHERE key = ?1"),
            delete_expired: format!(
                "DELETE FROM \"{name}\" WHERE key IN \
                 (SELECT key FROM \"{name}\" WHERE forgotten_at <= ?1 ORDER BY forgotten_at LIMIT ?2)"
            ),
            name,
        }
    }

    pub(crate) fn load(
        &self,
        connection: &Connection,
        key: &AttemptKey,
    ) -> rusqlite::Result<Option<AttemptStanding>> {
        let mut load = connection.prepare_cached(&self.load)?;
        let standing = load.query_row([key.as_bytes()], |row| {
            Ok(AttemptStanding {
                next_at: row.get(0).map(uncolumn)?,
                forgotten_at: row.get(1).map(uncolumn)?,
            })
        });
        standing.optional()
    }

    pub(crate) fn keep(
        &self,
        connection: &Connection,
        key: &AttemptKey,
        standing: AttemptStanding,
    ) -> rusqlite::Result<()> {
        let AttemptStanding {
            next_at,
            forgotten_at,
        } = standing;
        let values = params![key.as_bytes(), column(next_at), column(forgotten_at)];
        connection.prepare_cached(&self.keep)?.execute(values)?;
        Ok(())
    }

    pub(crate) fn delete(&self, connection: &Connection, key: &AttemptKey) -> rusqlite::Result<()> {
        let mut delete = connection.prepare_cached(&self.delete)?;
        delete.execute([key.as_bytes()])?;
        Ok(())
    }

    pub(crate) fn delete_expired(
        &self,
        connection: &Connection,
        now: u64,
        limit: usize,
    ) -> rusqlite::Result<usize> {
        let mut delete = connection.prepare_cached(&self.delete_expired)?;
        delete.execute([column(now), rows(limit)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_statement_finds_its_rows_by_a_key() {
        let connection = Connection::open_in_memory().unwrap();
        let table = AttemptTable::beside("logins");
        connection.execute_batch(&table.create).unwrap();
        for sql in [&table.load, &table.delete, &table.delete_expired] {
            let explain = format!("EXPLAIN QUERY PLAN {sql}");
            let mut explain = connection.prepare(&explain).unwrap();
            let mut steps = explain.raw_query();
            while let Some(step) = steps.next().unwrap() {
                let step: String = step.get(3).unwrap();
                let is_good = !step.starts_with("SCAN") && !step.starts_with("USE");
                assert!(is_good, "{sql}: {step}");
            }
        }
    }
}
