//! One connection for all requests to a server, replaced when it fails.
//!
//! This does not use redis-rs's `ConnectionManager`, for two reasons. After an answer that never came it keeps the
//! connection. If the server's machine is gone, no answer comes over that connection for as long as the operating system
//! tries, which is 15 minutes. And while the server refuses connections, it makes all callers wait for its next attempt.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, ErrorKind, Pipeline, RedisError, RedisResult, ServerErrorKind,
    Value,
};
use tokio::time::{Instant, timeout_at};

use crate::fault::{Failure, Fault, is_read_only};
use crate::greeting;
use crate::question::{Question, Time, answers};
use crate::sentinel::Watched;
use crate::watch::{self, Pulse, Watch};

/// How long a connection is used that should report changes and cannot.
const UNHEARD: Duration = Duration::from_secs(60);

/// The server's address.
#[derive(Debug)]
pub(crate) enum Way {
    /// Always at one address.
    Fixed(Client),
    /// At the address that the Sentinels give.
    Watched(Watched),
}

/// An answer of the server.
pub(crate) struct Answer {
    pub(crate) value: Value,
    /// Reports whether the answer changes, if anything does.
    pub(crate) pulse: Option<Arc<Pulse>>,
}

/// The connection to the server for writes.
pub(crate) struct Link {
    way: Way,
    /// Whether it is to report changes.
    watch: Option<Watch>,
    current: Mutex<Option<Numbered>>,
    last_number: AtomicU64,
    /// The holder of this lock connects; the others wait for that.
    connecting: tokio::sync::Mutex<()>,
    /// Reported once, and by one of the connections to a server.
    has_warned: AtomicBool,
    /// Why it does not report changes, if it does not.
    uncached: Mutex<Option<String>>,
}

/// Identifies the connection, so that its successor is not dropped in its place.
#[derive(Clone)]
struct Numbered {
    number: u64,
    connection: MultiplexedConnection,
    pulse: Option<Arc<Pulse>>,
    /// Until when it is used if it should report changes and cannot: a new one may be able to.
    until: Option<Instant>,
}

impl Numbered {
    /// Whether it reports changes, if it can.
    fn is_well(&self) -> bool {
        match &self.pulse {
            Some(pulse) => !pulse.feed.is_lost(),
            None => self.until.is_none_or(|until| Instant::now() < until),
        }
    }
}

impl Link {
    /// Does not contact the server before the first operation.
    pub(crate) fn new(way: Way, warns: bool, watch: Option<Watch>) -> Self {
        Self {
            way,
            watch,
            current: Mutex::new(None),
            last_number: AtomicU64::new(0),
            connecting: tokio::sync::Mutex::new(()),
            has_warned: AtomicBool::new(!warns),
            uncached: Mutex::default(),
        }
    }

    /// Asks the server, and returns an answer or an error in time.
    pub(crate) async fn ask(
        &self,
        question: &Question<'_>,
        asking: bool,
        time: Time,
    ) -> Result<Answer, Failure> {
        let Numbered {
            number,
            connection,
            pulse,
            ..
        } = self.connected(time).await?;
        let answer = question.put(connection, asking, time);
        let fault = match timeout_at(time.until, answer).await {
            Ok(Ok(value)) => return Ok(Answer { value, pulse }),
            Ok(Err(fault)) => fault,
            Err(_) => Fault::TooLate(time.limit),
        };
        if !is_answer(&fault) {
            self.give_up(number);
        }
        Err(Failure::sent(fault, &self.to_string()))
    }

    /// Asks several plain questions at once. An answer may be an error from the server.
    pub(crate) async fn ask_all(
        &self,
        questions: &[&Question<'_>],
        time: Time,
    ) -> Result<Vec<RedisResult<Value>>, Failure> {
        let Numbered {
            number,
            mut connection,
            ..
        } = self.connected(time).await?;
        let mut pipeline = Pipeline::with_capacity(questions.len());
        for question in questions {
            pipeline.add_command(question.command.clone());
        }
        let answers = timeout_at(time.until, answers(&mut connection, &pipeline)).await;
        let fault = match answers {
            Ok(Ok(answers)) => return Ok(answers),
            Ok(Err(error)) => error.into(),
            Err(_) => Fault::TooLate(time.limit),
        };
        self.give_up(number);
        Err(Failure::sent(fault, &self.to_string()))
    }

    /// How its settings may affect logins.
    pub(crate) async fn warnings(&self, time: Time) -> Result<Vec<String>, Failure> {
        let Numbered {
            number,
            mut connection,
            pulse,
            ..
        } = self.connected(time).await?;
        let warnings = timeout_at(time.until, greeting::warnings(&mut connection)).await;
        let warnings = warnings.unwrap_or(Err(Fault::TooLate(time.limit)));
        let uncached = match pulse {
            None => self.uncached().clone(),
            Some(_) => None,
        };
        let warnings = warnings.map(|it| it.into_iter().chain(uncached).collect::<Vec<_>>());
        match warnings {
            Ok(warnings) => Ok(warnings.iter().map(|it| format!("{self}: {it}")).collect()),
            Err(fault) => {
                self.give_up(number);
                Err(Failure::sent(fault, &self.to_string()))
            }
        }
    }

    async fn connected(&self, time: Time) -> Result<Numbered, Failure> {
        if let Some(current) = self.usable() {
            return Ok(current);
        }
        let connected = timeout_at(time.until, self.connection(time)).await;
        connected
            .unwrap_or(Err(Fault::TooLate(time.limit)))
            .map_err(|fault| Failure::unsent(fault, &self.to_string()))
    }

    async fn connection(&self, time: Time) -> Result<Numbered, Fault> {
        let _turn = self.connecting.lock().await;
        if let Some(current) = self.usable() {
            return Ok(current);
        }
        let (mut connection, pulse) = match &self.way {
            Way::Fixed(client) => self.open(client).await?,
            Way::Watched(watched) => self.open(&watched.master(time).await?).await?,
        };
        if !self.has_warned.load(Ordering::Relaxed) {
            for warning in greeting::warnings(&mut connection).await? {
                tracing::warn!(target: "housekey", "{self}: {warning}");
            }
            self.has_warned.store(true, Ordering::Relaxed);
        }
        let connected = Numbered {
            connection,
            until: self.watch.as_ref().map(|_| Instant::now() + UNHEARD),
            pulse,
            number: self.last_number.fetch_add(1, Ordering::Relaxed),
        };
        *self.current() = Some(connected.clone());
        Ok(connected)
    }

    async fn open(
        &self,
        client: &Client,
    ) -> Result<(MultiplexedConnection, Option<Arc<Pulse>>), Fault> {
        if let Some(watch) = &self.watch {
            let fault = match watch.connect(client).await {
                Ok((connection, pulse)) => return Ok((connection, Some(pulse))),
                Err(fault) => fault,
            };
            let Some(why) = watch::cannot(&fault) else {
                return Err(fault);
            };
            // Without this, everything still works. Reported once.
            if self.uncached().replace(why.clone()).is_none() {
                tracing::warn!(target: "housekey", "{self}: {why}");
            }
        }
        let mut connection = connect(client).await?;
        greeting::refuse_replicas(&mut connection).await?;
        Ok((connection, None))
    }

    fn usable(&self) -> Option<Numbered> {
        self.current().clone().filter(Numbered::is_well)
    }

    fn give_up(&self, used: u64) {
        self.current().take_if(|current| current.number == used);
    }

    fn uncached(&self) -> MutexGuard<'_, Option<String>> {
        self.uncached.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn current(&self) -> MutexGuard<'_, Option<Numbered>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The caller limits its time.
pub(crate) async fn connect(client: &Client) -> RedisResult<MultiplexedConnection> {
    connect_with(client, &settings()).await
}

/// The same with other settings.
pub(crate) async fn connect_with(
    client: &Client,
    settings: &AsyncConnectionConfig,
) -> RedisResult<MultiplexedConnection> {
    client
        .get_multiplexed_async_connection_with_config(settings)
        .await
}

pub(crate) fn settings() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new()
        .set_connection_timeout(None)
        .set_response_timeout(None)
}

/// A server, as messages name it.
pub(crate) fn server_name(client: &Client) -> String {
    let info = client.get_connection_info();
    let database = info.redis_settings().db();
    format!("database {database} of Redis at {}", info.addr())
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.way {
            Way::Fixed(client) => f.write_str(&server_name(client)),
            Way::Watched(watched) => watched.fmt(f),
        }
    }
}

/// Whether the server has answered, and would give the same answer over another connection. A replica may have become one
/// only after the connection was made, and its name may lead to another server by now.
fn is_answer(fault: &Fault) -> bool {
    match fault {
        Fault::Redis(error) => is_error_of_the_question(error),
        Fault::Unreadable | Fault::UnknownCommand | Fault::Replicas { .. } => true,
        _ => false,
    }
}

fn is_error_of_the_question(error: &RedisError) -> bool {
    match error.kind() {
        _ if is_read_only(error) => false,
        ErrorKind::Server(ServerErrorKind::MasterDown) => false,
        ErrorKind::Server(_) | ErrorKind::Extension => true,
        _ => false,
    }
}
