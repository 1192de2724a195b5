//! The members: their table, how one signs up, proves who they are, and changes the password.

use std::time::{Duration, SystemTime};

use housekey_axum::{BoxError, Login, Passwords, User, UserLoader};
use rusqlite::{Connection, ErrorCode, OptionalExtension, Row, params};

use crate::database::Database;
use crate::errors::AppError;

/// One row, without the password hash: nothing outside this file needs it.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) id: i64,
    pub(crate) username: String,
    pub(crate) created_at: SystemTime,
    active: bool,
    auth_stamp: Vec<u8>,
}

impl User for Member {
    fn id(&self) -> String {
        self.id.to_string()
    }

    fn is_active(&self) -> bool {
        self.active
    }

    /// A column of its own, not the password hash: a hash that is only renewed logs nobody out.
    fn session_auth_hash(&self) -> Option<Vec<u8>> {
        Some(self.auth_stamp.clone())
    }
}

#[derive(Clone)]
pub(crate) struct Members {
    database: Database,
    passwords: Passwords,
}

impl UserLoader<Member> for Members {
    async fn load_user(&self, id: &str) -> Result<Option<Member>, BoxError> {
        let Ok(id) = id.parse::<i64>() else {
            return Ok(None);
        };
        Ok(self
            .database
            .run(move |connection| find(connection, id).optional())
            .await?)
    }
}

const COLUMNS: &str = "id, username, unixepoch(created_at) AS created_at, active, auth_stamp";

impl Members {
    pub(crate) fn new(database: Database) -> Members {
        Members {
            database,
            passwords: Passwords::new(),
        }
    }

    /// Makes a new member. `None`: the username is taken.
    pub(crate) async fn create(
        &self,
        username: &str,
        password: &str,
    ) -> Result<Option<Member>, AppError> {
        let hash = self.passwords.hash(password).await?;
        let username = username.to_owned();
        let created = self.database.run(move |connection| {
            let sql = format!(
                "INSERT INTO members (username, password_hash, auth_stamp) VALUES (?1, ?2, randomblob(16))
                 RETURNING {COLUMNS}"
            );
            connection.query_one(&sql, params![username, hash], read)
        });
        match created.await {
            Ok(member) => Ok(Some(member)),
            // The table decides, not a question asked before: of two who want a name at once, one gets it.
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) async fn find_by_name(&self, username: &str) -> rusqlite::Result<Option<Member>> {
        let name = username.to_owned();
        let find = move |connection: &Connection| find_with_hash(connection, &name).optional();
        let found = self.database.run(find).await?;
        Ok(found.map(|(member, _)| member))
    }

    /// The member with this username and password. `None` takes equally long for a wrong password and an unknown
    /// name, so that nobody can find out who is a member.
    pub(crate) async fn authenticate(
        &self,
        login: &Login<Member>,
        username: &str,
        password: &str,
    ) -> Result<Option<Member>, AppError> {
        let attempt = login.attempt("password", username).await?;
        let name = username.to_owned();
        let found = self
            .database
            .run(move |connection| find_with_hash(connection, &name).optional())
            .await?;
        let stored = found.as_ref().map(|(_, hash)| hash.as_str());
        let is_right = self.passwords.verify(password, stored).await?;
        let (member, hash) = match found {
            Some(found) if is_right => found,
            found => {
                login.login_failed(found.as_ref().map(|(member, _)| member));
                return Ok(None);
            }
        };
        attempt.succeeded().await?;
        if self.passwords.needs_rehash(&hash) {
            self.renew_hash(&member, password).await;
        }
        Ok(Some(member))
    }

    /// Replaces the password and the auth stamp: every login of this member made before is over.
    pub(crate) async fn change_password(
        &self,
        member: &Member,
        password: &str,
    ) -> Result<Member, AppError> {
        let hash = self.passwords.hash(password).await?;
        let id = member.id;
        let changed = self.database.run(move |connection| {
            let sql = format!(
                "UPDATE members SET password_hash = ?2, auth_stamp = randomblob(16) WHERE id = ?1
                 RETURNING {COLUMNS}"
            );
            connection.query_one(&sql, params![id, hash], read)
        });
        Ok(changed.await?)
    }

    /// Stores the same password under today's settings. It can wait: if it fails, the next sign-in tries again.
    async fn renew_hash(&self, member: &Member, password: &str) {
        let renewed = async {
            let hash = self.passwords.hash(password).await?;
            let (id, sql) = (
                member.id,
                "UPDATE members SET password_hash = ?2 WHERE id = ?1",
            );
            self.database
                .run(move |connection| connection.execute(sql, params![id, hash]))
                .await?;
            Ok::<_, AppError>(())
        };
        if let Err(error) = renewed.await {
            tracing::warn!(member = member.id, %error, "could not renew a password hash");
        }
    }
}

fn find(connection: &Connection, id: i64) -> rusqlite::Result<Member> {
    let sql = format!("SELECT {COLUMNS} FROM members WHERE id = ?1");
    connection.prepare_cached(&sql)?.query_one([id], read)
}

fn find_with_hash(connection: &Connection, username: &str) -> rusqlite::Result<(Member, String)> {
    let sql = format!("SELECT {COLUMNS}, password_hash FROM members WHERE username = ?1");
    connection
        .prepare_cached(&sql)?
        .query_one([username], |row| {
            Ok((read(row)?, row.get("password_hash")?))
        })
}

fn read(row: &Row<'_>) -> rusqlite::Result<Member> {
    Ok(Member {
        id: row.get("id")?,
        username: row.get("username")?,
        created_at: SystemTime::UNIX_EPOCH + Duration::from_secs(row.get("created_at")?),
        active: row.get("active")?,
        auth_stamp: row.get("auth_stamp")?,
    })
}
