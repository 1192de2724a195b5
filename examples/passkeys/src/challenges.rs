//! Challenges that wait for their answer on the server. Each is valid for one answer, and for some minutes.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const LIFETIME: Duration = Duration::from_secs(5 * 60);
/// How many of one member's challenges wait at once: more than anybody has browsers open.
pub(crate) const MOST_OF_ONE: usize = 10;
/// How many wait in all. Each takes some hundred bytes.
pub(crate) const MOST: usize = 10_000;

/// The challenges, from the oldest to the newest. If the program has several processes, keep them in the database.
pub(crate) struct Challenges<T>(Mutex<Vec<Waiting<T>>>);

struct Waiting<T> {
    made: Instant,
    member: String,
    /// What the challenge was made for.
    what: String,
    challenge: T,
}

impl<T> Default for Challenges<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Challenges<T> {
    /// Keeps a member's challenge, in place of an earlier one for the same login. If too many of this member's challenges wait, the
    /// oldest of them goes: a thief of one password can take that member's room, and nobody else's. Returns `false` if too many
    /// of other members wait.
    pub(crate) fn keep(&self, member: &str, what: &str, challenge: T) -> bool {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|it| it.made.elapsed() < LIFETIME && it.what != what);
        let own = || {
            waiting
                .iter()
                .enumerate()
                .filter(|(_, it)| it.member == member)
        };
        let (count, oldest) = (own().count(), own().next().map(|(place, _)| place));
        if let Some(oldest) = oldest.filter(|_| count == MOST_OF_ONE || waiting.len() == MOST) {
            waiting.remove(oldest);
        }
        let has_room = waiting.len() < MOST;
        if has_room {
            waiting.push(Waiting {
                made: Instant::now(),
                member: member.to_owned(),
                what: what.to_owned(),
                challenge,
            });
        }
        has_room
    }

    /// Takes the challenge out: right or wrong, there cannot be a second answer.
    pub(crate) fn take(&self, what: &str) -> Option<T> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = waiting.iter().position(|it| it.what == what)?;
        let found = waiting.remove(place);
        (found.made.elapsed() < LIFETIME).then_some(found.challenge)
    }
}
