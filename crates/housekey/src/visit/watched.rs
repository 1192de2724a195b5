//! The logins of this process whose end is awaited.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use event_listener::Event as Signal;

use crate::records::LoginId;

/// The logins of this process that are watched.
#[derive(Clone, Default)]
pub(crate) struct Watched(Arc<Mutex<HashMap<LoginId, Watchers>>>);

pub(super) struct Watchers {
    count: usize,
    signal: Arc<Signal>,
}

/// Forgets the login when its last watcher goes.
pub(super) struct Waiting {
    watched: Watched,
    login: LoginId,
    listener: event_listener::EventListener,
}

impl Watched {
    pub(super) fn listen(&self, login: LoginId) -> Waiting {
        let mut watched = self.lock();
        let watchers = watched.entry(login).or_insert_with(|| Watchers {
            count: 0,
            signal: Arc::default(),
        });
        watchers.count += 1;
        let listener = watchers.signal.listen();
        drop(watched);
        Waiting {
            watched: self.clone(),
            login,
            listener,
        }
    }

    /// Wakes all watchers of this login.
    pub(crate) fn wake(&self, login: &LoginId) {
        if let Some(watchers) = self.lock().get(login) {
            watchers.signal.notify(usize::MAX);
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, HashMap<LoginId, Watchers>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    pub(super) async fn wait(mut self) {
        (&mut self.listener).await;
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut watched = self.watched.lock();
        if let Some(watchers) = watched.get_mut(&self.login) {
            watchers.count -= 1;
            if watchers.count == 0 {
                watched.remove(&self.login);
            }
        }
    }
}
