//! Challenges that wait for their answer on the server. Each is valid for one answer, and for some minutes.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const LIFETIME: Duration = Duration::from_secs(5 * 60);
/// More would be a flood. Each takes some hundred bytes.
const MOST: usize = 10_000;

/// The challenges, by what they were made for. If the program has several processes, keep them in the database.
pub(crate) struct Challenges<T>(Mutex<HashMap<String, (Instant, T)>>);

impl<T> Default for Challenges<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Challenges<T> {
    /// Keeps a challenge, in place of an earlier one for the same login. Returns `false` if there are too many.
    pub(crate) fn keep(&self, what: &str, challenge: T) -> bool {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|_, (made, _)| made.elapsed() < LIFETIME);
        let has_room = kept.len() < MOST || kept.contains_key(what);
        if has_room {
            kept.insert(what.to_owned(), (Instant::now(), challenge));
        }
        has_room
    }

    /// Takes the challenge out: right or wrong, there cannot be a second answer.
    pub(crate) fn take(&self, what: &str) -> Option<T> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (made, challenge) = kept.remove(what)?;
        (made.elapsed() < LIFETIME).then_some(challenge)
    }
}
