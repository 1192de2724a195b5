//! A connection to the server.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OnceCell, SetOnce, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::types::ToSql;
use tokio_postgres::{AsyncMessage, Client, Connection, Row, SimpleQueryMessage, Statement};

use crate::address::Address;
use crate::fault::Fault;
use crate::value::Value;
use crate::watch::{Hearing, Pulse, Watch};
use crate::words::{Which, Words};

/// The age at which a connection is replaced, so that changes in the network take effect.
const LIFETIME: Duration = Duration::from_secs(30 * 60);

/// The same for a connection that should report changes and cannot: a new one may be able to.
const LIFETIME_UNHEARD: Duration = Duration::from_secs(60);

/// How long a connection may take to close, and a cancelled question to end.
const GRACE: Duration = Duration::from_secs(1);

/// A setting that no server defines. It is present if a connection leads to the server itself.
const DIRECT: &str = "housekey.direct";

/// Makes connections.
pub(crate) struct Server {
    pub(crate) address: Address,
    pub(crate) words: Words,
    /// How long an operation may take.
    pub(crate) limit: Duration,
    /// Whether look-up connections are to report changes.
    pub(crate) watch: Option<Watch>,
    /// Why they do not, if they do not.
    uncached: Mutex<Option<String>>,
    /// Whether a pooler in between accepts no settings for a connection, or forgets them.
    is_pooled: AtomicBool,
}

impl Server {
    pub(crate) fn new(
        address: Address,
        words: Words,
        limit: Duration,
        watch: Option<Watch>,
    ) -> Self {
        Self {
            watch,
            uncached: Mutex::default(),
            address,
            words,
            limit,
            is_pooled: AtomicBool::new(false),
        }
    }

    pub(crate) fn milliseconds(limit: Duration) -> i32 {
        i32::try_from(limit.as_millis()).unwrap_or(i32::MAX).max(1)
    }

    /// Whether statements stay prepared on its connections, as far as is known.
    pub(crate) fn keeps_statements(&self) -> bool {
        self.address.keeps_statements && !self.is_pooled.load(Ordering::Relaxed)
    }

    /// Connects, and detects a pooler that gives each transaction another connection: it does not keep settings for a
    /// connection. It would also mix up prepared statements.
    pub(crate) async fn connect(self: &Arc<Self>) -> Result<Session, Fault> {
        self.connect_hearing(None).await
    }

    /// The same for look-ups, whose answers may be cached if the connection reports changes. Without that, everything still
    /// works.
    pub(crate) async fn connect_watched(self: &Arc<Self>) -> Result<Session, Fault> {
        let Some(watch) = &self.watch else {
            return self.connect().await;
        };
        let hearing = watch.hearing();
        let mut session = self.connect_hearing(Some(&hearing)).await?;
        let begun = watch.begin(&session, &hearing).await;
        let why = begun.map(|begun| match begun {
            Ok(pulse) => {
                session.pulse = Some(pulse);
                None
            }
            Err(why) => Some(why),
        })?;
        let mut uncached = self.uncached.lock().unwrap_or_else(PoisonError::into_inner);
        // Reported once.
        if let Some(why) = why.as_ref().filter(|why| uncached.as_ref() != Some(why)) {
            let server = self.address.server_name();
            tracing::warn!(target: "housekey", "{server}: records are not cached: {why}");
        }
        *uncached = why;
        drop(uncached);
        Ok(session)
    }

    /// Why records are not cached, as far as is known.
    pub(crate) fn why_uncached(&self) -> Option<String> {
        let uncached = self.uncached.lock();
        uncached.unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn connect_hearing(
        self: &Arc<Self>,
        hearing: Option<&Arc<Hearing>>,
    ) -> Result<Session, Fault> {
        if !self.is_pooled.load(Ordering::Relaxed) {
            match self.connect_with_settings(hearing).await {
                Err(fault) if fault.may_be_about_settings() => {
                    let session = self.open(None, hearing).await?;
                    self.is_pooled.store(true, Ordering::Relaxed);
                    return Ok(session);
                }
                connected => return connected,
            }
        }
        self.open(None, hearing).await
    }

    /// The server itself ends operations that take too long, even if this program is gone.
    async fn connect_with_settings(
        self: &Arc<Self>,
        hearing: Option<&Arc<Hearing>>,
    ) -> Result<Session, Fault> {
        let wanted = self.address.config.get_options().unwrap_or_default();
        let limit = Self::milliseconds(self.limit);
        let options = format!("-c statement_timeout={limit} -c {DIRECT}=on {wanted}");
        let mut session = self.open(Some(options.trim_end()), hearing).await?;
        if !session.is_direct().await? {
            self.is_pooled.store(true, Ordering::Relaxed);
        } else if self.address.keeps_statements {
            session.prepared = Some(Default::default());
        }
        Ok(session)
    }

    async fn open(
        self: &Arc<Self>,
        options: Option<&str>,
        hearing: Option<&Arc<Hearing>>,
    ) -> Result<Session, Fault> {
        let mut config = self.address.config_within(self.limit);
        options.map(|options| config.options(options));
        let tls = &self.address.tls;
        let connecting = config.connect(tls.connector()).await;
        let (client, connection) = connecting.map_err(Fault::connecting)?;
        let (open, closed) = oneshot::channel::<()>();
        let end = Arc::new(SetOnce::new());
        let tells_end = Arc::clone(&end);
        let (is_to_hear, hearing) = (hearing.is_some(), hearing.cloned());
        let driver = tokio::spawn(async move {
            let mut driving = pin!(drive(connection, hearing.as_deref()));
            let ended = tokio::select! {
                ended = &mut driving => ended,
                _ = closed => timeout(GRACE, &mut driving).await.unwrap_or(Ok(())),
            };
            if let Some(hearing) = &hearing {
                hearing.feed.lose();
            }
            // Set before the waiting callers notice the end, which they do when the connection is dropped.
            let _ = tells_end.set(ended.err().map(Fault::from));
        });
        Ok(Session {
            server: Arc::clone(self),
            client,
            prepared: None,
            pulse: None,
            is_to_hear,
            born: Instant::now(),
            end,
            driver,
            _open: open,
        })
    }
}

/// Moves data over a connection until it ends.
async fn drive<S, T>(
    mut connection: Connection<S, T>,
    hearing: Option<&Hearing>,
) -> Result<(), tokio_postgres::Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    let Some(hearing) = hearing else {
        return connection.await;
    };
    while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
        if let AsyncMessage::Notification(said) = message? {
            hearing.hear(&said);
        }
    }
    Ok(())
}

/// A connection. Dropping it closes it once its questions are answered, or a little later in any case.
pub(crate) struct Session {
    server: Arc<Server>,
    client: Client,
    /// The prepared statements, by [`Which`]. `None` if nothing stays prepared.
    prepared: Option<[OnceCell<Statement>; Which::COUNT]>,
    /// Reports changed records, if anything does.
    pulse: Option<Pulse>,
    is_to_hear: bool,
    born: Instant,
    /// Why it has ended.
    end: Arc<SetOnce<Option<Fault>>>,
    driver: JoinHandle<()>,
    _open: oneshot::Sender<()>,
}

/// A statement that can be sent at once.
pub(crate) enum Ready<'a> {
    Prepared(Statement),
    Text(&'a str),
}

impl Session {
    async fn is_direct(&self) -> Result<bool, Fault> {
        let question = format!("SELECT current_setting('{DIRECT}', true)");
        let rows = self.client.simple_query(&question).await?;
        Ok(rows.iter().any(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0) == Some("on"),
            _ => false,
        }))
    }

    /// Whether it can be used, as far as is known here.
    pub(crate) fn is_well(&self) -> bool {
        let lifetime = match &self.pulse {
            Some(pulse) if pulse.hearing.feed.is_lost() => return false,
            None if self.is_to_hear => LIFETIME_UNHEARD,
            _ => LIFETIME,
        };
        !self.client.is_closed() && self.born.elapsed() < lifetime
    }

    /// Whether statements stay prepared on it.
    pub(crate) fn is_prepared(&self) -> bool {
        self.prepared.is_some()
    }

    pub(crate) fn pulse(&self) -> Option<&Pulse> {
        self.pulse.as_ref()
    }

    /// The fault, or what the server said when it ended the connection. The server says it in place of the answer that it was
    /// working on, or outside of any answer if there was none. It has not read later questions.
    pub(crate) async fn explained(&self, fault: Fault) -> Fault {
        if !fault.is_broken() || !self.client.is_closed() {
            return fault;
        }
        match timeout(GRACE, self.end.wait()).await {
            Ok(Some(end)) if end.is_of_the_connection() => end.clone(),
            _ => fault,
        }
    }

    pub(crate) fn server(&self) -> &Server {
        &self.server
    }

    /// Prepares a statement before several are sent one after another.
    pub(crate) async fn ready(&self, which: Which) -> Result<Ready<'_>, tokio_postgres::Error> {
        let text = self.server.words.text(which);
        let Some(prepared) = &self.prepared else {
            return Ok(Ready::Text(text));
        };
        let prepare = || self.client.prepare_typed(text, which.types());
        let prepared = prepared[which as usize].get_or_try_init(prepare).await?;
        Ok(Ready::Prepared(prepared.clone()))
    }

    /// Sends it when the future is first polled.
    pub(crate) async fn run(
        &self,
        ready: &Ready<'_>,
        values: &[Value],
    ) -> Result<Vec<Row>, tokio_postgres::Error> {
        match ready {
            Ready::Prepared(statement) => {
                let values: Vec<_> = values.iter().map(dynamic).collect();
                self.client.query(statement, &values).await
            }
            Ready::Text(text) => self.typed(text, values).await,
        }
    }

    pub(crate) async fn rows(
        &self,
        which: Which,
        values: &[Value],
    ) -> Result<Vec<Row>, tokio_postgres::Error> {
        self.run(&self.ready(which).await?, values).await
    }

    /// Runs a statement that does not stay prepared. All of it is sent at once, so that a pooler sends it to one server.
    pub(crate) async fn typed(
        &self,
        text: &str,
        values: &[Value],
    ) -> Result<Vec<Row>, tokio_postgres::Error> {
        let values: Vec<_> = values
            .iter()
            .map(|value| (dynamic(value), value.type_()))
            .collect();
        self.client.query_typed(text, &values).await
    }

    /// Runs SQL without arguments. Sends it when the future is first polled.
    pub(crate) async fn script(&self, text: &str) -> Result<(), tokio_postgres::Error> {
        self.client.batch_execute(text).await
    }

    /// Waits until everything sent before is answered.
    pub(crate) async fn wait(&self) {
        let _ = self.client.check_connection().await;
    }

    /// Abandons everything that waits for an answer over this connection, on the server too.
    pub(crate) fn hang_up(&self) {
        let cancel = self.cancel();
        let driver = self.driver.abort_handle();
        tokio::spawn(async move {
            cancel.await;
            driver.abort();
        });
    }

    /// The same for a connection without other users. Waits until the server has abandoned it too, or for a short time.
    pub(crate) async fn call_off(self) {
        let cancel = self.cancel();
        let Self {
            client,
            driver,
            _open: open,
            ..
        } = self;
        cancel.await;
        drop((client, open));
        let _ = driver.await;
    }

    /// Asks the server to cancel what it is doing for this connection. A pooler is not asked, because PgBouncer 1.18 and 1.19
    /// may exit then, with everybody's connections.
    fn cancel(&self) -> impl Future<Output = ()> + Send + use<> {
        let is_pooled = self.server.is_pooled.load(Ordering::Relaxed);
        let token = (!is_pooled).then(|| self.client.cancel_token());
        let tls = self.server.address.tls.clone();
        async move {
            if let Some(token) = token {
                let _ = timeout(GRACE, token.cancel_query(tls.connector())).await;
            }
        }
    }
}

fn dynamic(value: &Value) -> &(dyn ToSql + Sync) {
    value
}
