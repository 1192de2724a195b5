//! Parallel traffic that remembers every answer.

use std::collections::HashMap;
use std::sync::Arc;

use housekey::BoxError;
use housekey::records::{Limit, LoginId, LoginRecord, LoginStore, Touch, Updated};

use crate::crowd::{Busy, Crowd};
use crate::operations::answer;
use crate::{HOUR, NOW, record};

/// How many clients use the store at once.
const WORKERS: usize = 8;

/// Many clients that log in, use their logins, change and end them, and remember every answer. A server that goes away
/// causes errors; an answer, once given, must stay true.
pub struct Traffic<S>(Crowd<Worker<S>>);

struct Worker<S> {
    store: Arc<S>,
    user_id: String,
    answers: Answers,
    /// The last login, if that is known.
    last: Option<LoginId>,
}

/// The store's answers, without what is unknown after an error.
#[derive(Default)]
struct Answers(HashMap<LoginId, Option<LoginRecord>>);

impl<S: LoginStore> Traffic<S> {
    /// Starts it.
    pub fn start(store: &Arc<S>) -> Self {
        Self(Crowd::start((0..WORKERS).map(|number| Worker {
            store: Arc::clone(store),
            user_id: format!("worker {number}"),
            answers: Answers::default(),
            last: None,
        })))
    }

    /// Waits until every client has finished some rounds without an error.
    pub async fn flows(&mut self) {
        self.0.get_through(5).await;
    }

    /// Waits until every client has met an error.
    pub async fn fails(&mut self) {
        self.0.fail().await;
    }

    /// Ends it, and compares the contents of the store with its answers.
    ///
    /// # Panics
    ///
    /// If an answered change is lost.
    pub async fn end(self, store: &S) {
        let mut count = 0;
        for (worker, _) in self.0.end().await {
            for (id, expected) in worker.answers.0 {
                let loaded = answer(store.load(&id, NOW)).await.expect("load");
                assert_eq!(loaded, expected, "what was answered is so");
                count += 1;
            }
        }
        assert!(count > 0, "there was traffic");
    }
}

impl<S: LoginStore> Busy for Worker<S> {
    fn name(&self) -> &str {
        &self.user_id
    }

    async fn round(&mut self) -> bool {
        let round = self.answers.round(&*self.store, &self.user_id, self.last);
        self.last = round.await.ok();
        self.last.is_some()
    }
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
            answer(store.create(&login, &replaced, Limit::NONE))
                .await?
                .is_done(),
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
