//! Where the stores are created.

use housekey_postgres::PostgresLoginStore;
use tempfile::TempDir;

use crate::BoxError;
use crate::backends::{self, Postgres, PostgresServer, Redis, RedisServer, Sqlite};
use crate::options::{Kind, Options};

/// A folder, a schema and a prefix for the stores. Dropping this deletes the folder.
pub(crate) struct Places {
    pub(crate) kinds: Vec<Kind>,
    pub(crate) skipped: Vec<&'static str>,
    folder: TempDir,
    postgres: Option<PostgresServer>,
    redis: Option<RedisServer>,
}

impl Places {
    pub(crate) async fn claim(options: &Options) -> Result<Self, BoxError> {
        let mut places = Self {
            kinds: Vec::new(),
            skipped: Vec::new(),
            folder: tempfile::tempdir()?,
            postgres: None,
            redis: None,
        };
        for kind in Kind::ALL {
            if options.stores.contains(&kind) && !places.claim_one(kind).await? {
                let skipped = match kind {
                    Kind::Postgres => "PostgreSQL was skipped: DATABASE_URL is not set.",
                    _ => "Redis was skipped: REDIS_URL is not set.",
                };
                eprintln!("{skipped}");
                places.skipped.push(skipped);
            }
        }
        Ok(places)
    }

    async fn claim_one(&mut self, kind: Kind) -> Result<bool, BoxError> {
        let url = |variable| std::env::var(variable).ok();
        match kind {
            Kind::Memory | Kind::Sqlite => {}
            Kind::Postgres => match url("DATABASE_URL") {
                None => return Ok(false),
                Some(url) => {
                    self.postgres = Some(PostgresServer::claim(&url, backends::NAME).await?)
                }
            },
            Kind::Redis => match url("REDIS_URL") {
                None => return Ok(false),
                Some(url) => match RedisServer::claim(&url, backends::NAME).await {
                    Ok(redis) => self.redis = Some(redis),
                    Err(error) => {
                        self.remove().await?;
                        return Err(error);
                    }
                },
            },
        }
        self.kinds.push(kind);
        Ok(true)
    }

    /// Deletes everything that was created on the servers.
    pub(crate) async fn remove(&self) -> Result<(), BoxError> {
        if let Some(postgres) = &self.postgres {
            postgres.remove().await?;
        }
        if let Some(redis) = &self.redis {
            redis.remove().await?;
        }
        Ok(())
    }

    pub(crate) fn sqlite(&self, name: &str) -> Result<Sqlite, BoxError> {
        Sqlite::open(self.folder.path(), name)
    }

    pub(crate) async fn postgres(&self, name: &str) -> Result<Postgres, BoxError> {
        let server = self.postgres.as_ref().ok_or("PostgreSQL was skipped")?;
        server.open(name).await
    }

    /// An existing table, over another connection.
    pub(crate) fn postgres_at(
        &self,
        url: &str,
        name: &str,
    ) -> Result<PostgresLoginStore, BoxError> {
        let server = self.postgres.as_ref().ok_or("PostgreSQL was skipped")?;
        Ok(PostgresLoginStore::connect(url)?.table(&server.table(name))?)
    }

    pub(crate) fn redis(&self, name: &str) -> Result<Redis, BoxError> {
        let server = self.redis.as_ref().ok_or("Redis was skipped")?;
        Ok(server.open(name))
    }

    /// The versions of the databases, and their durability settings.
    pub(crate) async fn about(&self) -> Result<Vec<String>, BoxError> {
        let mut about = Vec::new();
        if self.kinds.contains(&Kind::Sqlite) {
            about.push(Sqlite::about());
        }
        if let Some(postgres) = &self.postgres {
            about.push(postgres.about().await?);
        }
        if let Some(redis) = &self.redis {
            about.push(redis.about().await?);
        }
        Ok(about)
    }
}
