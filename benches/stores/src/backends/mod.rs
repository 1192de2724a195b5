//! The stores, each with a quick way to fill it and the plainest look-up of its database.

mod memory;
mod postgres;
mod redis;
mod sqlite;

use std::future::Future;

use housekey::records::{Limit, LoginId, LoginRecord, LoginStore};

pub(crate) use self::memory::Memory;
pub(crate) use self::postgres::{Postgres, PostgresServer};
pub(crate) use self::redis::{Redis, RedisServer};
pub(crate) use self::sqlite::Sqlite;
use crate::BoxError;

/// The name of everything that the bench creates on a server.
pub(crate) const NAME: &str = "housekey_store_bench";

/// A store, and the database under it.
pub(crate) trait Backend: Send + Sync + 'static {
    type Store: LoginStore + Clone;

    /// The plainest look-up by a key, as the tables name it. Memory has none.
    const PLAIN: Option<&'static str>;

    fn store(&self) -> &Self::Store;

    /// Writes many records at once, as the store's `create` does. Their ids must be new.
    fn add(
        &self,
        records: impl Iterator<Item = LoginRecord> + Send,
    ) -> impl Future<Output = Result<(), BoxError>> + Send;

    /// Fills an empty store in the same way. Afterwards the database has no more work to do in the background.
    fn fill(
        &self,
        records: impl Iterator<Item = LoginRecord> + Send,
    ) -> impl Future<Output = Result<(), BoxError>> + Send;

    /// Whether a record exists, asked with the plainest statement of the database's client.
    fn plain(&self, id: &LoginId) -> impl Future<Output = Result<bool, BoxError>> + Send;

    /// Everything that the database holds of a record, with types, as text for a comparison.
    fn raw(&self, record: &LoginRecord) -> impl Future<Output = Result<String, BoxError>> + Send;
}

/// Whether [`Backend::add`] writes the same bytes as the store's `create`. Leaves nothing behind.
pub(crate) async fn check(backend: &impl Backend, records: &[LoginRecord]) -> Result<(), BoxError> {
    let store = backend.store();
    for record in records {
        backend.add([record.clone()].into_iter()).await?;
        let added = store.load(&record.id, record.last_seen_at).await?;
        let raw_added = backend.raw(record).await?;
        store.delete(&record.id).await?;
        store.create(record, &[], Limit::NONE).await?;
        let created = store.load(&record.id, record.last_seen_at).await?;
        let raw_created = backend.raw(record).await?;
        store.delete(&record.id).await?;
        if added.as_ref() != Some(record) || created != added || raw_created != raw_added {
            return Err(format!(
                "what is filled in is not what the store writes:\n{raw_added}\nin place of\n{raw_created}"
            )
            .into());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::population::Population;

    fn records() -> Vec<LoginRecord> {
        let mut records: Vec<_> = Population::new(1000).first().take(3).collect();
        // Values that a statement for many records could spell differently.
        records[1].user_id = "O'Brien\t\\ ü\n\\.".to_owned();
        records[2].user_id = String::new();
        records[2].data = "'\"\\\t\\N".to_owned();
        records
    }

    #[tokio::test]
    async fn filling_sqlite_writes_what_its_store_writes() {
        let folder = tempfile::tempdir().unwrap();
        let backend = Sqlite::open(folder.path(), "1").unwrap();
        check(&backend, &records()).await.unwrap();
    }

    /// In a schema or prefix of its own, so that a bench may run at the same time.
    #[tokio::test]
    async fn filling_a_server_writes_what_its_store_writes() {
        for kind in ["DATABASE_URL", "REDIS_URL"] {
            let url = std::env::var(kind).unwrap_or_else(|_| {
                panic!("{kind} is not set; run this with scripts/with-servers")
            });
            let name = format!("{NAME}_test_{}", std::process::id());
            if kind == "REDIS_URL" {
                let server = RedisServer::claim(&url, &name).await.unwrap();
                let backend = server.open("1");
                check(&backend, &records()).await.unwrap();
                assert!(RedisServer::claim(&url, &name).await.is_err());
                server.remove().await.unwrap();
                RedisServer::claim(&url, &name)
                    .await
                    .unwrap()
                    .remove()
                    .await
                    .unwrap();
            } else {
                let server = PostgresServer::claim(&url, &name).await.unwrap();
                let backend = server.open("1").await.unwrap();
                check(&backend, &records()).await.unwrap();
                assert!(PostgresServer::claim(&url, &name).await.is_err());
                server.remove().await.unwrap();
                PostgresServer::claim(&url, &name)
                    .await
                    .unwrap()
                    .remove()
                    .await
                    .unwrap();
            }
        }
    }
}
