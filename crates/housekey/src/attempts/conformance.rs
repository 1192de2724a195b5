//! What every store of attempts must do, as a test suite: for housekey's own stores and for anybody else's.
//!
//! ```
//! use std::sync::Arc;
//! use housekey::attempts::conformance;
//! use housekey::records::MemoryLoginStore;
//!
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! let store = Arc::new(MemoryLoginStore::new());
//! conformance::check(&*store).await;
//! conformance::check_races(store, tokio::spawn).await;
//! # });
//! ```
//!
//! Pass a store without other users. It panics at the first broken rule, with a message that names the rule. It reads no
//! clock and does not wait.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{AttemptKey, AttemptSchedule, AttemptStanding, AttemptStore, Counted};

const NOW: u64 = 1_700_000_000;

/// Three free, then 10, 20, 40, 60; one forgotten every hundred seconds.
const SCHEDULE: AttemptSchedule = AttemptSchedule {
    free: 3,
    first_delay: Duration::from_secs(10),
    longest_delay: Duration::from_secs(60),
    forgets_one_every: Duration::from_secs(100),
};

/// Schedules with which a store's arithmetic may differ from the rule's.
const SCHEDULES: [AttemptSchedule; 7] = [
    SCHEDULE,
    AttemptSchedule::ACCOUNT,
    AttemptSchedule::ADDRESS,
    AttemptSchedule::BROWSER,
    AttemptSchedule::KNOWN_BROWSERS,
    AttemptSchedule {
        free: 1,
        first_delay: Duration::from_secs(7),
        longest_delay: Duration::from_secs(7),
        forgets_one_every: Duration::from_secs(1),
    },
    AttemptSchedule {
        free: 2,
        first_delay: Duration::from_secs(1),
        longest_delay: Duration::from_secs(24 * 60 * 60),
        forgets_one_every: Duration::from_secs(30 * 24 * 60 * 60),
    },
];

/// Checks every rule of [`AttemptStore`], one after the other.
///
/// # Panics
///
/// If the store breaks one, or fails.
pub async fn check(store: &impl AttemptStore) {
    it_counts_as_the_schedule_does(store).await;
    clocks_may_differ(store).await;
    keys_are_counted_apart(store).await;
    an_attempt_that_has_to_wait_is_not_counted(store).await;
    what_is_taken_back_does_not_count(store).await;
    what_is_forgiven_begins_anew(store).await;
    a_purge_takes_what_is_forgotten_and_nothing_else(store).await;
}

/// Checks what must hold when many tasks use the store at once. `spawn` starts a task, for instance `tokio::spawn` on a
/// runtime with several threads.
///
/// # Panics
///
/// If the store breaks a rule, or fails.
pub async fn check_races<S, Task>(
    store: Arc<S>,
    spawn: impl Fn(Pin<Box<dyn Future<Output = ()> + Send>>) -> Task,
) where
    S: AttemptStore,
    Task: Future,
{
    for tasks in [100, 1000] {
        let (key, allowed) = (new_key(), Arc::new(AtomicUsize::new(0)));
        let tasks: Vec<_> = (0..tasks)
            .map(|_| {
                let (store, allowed) = (Arc::clone(&store), Arc::clone(&allowed));
                spawn(Box::pin(async move {
                    match count(&*store, &key, &SCHEDULE, NOW).await {
                        Counted::Allowed(_) => {
                            allowed.fetch_add(1, Ordering::SeqCst);
                        }
                        Counted::Wait { until } => {
                            assert!(
                                until > NOW,
                                "an early attempt is told when the next may come"
                            );
                        }
                    }
                }))
            })
            .collect();
        for task in tasks {
            task.await;
        }
        let allowed = allowed.load(Ordering::SeqCst);
        assert_eq!(allowed, 3, "of many at once, as many pass as are free");
    }
    many_simultaneous_attempts_that_are_taken_back_do_not_count(store, spawn).await;
}

async fn many_simultaneous_attempts_that_are_taken_back_do_not_count<S, Task>(
    store: Arc<S>,
    spawn: impl Fn(Pin<Box<dyn Future<Output = ()> + Send>>) -> Task,
) where
    S: AttemptStore,
    Task: Future,
{
    let schedule = AttemptSchedule {
        free: 20,
        ..SCHEDULE
    };
    let (key, standings) = (new_key(), Arc::new(Mutex::new(Vec::new())));
    for counts in [true, false] {
        let tasks: Vec<_> = (0..16)
            .map(|_| {
                let (store, standings) = (Arc::clone(&store), Arc::clone(&standings));
                spawn(Box::pin(async move {
                    let lock = || standings.lock().unwrap_or_else(|it| it.into_inner());
                    if counts {
                        let standing = allowed(&*store, &key, &schedule, NOW).await;
                        lock().push(standing);
                        return;
                    }
                    let standing = lock().pop();
                    let standing = standing.expect("one was counted for each");
                    take_back(&*store, &key, &schedule, standing).await;
                }))
            })
            .collect();
        for task in tasks {
            task.await;
        }
    }
    let standing = allowed(&*store, &key, &schedule, NOW).await;
    let message = "of many that are taken back at once, none counts any more";
    assert_eq!(standing.forgotten_at, NOW + 100, "{message}");
}

fn new_key() -> AttemptKey {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    AttemptKey::from_bytes(bytes)
}

async fn count(
    store: &impl AttemptStore,
    key: &AttemptKey,
    schedule: &AttemptSchedule,
    now: u64,
) -> Counted {
    let counted = store.count_attempt(key, schedule, now).await;
    counted.expect("count_attempt")
}

async fn allowed(
    store: &impl AttemptStore,
    key: &AttemptKey,
    schedule: &AttemptSchedule,
    now: u64,
) -> AttemptStanding {
    match count(store, key, schedule, now).await {
        Counted::Allowed(standing) => standing,
        Counted::Wait { until } => panic!("an attempt may come now, and is to wait until {until}"),
    }
}

async fn take_back(
    store: &impl AttemptStore,
    key: &AttemptKey,
    schedule: &AttemptSchedule,
    standing: AttemptStanding,
) {
    let taken = store.take_attempt_back(key, schedule, standing, NOW).await;
    taken.expect("take_attempt_back");
}

async fn purge(store: &impl AttemptStore, now: u64, limit: usize) -> usize {
    let deleted = store.delete_expired_attempts(now, limit).await;
    deleted.expect("delete_expired_attempts")
}

/// As early as allowed, a second too early, and after pauses in which something is forgotten.
async fn it_counts_as_the_schedule_does(store: &impl AttemptStore) {
    for schedule in SCHEDULES {
        for pause in [0, 1, schedule.forgets_one_every.as_secs() - 1, 90, 1000] {
            let (key, mut now, mut expected) = (new_key(), NOW, None);
            for attempt in 0..30 {
                let right = schedule.count(expected, now);
                let counted = count(store, &key, &schedule, now).await;
                assert_eq!(
                    counted, right,
                    "attempt {attempt} after pauses of {pause} s counts as {schedule:?} says"
                );
                now = match counted {
                    Counted::Allowed(standing) => {
                        expected = Some(standing);
                        match attempt % 3 {
                            0 => standing.next_at.max(now + 1) - 1,
                            _ => standing.next_at.max(now) + pause,
                        }
                    }
                    Counted::Wait { until } => until,
                };
            }
        }
    }
}

/// A clock may be a little behind that of the last attempt, or far behind that of all.
async fn clocks_may_differ(store: &impl AttemptStore) {
    for schedule in SCHEDULES {
        let longest = schedule.longest_delay.as_secs();
        for behind in [1, 30, longest, longest + 1, 365 * 24 * 60 * 60] {
            let (key, mut now, mut expected) = (new_key(), NOW, None);
            for attempt in 0..25 {
                let right = schedule.count(expected, now);
                let counted = count(store, &key, &schedule, now).await;
                assert_eq!(
                    counted, right,
                    "attempt {attempt}, every third on a clock {behind} s behind, counts as {schedule:?} says"
                );
                if let Counted::Allowed(standing) = counted {
                    expected = Some(standing);
                }
                now = match attempt % 3 {
                    0 => now - behind,
                    _ => expected.map_or(now, |standing| standing.next_at.max(now)),
                };
            }
        }
    }
    let (key, account) = (new_key(), AttemptSchedule::ACCOUNT);
    allowed(store, &key, &account, NOW).await;
    let message = "a free attempt is free on a clock that is behind";
    let standing = allowed(store, &key, &account, NOW - 30).await;
    assert_eq!(standing.next_at, 0, "{message}");
}

async fn keys_are_counted_apart(store: &impl AttemptStore) {
    let mut other = *new_key().as_bytes();
    let key = AttemptKey::from_bytes(other);
    other[15] ^= 1;
    let other = AttemptKey::from_bytes(other);
    for _ in 0..3 {
        allowed(store, &key, &SCHEDULE, NOW).await;
    }
    let standing = allowed(store, &other, &SCHEDULE, NOW).await;
    assert_eq!(standing.next_at, 0, "another key has its own count");
}

async fn an_attempt_that_has_to_wait_is_not_counted(store: &impl AttemptStore) {
    let key = new_key();
    for _ in 0..3 {
        allowed(store, &key, &SCHEDULE, NOW).await;
    }
    let until = NOW + 10;
    for later in [0, 3, 9] {
        let counted = count(store, &key, &SCHEDULE, NOW + later).await;
        let message = "hammering waits as long as waiting";
        assert_eq!(counted, Counted::Wait { until }, "{message}");
    }
    let standing = allowed(store, &key, &SCHEDULE, until).await;
    assert_eq!(standing.next_at, until + 20);
}

async fn what_is_taken_back_does_not_count(store: &impl AttemptStore) {
    let key = new_key();
    let one = allowed(store, &key, &SCHEDULE, NOW).await;
    take_back(store, &key, &SCHEDULE, one).await;
    take_back(store, &key, &SCHEDULE, one).await;
    assert_eq!(allowed(store, &key, &SCHEDULE, NOW).await, one);
    allowed(store, &key, &SCHEDULE, NOW).await;
    let three = allowed(store, &key, &SCHEDULE, NOW).await;
    take_back(store, &key, &SCHEDULE, three).await;
    let again = allowed(store, &key, &SCHEDULE, NOW).await;
    assert_eq!(again, three, "the wait was taken back too");
    take_back(store, &key, &SCHEDULE, one).await;
    let until = three.next_at;
    let counted = count(store, &key, &SCHEDULE, NOW).await;
    let message = "the wait behind a later attempt stays";
    assert_eq!(counted, Counted::Wait { until }, "{message}");
}

async fn what_is_forgiven_begins_anew(store: &impl AttemptStore) {
    let key = new_key();
    let first = allowed(store, &key, &SCHEDULE, NOW).await;
    for _ in 0..2 {
        allowed(store, &key, &SCHEDULE, NOW).await;
    }
    for _ in 0..2 {
        store.forgive_attempts(&key).await.expect("forgive");
    }
    assert_eq!(allowed(store, &key, &SCHEDULE, NOW).await, first);
}

async fn a_purge_takes_what_is_forgotten_and_nothing_else(store: &impl AttemptStore) {
    while purge(store, u64::MAX >> 11, 1000).await >= 1000 {}
    let (forgotten, counts) = (new_key(), new_key());
    allowed(store, &forgotten, &SCHEDULE, NOW).await;
    for _ in 0..3 {
        allowed(store, &counts, &SCHEDULE, NOW).await;
    }
    assert_eq!(purge(store, NOW + 99, 9).await, 0, "both still count");
    assert!(purge(store, NOW + 100, 9).await <= 1);
    assert_eq!(purge(store, NOW + 100, 9).await, 0);
    let standing = allowed(store, &counts, &SCHEDULE, NOW + 100).await;
    assert_eq!(standing.forgotten_at, NOW + 400, "it was not purged");
}
