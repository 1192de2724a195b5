//! A connection over which the server reports changed records, so that records loaded over it can be cached.
//!
//! It is the connection of the look-ups, so that reports and answers arrive in order and are about the same server.

use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, OnceLock};

use housekey::records::LoginId;
use housekey::records::cache::{Asked, CachedRecords, Changed, Feed};
use housekey_statements::postgres::{PULSE, TableName, read_changed};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};
use tokio_postgres::Notification;

use crate::fault::Fault;
use crate::rows::get;
use crate::session::Session;
use crate::value::Value;

/// How often within a lease the server is asked whether it still reports changes. Each time wakes all listeners.
const BEATS: u32 = 2;

/// The first character of a notification that was only sent to see it come back.
const BEAT: char = '?';

/// The cache and the channel for reported changes.
pub(crate) struct Watch {
    pub(crate) cache: CachedRecords,
    channel: String,
    table: String,
    body: String,
}

/// The notifications that a connection receives.
pub(crate) struct Hearing {
    pub(crate) feed: Feed,
    channel: String,
    /// The server's process for this connection, because others use the channel too.
    process: AtomicI32,
    /// The number of the last beat that came back.
    beats: watch::Sender<u64>,
}

/// Keeps the records of a connection correct, for as long as this lives.
pub(crate) struct Pulse {
    pub(crate) hearing: Arc<Hearing>,
    beat: OnceLock<AbortHandle>,
}

impl Drop for Pulse {
    fn drop(&mut self) {
        if let Some(beat) = self.beat.get() {
            beat.abort();
        }
        self.hearing.feed.lose();
    }
}

impl Watch {
    pub(crate) fn new(cache: CachedRecords, table: &TableName) -> Self {
        Self {
            cache,
            channel: table.channel(),
            table: table.to_string(),
            body: table.changed_body(),
        }
    }

    pub(crate) fn hearing(&self) -> Arc<Hearing> {
        Arc::new(Hearing {
            feed: self.cache.feed(),
            channel: self.channel.clone(),
            process: AtomicI32::new(0),
            beats: watch::Sender::new(0),
        })
    }

    /// Makes a connection report changes from now on, or returns why it cannot.
    pub(crate) async fn begin(
        &self,
        session: &Session,
        hearing: &Arc<Hearing>,
    ) -> Result<Result<Pulse, String>, Fault> {
        if !session.is_prepared() {
            return Ok(Err(
                "something between this program and the server keeps connections for several, and a pooler passes nothing on \
                 that the server says by itself; let the store connect to the server"
                    .to_owned(),
            ));
        }
        let listening = session
            .script(&format!("LISTEN \"{}\"", self.channel))
            .await;
        if let Err(error) = listening {
            return match Fault::from(error) {
                fault @ Fault::Said { .. } => Ok(Err(format!("{fault}: a standby says nothing"))),
                fault => Err(fault),
            };
        }
        let pulse = Pulse {
            hearing: Arc::clone(hearing),
            beat: OnceLock::new(),
        };
        // Leaves time for the connection's actual work.
        let patience = self.cache.lease().min(session.server().limit / 4);
        let Ok(first) = timeout(patience, self.beat(session, hearing, 1)).await else {
            return Ok(Err(format!(
                "what it says by itself has not arrived within {patience:?}"
            )));
        };
        match first {
            Ok(Some(asked)) => {
                hearing.feed.answered(asked);
                Ok(Ok(pulse))
            }
            Ok(None) => Ok(Err(format!(
                "the table {} has no triggers that say which record changes; call create_table, or put create_table_sql into the \
                 migrations",
                self.table
            ))),
            Err(fault @ Fault::Said { .. }) => Ok(Err(fault.to_string())),
            Err(fault) => Err(fault),
        }
    }

    /// Sends a notification, and waits until it comes back. `None` if the table does not report changes.
    async fn beat(
        &self,
        session: &Session,
        hearing: &Hearing,
        number: u64,
    ) -> Result<Option<Asked>, Fault> {
        let asked = hearing.feed.ask();
        let values = [
            Value::Text(self.table.clone()),
            Value::Text(self.body.clone()),
            Value::Text(self.channel.clone()),
            Value::Text(format!("{BEAT}{number}")),
        ];
        if number == 1 {
            let rows = session.typed("SELECT pg_backend_pid()", &[]).await?;
            let row = rows.first().ok_or_else(no_row)?;
            hearing.process.store(get(row, 0)?, Ordering::SeqCst);
        }
        let rows = session.typed(PULSE, &values).await?;
        let row = rows.first().ok_or_else(no_row)?;
        let (process, says_changes): (i32, bool) = (get(row, 0)?, get(row, 1)?);
        if process != hearing.process.load(Ordering::SeqCst) {
            let other = "another connection of the server's has answered";
            return Err(Fault::Mixed(other.to_owned()));
        }
        if !says_changes {
            return Ok(None);
        }
        let mut beats = hearing.beats.subscribe();
        let came = beats.wait_for(|last| *last == number).await;
        came.map_err(|_| Fault::Broken("the connection has ended".to_owned()))?;
        Ok(Some(asked))
    }
}

fn no_row() -> Fault {
    Fault::Broken("an answer has no row".to_owned())
}

impl Hearing {
    /// Called in the order in which the connection delivers, before later answers.
    pub(crate) fn hear(&self, said: &Notification) {
        if said.channel() != self.channel {
            return;
        }
        match said.payload().strip_prefix(BEAT) {
            Some(number) if said.process_id() == self.process.load(Ordering::SeqCst) => {
                if let Ok(number) = number.parse() {
                    self.beats.send_replace(number);
                }
            }
            Some(_) => {}
            None => self.feed.changed(match read_changed(said.payload()) {
                Some(id) => Changed::Login(LoginId::from_bytes(id)),
                None => Changed::Everything,
            }),
        }
    }
}

/// Asks again and again, for as long as the connection is in use.
pub(crate) fn go_on(session: &Arc<Session>) {
    let Some(pulse) = session.pulse() else {
        return;
    };
    let hearing = Arc::clone(&pulse.hearing);
    let weak = Arc::downgrade(session);
    let beating = tokio::spawn(async move {
        for number in 2.. {
            let lease = match weak
                .upgrade()
                .as_deref()
                .and_then(|it| it.server().watch.as_ref())
            {
                Some(watch) => watch.cache.lease(),
                None => return,
            };
            sleep(lease / BEATS).await;
            let Some(session) = weak.upgrade() else {
                return;
            };
            let Some(watch) = session.server().watch.as_ref() else {
                return;
            };
            match timeout(lease, watch.beat(&session, &hearing, number)).await {
                Ok(Ok(Some(asked))) => hearing.feed.answered(asked),
                // The next look-up connects again, and finds out why.
                _ => return hearing.feed.lose(),
            }
        }
    });
    let _ = pulse.beat.set(beating.abort_handle());
}
