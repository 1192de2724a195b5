//! The table: its layout, and every statement on it.

use std::fmt;

use housekey::records::{Created, Limit, LoginId, LoginRecord, Room, Standing, Touch, Updated};
use rusqlite::{
    Connection, MAIN_DB, OptionalExtension as _, Row, TransactionBehavior, ffi, params,
};

use crate::attempt_table::{self, AttemptTable};
use crate::fault::Fault;
use crate::number::{column, rows, uncolumn};

/// Name, type, and whether it is the primary key.
const COLUMNS: [(&str, &str, bool); 7] = [
    ("id", "BLOB", true),
    ("user_id", "TEXT", false),
    ("version", "INTEGER", false),
    ("created_at", "INTEGER", false),
    ("last_seen_at", "INTEGER", false),
    ("expires_at", "INTEGER", false),
    ("data", "TEXT", false),
];

/// Each index's name, after the table's, and its columns. The first is in the order of a list, and contains everything that
/// a limit looks at, so neither sorts, nor reads a row that is not in its answer.
const INDEXES: [(&str, &str); 2] = [
    (
        "by_user",
        "user_id, last_seen_at, created_at, id, expires_at",
    ),
    ("expires_at", "expires_at"),
];

/// The statements, with the table's name in them. Each finds its rows by a key. A `+` before `expires_at` keeps SQLite from
/// using that index instead, where nearly every row would match.
pub(crate) struct Table {
    name: String,
    create: String,
    insert: String,
    load: String,
    list_by_user: String,
    standing: String,
    lives: String,
    update: String,
    exists: String,
    touch: String,
    delete: String,
    delete_by_user: String,
    delete_expired: String,
    /// The table of attempts beside it.
    pub(crate) attempts: AttemptTable,
}

impl Table {
    /// `None` if the name could be anything other than a name.
    pub(crate) fn new(name: &str) -> Option<Self> {
        let good = !name.is_empty()
            && name.len() <= 64
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
            && !name.starts_with(|first: char| first.is_ascii_digit())
            // Reserved by SQLite.
            && !name.to_ascii_lowercase().starts_with("sqlite_");
        good.then(|| Self::named(name))
    }

    /// The name is quoted, because `order` and `group` are good names.
    fn named(name: &str) -> Self {
        let all = "id, user_id, version, created_at, last_seen_at, expires_at, data";
        let newest_first = "ORDER BY last_seen_at DESC, created_at DESC";
        Self {
            name: name.to_owned(),
            // With its rowid: measured, a table of such wide rows is smaller and quicker to write than WITHOUT ROWID,
            // and no slower to read.
            create: format!(
                "CREATE TABLE IF NOT EXISTS \"{name}\" (
                    id BLOB NOT NULL PRIMARY KEY,
                    user_id TEXT NOT NULL,
                    version INTEGER NOT NULL,
                    created_at INTEGER NOT NULL,
                    last_seen_at INTEGER NOT NULL,
                    expires_at INTEGER NOT NULL,
                    data TEXT NOT NULL
                ) STRICT"
            ),
            // Replaces an expired record with this id.
            insert: format!(
                "INSERT OR REPLACE INTO \"{name}\" ({all}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
            ),
            load: format!("SELECT {all} FROM \"{name}\" WHERE id = ?1 AND +expires_at > ?2"),
            list_by_user: format!(
                "SELECT {all} FROM \"{name}\" WHERE user_id = ?1 AND +expires_at > ?2 {newest_first} LIMIT ?3"
            ),
            standing: format!(
                "SELECT id, last_seen_at, expires_at FROM \"{name}\" WHERE user_id = ?1 {newest_first} LIMIT ?2"
            ),
            lives: format!("SELECT 1 FROM \"{name}\" WHERE id = ?1 AND +expires_at > ?2"),
            update: format!(
                "UPDATE \"{name}\" SET user_id = ?2, version = ?3, created_at = ?4, last_seen_at = ?5, \
                 expires_at = ?6, data = ?7 WHERE id = ?1 AND version = ?8"
            ),
            exists: format!("SELECT 1 FROM \"{name}\" WHERE id = ?1"),
            touch: format!(
                "UPDATE \"{name}\" SET last_seen_at = ?2, expires_at = max(expires_at, ?3) \
                 WHERE id = ?1 AND last_seen_at < ?4 AND +expires_at > ?2"
            ),
            delete: format!("DELETE FROM \"{name}\" WHERE id = ?1"),
            // With NULL, which is never an id, this is all of them.
            delete_by_user: format!(
                "DELETE FROM \"{name}\" WHERE rowid IN \
                 (SELECT rowid FROM \"{name}\" WHERE user_id = ?1 AND id IS NOT ?2 LIMIT ?3) RETURNING id"
            ),
            delete_expired: format!(
                "DELETE FROM \"{name}\" WHERE rowid IN \
                 (SELECT rowid FROM \"{name}\" WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)"
            ),
            attempts: AttemptTable::beside(name),
        }
    }

    /// Creates the tables and their indexes if they are missing. Takes the write lock, so if two programs start at once, one
    /// of them creates the tables.
    pub(crate) fn prepare(&self, connection: &mut Connection) -> Result<(), Fault> {
        let name = &self.name;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // A transaction that should write became a read. Better to notice now than at the first login.
        if transaction.is_readonly(MAIN_DB)? {
            return Err(rusqlite::Error::SqliteFailure(
                ffi::Error::new(ffi::SQLITE_READONLY),
                None,
            )
            .into());
        }
        transaction.execute_batch(&self.create)?;
        check(&transaction, name, &COLUMNS)?;
        for (index, columns) in INDEXES {
            transaction.execute_batch(&format!(
                "CREATE INDEX IF NOT EXISTS \"{name}_{index}\" ON \"{name}\" ({columns})"
            ))?;
        }
        transaction.execute_batch(&self.attempts.create)?;
        check(&transaction, &self.attempts.name, &attempt_table::COLUMNS)?;
        Ok(transaction.commit()?)
    }

    /// A fault if the table is missing. Changes nothing.
    pub(crate) fn must_be_there(&self, connection: &Connection) -> Result<(), Fault> {
        let there = connection.query_row(
            "SELECT count(*) FROM pragma_table_info(?1)",
            [&self.name],
            |row| row.get::<_, i64>(0),
        )?;
        match there {
            0 => Err(Fault::NoTable(self.name.clone())),
            _ => check(connection, &self.name, &COLUMNS),
        }
    }
}

/// Whether an existing table is one of these. It may have more columns.
fn check(
    connection: &Connection,
    table: &str,
    columns: &[(&str, &str, bool)],
) -> Result<(), Fault> {
    let mut there = connection.prepare("SELECT name, type, pk FROM pragma_table_info(?1)")?;
    let there = there
        .query_map([table], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<Vec<(String, String, bool)>, _>>()?;
    let is_there = |(name, kind, key): &(&str, &str, bool)| {
        there
            .iter()
            .any(|column| column.0 == *name && column.1 == *kind && column.2 == *key)
    };
    match columns.iter().find(|column| !is_there(column)) {
        None => Ok(()),
        Some((name, kind, key)) => Err(Fault::Layout {
            table: table.to_owned(),
            column: format!("{name} {kind}{}", if *key { " PRIMARY KEY" } else { "" }),
        }),
    }
}

/// The table's operations.
impl Table {
    pub(crate) fn create(
        &self,
        connection: &Connection,
        new: &LoginRecord,
        replacing: &[LoginId],
        limit: Limit,
    ) -> rusqlite::Result<Created> {
        let id = new.id.as_bytes();
        let mut lives = connection.prepare_cached(&self.lives)?;
        if lives.exists(params![id, column(limit.now)])? {
            return Ok(Created::Taken);
        }
        let newest = self.newest(connection, &new.user_id, limit.looks_at(replacing.len()))?;
        let Some(room) = limit.room(&newest, replacing) else {
            return Ok(Created::Full);
        };
        let Room { ended, expired, .. } = &room;
        for id in ended.iter().chain(expired) {
            self.delete(connection, id)?;
        }
        let ended = room.ended;
        if room.crowded {
            return Ok(Created::Crowded { ended });
        }
        for id in replacing {
            self.delete(connection, id)?;
        }
        connection.prepare_cached(&self.insert)?.execute(params![
            id,
            new.user_id,
            column(new.version),
            column(new.created_at),
            column(new.last_seen_at),
            column(new.expires_at),
            new.data,
        ])?;
        Ok(Created::Done { ended })
    }

    fn newest(
        &self,
        connection: &Connection,
        user_id: &str,
        most: usize,
    ) -> rusqlite::Result<Vec<Standing>> {
        let mut newest = connection.prepare_cached(&self.standing)?;
        let newest = newest.query_map(params![user_id, rows(most)], |row| {
            Ok(Standing {
                id: LoginId::from_bytes(row.get(0)?),
                last_seen_at: row.get(1).map(uncolumn)?,
                expires_at: row.get(2).map(uncolumn)?,
            })
        })?;
        newest.collect()
    }

    pub(crate) fn load(
        &self,
        connection: &Connection,
        id: &LoginId,
        now: u64,
    ) -> rusqlite::Result<Option<LoginRecord>> {
        let mut load = connection.prepare_cached(&self.load)?;
        load.query_row(params![id.as_bytes(), column(now)], record)
            .optional()
    }

    pub(crate) fn list_by_user(
        &self,
        connection: &Connection,
        user_id: &str,
        now: u64,
        limit: usize,
    ) -> rusqlite::Result<Vec<LoginRecord>> {
        let mut list = connection.prepare_cached(&self.list_by_user)?;
        list.query_map(params![user_id, column(now), rows(limit)], record)?
            .collect()
    }

    pub(crate) fn update(
        &self,
        connection: &Connection,
        changed: &LoginRecord,
    ) -> rusqlite::Result<Updated> {
        let id = changed.id.as_bytes();
        let updated = connection.prepare_cached(&self.update)?.execute(params![
            id,
            changed.user_id,
            column(changed.version.saturating_add(1)),
            column(changed.created_at),
            column(changed.last_seen_at),
            column(changed.expires_at),
            changed.data,
            column(changed.version),
        ])?;
        if updated > 0 {
            return Ok(Updated::Done);
        }
        let there = connection.prepare_cached(&self.exists)?.exists([id])?;
        Ok(if there {
            Updated::Conflict
        } else {
            Updated::Gone
        })
    }

    pub(crate) fn touch(
        &self,
        connection: &Connection,
        id: &LoginId,
        touch: Touch,
    ) -> rusqlite::Result<bool> {
        let touched = connection.prepare_cached(&self.touch)?.execute(params![
            id.as_bytes(),
            column(touch.now),
            column(touch.expires_at),
            column(touch.unless_since),
        ])?;
        Ok(touched > 0)
    }

    pub(crate) fn delete(&self, connection: &Connection, id: &LoginId) -> rusqlite::Result<bool> {
        let mut delete = connection.prepare_cached(&self.delete)?;
        Ok(delete.execute([id.as_bytes()])? > 0)
    }

    pub(crate) fn delete_by_user(
        &self,
        connection: &Connection,
        user_id: &str,
        except: Option<&LoginId>,
        limit: usize,
    ) -> rusqlite::Result<Vec<LoginId>> {
        let mut delete = connection.prepare_cached(&self.delete_by_user)?;
        let except = except.map(LoginId::as_bytes);
        delete
            .query_map(params![user_id, except, rows(limit)], |row| {
                Ok(LoginId::from_bytes(row.get(0)?))
            })?
            .collect()
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

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)
    }
}

fn record(row: &Row<'_>) -> rusqlite::Result<LoginRecord> {
    let number = |index| row.get(index).map(uncolumn);
    Ok(LoginRecord {
        id: LoginId::from_bytes(row.get(0)?),
        user_id: row.get(1)?,
        version: number(2)?,
        created_at: number(3)?,
        last_seen_at: number(4)?,
        expires_at: number(5)?,
        data: row.get(6)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> (Connection, Table) {
        let mut connection = Connection::open_in_memory().unwrap();
        let table = Table::new("logins").unwrap();
        table.prepare(&mut connection).unwrap();
        (connection, table)
    }

    /// The steps that find rows, where a `SCAN` looks at all of them, and the steps that `USE` something to sort them.
    fn plan(connection: &Connection, sql: &str) -> Vec<String> {
        let mut explain = connection
            .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
            .unwrap();
        // The parameters stay NULL: a plan needs none.
        let mut rows = explain.raw_query();
        let mut steps = Vec::new();
        while let Some(row) = rows.next().unwrap() {
            steps.push(row.get(3).unwrap());
        }
        steps.retain(|step: &String| {
            ["SEARCH", "SCAN", "USE"]
                .iter()
                .any(|it| step.starts_with(it))
        });
        steps
    }

    #[test]
    fn every_statement_finds_its_rows_by_a_key() {
        let (connection, table) = table();
        let by_id = "SEARCH logins USING INDEX sqlite_autoindex_logins_1 (id=?)";
        let by_user = "SEARCH logins USING INDEX logins_by_user (user_id=?)";
        let in_index = "SEARCH logins USING COVERING INDEX logins_by_user (user_id=?)";
        let expected = [
            (&table.load, vec![by_id]),
            (&table.lives, vec![by_id]),
            (&table.update, vec![by_id]),
            (
                &table.exists,
                vec!["SEARCH logins USING COVERING INDEX sqlite_autoindex_logins_1 (id=?)"],
            ),
            (&table.touch, vec![by_id]),
            (&table.delete, vec![by_id]),
            (&table.list_by_user, vec![by_user]),
            (&table.standing, vec![in_index]),
            (
                &table.delete_by_user,
                vec![
                    "SEARCH logins USING INTEGER PRIMARY KEY (rowid=?)",
                    in_index,
                ],
            ),
            (
                &table.delete_expired,
                vec![
                    "SEARCH logins USING INTEGER PRIMARY KEY (rowid=?)",
                    "SEARCH logins USING COVERING INDEX logins_expires_at (expires_at<?)",
                ],
            ),
            // The primary key finds its conflicts, which is not a step of a plan.
            (&table.insert, vec![]),
        ];
        let check = |when| {
            for (sql, steps) in &expected {
                assert_eq!(plan(&connection, sql), *steps, "{when}: {sql}");
            }
        };
        check("empty");

        // Few users, and most of the logins expired: by their counts, the indexes look worthless.
        for number in 0..2000_u16 {
            let mut id = [0; 16];
            id[..2].copy_from_slice(&number.to_be_bytes());
            let record = LoginRecord {
                id: LoginId::from_bytes(id),
                user_id: (number % 3).to_string(),
                version: 0,
                created_at: 0,
                last_seen_at: 0,
                expires_at: u64::from(number / 1900),
                data: String::new(),
            };
            assert!(
                table
                    .create(&connection, &record, &[], Limit::NONE)
                    .unwrap()
                    .is_done()
            );
        }
        check("full");
        connection.execute_batch("ANALYZE").unwrap();
        check("analyzed");
    }

    #[test]
    fn a_name_that_could_be_something_else_is_refused() {
        for good in ["logins", "_", "order", "Staff_Logins_2"] {
            let mut connection = Connection::open_in_memory().unwrap();
            let table = Table::new(good).expect(good);
            table.prepare(&mut connection).expect(good);
            assert_eq!(
                table.delete_expired(&connection, 1, 1).expect(good),
                0,
                "{good}"
            );
        }
        let long = "x".repeat(65);
        for bad in [
            "",
            "1st",
            "log ins",
            "logins\"; DROP TABLE users; --",
            "main.logins",
            "lögins",
            "a\0",
            "sqlite_logins",
            "SQLite_logins",
            &long,
        ] {
            assert!(Table::new(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn a_version_at_the_end_of_its_column_stays_there() {
        let (connection, table) = table();
        let record = LoginRecord {
            id: LoginId::from_bytes([7; 16]),
            user_id: "mia".to_owned(),
            version: u64::MAX,
            created_at: 0,
            last_seen_at: 0,
            expires_at: 1,
            data: String::new(),
        };
        let created = table.create(&connection, &record, &[], Limit::NONE);
        assert!(created.unwrap().is_done());
        assert_eq!(table.update(&connection, &record).unwrap(), Updated::Done);
        let kept = table.load(&connection, &record.id, 0).unwrap().unwrap();
        assert_eq!(kept.version, i64::MAX as u64);
    }

    #[test]
    fn what_somebody_else_wrote_below_zero_is_long_ago() {
        let (connection, table) = table();
        connection
            .execute(
                "INSERT INTO logins VALUES (?1, 'mia', -1, -2, -3, 9, '')",
                [[7_u8; 16]],
            )
            .unwrap();
        let id = LoginId::from_bytes([7; 16]);
        let kept = table.load(&connection, &id, 0).unwrap().unwrap();
        assert_eq!(
            (kept.version, kept.created_at, kept.last_seen_at),
            (0, 0, 0)
        );
    }
}
