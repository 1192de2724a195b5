//! Parallel traffic that remembers what it was told.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use housekey::BoxError;
use housekey::records::{LoginId, LoginRecord, LoginStore, Touch, Updated};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::operations::{HUNG, answer};
use crate::{HOUR, NOW, record};

/// How many use the store at once.
const WORKERS: usize = 8;

/// Many who log in, use their logins, change and end them, and remember every answer. Errors are what a server that goes
/// away makes; an answer, once given, must stay true.
pub struct Traffic {
    stop: Arc<AtomicBool>,
    workers: Vec<Worker>,
}

struct Worker {
    seen: watch::Receiver<Seen>,
    task: JoinHandle<Answers>,
}

/// How many rounds of a worker came to their end, and how many ended with an error.
#[derive(Clone, Copy, Default)]
struct Seen {
    rounds: usize,
    errors: usize,
}

/// What the store has said. What is unknown since an error is not in it.
#[derive(Default)]
struct Answers(HashMap<LoginId, Option<LoginRecord>>);

impl Traffic {
    /// Starts it.
    pub fn start<S: LoginStore>(store: &Arc<S>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let workers = (0..WORKERS)
            .map(|number| {
                let (sender, seen) = watch::channel(Seen::default());
                let (store, stop) = (Arc::clone(store), Arc::clone(&stop));
                Worker {
                    seen,
                    task: tokio::spawn(work(store, stop, sender, format!("worker {number}"))),
                }
            })
            .collect();
        Self { stop, workers }
    }

    /// Waits until everybody has got through some rounds without an error.
    pub async fn flows(&mut self) {
        self.each(|before, now| now.rounds >= before.rounds + 5)
            .await;
    }

    /// Waits until everybody has met an error.
    pub async fn fails(&mut self) {
        self.each(|before, now| now.errors > before.errors).await;
    }

    async fn each(&mut self, enough: impl Fn(Seen, Seen) -> bool) {
        let before: Vec<_> = self
            .workers
            .iter()
            .map(|worker| *worker.seen.borrow())
            .collect();
        for (worker, before) in self.workers.iter_mut().zip(before) {
            let seen = worker.seen.wait_for(|now| enough(before, *now));
            let seen = timeout(HUNG, seen).await;
            seen.expect("it comes to that")
                .expect("a worker failed; its message is above");
        }
    }

    /// Ends it, and compares what is in the store with what it has said.
    ///
    /// # Panics
    ///
    /// When something is lost that was answered.
    pub async fn end<S: LoginStore>(self, store: &S) {
        self.stop.store(true, Ordering::SeqCst);
        let mut count = 0;
        for worker in self.workers {
            let answers = worker.task.await.expect("a worker failed");
            for (id, expected) in answers.0 {
                let loaded = answer(store.load(&id, NOW)).await.expect("load");
                assert_eq!(loaded, expected, "what was answered is so");
                count += 1;
            }
        }
        assert!(count > 0, "there was traffic");
    }
}

async fn work<S: LoginStore>(
    store: Arc<S>,
    stop: Arc<AtomicBool>,
    seen: watch::Sender<Seen>,
    user_id: String,
) -> Answers {
    let mut answers = Answers::default();
    let mut last = None;
    while !stop.load(Ordering::SeqCst) {
        let done = answers.round(&*store, &user_id, last).await;
        last = done.as_ref().ok().copied();
        seen.send_modify(|seen| match done {
            Ok(_) => seen.rounds += 1,
            Err(_) => seen.errors += 1,
        });
        tokio::task::yield_now().await;
    }
    answers
}

impl Answers {
    /// One login: made in place of the last one in every third round, used, changed, and ended in every other.
    async fn round(
        &mut self,
        store: &impl LoginStore,
        user_id: &str,
        last: Option<LoginId>,
    ) -> Result<LoginId, BoxError> {
        let mut login = record(user_id);
        let id = login.id;
        let replaces = id.as_bytes()[0].is_multiple_of(3);
        let replaced = Vec::from_iter(last.filter(|_| replaces));
        self.0.retain(|id, _| !replaced.contains(id));
        assert!(
            answer(store.create(&login, &replaced)).await?,
            "its id is new"
        );
        self.0.extend(replaced.iter().map(|id| (*id, None)));
        self.0.insert(id, Some(login.clone()));

        let touch = Touch {
            now: NOW + 100,
            unless_since: NOW + 50,
            expires_at: NOW + 2 * HOUR,
        };
        self.0.remove(&id);
        assert!(
            answer(store.touch(&id, touch)).await?,
            "nobody else uses it"
        );
        login.last_seen_at = touch.now;
        login.expires_at = touch.expires_at;
        self.0.insert(id, Some(login.clone()));

        login.data = r#"{"session":"changed"}"#.to_owned();
        self.0.remove(&id);
        assert_eq!(answer(store.update(&login)).await?, Updated::Done);
        login.version += 1;
        self.0.insert(id, Some(login.clone()));

        assert_eq!(answer(store.load(&id, NOW)).await?, Some(login));
        if id.as_bytes()[1].is_multiple_of(2) {
            self.0.remove(&id);
            assert!(answer(store.delete(&id)).await?, "nobody else deletes it");
            self.0.insert(id, None);
        }
        Ok(id)
    }
}
