//! The most recent changes.

use std::collections::VecDeque;
use std::hash::{BuildHasher as _, RandomState};

use super::Changed;
use crate::records::LoginRecord;

/// How many changes are remembered. A load during which there are more is not kept.
const MANY: usize = 1024;

/// Numbered changes, by which a load can tell whether its record changed meanwhile.
#[derive(Default)]
pub(super) struct Recent {
    hasher: RandomState,
    /// How many there were.
    count: u64,
    /// The last of them, as hashes. If two collide, a load is dropped that could be kept.
    last: VecDeque<u64>,
    /// The count at the time when everything changed.
    everything: u64,
}

impl Recent {
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    pub(super) fn note(&mut self, what: Changed<'_>) {
        let hash = match what {
            Changed::Login(id) => self.hasher.hash_one(id),
            Changed::User(user_id) => self.hasher.hash_one(user_id),
            Changed::Everything => 0,
        };
        self.count += 1;
        if what == Changed::Everything {
            self.everything = self.count;
        }
        if self.last.len() == MANY {
            self.last.pop_front();
        }
        self.last.push_back(hash);
    }

    /// Whether none of the changes after `since` is about this record.
    pub(super) fn left_alone(&self, since: u64, record: &LoginRecord) -> bool {
        let count = usize::try_from(self.count.saturating_sub(since)).unwrap_or(usize::MAX);
        if count > self.last.len() || self.everything > since {
            return false;
        }
        let (id, user) = (
            self.hasher.hash_one(record.id),
            self.hasher.hash_one(&*record.user_id),
        );
        let mut changes = self.last.iter().rev().take(count);
        !changes.any(|change| *change == id || *change == user)
    }
}
