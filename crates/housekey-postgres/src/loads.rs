//! Look-ups: one connection for all of them. Each is sent before the previous one is answered.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_postgres::Row;

use crate::fault::Fault;
use crate::rows::not_from_standby;
use crate::session::{Server, Session};
use crate::value::Value;
use crate::watch;
use crate::words::Which;

/// How many may wait for the server's answer at once. Further ones wait here.
const MOST: usize = 1000;

/// How many connections there are if statements do not stay prepared. Each look-up then costs the server several times as
/// much, and it handles those of one connection one by one.
const LINES: usize = 4;

/// The connections of the look-ups. If statements stay prepared, there is only one.
pub(crate) struct Loads {
    server: Arc<Server>,
    lines: [Line; LINES],
    /// The next connection in turn.
    turn: AtomicUsize,
    seats: Arc<Semaphore>,
}

/// A connection, replaced when it is lost.
#[derive(Default)]
struct Line {
    current: Mutex<Option<Arc<Session>>>,
    /// The holder of this lock connects; the others wait for that.
    connecting: tokio::sync::Mutex<()>,
}

impl Loads {
    /// Connects again.
    pub(crate) async fn connect(&self) -> Result<(), Fault> {
        let (limit, line) = (self.server.limit, self.line());
        line.current().take();
        let connected = timeout(limit, line.session(&self.server)).await;
        connected.unwrap_or(Err(Fault::TooLate(limit))).map(drop)
    }

    /// Does not contact the server before the first look-up.
    pub(crate) fn new(server: Arc<Server>) -> Self {
        Self {
            server,
            lines: Default::default(),
            turn: AtomicUsize::new(0),
            seats: Arc::new(Semaphore::new(MOST)),
        }
    }

    /// The rows of a statement that changes nothing, and the connection that they came over.
    pub(crate) async fn rows(
        &self,
        which: Which,
        values: &[Value],
    ) -> Result<(Vec<Row>, Arc<Session>), Fault> {
        let (limit, line) = (self.server.limit, self.line());
        let mut used = None;
        let asking = async {
            let seats = Arc::clone(&self.seats);
            let mut permit = seats.acquire_owned().await.ok();
            let mut may_try_again = true;
            loop {
                let session = line.session(&self.server).await?;
                used = Some(Arc::clone(&session));
                let seat = Seat(Some((Arc::clone(&session), permit.take())));
                let rows = session.rows(which, values).await;
                permit = seat.leave();
                let rows = rows.map_err(Fault::from);
                let fault = match rows.and_then(|rows| not_from_standby(rows, &self.server)) {
                    Ok(rows) => return Ok((rows, session)),
                    Err(fault) => fault,
                };
                if !fault.is_broken() && !fault.is_of_the_connection() {
                    return Err(fault);
                }
                line.give_up(&session);
                if !may_try_again {
                    return Err(fault);
                }
                may_try_again = false;
            }
        };
        match timeout(limit, asking).await {
            Ok(answer) => answer,
            Err(_) => {
                if let Some(session) = used {
                    line.give_up(&session);
                    session.hang_up();
                }
                Err(Fault::TooLate(limit))
            }
        }
    }

    fn line(&self) -> &Line {
        match self.server.keeps_statements() {
            true => &self.lines[0],
            false => &self.lines[self.turn.fetch_add(1, Ordering::Relaxed) % LINES],
        }
    }
}

impl Line {
    async fn session(&self, server: &Arc<Server>) -> Result<Arc<Session>, Fault> {
        if let Some(session) = self.well() {
            return Ok(session);
        }
        let _turn = self.connecting.lock().await;
        if let Some(session) = self.well() {
            return Ok(session);
        }
        let session = Arc::new(server.connect_watched().await?);
        watch::go_on(&session);
        *self.current() = Some(Arc::clone(&session));
        Ok(session)
    }

    fn well(&self) -> Option<Arc<Session>> {
        let current = self.current();
        current
            .as_ref()
            .filter(|session| session.is_well())
            .cloned()
    }

    fn give_up(&self, used: &Arc<Session>) {
        self.current().take_if(|current| Arc::ptr_eq(current, used));
    }

    fn current(&self) -> MutexGuard<'_, Option<Arc<Session>>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place among the look-ups that wait for an answer. If its caller goes away, it stays taken until the answer comes, so
/// abandoned look-ups are bounded too.
struct Seat(Option<(Arc<Session>, Option<OwnedSemaphorePermit>)>);

impl Seat {
    fn leave(mut self) -> Option<OwnedSemaphorePermit> {
        self.0.take().and_then(|(_, permit)| permit)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if let Some((session, permit)) = self.0.take() {
            tokio::spawn(async move {
                session.wait().await;
                drop(permit);
            });
        }
    }
}
