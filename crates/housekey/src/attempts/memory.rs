//! Attempts in the memory of the process.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{AttemptKey, AttemptSchedule, AttemptStanding, Counted};

/// How many keys are kept: some 15 MB.
pub(crate) const MOST: usize = 50_000;

/// What is kept, and which goes first if there is too much.
#[derive(Default)]
pub(crate) struct MemoryAttempts(Mutex<Table>);

#[derive(Default)]
struct Table {
    kept: HashMap<AttemptKey, Kept>,
    /// The least dangerous first: those with the fewest failures, and of these the ones forgotten soonest.
    by_danger: BTreeSet<(u64, u64, AttemptKey)>,
    by_time: BTreeSet<(u64, AttemptKey)>,
}

#[derive(Clone, Copy)]
struct Kept {
    standing: AttemptStanding,
    /// How many had failed when it was last counted.
    failed: u64,
}

impl MemoryAttempts {
    pub(crate) fn count(&self, key: &AttemptKey, schedule: &AttemptSchedule, now: u64) -> Counted {
        let mut table = self.lock();
        let before = table.kept.get(key).map(|kept| kept.standing);
        let counted = schedule.count(before, now);
        if let Counted::Allowed(standing) = counted {
            table.keep(*key, schedule, standing, now);
            table.make_room(key, now);
        }
        counted
    }

    pub(crate) fn take_back(
        &self,
        key: &AttemptKey,
        schedule: &AttemptSchedule,
        counted: AttemptStanding,
        now: u64,
    ) {
        let mut table = self.lock();
        let Some(before) = table.kept.get(key).copied() else {
            return;
        };
        match schedule.take_back(before.standing, counted, now) {
            Some(standing) => table.keep(*key, schedule, standing, now),
            None => table.remove(key),
        }
    }

    pub(crate) fn forgive(&self, key: &AttemptKey) {
        self.lock().remove(key);
    }

    pub(crate) fn delete_expired(&self, now: u64, limit: usize) -> usize {
        let mut table = self.lock();
        let expired: Vec<_> = table
            .by_time
            .iter()
            .take_while(|(forgotten_at, _)| *forgotten_at <= now)
            .take(limit)
            .map(|(_, key)| *key)
            .collect();
        expired.iter().for_each(|key| table.remove(key));
        expired.len()
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for MemoryAttempts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryAttempts").finish_non_exhaustive()
    }
}

impl Table {
    fn keep(
        &mut self,
        key: AttemptKey,
        schedule: &AttemptSchedule,
        standing: AttemptStanding,
        now: u64,
    ) {
        self.remove(&key);
        let every = schedule.forgets_one_every.as_secs().max(1);
        let failed = standing.forgotten_at.saturating_sub(now).div_ceil(every);
        self.by_danger.insert((failed, standing.forgotten_at, key));
        self.by_time.insert((standing.forgotten_at, key));
        self.kept.insert(key, Kept { standing, failed });
    }

    fn remove(&mut self, key: &AttemptKey) {
        if let Some(Kept { standing, failed }) = self.kept.remove(key) {
            self.by_danger
                .remove(&(failed, standing.forgotten_at, *key));
            self.by_time.remove(&(standing.forgotten_at, *key));
        }
    }

    /// Makes room for the key that was counted just now, which stays.
    fn make_room(&mut self, new: &AttemptKey, now: u64) {
        while self.kept.len() > MOST {
            let expired = self.by_time.first();
            let expired = expired.filter(|(forgotten_at, _)| *forgotten_at <= now);
            let expired = expired.map(|(_, key)| *key);
            let mut by_danger = self.by_danger.iter().map(|(.., key)| *key);
            let next = expired.or_else(|| by_danger.find(|key| key != new));
            match next {
                Some(key) => self.remove(&key),
                None => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_700_000_000;
    const ACCOUNT: AttemptSchedule = AttemptSchedule::ACCOUNT;

    fn key(number: u32) -> AttemptKey {
        AttemptKey::from_bytes(u128::from(number).to_be_bytes())
    }

    #[test]
    fn a_flood_of_names_has_a_bound_and_drives_out_no_account_that_waits() {
        let attempts = MemoryAttempts::default();
        // A user's account, the flood's address, and a name that was mistyped once.
        let (victim, address, once) = (key(0), key(1), key(2));
        while matches!(attempts.count(&victim, &ACCOUNT, NOW), Counted::Allowed(_)) {}
        while matches!(
            attempts.count(&address, &AttemptSchedule::ADDRESS, NOW),
            Counted::Allowed(_)
        ) {}
        attempts.count(&once, &ACCOUNT, NOW);
        for number in 3..100_003 {
            let counted = attempts.count(&key(number), &ACCOUNT, NOW);
            assert!(matches!(counted, Counted::Allowed(_)));
        }
        let table = attempts.lock();
        assert_eq!(table.kept.len(), MOST);
        assert_eq!(table.by_danger.len(), MOST);
        assert_eq!(table.by_time.len(), MOST);
        drop(table);
        let until = NOW + 1;
        for key in [victim, address] {
            let counted = attempts.count(&key, &ACCOUNT, NOW);
            assert_eq!(counted, Counted::Wait { until });
        }
        assert!(!attempts.lock().kept.contains_key(&once));
        assert!(attempts.lock().kept.contains_key(&key(100_002)));
    }

    #[test]
    fn what_is_forgotten_goes_before_what_counts() {
        let attempts = MemoryAttempts::default();
        for _ in 0..4 {
            attempts.count(&key(0), &ACCOUNT, NOW);
        }
        let later = NOW + 4 * 30 * 60;
        for number in 1..=u32::try_from(MOST).unwrap() {
            attempts.count(&key(number), &ACCOUNT, later);
        }
        assert!(!attempts.lock().kept.contains_key(&key(0)));
        assert!(attempts.lock().kept.contains_key(&key(1)));
        assert_eq!(attempts.delete_expired(later, 9), 0);
        let end = later + 30 * 60;
        assert_eq!(attempts.delete_expired(end, 9), 9);
        assert_eq!(attempts.delete_expired(end, usize::MAX), MOST - 9);
        assert!(attempts.lock().by_danger.is_empty() && attempts.lock().by_time.is_empty());
    }
}
