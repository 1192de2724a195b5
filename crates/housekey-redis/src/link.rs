//! One connection for all requests, made again when it fails.
//!
//! redis-rs has a `ConnectionManager` for that, which this is not, for two reasons. After an answer that never came it
//! keeps the connection, and when the server's machine is gone, none comes over that one for as long as the operating
//! system tries, which is 15 minutes. And while the server refuses, it lets everybody wait for its next try.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use housekey::Error;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ErrorKind, RedisError, RedisResult, ServerErrorKind};
use tokio::time::timeout;

use crate::fault::{Fault, server_name};

/// The way to the server.
pub(crate) struct Link {
    client: Client,
    current: Mutex<Option<Numbered>>,
    last_number: AtomicU64,
    /// Who holds it connects; the others wait for that.
    connecting: tokio::sync::Mutex<()>,
}

/// Which connection, so that nobody gives up the next one in its place.
#[derive(Clone)]
struct Numbered {
    number: u64,
    connection: MultiplexedConnection,
}

impl Link {
    /// Nothing is asked of the server before the first operation.
    pub(crate) fn new(client: Client) -> Self {
        Self {
            client,
            current: Mutex::new(None),
            last_number: AtomicU64::new(0),
            connecting: tokio::sync::Mutex::new(()),
        }
    }

    /// Asks the server, and gets an answer or an error in time.
    pub(crate) async fn ask<T, Asking>(
        &self,
        limit: Duration,
        question: impl FnOnce(MultiplexedConnection) -> Asking,
    ) -> Result<T, Error>
    where
        Asking: Future<Output = RedisResult<T>>,
    {
        let mut used = None;
        let asking = async {
            let Numbered { number, connection } = self.connection().await?;
            used = Some(number);
            question(connection).await
        };
        let answer = timeout(limit, asking).await;
        match answer {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                if !is_answer(&error) {
                    self.give_up(used);
                }
                Err(self.failed(error))
            }
            Err(_) => {
                self.give_up(used);
                Err(self.failed(Fault::TooLate(limit)))
            }
        }
    }

    pub(crate) fn failed(&self, fault: impl Into<Fault>) -> Error {
        fault.into().at(&self.server_name())
    }

    pub(crate) fn server_name(&self) -> String {
        server_name(&self.client)
    }

    async fn connection(&self) -> RedisResult<Numbered> {
        if let Some(current) = self.current().clone() {
            return Ok(current);
        }
        let _turn = self.connecting.lock().await;
        if let Some(current) = self.current().clone() {
            return Ok(current);
        }
        // How long an operation may take is `ask`'s business.
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(None)
            .set_response_timeout(None);
        let connecting = self
            .client
            .get_multiplexed_async_connection_with_config(&config);
        let connected = Numbered {
            connection: connecting.await?,
            number: self.last_number.fetch_add(1, Ordering::Relaxed),
        };
        *self.current() = Some(connected.clone());
        Ok(connected)
    }

    fn give_up(&self, used: Option<u64>) {
        self.current()
            .take_if(|current| Some(current.number) == used);
    }

    fn current(&self) -> MutexGuard<'_, Option<Numbered>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the server has answered, and another connection would get the same answer. A replica may be one only since the
/// connection was made, and its name may lead to another server by now.
fn is_answer(error: &RedisError) -> bool {
    match error.kind() {
        ErrorKind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown) => false,
        ErrorKind::Server(_) | ErrorKind::Extension => true,
        _ => false,
    }
}
