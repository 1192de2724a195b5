//! Everything except look-ups: a few connections, each for one operation at a time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{timeout, timeout_at};

use crate::fault::Fault;
use crate::session::{Server, Session};

/// A connection that is idle for this long is closed.
const IDLE: Duration = Duration::from_secs(10 * 60);

/// An operation over a connection.
pub(crate) trait Question: Send + Sync + 'static {
    type Answer: Send + 'static;

    /// Leaves no transaction open, unless the connection fails or the future is dropped.
    fn ask(&self, session: &Session) -> impl Future<Output = Result<Self::Answer, Fault>> + Send;
}

/// Connections, with a limit on how many the server has at once.
#[derive(Clone)]
pub(crate) struct Pool {
    server: Arc<Server>,
    places: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<(Session, Instant)>>>,
}

impl Pool {
    /// Does not contact the server before the first operation.
    pub(crate) fn new(server: Arc<Server>, connections: usize) -> Self {
        let most = connections.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            server,
            places: Arc::new(Semaphore::new(most)),
            idle: Arc::default(),
        }
    }

    /// Runs the question, and returns an answer or a fault in time. A caller that goes away does not cancel it: a connection
    /// in the middle of a question would be lost, and with many of them the pool.
    pub(crate) async fn answer<Q: Question>(&self, question: Q) -> Result<Q::Answer, Fault> {
        let limit = self.server.limit;
        let until = Instant::now() + limit;
        let place = timeout(limit, Arc::clone(&self.places).acquire_owned()).await;
        let Ok(Ok(place)) = place else {
            return Err(Fault::TooLate(limit));
        };
        let asking = self.clone().ask_until(until, place, question);
        let answer = tokio::spawn(asking).await;
        answer.unwrap_or_else(|error| Err(Fault::Broken(error.to_string())))
    }

    async fn ask_until<Q: Question>(
        self,
        until: Instant,
        place: OwnedSemaphorePermit,
        question: Q,
    ) -> Result<Q::Answer, Fault> {
        let too_late = || Fault::TooLate(self.server.limit);
        let mut may_try_again = true;
        let mut used = None;
        loop {
            let session = match used.take().or_else(|| self.idle_one()) {
                Some(session) => session,
                None => match timeout_at(until.into(), self.server.connect()).await {
                    Ok(Err(fault)) if may_try_again && fault.is_of_the_connection() => {
                        may_try_again = false;
                        continue;
                    }
                    Ok(connected) => connected?,
                    Err(_) => return Err(too_late()),
                },
            };
            let fault = match timeout_at(until.into(), question.ask(&session)).await {
                Ok(Ok(answer)) => {
                    self.give_back(session);
                    return Ok(answer);
                }
                Ok(Err(fault)) => session.explained(fault).await,
                Err(_) => {
                    // The place is free again once the server has ended the question.
                    tokio::spawn(async move {
                        session.call_off().await;
                        drop(place);
                    });
                    return Err(too_late());
                }
            };
            if fault.was_undone() {
                used = Some(session);
            } else if may_try_again && fault.is_of_the_connection() {
                may_try_again = false;
                // The other idle connections are just as old.
                self.idle().clear();
            } else {
                if !fault.is_broken() && !fault.is_of_the_connection() {
                    self.give_back(session);
                }
                return Err(fault);
            }
        }
    }

    fn idle_one(&self) -> Option<Session> {
        let mut idle = self.idle();
        std::iter::from_fn(|| idle.pop())
            .find_map(|(session, _)| session.is_well().then_some(session))
    }

    fn give_back(&self, session: Session) {
        let mut idle = self.idle();
        idle.retain(|(_, since)| since.elapsed() < IDLE);
        idle.push((session, Instant::now()));
    }

    fn idle(&self) -> MutexGuard<'_, Vec<(Session, Instant)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
