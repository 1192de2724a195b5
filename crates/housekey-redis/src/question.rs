//! Questions to a server.

use std::time::Duration;

use housekey_statements::redis::slot_of;
use redis::aio::MultiplexedConnection;
use redis::{Cmd, ErrorKind, Pipeline, RedisResult, Script, ServerErrorKind, Value};
use tokio::time::Instant;

use crate::fault::Fault;

/// How long an operation may take, and its deadline.
#[derive(Clone, Copy)]
pub(crate) struct Time {
    pub(crate) limit: Duration,
    pub(crate) until: Instant,
}

impl Time {
    pub(crate) fn begin(limit: Duration) -> Self {
        // Practically for ever, if the clock cannot count as far.
        let now = Instant::now();
        let far = now + Duration::from_secs(60 * 60 * 24 * 365);
        Self {
            limit,
            until: now.checked_add(limit).unwrap_or(far),
        }
    }

    pub(crate) fn left(self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }

    /// At most this long, and not longer than the operation.
    pub(crate) fn at_most(self, limit: Duration) -> Self {
        Self {
            until: self.until.min(Self::begin(limit).until),
            ..self
        }
    }
}

/// A command on keys of one hash slot.
pub(crate) struct Question<'a> {
    pub(crate) slot: u16,
    pub(crate) command: Cmd,
    script: Option<&'a Script>,
    /// How many replicas must have its change before it counts as answered.
    replicas: usize,
}

impl<'a> Question<'a> {
    pub(crate) fn about(key: &str, command: Cmd) -> Self {
        Self {
            slot: slot_of(key.as_bytes()),
            command,
            script: None,
            replicas: 0,
        }
    }

    /// A script. Its arguments are added afterwards.
    pub(crate) fn script(script: &'a Script, keys: &[String]) -> Self {
        let mut command = redis::cmd("EVALSHA");
        command.arg(script.get_hash()).arg(keys.len()).arg(keys);
        let first = keys.first().map_or(&[][..], |key| key.as_bytes());
        Self {
            slot: slot_of(first),
            command,
            script: Some(script),
            replicas: 0,
        }
    }

    pub(crate) fn arg(mut self, argument: impl redis::ToSingleRedisArg) -> Self {
        self.command.arg(argument);
        self
    }

    pub(crate) fn args(
        mut self,
        arguments: impl IntoIterator<Item = impl redis::ToSingleRedisArg>,
    ) -> Self {
        for argument in arguments {
            self.command.arg(argument);
        }
        self
    }

    pub(crate) fn kept_by(mut self, replicas: usize) -> Self {
        self.replicas = replicas;
        self
    }

    /// Whether its answer waits for replicas, and so holds up everything behind it on the same connection.
    pub(crate) fn waits(&self) -> bool {
        self.replicas > 0
    }

    /// Sends it to a server. `asking` says that the slot is being moved there.
    pub(crate) async fn put(
        &self,
        mut connection: MultiplexedConnection,
        asking: bool,
        time: Time,
    ) -> Result<Value, Fault> {
        let answer = self.put_once(&mut connection, asking, time).await;
        match (answer, self.script) {
            (Err(Fault::Redis(error)), Some(script)) if is_no_script(&error) => {
                script.load_async(&mut connection).await?;
                self.put_once(&mut connection, asking, time).await
            }
            (answer, _) => answer,
        }
    }

    async fn put_once(
        &self,
        connection: &mut MultiplexedConnection,
        asking: bool,
        time: Time,
    ) -> Result<Value, Fault> {
        if !asking && !self.waits() {
            let answer = connection.send_packed_command(&self.command).await;
            return Ok(answer.and_then(Value::extract_error)?);
        }
        let mut pipeline = Pipeline::with_capacity(3);
        if asking {
            pipeline.cmd("ASKING");
        }
        pipeline.add_command(self.command.clone());
        if self.waits() {
            // Leaves time for an answer that says that the replicas do not have it.
            let patience = (time.left() * 3 / 4).as_millis().max(1);
            let patience = u64::try_from(patience).unwrap_or(u64::MAX);
            pipeline.cmd("WAIT").arg(self.replicas).arg(patience);
        }
        let mut answers = answers(connection, &pipeline).await?.into_iter();
        if asking {
            answers.next().ok_or(Fault::Unreadable)??;
        }
        let answer = answers.next().ok_or(Fault::Unreadable)??;
        if self.waits() {
            let count = answers.next().ok_or(Fault::Unreadable)??;
            let count: usize = redis::from_redis_value(count).map_err(|_| Fault::Unreadable)?;
            if count < self.replicas {
                return Err(Fault::Replicas {
                    have: count,
                    need: self.replicas,
                });
            }
        }
        Ok(answer)
    }
}

/// The answer to each command of a pipeline.
pub(crate) async fn answers(
    connection: &mut MultiplexedConnection,
    pipeline: &Pipeline,
) -> RedisResult<Vec<RedisResult<Value>>> {
    let answers = connection.send_packed_commands(pipeline, 0, pipeline.len());
    Ok(answers
        .await?
        .into_iter()
        .map(Value::extract_error)
        .collect())
}

fn is_no_script(error: &redis::RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
}
