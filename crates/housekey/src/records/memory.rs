//! Login records in the memory of the process.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_lite::future::yield_now;

use super::{
    Created, Limit, LoginId, LoginRecord, LoginStore, Room, SharedRecord, Standing, Touch, Updated,
};
use crate::attempts::memory::MemoryAttempts;
use crate::attempts::{AttemptKey, AttemptSchedule, AttemptStanding, AttemptStore, Counted};
use crate::error::BoxError;

/// How many records one step of a long deletion removes. Other operations wait meanwhile.
const PURGE: usize = 20;
/// How often, at most, a purge lets others go first before it goes on. It must finish under any load.
const PATIENCE: usize = 1000;

/// Keeps login records in memory: for tests, and for a single process whose restart may log everybody out. Clones are the
/// same store.
///
/// As an [`AttemptStore`] it keeps 50,000 keys at most. Beyond that, the keys with the fewest failures are dropped first. So
/// a flood of names from many addresses makes it forget names that were tried once or twice, but not one that has to wait.
#[derive(Clone, Default)]
pub struct MemoryLoginStore(Arc<Shared>);

#[derive(Default)]
struct Shared {
    tables: Mutex<Tables>,
    /// How many threads wait for the lock, or are about to get it.
    waiting: AtomicUsize,
    attempts: MemoryAttempts,
}

/// When a record was last seen and made, and its id.
type Seen = (u64, u64, LoginId);

fn seen(record: &LoginRecord) -> Seen {
    (record.last_seen_at, record.created_at, record.id)
}

/// The records, and two indexes: by user, with the last one seen at the end, and by expiry.
#[derive(Default)]
struct Tables {
    records: HashMap<LoginId, SharedRecord>,
    by_user: HashMap<String, BTreeSet<Seen>>,
    by_expiry: BTreeMap<u64, BTreeSet<LoginId>>,
}

impl MemoryLoginStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of records, including expired ones.
    pub fn len(&self) -> usize {
        self.lock().records.len()
    }

    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn lock(&self) -> MutexGuard<'_, Tables> {
        let Shared {
            tables, waiting, ..
        } = &*self.0;
        waiting.fetch_add(1, Ordering::Relaxed);
        let tables = tables.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.fetch_sub(1, Ordering::Relaxed);
        tables
    }

    /// Removes records, a few at a time, until there are no more or this many are removed.
    async fn remove_in_batches(
        &self,
        limit: usize,
        remove: impl Fn(&mut Tables, usize) -> Vec<SharedRecord> + Send,
    ) -> Vec<LoginId> {
        let mut removed = Vec::new();
        while removed.len() < limit {
            let most = PURGE.min(limit - removed.len());
            let batch = remove(&mut self.lock(), most);
            let last = batch.len() < most;
            removed.extend(batch.iter().map(|record| record.id));
            // Without the lock, because an allocator may tidy up after many of them.
            drop(batch);
            if last {
                break;
            }
            // Also after the last batch, because a purge asks for more.
            self.let_others().await;
        }
        removed
    }

    /// For a purge: lets others run, and gives waiting threads the lock. A waiting thread takes time to wake up, and a purge
    /// that went on at once would take the lock again first.
    async fn let_others(&self) {
        for _ in 0..PATIENCE {
            yield_now().await;
            if self.0.waiting.load(Ordering::Relaxed) == 0 {
                break;
            }
        }
    }
}

impl fmt::Debug for MemoryLoginStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryLoginStore").finish_non_exhaustive()
    }
}

impl Tables {
    fn insert(&mut self, record: SharedRecord) {
        self.by_user
            .entry(record.user_id.clone())
            .or_default()
            .insert(seen(&record));
        self.by_expiry
            .entry(record.expires_at)
            .or_default()
            .insert(record.id);
        self.records.insert(record.id, record);
    }

    fn remove(&mut self, id: &LoginId) -> Option<SharedRecord> {
        let record = self.records.remove(id)?;
        if let Some(all) = self.by_user.get_mut(&record.user_id) {
            all.remove(&seen(&record));
            if all.is_empty() {
                self.by_user.remove(&record.user_id);
            }
        }
        if let Some(ids) = self.by_expiry.get_mut(&record.expires_at) {
            ids.remove(id);
            if ids.is_empty() {
                self.by_expiry.remove(&record.expires_at);
            }
        }
        Some(record)
    }

    fn remove_expired(&mut self, now: u64, most: usize) -> Vec<SharedRecord> {
        let expired = self.by_expiry.range(..=now).flat_map(|(_, ids)| ids);
        let expired: Vec<_> = expired.take(most).copied().collect();
        expired.iter().filter_map(|id| self.remove(id)).collect()
    }

    fn remove_of_user(
        &mut self,
        user_id: &str,
        except: Option<&LoginId>,
        most: usize,
    ) -> Vec<SharedRecord> {
        let ids = self.of_user(user_id).map(|record| record.id);
        let ids = ids.filter(|id| Some(id) != except);
        let ids: Vec<_> = ids.take(most).collect();
        ids.iter().filter_map(|id| self.remove(id)).collect()
    }

    /// A user's records, beginning with the one last seen.
    fn of_user(&self, user_id: &str) -> impl Iterator<Item = &SharedRecord> {
        let all = self.by_user.get(user_id);
        let ids = all.into_iter().flat_map(|all| all.iter().rev());
        ids.filter_map(|(_, _, id)| self.records.get(id))
    }
}

impl AttemptStore for MemoryLoginStore {
    async fn count_attempt(
        &self,
        key: &AttemptKey,
        schedule: &AttemptSchedule,
        now: u64,
    ) -> Result<Counted, BoxError> {
        Ok(self.0.attempts.count(key, schedule, now))
    }

    async fn take_attempt_back(
        &self,
        key: &AttemptKey,
        schedule: &AttemptSchedule,
        counted: AttemptStanding,
        now: u64,
    ) -> Result<(), BoxError> {
        self.0.attempts.take_back(key, schedule, counted, now);
        Ok(())
    }

    async fn forgive_attempts(&self, key: &AttemptKey) -> Result<(), BoxError> {
        self.0.attempts.forgive(key);
        Ok(())
    }

    async fn delete_expired_attempts(&self, now: u64, limit: usize) -> Result<usize, BoxError> {
        Ok(self.0.attempts.delete_expired(now, limit))
    }
}

impl LoginStore for MemoryLoginStore {
    async fn create(
        &self,
        new: &LoginRecord,
        replacing: &[LoginId],
        limit: Limit,
    ) -> Result<Created, BoxError> {
        // Read before the lock is taken, so that others need not wait for it.
        let kept = SharedRecord::new(new.clone());
        let mut tables = self.lock();
        let lives = |record: &SharedRecord| limit.now < record.expires_at;
        if tables.records.get(&new.id).is_some_and(lives) {
            return Ok(Created::Taken);
        }
        let others = tables.of_user(&new.user_id).map(|record| Standing {
            id: record.id,
            last_seen_at: record.last_seen_at,
            expires_at: record.expires_at,
        });
        let others: Vec<_> = others.take(limit.looks_at(replacing.len())).collect();
        let Some(room) = limit.room(&others, replacing) else {
            return Ok(Created::Full);
        };
        let Room { ended, expired, .. } = &room;
        for id in ended.iter().chain(expired) {
            tables.remove(id);
        }
        let ended = room.ended;
        if room.crowded {
            return Ok(Created::Crowded { ended });
        }
        for id in replacing.iter().chain([&new.id]) {
            tables.remove(id);
        }
        tables.insert(kept);
        Ok(Created::Done { ended })
    }

    async fn load(&self, id: &LoginId, now: u64) -> Result<Option<LoginRecord>, BoxError> {
        let found = self.look_up(id, now).await?;
        Ok(found.map(|record| LoginRecord::clone(&record)))
    }

    async fn look_up(&self, id: &LoginId, now: u64) -> Result<Option<SharedRecord>, BoxError> {
        let tables = self.lock();
        let record = tables.records.get(id);
        Ok(record.filter(|record| now < record.expires_at).cloned())
    }

    async fn update(&self, changed: &LoginRecord) -> Result<Updated, BoxError> {
        let next = SharedRecord::new(LoginRecord {
            version: changed.version.saturating_add(1),
            ..changed.clone()
        });
        let mut tables = self.lock();
        match tables.records.get(&changed.id) {
            None => Ok(Updated::Gone),
            Some(record) if record.version != changed.version => Ok(Updated::Conflict),
            Some(_) => {
                tables.remove(&changed.id);
                tables.insert(next);
                Ok(Updated::Done)
            }
        }
    }

    async fn touch(&self, id: &LoginId, touch: Touch) -> Result<bool, BoxError> {
        let mut tables = self.lock();
        let due = |record: &SharedRecord| {
            record.last_seen_at < touch.unless_since && record.expires_at > touch.now
        };
        if !tables.records.get(id).is_some_and(due) {
            return Ok(false);
        }
        if let Some(record) = tables.remove(id) {
            let touched = LoginRecord {
                last_seen_at: touch.now,
                expires_at: record.expires_at.max(touch.expires_at),
                ..LoginRecord::clone(&record)
            };
            tables.insert(record.with(touched));
        }
        Ok(true)
    }

    async fn delete(&self, id: &LoginId) -> Result<bool, BoxError> {
        Ok(self.lock().remove(id).is_some())
    }

    async fn delete_by_user(
        &self,
        user_id: &str,
        except: Option<&LoginId>,
        limit: usize,
    ) -> Result<Vec<LoginId>, BoxError> {
        let of_user = |tables: &mut Tables, most| tables.remove_of_user(user_id, except, most);
        Ok(self.remove_in_batches(limit, of_user).await)
    }

    async fn list_by_user(
        &self,
        user_id: &str,
        now: u64,
        limit: usize,
    ) -> Result<Vec<LoginRecord>, BoxError> {
        let tables = self.lock();
        let records = tables.of_user(user_id);
        let alive = records.filter(|record| now < record.expires_at);
        Ok(alive.take(limit).map(|it| LoginRecord::clone(it)).collect())
    }

    async fn delete_expired(&self, now: u64, limit: usize) -> Result<usize, BoxError> {
        let expired = |tables: &mut Tables, most| tables.remove_expired(now, most);
        Ok(self.remove_in_batches(limit, expired).await.len())
    }
}

#[cfg(test)]
mod tests {
    use futures_lite::future::poll_once;

    use super::super::conformance;
    use super::*;

    #[test]
    fn it_does_what_every_store_must() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let store = Arc::new(MemoryLoginStore::new());
            conformance::check(&*store).await;
            conformance::check_races(store, tokio::spawn).await;
        });
    }

    #[test]
    fn a_purge_lets_others_have_their_turn_in_between() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let store = expired_but_for_ten().await;
            let mut purge = Box::pin(store.delete_expired(0, 980));
            let mut left = 1000;
            let deleted = loop {
                if let Some(deleted) = poll_once(&mut purge).await {
                    break deleted.unwrap();
                }
                assert!(left - store.len() <= PURGE, "{left}, then {}", store.len());
                left = store.len();
            };
            assert_eq!((deleted, left), (980, 20));
            assert_eq!(store.delete_expired(0, 1000).await.unwrap(), 10);
            assert_eq!(store.len(), 10, "those that have not expired");
        });
    }

    #[test]
    fn a_purge_goes_on_when_nobody_waits_any_more_or_when_it_has_waited_often() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let store = expired_but_for_ten().await;
            let waiting = &store.0.waiting;
            let mut purge = Box::pin(store.delete_expired(0, 1000));
            waiting.store(1, Ordering::Relaxed);
            for _ in 0..PATIENCE {
                assert!(poll_once(&mut purge).await.is_none());
                assert_eq!(store.len(), 1000 - PURGE);
            }
            assert!(poll_once(&mut purge).await.is_none());
            assert_eq!(store.len(), 1000 - 2 * PURGE, "it has waited often");
            waiting.store(0, Ordering::Relaxed);
            assert!(poll_once(&mut purge).await.is_none());
            assert_eq!(store.len(), 1000 - 3 * PURGE, "nobody waits");
        });
    }

    async fn expired_but_for_ten() -> MemoryLoginStore {
        let store = MemoryLoginStore::new();
        for number in 0..1000_u64 {
            let mut id = [0; 16];
            id[..8].copy_from_slice(&number.to_be_bytes());
            let record = LoginRecord {
                id: LoginId::from_bytes(id),
                user_id: "mia".to_owned(),
                version: 0,
                created_at: 0,
                last_seen_at: 0,
                expires_at: number / 990,
                data: String::new(),
            };
            let created = store.create(&record, &[], Limit::NONE).await.unwrap();
            assert!(created.is_done());
        }
        store
    }

    #[test]
    fn a_deleted_record_leaves_no_index_behind() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let store = MemoryLoginStore::new();
            conformance::check(&store).await;
            while store.delete_expired(u64::MAX, 1000).await.unwrap() > 0 {}
            let tables = store.lock();
            assert!(tables.records.is_empty());
            assert!(tables.by_user.is_empty());
            assert!(tables.by_expiry.is_empty());
        });
    }
}
