//! A connection to the server.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{OnceCell, SetOnce, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, SimpleQueryMessage, Statement};

use crate::address::Address;
use crate::fault::Fault;
use crate::value::Value;
use crate::words::{Which, Words};

/// A connection is replaced when it is so old, so that what the operators of a network change reaches it.
const LIFETIME: Duration = Duration::from_secs(30 * 60);

/// How long a connection has to take its leave, and a question that is called off to end.
const GRACE: Duration = Duration::from_secs(1);

/// A setting that nobody knows: it is there where a connection leads to the server itself.
const DIRECT: &str = "housekey.direct";

/// Makes connections.
pub(crate) struct Server {
    pub(crate) address: Address,
    pub(crate) words: Words,
    /// How long an operation may take.
    pub(crate) limit: Duration,
    /// Something in between takes no settings for a connection, or forgets them.
    is_pooled: AtomicBool,
}

impl Server {
    pub(crate) fn new(address: Address, words: Words, limit: Duration) -> Self {
        Self {
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

    /// Connects. Of what is between this program and the server, a pooler that gives each transaction another connection has
    /// to be known: it has no settings for a connection, and mixes up what is prepared on one. It is known by that.
    pub(crate) async fn connect(self: &Arc<Self>) -> Result<Session, Fault> {
        if !self.is_pooled.load(Ordering::Relaxed) {
            match self.connect_with_settings().await {
                Err(fault) if fault.may_be_about_settings() => {
                    let session = self.open(None).await?;
                    self.is_pooled.store(true, Ordering::Relaxed);
                    return Ok(session);
                }
                connected => return connected,
            }
        }
        self.open(None).await
    }

    /// The server itself ends what takes too long, whatever becomes of this program.
    async fn connect_with_settings(self: &Arc<Self>) -> Result<Session, Fault> {
        let wanted = self.address.config.get_options().unwrap_or_default();
        let limit = Self::milliseconds(self.limit);
        let options = format!("-c statement_timeout={limit} -c {DIRECT}=on {wanted}");
        let mut session = self.open(Some(options.trim_end())).await?;
        if !session.is_direct().await? {
            self.is_pooled.store(true, Ordering::Relaxed);
        } else if self.address.keeps_statements {
            session.prepared = Some(Default::default());
        }
        Ok(session)
    }

    async fn open(self: &Arc<Self>, options: Option<&str>) -> Result<Session, Fault> {
        let mut config = self.address.config_within(self.limit);
        options.map(|options| config.options(options));
        let tls = &self.address.tls;
        let connecting = config.connect(tls.connector()).await;
        let (client, connection) = connecting.map_err(Fault::connecting)?;
        let (open, closed) = oneshot::channel::<()>();
        let end = Arc::new(SetOnce::new());
        let tells_end = Arc::clone(&end);
        let driver = tokio::spawn(async move {
            let mut connection = pin!(connection);
            let ended = tokio::select! {
                ended = &mut connection => ended,
                _ = closed => timeout(GRACE, &mut connection).await.unwrap_or(Ok(())),
            };
            // Before those hear of it who wait for an answer: they do when the connection is dropped.
            let _ = tells_end.set(ended.err().map(Fault::from));
        });
        Ok(Session {
            server: Arc::clone(self),
            client,
            prepared: None,
            born: Instant::now(),
            end,
            driver,
            _open: open,
        })
    }
}

/// A connection. Dropped, it takes its leave of the server when what was asked over it is answered, or soon without that.
pub(crate) struct Session {
    server: Arc<Server>,
    client: Client,
    /// What is prepared, by [`Which`]. `None` where nothing stays so.
    prepared: Option<[OnceCell<Statement>; Which::COUNT]>,
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
        !self.client.is_closed() && self.born.elapsed() < LIFETIME
    }

    /// What the server said when it ended the connection, in place of no answer: it says so to the one that it was about to
    /// answer, or, when there was none, to nobody. What was asked after that, it has not read.
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

    /// Before several are sent one behind the other.
    pub(crate) async fn ready(&self, which: Which) -> Result<Ready<'_>, tokio_postgres::Error> {
        let text = self.server.words.text(which);
        let Some(prepared) = &self.prepared else {
            return Ok(Ready::Text(text));
        };
        let prepare = || self.client.prepare_typed(text, which.types());
        let prepared = prepared[which as usize].get_or_try_init(prepare).await?;
        Ok(Ready::Prepared(prepared.clone()))
    }

    /// Sends it when it is first polled.
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

    /// Runs a statement that does not stay prepared. All of it is sent at once, so that a pooler sends all of it to one server.
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

    /// Runs SQL without arguments; sends it when it is first polled.
    pub(crate) async fn script(&self, text: &str) -> Result<(), tokio_postgres::Error> {
        self.client.batch_execute(text).await
    }

    /// Waits until all that was sent before is answered.
    pub(crate) async fn wait(&self) {
        let _ = self.client.check_connection().await;
    }

    /// Gives up all that waits for an answer over this connection, at the server too.
    pub(crate) fn hang_up(&self) {
        let cancel = self.cancel();
        let driver = self.driver.abort_handle();
        tokio::spawn(async move {
            cancel.await;
            driver.abort();
        });
    }

    /// The same for one that nobody else uses, and waits until the server has given it up too, or soon without that.
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

    /// Asks the server to end what it is at for this connection. A pooler is not asked: PgBouncer 1.18 and 1.19 may end when they
    /// are, with everybody's connections.
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
