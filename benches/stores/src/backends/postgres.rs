//! A schema of PostgreSQL, with a table for each size.

use std::sync::Arc;

use housekey::records::{LoginId, LoginRecord};
use housekey_postgres::PostgresLoginStore;
use sqlx::postgres::PgPoolCopyExt as _;
use sqlx::{AssertSqlSafe, Executor as _, PgPool, Row as _};
use tokio_postgres::{Client, NoTls, Statement};

use super::Backend;
use crate::BoxError;

/// How many bytes are sent at a time.
const CHUNK: usize = 1 << 16;

pub(crate) struct PostgresServer {
    url: String,
    /// For maintenance outside of the store.
    pool: PgPool,
    /// For the plainest look-up.
    client: Arc<Client>,
    schema: String,
}

pub(crate) struct Postgres {
    store: PostgresLoginStore,
    pool: PgPool,
    client: Arc<Client>,
    table: String,
    select: Statement,
}

impl PostgresServer {
    /// Creates a schema for this run. It must not exist yet.
    pub(crate) async fn claim(url: &str, schema: &str) -> Result<Self, BoxError> {
        let pool = PgPool::connect(url).await?;
        let create = format!("CREATE SCHEMA {schema}");
        if let Err(error) = pool.execute(AssertSqlSafe(create)).await {
            return Err(format!(
                "PostgreSQL: {error}; if nobody measures there at the moment, an earlier run has left the schema \
                 {schema} behind: drop it"
            )
            .into());
        }
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        tokio::spawn(connection);
        Ok(Self {
            url: url.to_owned(),
            pool,
            client: Arc::new(client),
            schema: schema.to_owned(),
        })
    }

    pub(crate) async fn open(&self, name: &str) -> Result<Postgres, BoxError> {
        let table = self.table(name);
        let store = PostgresLoginStore::connect(&self.url)?.table(&table)?;
        store.create_table().await?;
        let select = format!("SELECT data FROM {table} WHERE id = $1");
        Ok(Postgres {
            store,
            pool: self.pool.clone(),
            select: self.client.prepare(&select).await?,
            client: Arc::clone(&self.client),
            table,
        })
    }

    pub(crate) fn table(&self, name: &str) -> String {
        format!("{}.logins_{name}", self.schema)
    }

    pub(crate) async fn about(&self) -> Result<String, BoxError> {
        let sql = "SELECT current_setting('server_version'), current_setting('shared_buffers'), \
                   current_setting('synchronous_commit')";
        let row = sqlx::query(sql).fetch_one(&self.pool).await?;
        let setting = |index| row.try_get::<String, _>(index);
        let (version, buffers, commit) = (setting(0)?, setting(1)?, setting(2)?);
        Ok(format!(
            "PostgreSQL {version}, shared_buffers = {buffers}, synchronous_commit = {commit}"
        ))
    }

    pub(crate) async fn remove(&self) -> Result<(), BoxError> {
        let drop = format!(
            "SET client_min_messages = warning; DROP SCHEMA {} CASCADE",
            self.schema
        );
        self.pool
            .execute(sqlx::raw_sql(AssertSqlSafe(drop)))
            .await?;
        Ok(())
    }
}

impl Backend for Postgres {
    type Store = PostgresLoginStore;

    const PLAIN: Option<&'static str> = Some("plain `SELECT data … WHERE id`");

    fn store(&self) -> &PostgresLoginStore {
        &self.store
    }

    async fn add(&self, records: impl Iterator<Item = LoginRecord> + Send) -> Result<(), BoxError> {
        let copy = format!(
            "COPY {} (id, user_id, version, created_at, last_seen_at, expires_at, data) FROM STDIN (FORMAT binary)",
            self.table
        );
        let mut copy = self.pool.copy_in_raw(&copy).await?;
        let mut bytes = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0".to_vec();
        for record in records {
            row(&mut bytes, &record)?;
            if bytes.len() >= CHUNK {
                copy.send(&bytes[..]).await?;
                bytes.clear();
            }
        }
        bytes.extend((-1_i16).to_be_bytes());
        copy.send(&bytes[..]).await?;
        copy.finish().await?;
        Ok(())
    }

    async fn fill(
        &self,
        records: impl Iterator<Item = LoginRecord> + Send,
    ) -> Result<(), BoxError> {
        let table = &self.table;
        // Creating an index afterwards is faster than growing it.
        let drop = format!("DROP INDEX {table}_by_user, {table}_expires_at");
        self.pool.execute(AssertSqlSafe(drop)).await?;
        self.add(records).await?;
        let create = self.store.create_table_sql();
        self.pool
            .execute(sqlx::raw_sql(AssertSqlSafe(create)))
            .await?;
        let vacuum = format!("VACUUM (ANALYZE) {table}");
        self.pool.execute(AssertSqlSafe(vacuum)).await?;
        // Not every user may do this. Otherwise the server does it on its own schedule.
        let _ = self.pool.execute("CHECKPOINT").await;
        Ok(())
    }

    async fn plain(&self, id: &LoginId) -> Result<bool, BoxError> {
        let id = &id.as_bytes()[..];
        let row = self.client.query_opt(&self.select, &[&id]).await?;
        Ok(row
            .map(|row| row.try_get::<_, &str>(0).map(drop))
            .transpose()?
            .is_some())
    }

    async fn raw(&self, record: &LoginRecord) -> Result<String, BoxError> {
        let sql = format!(
            "SELECT logins::text FROM {} logins WHERE id = $1",
            self.table
        );
        let select = sqlx::query_scalar(AssertSqlSafe(sql)).bind(&record.id.as_bytes()[..]);
        Ok(select.fetch_one(&self.pool).await?)
    }
}

/// In the format of `COPY`.
fn row(bytes: &mut Vec<u8>, record: &LoginRecord) -> Result<(), BoxError> {
    // The number of fields.
    bytes.extend(7_i16.to_be_bytes());
    let mut field = |value: &[u8]| -> Result<(), BoxError> {
        bytes.extend(i32::try_from(value.len())?.to_be_bytes());
        bytes.extend(value);
        Ok(())
    };
    let LoginRecord {
        id,
        user_id,
        version,
        created_at,
        last_seen_at,
        expires_at,
        data,
    } = record;
    field(id.as_bytes())?;
    field(user_id.as_bytes())?;
    for number in [version, created_at, last_seen_at, expires_at] {
        field(&i64::try_from(*number)?.to_be_bytes())?;
    }
    field(data.as_bytes())
}
