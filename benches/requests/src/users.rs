//! The users of every site: a table in memory or in SQLite, which all sites look up in the same way.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions};

/// How many users there are. One of them signs in.
const COUNT: i64 = 1000;

/// The user who signs in.
pub(crate) const MIA: &str = "471";

/// A row of the table.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) id: String,
    pub(crate) name: String,
    /// In place of the password's hash, which some libraries bind logins to.
    pub(crate) stamp: Vec<u8>,
}

/// Where the users are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum UsersIn {
    Memory,
    Sqlite,
}

impl UsersIn {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Sqlite => "sqlite",
        }
    }

    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Sqlite => "SQLite",
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Users {
    Memory(Arc<HashMap<String, Member>>),
    Sqlite(SqlitePool),
}

impl Users {
    pub(crate) async fn new(kind: UsersIn, folder: &Path) -> Result<Self, sqlx::Error> {
        let all = (1..=COUNT).map(|number| Member {
            id: number.to_string(),
            name: match number.to_string().as_str() {
                MIA => "mia".to_owned(),
                other => format!("user {other}"),
            },
            stamp: format!("stamp of user {number}").into_bytes(),
        });
        if kind == UsersIn::Memory {
            let all = all.map(|member| (member.id.clone(), member));
            return Ok(Self::Memory(Arc::new(all.collect())));
        }
        let pool = pool(&folder.join("users.db")).await?;
        sqlx::query(
            "create table users (id text primary key, name text not null, stamp blob not null)",
        )
        .execute(&pool)
        .await?;
        let mut transaction = pool.begin().await?;
        for member in all {
            sqlx::query("insert into users (id, name, stamp) values (?, ?, ?)")
                .bind(member.id)
                .bind(member.name)
                .bind(member.stamp)
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(Self::Sqlite(pool))
    }

    pub(crate) async fn find(&self, id: &str) -> Result<Option<Member>, sqlx::Error> {
        match self {
            Self::Memory(all) => Ok(all.get(id).cloned()),
            Self::Sqlite(pool) => {
                let row = sqlx::query_as("select id, name, stamp from users where id = ?");
                let row: Option<(String, String, Vec<u8>)> =
                    row.bind(id).fetch_optional(pool).await?;
                Ok(row.map(|(id, name, stamp)| Member { id, name, stamp }))
            }
        }
    }
}

/// A file with the settings that sqlx recommends.
pub(crate) async fn pool(file: &Path) -> Result<SqlitePool, sqlx::Error> {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal);
    SqlitePoolOptions::new().connect_with(options).await
}
