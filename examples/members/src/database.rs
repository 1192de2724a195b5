//! The SQLite file: a few connections, used on threads that may block, and the migrations that made its tables.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use housekey_axum::BoxError;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};
use tokio::sync::Semaphore;

use crate::private;

/// Each is applied once, in this order, and never edited afterwards: a change is a new file at the end.
const MIGRATIONS: [&str; 1] = [include_str!("../migrations/1-members.sql")];

/// SQLite writes one transaction at a time, so more connections would only wait longer.
const CONNECTIONS: usize = 4;

/// How long a query waits for somebody else's transaction before it fails.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);

/// Cheap to clone: all clones share the same connections.
#[derive(Clone)]
pub(crate) struct Database {
    pool: Arc<Pool>,
}

struct Pool {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    turns: Arc<Semaphore>,
}

impl Database {
    /// Opens the file, or makes it, and brings its tables up to date. Blocks: meant for the start of the program.
    pub(crate) fn open(path: &Path) -> Result<Database, BoxError> {
        private::make_database(path)?;
        let connection = prepare(path).map_err(|error| explain(path, &error))?;
        let pool = Pool {
            path: path.to_owned(),
            idle: Mutex::new(vec![connection]),
            turns: Arc::new(Semaphore::new(CONNECTIONS)),
        };
        Ok(Database {
            pool: Arc::new(pool),
        })
    }

    /// Runs `work` with a connection, away from the threads that answer requests.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> rusqlite::Result<T> {
        let turn = Arc::clone(&self.pool.turns)
            .acquire_owned()
            .await
            .expect("the semaphore is never closed");
        let pool = Arc::clone(&self.pool);
        let task = tokio::task::spawn_blocking(move || {
            // Work that has begun goes on when nobody waits for it any more, so it keeps its turn itself.
            let _turn = turn;
            let connection = pool.take()?;
            let result = work(&connection);
            pool.put_back(connection);
            result
        });
        task.await
            .unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
    }
}

impl Pool {
    fn take(&self) -> rusqlite::Result<Connection> {
        let idle = self
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        idle.map_or_else(|| connect(&self.path), Ok)
    }

    fn put_back(&self, connection: Connection) {
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(connection);
    }
}

/// Without `SQLITE_OPEN_CREATE`, a file that vanishes is an error, not an empty database in which nobody exists.
fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    Ok(connection)
}

fn prepare(path: &Path) -> Result<Connection, OpenError> {
    let mut connection = connect(path)?;
    // With a write-ahead log readers and the writer do not wait for each other. The file remembers the setting.
    connection.pragma_update(None, "journal_mode", "wal")?;
    migrate(&mut connection)?;
    Ok(connection)
}

/// Takes the write lock even when there is nothing to do: a file that cannot be written is better noticed now.
fn migrate(connection: &mut Connection) -> Result<(), OpenError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let applied: usize = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let missing = MIGRATIONS.get(applied..).ok_or(OpenError::Newer)?;
    for sql in missing {
        transaction.execute_batch(sql)?;
    }
    transaction.pragma_update(None, "user_version", MIGRATIONS.len())?;
    Ok(transaction.commit()?)
}

enum OpenError {
    Newer,
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for OpenError {
    fn from(error: rusqlite::Error) -> OpenError {
        OpenError::Sqlite(error)
    }
}

fn explain(path: &Path, error: &OpenError) -> BoxError {
    let file = path.display();
    let OpenError::Sqlite(error) = error else {
        return format!(
            "the database {file} was made by a newer version of this program: start that one"
        )
        .into();
    };
    let advice = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "another program has locked it: stop that program, or choose another folder with --data"
        }
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            "it is not an SQLite database, or a damaged one: put a backup in its place, or move it away to start anew"
        }
        _ => "see that the folder is there and that this user may read and write in it",
    };
    format!("cannot open the database {file} ({error}): {advice}").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(connection: &Connection) -> usize {
        connection
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .unwrap()
    }

    fn refusal(path: &Path) -> String {
        Database::open(path)
            .err()
            .expect("the database opened")
            .to_string()
    }

    #[tokio::test]
    async fn a_new_file_gets_every_migration_and_opens_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("members.db");
        for _start in 0..2 {
            let database = Database::open(&path).unwrap();
            let version = database
                .run(|connection| Ok(version(connection)))
                .await
                .unwrap();
            assert_eq!(version, MIGRATIONS.len());
        }
    }

    #[test]
    fn a_file_of_a_newer_program_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("members.db");
        let connection = Connection::open(&path).unwrap();
        connection.pragma_update(None, "user_version", 999).unwrap();
        assert!(refusal(&path).contains("newer version"));
        assert_eq!(version(&connection), 999);
    }

    #[test]
    fn a_locked_file_is_refused_with_a_reason() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("members.db");
        drop(Database::open(&path).unwrap());
        let other = Connection::open(&path).unwrap();
        other.execute_batch("BEGIN EXCLUSIVE").unwrap();
        assert!(refusal(&path).contains("another program has locked it"));
    }

    #[test]
    fn what_is_no_database_is_refused_with_a_reason() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("members.db");
        std::fs::write(&path, "Dear diary, ".repeat(100)).unwrap();
        assert!(refusal(&path).contains("not an SQLite database"));
        assert!(refusal(folder.path()).contains("cannot open the database"));
    }

    #[tokio::test]
    async fn a_panic_costs_no_connection() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(&folder.path().join("members.db")).unwrap();
        for _ in 0..CONNECTIONS * 2 {
            let database = database.clone();
            let work = async move {
                database
                    .run(|_| -> rusqlite::Result<()> { panic!("on purpose") })
                    .await
            };
            assert!(tokio::spawn(work).await.is_err());
        }
        assert_eq!(
            database
                .run(|connection| Ok(version(connection)))
                .await
                .unwrap(),
            1
        );
    }

    #[tokio::test]
    async fn work_that_nobody_waits_for_keeps_its_turn_until_it_has_ended() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(&folder.path().join("members.db")).unwrap();
        let (started, mut has_started) = tokio::sync::mpsc::channel(1);
        let (end, may_end) = std::sync::mpsc::channel::<()>();
        let abandoned = tokio::spawn({
            let database = database.clone();
            async move {
                database
                    .run(move |_| {
                        started.blocking_send(()).unwrap();
                        may_end.recv().unwrap();
                        Ok(())
                    })
                    .await
            }
        });
        has_started.recv().await.unwrap();
        abandoned.abort();
        assert!(abandoned.await.unwrap_err().is_cancelled());
        assert_eq!(database.pool.turns.available_permits(), CONNECTIONS - 1);
        end.send(()).unwrap();
    }
}
