//! Keys of Redis, with a prefix for each size.

use std::time::Duration;

use housekey::records::{LoginId, LoginRecord};
use housekey_redis::RedisLoginStore;
use housekey_statements::redis as said;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Pipeline};

use super::Backend;
use crate::BoxError;

/// How many records, or keys, are sent at a time.
const CHUNK: usize = 1000;
/// How much longer the store keeps a record in Redis than the record lives.
const MARGIN: u64 = 24 * 60 * 60;

pub(crate) struct RedisServer {
    client: Client,
    connection: MultiplexedConnection,
    prefix: String,
}

pub(crate) struct Redis {
    store: RedisLoginStore,
    connection: MultiplexedConnection,
    prefix: String,
}

impl RedisServer {
    /// Claims a prefix for this run. No key may have it yet.
    pub(crate) async fn claim(url: &str, name: &str) -> Result<Self, BoxError> {
        let client = Client::open(url)?;
        // The library's own limit is half a second; many keys at once take longer.
        let config = AsyncConnectionConfig::new().set_response_timeout(None);
        let connection = client
            .get_multiplexed_async_connection_with_config(&config)
            .await?;
        let server = Self {
            client,
            connection,
            prefix: format!("{}:", name.replace('_', "-")),
        };
        // If two runs start at once, only one gets it.
        let taken = format!("{}taken", server.prefix);
        let is_mine: bool = redis::cmd("SETNX")
            .arg(&taken)
            .arg("by a bench of login stores")
            .query_async(&mut server.connection.clone())
            .await?;
        if is_mine && server.keys().await? == [taken] {
            return Ok(server);
        }
        if is_mine {
            server.delete(&[format!("{}taken", server.prefix)]).await?;
        }
        Err(format!(
            "Redis has keys that start with {}; if nobody measures there at the moment, an earlier run has left them \
             behind: delete them",
            server.prefix
        )
        .into())
    }

    pub(crate) fn open(&self, name: &str) -> Redis {
        let prefix = format!("{}{name}:", self.prefix);
        Redis {
            store: RedisLoginStore::new(self.client.clone()).prefix(prefix.clone()),
            connection: self.connection.clone(),
            prefix,
        }
    }

    pub(crate) async fn about(&self) -> Result<String, BoxError> {
        let version = info(&self.connection, "server", "redis_version").await?;
        let (_, fsync): (String, String) = redis::cmd("CONFIG")
            .arg("GET")
            .arg("appendfsync")
            .query_async(&mut self.connection.clone())
            .await
            // Not every user may ask.
            .unwrap_or_default();
        let log = match info(&self.connection, "persistence", "aof_enabled").await? == "1" {
            true => format!("with a log, appendfsync = {fsync}"),
            false => "without a log".to_owned(),
        };
        Ok(format!("Redis {version} {log}"))
    }

    pub(crate) async fn remove(&self) -> Result<(), BoxError> {
        for keys in self.keys().await?.chunks(CHUNK) {
            self.delete(keys).await?;
        }
        Ok(())
    }

    async fn keys(&self) -> Result<Vec<String>, BoxError> {
        let mut all = Vec::new();
        let mut cursor = 0_u64;
        loop {
            let page: (u64, Vec<String>) = redis::cmd("SCAN")
                .arg(cursor)
                .arg("MATCH")
                .arg(format!("{}*", self.prefix))
                .arg("COUNT")
                .arg(CHUNK)
                .query_async(&mut self.connection.clone())
                .await?;
            cursor = page.0;
            all.extend(page.1);
            if cursor == 0 {
                return Ok(all);
            }
        }
    }

    async fn delete(&self, keys: &[String]) -> Result<(), BoxError> {
        let mut unlink = redis::cmd("UNLINK");
        let unlink = unlink.arg(keys);
        Ok(unlink.query_async(&mut self.connection.clone()).await?)
    }
}

/// The claim with which all these records are created. The store uses a different one each time, of the same length.
const CLAIM: &str = "0123456789abcdef";

impl Redis {
    fn keys(&self, record: &LoginRecord) -> [String; 3] {
        said::keys_of_user(&self.prefix, &record.user_id)
    }

    fn pointer(&self, id: &LoginId) -> String {
        said::pointer_key(&self.prefix, &id.to_string())
    }

    /// The effect of the store's scripts when they create a record.
    fn create(&self, pipeline: &mut Pipeline, record: &LoginRecord) {
        let LoginRecord { id, user_id, .. } = record;
        let [logins, seen, expiry] = self.keys(record);
        let seconds = record.expires_at - record.last_seen_at + MARGIN;
        let (version, made) = (record.version, record.created_at);
        let (last, ends) = (record.last_seen_at, record.expires_at);
        let text = format!("{version} {made} {last} {ends} {CLAIM} {}", record.data);
        let pointer = said::pointer(CLAIM, user_id);
        let set = pipeline.cmd("SET").arg(self.pointer(id)).arg(pointer);
        set.arg("EX").arg(seconds).ignore();
        let hset = pipeline.cmd("HSET").arg(&logins).arg(id.to_string());
        hset.arg(text).ignore();
        let mut add = |key: &str, score: u64, entry: String| {
            let add = pipeline.cmd("ZADD").arg(key);
            add.arg(score).arg(entry).ignore();
        };
        add(&expiry, ends, format!("{id}{user_id}"));
        add(&seen, last, format!("{made:016}{id}"));
        // All records here live equally long, and so do the sets of a user's records.
        for key in [logins, seen] {
            pipeline.cmd("EXPIRE").arg(key).arg(seconds).ignore();
        }
    }
}

impl Backend for Redis {
    type Store = RedisLoginStore;

    const PLAIN: Option<&'static str> = Some("plain `GET` and `HGET`");

    fn store(&self) -> &RedisLoginStore {
        &self.store
    }

    async fn add(&self, records: impl Iterator<Item = LoginRecord> + Send) -> Result<(), BoxError> {
        let mut records = records.peekable();
        while records.peek().is_some() {
            // In one transaction, so that a server which waits for its disk waits only once.
            let mut pipeline = Pipeline::new();
            pipeline.atomic();
            for record in records.by_ref().take(CHUNK) {
                self.create(&mut pipeline, &record);
            }
            pipeline
                .query_async::<()>(&mut self.connection.clone())
                .await?;
        }
        Ok(())
    }

    async fn fill(
        &self,
        records: impl Iterator<Item = LoginRecord> + Send,
    ) -> Result<(), BoxError> {
        self.add(records).await?;
        let ask = |field| info(&self.connection, "persistence", field);
        if ask("aof_enabled").await? == "0" {
            return Ok(());
        }
        // Otherwise the server would do it during the measurement. If it is already at it, it says so.
        let rewrite = redis::cmd("BGREWRITEAOF");
        let _ = rewrite
            .query_async::<String>(&mut self.connection.clone())
            .await;
        while ask("aof_rewrite_in_progress").await? == "1"
            || ask("aof_rewrite_scheduled").await? == "1"
        {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    }

    /// Without a note of the record's owner.
    async fn plain(&self, id: &LoginId) -> Result<bool, BoxError> {
        let mut get = redis::cmd("GET");
        let get = get.arg(self.pointer(id));
        let pointer: Option<String> = get.query_async(&mut self.connection.clone()).await?;
        let Some((_, user_id)) = pointer.as_deref().and_then(said::read_pointer) else {
            return Ok(false);
        };
        let [logins, ..] = said::keys_of_user(&self.prefix, user_id);
        let mut get = redis::cmd("HGET");
        let get = get.arg(logins).arg(id.to_string());
        let record: Option<String> = get.query_async(&mut self.connection.clone()).await?;
        Ok(record.is_some())
    }

    async fn raw(&self, record: &LoginRecord) -> Result<String, BoxError> {
        let ([logins, seen, expiry], pointer) = (self.keys(record), self.pointer(&record.id));
        let mut pipeline = Pipeline::new();
        pipeline.cmd("HGETALL").arg(&logins);
        pipeline.cmd("GET").arg(&pointer);
        for key in [&seen, &expiry] {
            pipeline
                .cmd("ZRANGE")
                .arg(key)
                .arg(&["0", "-1", "WITHSCORES"]);
        }
        for key in [&logins, &seen, &pointer] {
            pipeline.cmd("TTL").arg(key);
        }
        type Raw = (Vec<String>, String, Vec<String>, Vec<String>, u64, u64, u64);
        let (mut records, pointer, of_user, all, logins, seen, id): Raw =
            pipeline.query_async(&mut self.connection.clone()).await?;
        let (claim, user_id) = said::read_pointer(&pointer).ok_or("no pointer")?;
        for text in &mut records {
            *text = text.replace(claim, CLAIM);
        }
        // They have no order.
        records.sort();
        let minutes = [logins, seen, id].map(|seconds| (seconds + 30) / 60);
        Ok(format!(
            "{records:?} {user_id} {of_user:?} {all:?} {minutes:?}"
        ))
    }
}

/// A field of the server's `INFO`.
async fn info(
    connection: &MultiplexedConnection,
    section: &str,
    field: &str,
) -> Result<String, BoxError> {
    let mut command = redis::cmd("INFO");
    let command = command.arg(section);
    let text: String = command.query_async(&mut connection.clone()).await?;
    let mut lines = text.lines().filter_map(|line| line.split_once(':'));
    let found = lines.find(|(name, _)| *name == field);
    let (_, value) = found.ok_or_else(|| format!("Redis says nothing of {field}"))?;
    Ok(value.to_owned())
}
