//! The table of cached records.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};

use super::feed::SharedLease;
use crate::records::{LoginId, SharedRecord};

pub(super) struct Entry {
    pub(super) record: SharedRecord,
    /// The lease of the feed that vouches for it.
    pub(super) lease: SharedLease,
    /// The period of the lease in which it was kept.
    pub(super) term: u64,
}

/// Records that were used recently, and those used before that. When the first half is full, the second is dropped.
pub(super) struct Table {
    young: Half,
    old: Half,
    /// The capacity of each half.
    most: usize,
    hasher: RandomState,
}

#[derive(Default)]
struct Half {
    entries: HashMap<LoginId, Entry>,
    /// Ids by the hashes of their users. Users with the same hash lose their records together.
    of_users: HashMap<u64, Vec<LoginId>>,
}

impl Table {
    pub(super) fn new(most: usize) -> Self {
        Self {
            young: Half::default(),
            old: Half::default(),
            most: most / 2,
            hasher: RandomState::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.young.entries.len() + self.old.entries.len()
    }

    pub(super) fn get(&mut self, id: &LoginId) -> Option<&Entry> {
        if !self.young.entries.contains_key(id) {
            let user = self.user_of(self.old.entries.get(id)?);
            let entry = self.old.remove(id, user)?;
            self.insert(entry);
        }
        self.young.entries.get(id)
    }

    pub(super) fn insert(&mut self, entry: Entry) {
        self.forget(&entry.record.id);
        if self.young.entries.len() >= self.most {
            self.old = std::mem::take(&mut self.young);
        }
        let (id, user) = (entry.record.id, self.user_of(&entry));
        self.young.of_users.entry(user).or_default().push(id);
        self.young.entries.insert(id, entry);
    }

    pub(super) fn forget(&mut self, id: &LoginId) {
        let Self {
            young, old, hasher, ..
        } = self;
        for half in [young, old] {
            if let Some(entry) = half.entries.get(id) {
                let user = hasher.hash_one(&*entry.record.user_id);
                half.remove(id, user);
            }
        }
    }

    pub(super) fn forget_user(&mut self, user_id: &str) {
        let user = self.hasher.hash_one(user_id);
        for half in [&mut self.young, &mut self.old] {
            for id in half.of_users.remove(&user).unwrap_or_default() {
                half.entries.remove(&id);
            }
        }
    }

    pub(super) fn forget_those_of(&mut self, lease: &SharedLease) {
        let of_lease = |entry: &&Entry| entry.lease.is(lease);
        let entries = self.young.entries.values().chain(self.old.entries.values());
        let ids: Vec<_> = entries.filter(of_lease).map(|it| it.record.id).collect();
        if ids.len() == self.len() {
            return self.clear();
        }
        for id in ids {
            self.forget(&id);
        }
    }

    pub(super) fn clear(&mut self) {
        self.young = Half::default();
        self.old = Half::default();
    }

    fn user_of(&self, entry: &Entry) -> u64 {
        self.hasher.hash_one(&*entry.record.user_id)
    }
}

impl Half {
    fn remove(&mut self, id: &LoginId, user: u64) -> Option<Entry> {
        let entry = self.entries.remove(id)?;
        if let Some(ids) = self.of_users.get_mut(&user) {
            ids.retain(|it| it != id);
            if ids.is_empty() {
                self.of_users.remove(&user);
            }
        }
        Some(entry)
    }
}
