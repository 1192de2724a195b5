//! Challenges that wait for their answer: on the server, each good for one answer and for some minutes.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const LIFETIME: Duration = Duration::from_secs(5 * 60);
/// More would be a flood. Each is some hundred bytes.
const MOST: usize = 10_000;

/// By what they were made for. In a program of several processes, these are in the database.
pub(crate) struct Challenges<T>(Mutex<HashMap<String, (Instant, T)>>);

impl<T> Default for Challenges<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Challenges<T> {
    /// Keeps one in place of an earlier one for the same. `false` when there are too many.
    pub(crate) fn keep(&self, what: &str, challenge: T) -> bool {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|_, (made, _)| made.elapsed() < LIFETIME);
        let has_room = kept.len() < MOST || kept.contains_key(what);
        if has_room {
            kept.insert(what.to_owned(), (Instant::now(), challenge));
        }
        has_room
    }

    /// Takes it out: whatever the answer is worth, there is no second one.
    pub(crate) fn take(&self, what: &str) -> Option<T> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (made, challenge) = kept.remove(what)?;
        (made.elapsed() < LIFETIME).then_some(challenge)
    }
}
