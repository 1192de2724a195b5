//! The users table, which the Flask side shares.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use housekey_axum::{BoxError, CoreError, Passwords, User, UserLoader};
use rusqlite::{Connection, ErrorCode, OptionalExtension as _, Row, params};
use sha2::{Digest as _, Sha256};

use crate::settings::Settings;

/// As SQLAlchemy makes it.
const TABLE: &str = "CREATE TABLE IF NOT EXISTS users (
    id VARCHAR NOT NULL, name VARCHAR NOT NULL, password_hash VARCHAR NOT NULL, active BOOLEAN NOT NULL,
    PRIMARY KEY (id)
)";

/// How long a query waits for the Flask side's transaction.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// One row, and the id by which sessions know it.
#[derive(Clone)]
pub(crate) struct Account {
    pub(crate) id: String,
    pub(crate) name: String,
    login_id: String,
    active: bool,
    password_hash: String,
    auth_hash: bool,
}

impl User for Account {
    fn id(&self) -> String {
        self.login_id.clone()
    }

    fn is_active(&self) -> bool {
        self.active
    }

    fn session_auth_hash(&self) -> Option<Vec<u8>> {
        self.auth_hash
            .then(|| self.password_hash.clone().into_bytes())
    }
}

/// Cheap to clone: all clones share one connection.
#[derive(Clone)]
pub(crate) struct Users {
    connection: Arc<Mutex<Connection>>,
    passwords: Passwords,
    fragment_ids: bool,
    auth_hash: bool,
}

impl UserLoader<Account> for Users {
    /// The user of a session. One whose password has changed since is not the same login any more.
    async fn load_user(&self, login_id: &str) -> Result<Option<Account>, BoxError> {
        let id = match login_id.rsplit_once('.') {
            Some((id, _)) if self.fragment_ids => id,
            _ => login_id,
        };
        let account = self.find(id).await?;
        Ok(account.filter(|account| account.login_id == login_id))
    }
}

impl Users {
    pub(crate) fn open(settings: &Settings) -> Result<Self, BoxError> {
        let open = || {
            let connection = Connection::open(&settings.database)?;
            connection.busy_timeout(BUSY_TIMEOUT)?;
            connection.execute_batch(TABLE)?;
            Ok(connection)
        };
        let connection = open().map_err(|error: rusqlite::Error| {
            format!("DATABASE is {}, and: {error}", settings.database.display())
        })?;
        Ok(Self {
            connection: Arc::new(Mutex::new(connection)),
            passwords: settings.passwords.clone(),
            fragment_ids: settings.fragment_ids,
            auth_hash: settings.auth_hash,
        })
    }

    pub(crate) async fn find(&self, id: &str) -> rusqlite::Result<Option<Account>> {
        let users = self.clone();
        let id = id.to_owned();
        self.run(move |connection| {
            let sql = "SELECT id, name, password_hash, active FROM users WHERE id = ?1";
            connection
                .prepare_cached(sql)?
                .query_one([id], |row| users.read(row))
                .optional()
        })
        .await
    }

    /// The user with this id and password.
    pub(crate) async fn authenticate(
        &self,
        id: &str,
        password: &str,
    ) -> Result<Option<Account>, BoxError> {
        let account = self.find(id).await?;
        let stored = account
            .as_ref()
            .map(|account| account.password_hash.as_str());
        let is_right = self.passwords.verify(password, stored).await?;
        Ok(account.filter(|_| is_right))
    }

    pub(crate) async fn has_password(
        &self,
        account: &Account,
        password: &str,
    ) -> Result<bool, CoreError> {
        self.passwords
            .verify(password, Some(&account.password_hash))
            .await
    }

    /// `false`: the id is taken.
    pub(crate) async fn create(
        &self,
        id: String,
        name: String,
        password: &str,
    ) -> Result<bool, BoxError> {
        let hash = self.passwords.hash(password).await?;
        let created = self.run(move |connection| {
            let sql =
                "INSERT INTO users (id, name, password_hash, active) VALUES (?1, ?2, ?3, TRUE)";
            connection.execute(sql, params![id, name, hash])
        });
        match created.await {
            Ok(_) => Ok(true),
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The account as it is afterwards.
    pub(crate) async fn set_password(
        &self,
        account: &Account,
        password: &str,
    ) -> Result<Account, BoxError> {
        let hash = self.passwords.hash(password).await?;
        let (users, id) = (self.clone(), account.id.clone());
        let changed = self.run(move |connection| {
            let sql = "UPDATE users SET password_hash = ?2 WHERE id = ?1
                       RETURNING id, name, password_hash, active";
            connection.query_one(sql, params![id, hash], |row| users.read(row))
        });
        Ok(changed.await?)
    }

    /// `false`: there is no such user.
    pub(crate) async fn set_active(&self, id: String, active: bool) -> rusqlite::Result<bool> {
        self.run(move |connection| {
            let sql = "UPDATE users SET active = ?2 WHERE id = ?1";
            Ok(connection.execute(sql, params![id, active])? == 1)
        })
        .await
    }

    fn read(&self, row: &Row<'_>) -> rusqlite::Result<Account> {
        let (id, password_hash): (String, String) = (row.get("id")?, row.get("password_hash")?);
        let login_id = if self.fragment_ids {
            let digest = Sha256::digest(&password_hash);
            let fragment: String = digest[..8]
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            format!("{id}.{fragment}")
        } else {
            id.clone()
        };
        Ok(Account {
            id,
            login_id,
            password_hash,
            name: row.get("name")?,
            active: row.get("active")?,
            auth_hash: self.auth_hash,
        })
    }

    /// Runs `work` away from the threads that answer requests.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> rusqlite::Result<T> {
        let connection = Arc::clone(&self.connection);
        let task = tokio::task::spawn_blocking(move || {
            work(&connection.lock().unwrap_or_else(PoisonError::into_inner))
        });
        task.await
            .unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
    }
}
