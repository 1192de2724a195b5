//! Rules beyond the conformance suite, for stores with any largest number and any size of batches.

use std::sync::Arc;

use housekey::records::{LoginRecord, LoginStore, Touch, Updated, conformance};

use crate::{NOW, create, list, record};

/// The whole conformance suite.
///
/// # Panics
///
/// When a rule is broken, or an operation fails.
pub async fn check<S: LoginStore>(store: Arc<S>) {
    conformance::check(&*store).await;
    conformance::check_races(store, tokio::spawn).await;
}

/// Rules of a store whose numbers end at this one.
///
/// # Panics
///
/// When a rule is broken, or an operation fails.
pub async fn numbers_that_do_not_fit_are_the_largest_that_do(
    store: &impl LoginStore,
    largest: u64,
) {
    let record = LoginRecord {
        created_at: u64::MAX,
        last_seen_at: 0,
        expires_at: u64::MAX,
        ..record("forever")
    };
    create(store, &record).await;
    let kept = LoginRecord {
        created_at: largest,
        expires_at: largest,
        ..record.clone()
    };
    let load = async |now| store.load(&record.id, now).await.expect("load");
    assert_eq!(load(largest - 1).await.as_ref(), Some(&kept));
    assert_eq!(load(u64::MAX).await, None);
    let touch = Touch {
        now: NOW,
        unless_since: u64::MAX,
        expires_at: u64::MAX,
    };
    assert!(store.touch(&record.id, touch).await.expect("touch"));
    let unknown = LoginRecord {
        version: u64::MAX,
        ..record.clone()
    };
    let updated = store.update(&unknown).await.expect("update");
    assert_eq!(updated, Updated::Conflict);
    for (now, expected) in [(NOW, 0), (u64::MAX, 1)] {
        let purged = store.delete_expired(now, usize::MAX).await;
        assert_eq!(purged.expect("delete expired"), expected, "at {now}");
    }
}

/// Stores four batches of records of the user `old`. One expires each second, from [`NOW`] on.
///
/// # Panics
///
/// When the store fails.
pub async fn fill(store: &impl LoginStore, batch: usize) {
    for number in 0..4 * batch {
        let record = LoginRecord {
            expires_at: NOW + number as u64,
            ..record("old")
        };
        create(store, &record).await;
    }
}

/// Rules of a store that deletes at most a batch at once, and holds only what [`fill`] has stored.
///
/// # Panics
///
/// When a rule is broken, or an operation fails.
pub async fn deletions_go_on_beyond_the_largest_batch(store: &impl LoginStore, batch: usize) {
    let half = NOW + 2 * batch as u64 - 1;
    let limit = batch + batch / 2;
    for (limit, expected) in [(0, 0), (limit, limit), (limit, batch / 2), (limit, 0)] {
        let purged = store.delete_expired(half, limit).await;
        assert_eq!(purged.expect("delete expired"), expected, "of {limit}");
    }
    assert_eq!(list(store, "old").await.len(), 2 * batch);
    for (limit, expected) in [(0, 0), (limit, limit), (usize::MAX, batch / 2), (limit, 0)] {
        let deleted = store.delete_by_user("old", None, limit).await;
        assert_eq!(
            deleted.expect("delete by user").len(),
            expected,
            "of {limit}"
        );
    }
}

/// Rules of two stores in one place that must not affect each other.
///
/// # Panics
///
/// If they do, or an operation fails.
pub async fn neighbours_share_nothing(one: &impl LoginStore, other: &impl LoginStore) {
    let record = record("1");
    create(one, &record).await;
    assert_eq!(other.load(&record.id, NOW).await.expect("load"), None);
    assert_eq!(list(other, "1").await, []);
    let deleted = other.delete_by_user("1", None, usize::MAX).await;
    assert_eq!(deleted.expect("delete by user"), []);
    create(other, &record).await;
    let purged = other.delete_expired(record.expires_at, 9).await;
    assert_eq!(purged.expect("delete expired"), 1);
    let left = one.load(&record.id, NOW).await.expect("load");
    assert_eq!(left, Some(record));
}
