//! Where the logins are kept, as `--store` says.

use std::path::Path;

use housekey_axum::attempts::AttemptStore;
#[cfg(feature = "redis")]
use housekey_axum::records::LoginId;
use housekey_axum::records::{LoginStore, MemoryLoginStore};
use housekey_axum::{Attempts, BoxError, LoginManagerBuilder};
use housekey_sqlite::SqliteLoginStore;

use crate::members::Member;

type Builder = LoginManagerBuilder<Member>;

/// What `--store` says, read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Store<'a> {
    /// A file of its own: people stay signed in while the members' table is being locked, and the other way round.
    Sqlite,
    Memory,
    Postgres(&'a str),
    Redis(&'a str),
}

impl Store<'_> {
    pub(crate) fn parse(text: &str) -> Result<Store<'_>, BoxError> {
        // An address may hold a password, so no message repeats more than this.
        let kind = text.split(':').next().unwrap_or_default();
        let has_address = text.contains("://");
        match kind {
            "sqlite" if text == kind => Ok(Store::Sqlite),
            "memory" if text == kind => Ok(Store::Memory),
            "postgres" | "postgresql" if has_address => Ok(Store::Postgres(text)),
            "redis" if has_address => Ok(Store::Redis(text)),
            "sqlite" => Err(
                "--store sqlite takes no address: it is the file logins.db in the folder that --data names".into(),
            ),
            "memory" => Err("--store memory takes no address".into()),
            "postgres" | "postgresql" => {
                Err("--store postgres needs an address: postgres://USER:PASSWORD@HOST/DATABASE".into())
            }
            "redis" => Err("--store redis needs an address: redis://USER:PASSWORD@HOST/".into()),
            _ => Err(format!(
                "--store {kind} is none that this site knows; choose sqlite, memory, \
                 postgres://USER:PASSWORD@HOST/DATABASE or redis://USER:PASSWORD@HOST/"
            )
            .into()),
        }
    }

    /// Gives the login manager this store, for the logins and for the attempts to guess a password.
    pub(crate) async fn give_to(&self, manager: Builder, data: &Path) -> Result<Builder, BoxError> {
        Ok(match self {
            Store::Sqlite => give(manager, SqliteLoginStore::open(data.join("logins.db"))?),
            Store::Memory => give(manager, MemoryLoginStore::new()),
            Store::Postgres(address) => give(manager, postgres(address).await?),
            Store::Redis(address) => give(manager, redis(address).await?),
        })
    }
}

fn give(manager: Builder, store: impl LoginStore + AttemptStore + Clone) -> Builder {
    let manager = manager.login_store(store.clone());
    manager.limit_attempts(Attempts::new(store))
}

#[cfg(feature = "postgres")]
async fn postgres(address: &str) -> Result<impl LoginStore + AttemptStore + Clone, BoxError> {
    let store = housekey_postgres::PostgresLoginStore::connect(address)
        .map_err(|error| format!("--store postgres: the address cannot be read ({error})"))?;
    store.create_table().await?;
    Ok(store)
}

#[cfg(feature = "redis")]
async fn redis(address: &str) -> Result<impl LoginStore + AttemptStore + Clone, BoxError> {
    let client = redis::Client::open(address)
        .map_err(|error| format!("--store redis: the address cannot be read ({error})"))?;
    let store = housekey_redis::RedisLoginStore::new(client);
    // It connects when it is first asked: a server that is not there is better noticed now.
    store.load(&LoginId::from_bytes([0; 16]), 0).await?;
    Ok(store)
}

#[cfg(not(feature = "postgres"))]
async fn postgres(_: &str) -> Result<MemoryLoginStore, BoxError> {
    Err(not_built_with("postgres"))
}

#[cfg(not(feature = "redis"))]
async fn redis(_: &str) -> Result<MemoryLoginStore, BoxError> {
    Err(not_built_with("redis"))
}

#[cfg(not(all(feature = "postgres", feature = "redis")))]
fn not_built_with(feature: &str) -> BoxError {
    format!("this program was built without {feature}; build it with `--features {feature}`").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_store_has_its_name_or_its_address() {
        for (text, store) in [
            ("sqlite", Store::Sqlite),
            ("memory", Store::Memory),
            (
                "postgres://ada:pw@db/members",
                Store::Postgres("postgres://ada:pw@db/members"),
            ),
            ("postgresql://db/", Store::Postgres("postgresql://db/")),
            ("redis://cache:6379/", Store::Redis("redis://cache:6379/")),
        ] {
            assert_eq!(Store::parse(text).unwrap(), store);
        }
    }

    #[test]
    fn anything_else_is_answered_with_what_there_is_and_without_the_password() {
        for (text, answer) in [
            ("", "choose sqlite, memory"),
            ("sqllite", "--store sqllite is none that this site knows"),
            ("mysql://ada:hunter2@db/", "--store mysql is none"),
            ("rediss://ada:hunter2@db/", "--store rediss is none"),
            ("SQLite", "--store SQLite is none"),
            ("sqlite://logins.db", "takes no address"),
            ("sqlite:logins.db", "takes no address"),
            ("memory:", "takes no address"),
            ("postgres", "postgres://USER:PASSWORD@HOST/DATABASE"),
            (
                "postgres:ada:hunter2",
                "postgres://USER:PASSWORD@HOST/DATABASE",
            ),
            ("redis:", "redis://USER:PASSWORD@HOST/"),
        ] {
            let said = Store::parse(text).unwrap_err().to_string();
            assert!(said.contains(answer), "{text}: {said}");
            assert!(!said.contains("hunter2"), "{said}");
        }
    }
}
