//! A connection over which the server reports changed records, so that records loaded over it can be cached.
//!
//! It is the connection of all look-ups. So the server that is asked is the one that reports changes, even after a failover
//! and in a cluster, and a change cannot arrive before an earlier answer. Redis's own table of which client has read what is
//! not used (`BCAST`): each such connection receives all changes of users' records.

use std::sync::{Arc, Weak};

use housekey::records::cache::{CachedRecords, Changed, Feed};
use housekey_statements::redis::{prefix_of_users, user_of_key};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ProtocolVersion, PushInfo, PushKind, Value};
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

use crate::fault::Fault;
use crate::greeting;
use crate::link::{connect_with, settings};

/// How often within a lease the server is asked whether it is still there.
const BEATS: u32 = 4;

/// The cache and the prefix for reported changes.
#[derive(Clone)]
pub(crate) struct Watch {
    pub(crate) cache: CachedRecords,
    prefix: Arc<str>,
    in_cluster: bool,
}

/// Keeps the records of a connection correct, for as long as this lives.
pub(crate) struct Pulse {
    pub(crate) feed: Arc<Feed>,
    beat: AbortHandle,
}

impl Drop for Pulse {
    fn drop(&mut self) {
        self.beat.abort();
        self.feed.lose();
    }
}

impl Watch {
    pub(crate) fn new(cache: CachedRecords, prefix: &Arc<str>, in_cluster: bool) -> Self {
        Self {
            cache,
            prefix: Arc::clone(prefix),
            in_cluster,
        }
    }

    /// Connects to the server for writes.
    pub(crate) async fn connect(
        &self,
        client: &Client,
    ) -> Result<(MultiplexedConnection, Arc<Pulse>), Fault> {
        let feed = Arc::new(self.cache.feed());
        let mut connection = connect_with(&speaking_resp3(client)?, &self.hearing(&feed)).await?;
        greeting::refuse_replicas(&mut connection).await?;
        let mut track = redis::cmd("CLIENT");
        track.arg("TRACKING").arg("ON").arg("BCAST");
        track.arg("PREFIX").arg(prefix_of_users(&self.prefix));
        let () = track.query_async(&mut connection).await?;
        let asked = feed.ask();
        if self.is_well(&mut connection).await? {
            feed.answered(asked);
        }
        let beating = self.clone().beat(Arc::downgrade(&feed), connection.clone());
        let beat = tokio::spawn(beating).abort_handle();
        Ok((connection, Arc::new(Pulse { feed, beat })))
    }

    /// A report on the connection is handled at once, before later answers.
    fn hearing(&self, feed: &Arc<Feed>) -> AsyncConnectionConfig {
        let (feed, prefix) = (Arc::downgrade(feed), Arc::clone(&self.prefix));
        settings().set_push_sender(move |push| {
            if let Some(feed) = feed.upgrade() {
                hear(&feed, &prefix, &push);
            }
            Ok::<(), ()>(())
        })
    }

    async fn beat(self, feed: Weak<Feed>, mut connection: MultiplexedConnection) {
        let lease = self.cache.lease();
        loop {
            sleep(lease / BEATS).await;
            let Some(feed) = feed.upgrade() else {
                return;
            };
            let asked = feed.ask();
            match timeout(lease, self.is_well(&mut connection)).await {
                Ok(Ok(true)) => feed.answered(asked),
                // The next look-up connects again.
                _ => return feed.lose(),
            }
        }
    }

    /// Whether it is the server for writes, and its part of a cluster is not cut off from the others.
    async fn is_well(&self, connection: &mut MultiplexedConnection) -> Result<bool, Fault> {
        greeting::refuse_replicas(connection).await?;
        if !self.in_cluster {
            return Ok(true);
        }
        let mut command = redis::cmd("CLUSTER");
        let info: String = command.arg("INFO").query_async(connection).await?;
        Ok(info.lines().any(|line| line == "cluster_state:ok"))
    }
}

fn hear(feed: &Feed, prefix: &str, push: &PushInfo) {
    match (&push.kind, push.data.first()) {
        (PushKind::Invalidate, Some(Value::Array(keys))) => {
            for key in keys {
                match key {
                    Value::BulkString(key) => {
                        if let Some(user_id) = user_of_key(prefix, key) {
                            feed.changed(Changed::User(user_id));
                        }
                    }
                    _ => feed.changed(Changed::Everything),
                }
            }
        }
        // As after FLUSHALL.
        (PushKind::Invalidate, _) => feed.changed(Changed::Everything),
        (PushKind::Disconnection, _) => feed.lose(),
        _ => {}
    }
}

fn speaking_resp3(client: &Client) -> Result<Client, Fault> {
    let info = client.get_connection_info().clone();
    let settings = info.redis_settings().clone();
    let settings = settings.set_protocol(ProtocolVersion::RESP3);
    Ok(Client::open(info.set_redis_settings(settings))?)
}

/// Why a server cannot report changes, if that is the fault.
pub(crate) fn cannot(fault: &Fault) -> Option<String> {
    use redis::{ErrorKind, ServerErrorKind};
    let is_about_it = match fault {
        Fault::UnknownCommand => true,
        Fault::Redis(error) => matches!(
            error.kind(),
            ErrorKind::RESP3NotSupported
                | ErrorKind::Server(ServerErrorKind::NoPerm | ServerErrorKind::ResponseError)
        ),
        _ => false,
    };
    is_about_it.then(|| {
        format!(
            "records are not cached, since it does not say which change ({fault}): that takes Redis 6 or later, and a user who \
             may use HELLO and CLIENT TRACKING"
        )
    })
}
