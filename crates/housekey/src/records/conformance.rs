//! What every login store must do, as a test suite: for housekey's own stores and for anybody else's.
//!
//! ```
//! use std::sync::Arc;
//! use housekey::records::{MemoryLoginStore, conformance};
//!
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! let store = Arc::new(MemoryLoginStore::new());
//! conformance::check(&*store).await;
//! conformance::check_races(store, tokio::spawn).await;
//! # });
//! ```
//!
//! Pass an empty store without other users. It panics at the first broken rule, with a message that names the rule. It reads
//! no clock and does not wait. It cannot see whether a record survives a restart, or whether each operation finds its
//! records by an index.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use super::{Created, Limit, LoginId, LoginRecord, LoginStore, Touch, Updated};

const NOW: u64 = 1_700_000_000;
const HOUR: u64 = 60 * 60;
/// How many tasks use one record at once.
const TASKS: usize = 16;
/// More records than a user here has.
const ALL: usize = 10_000;

/// Ids that a database might confuse with each other, or with something else.
const USER_IDS: [&str; 12] = [
    "1", "01", "1 ", "mia", "Mia", "%", "m_a", "o'hara", "佐藤", "e\u{301}", "é", "a\\b\"c",
];

/// Checks every rule of [`LoginStore`], one after the other.
///
/// # Panics
///
/// If the store breaks one, or fails.
pub async fn check(store: &impl LoginStore) {
    a_created_record_is_loaded_unchanged(store).await;
    an_id_is_given_once(store).await;
    an_expired_record_gives_up_its_id(store).await;
    a_new_record_replaces_those_that_it_names(store).await;
    asking_for_what_is_not_there_leaves_nothing(store).await;
    an_expired_record_is_as_good_as_gone(store).await;
    an_update_replaces_the_version_that_it_knows(store).await;
    an_update_brings_nothing_back(store).await;
    a_touch_notes_the_use_once_a_step(store).await;
    a_touch_leaves_everything_else(store).await;
    a_touch_that_comes_too_late_does_nothing(store).await;
    deleting_is_said_once(store).await;
    a_users_records_are_found_by_exactly_that_id(store).await;
    a_list_begins_with_those_seen_last_and_ends_where_it_is_told(store).await;
    all_but_one_of_a_user_are_deleted(store).await;
    a_users_records_are_deleted_in_batches(store).await;
    a_limit_ends_those_that_were_not_seen_for_longest(store).await;
    a_limit_counts_neither_expired_nor_replaced_logins_nor_those_of_other_users(store).await;
    when_too_many_are_spared_the_user_is_full_and_nothing_is_done(store).await;
    very_many_records_of_a_user_end_a_few_at_a_time(store).await;
    expired_records_are_deleted_in_batches(store).await;
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
    S: LoginStore,
    Task: Future,
{
    let race = Race { store, spawn };
    race.only_one_of_many_simultaneous_creations_of_an_id_succeeds()
        .await;
    race.only_one_of_many_updates_of_a_version_succeeds().await;
    race.only_one_of_many_touches_in_a_step_writes().await;
    race.a_deleted_record_stays_deleted().await;
    race.a_purge_takes_nothing_that_lives().await;
    race.no_more_simultaneous_logins_than_allowed_stay().await;
    race.no_more_simultaneous_logins_than_allowed_are_let_in()
        .await;
}

fn new_id() -> LoginId {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    LoginId::from_bytes(bytes)
}

fn record(user_id: &str) -> LoginRecord {
    LoginRecord {
        id: new_id(),
        user_id: user_id.to_owned(),
        version: 0,
        created_at: NOW,
        last_seen_at: NOW,
        expires_at: NOW + HOUR,
        data: r#"{"session":"x"}"#.to_owned(),
    }
}

async fn created(store: &impl LoginStore, record: LoginRecord) -> LoginRecord {
    let created = create(store, &record, &[], Limit::NONE).await;
    assert_eq!(
        created,
        Created::Done { ended: Vec::new() },
        "a record with a new id is created"
    );
    record
}

async fn create(
    store: &impl LoginStore,
    record: &LoginRecord,
    replacing: &[LoginId],
    limit: Limit,
) -> Created {
    let created = store.create(record, replacing, limit).await;
    created.expect("create")
}

/// At most this many logins, none of them spared.
fn at_most(count: usize) -> Limit {
    Limit {
        count,
        now: NOW,
        spared_since: u64::MAX,
    }
}

async fn load(store: &impl LoginStore, id: &LoginId) -> Option<LoginRecord> {
    store.load(id, NOW).await.expect("load")
}

async fn list(store: &impl LoginStore, user_id: &str) -> Vec<LoginId> {
    let records = store.list_by_user(user_id, NOW, ALL).await.expect("list");
    let mut ids: Vec<_> = records.iter().map(|record| record.id).collect();
    ids.sort();
    ids
}

async fn a_created_record_is_loaded_unchanged(store: &impl LoginStore) {
    for user_id in USER_IDS {
        let record = LoginRecord {
            version: 7,
            created_at: 1,
            last_seen_at: NOW - 1,
            // The last second of the year 9999.
            expires_at: 253_402_300_799,
            data: format!(
                r#"{{"user_agent":"'\"\\ \u007f 佐藤 😀 {}"}}"#,
                "x".repeat(4000)
            ),
            ..record(user_id)
        };
        let record = created(store, record).await;
        let loaded = load(store, &record.id).await;
        assert_eq!(
            loaded.as_ref(),
            Some(&record),
            "a record is loaded as it was"
        );
        let listed = store.list_by_user(user_id, NOW, ALL).await.expect("list");
        assert_eq!(
            listed,
            std::slice::from_ref(&record),
            "a record is listed as it was"
        );
        assert!(store.delete(&record.id).await.expect("delete"));
    }
}

async fn an_id_is_given_once(store: &impl LoginStore) {
    let (first, other) = (
        created(store, record("first")).await,
        created(store, record("other")).await,
    );
    let second = LoginRecord {
        id: first.id,
        ..record("second")
    };
    for limit in [Limit::NONE, at_most(1)] {
        let again = create(store, &second, &[other.id], limit).await;
        assert_eq!(again, Created::Taken, "no second record has an id");
    }
    assert_eq!(
        load(store, &first.id).await,
        Some(first),
        "the first record stays"
    );
    let kept = load(store, &other.id).await;
    assert_eq!(kept, Some(other), "what is not created replaces nothing");
    assert_eq!(list(store, "second").await, []);
}

async fn an_expired_record_gives_up_its_id(store: &impl LoginStore) {
    let until = |now| Limit { now, ..at_most(2) };
    for old_user in ["tenant", "former"] {
        let [before, beside] = seen_and_made(store, "tenant", [(9, 9), (1, 1)]).await;
        let replaced = created(store, record("replaced")).await.id;
        let old = LoginRecord {
            version: 5,
            created_at: NOW - 30,
            last_seen_at: NOW - 20,
            expires_at: NOW,
            ..record(old_user)
        };
        let old = created(store, old).await;
        let new = LoginRecord {
            id: old.id,
            ..record("tenant")
        };
        let early = create(store, &new, &[replaced], until(NOW - 1)).await;
        assert_eq!(early, Created::Taken, "a second before it expires");
        let full = Limit {
            spared_since: 0,
            ..until(NOW)
        };
        let full = create(store, &new, &[replaced], full).await;
        assert_eq!(full, Created::Full, "it makes no room for another login");
        let kept = store.load(&old.id, NOW - 1).await.expect("load");
        assert_eq!(
            kept,
            Some(old.clone()),
            "what is not created replaces nothing"
        );
        assert!(load(store, &replaced).await.is_some());

        let replacing = [old.id, replaced];
        let made = create(store, &new, &replacing, until(NOW)).await;
        let ended = vec![before];
        assert_eq!(
            made,
            Created::Done { ended },
            "it neither counts as a login nor ends as one"
        );
        assert_eq!(load(store, &new.id).await, Some(new.clone()));
        assert_eq!(load(store, &replaced).await, None);
        let again = create(store, &new, &[], until(NOW)).await;
        assert_eq!(again, Created::Taken, "the new one lives");

        // Indexes contain nothing of the old one.
        let former = store.list_by_user("former", NOW - 1, ALL).await;
        assert_eq!(former.expect("list"), []);
        let purged = store
            .delete_expired(NOW, ALL)
            .await
            .expect("delete expired");
        assert_eq!(purged, 0, "what has expired is gone");
        assert_eq!(list(store, "tenant").await, sorted(vec![beside, new.id]));
        let deleted = store.delete_by_user("tenant", None, ALL).await;
        let deleted = sorted(deleted.expect("delete by user"));
        assert_eq!(deleted, sorted(vec![beside, new.id]));
    }
}

async fn a_new_record_replaces_those_that_it_names(store: &impl LoginStore) {
    let old = [
        created(store, record("a")).await.id,
        created(store, record("b")).await.id,
    ];
    let kept = created(store, record("a")).await.id;
    let new = record("a");
    let replaced = [old[0], new_id(), old[1]];
    let created = create(store, &new, &replaced, Limit::NONE).await;
    assert_eq!(
        created,
        Created::Done { ended: Vec::new() },
        "what was replaced has not ended for a limit"
    );
    for id in &old {
        assert_eq!(
            load(store, id).await,
            None,
            "a record that was replaced is gone"
        );
    }
    let mut expected = [kept, new.id];
    expected.sort();
    assert_eq!(
        list(store, "a").await,
        expected,
        "those of the user that were not named stay"
    );
    assert_eq!(list(store, "b").await, []);
}

async fn asking_for_what_is_not_there_leaves_nothing(store: &impl LoginStore) {
    let absent = record("nobody");
    let touch = Touch {
        now: NOW,
        unless_since: NOW + 1,
        expires_at: NOW + HOUR,
    };
    assert_eq!(load(store, &absent.id).await, None);
    assert!(!store.touch(&absent.id, touch).await.expect("touch"));
    assert_eq!(store.update(&absent).await.expect("update"), Updated::Gone);
    assert!(!store.delete(&absent.id).await.expect("delete"));
    assert_eq!(
        load(store, &absent.id).await,
        None,
        "asking makes no record"
    );
    assert_eq!(list(store, "nobody").await, []);
    created(store, absent).await;
}

async fn an_expired_record_is_as_good_as_gone(store: &impl LoginStore) {
    let record = created(store, record("brief")).await;
    for (now, there) in [
        (record.expires_at - 1, true),
        (record.expires_at, false),
        (record.expires_at + 1, false),
    ] {
        let loaded = store.load(&record.id, now).await.expect("load");
        assert_eq!(
            loaded.is_some(),
            there,
            "at {now}, it expires at {}",
            record.expires_at
        );
        let listed = store.list_by_user("brief", now, ALL).await.expect("list");
        assert_eq!(
            !listed.is_empty(),
            there,
            "lists know when a record expires too"
        );
    }
}

async fn an_update_replaces_the_version_that_it_knows(store: &impl LoginStore) {
    let first = created(store, record("changed")).await;
    let changed = LoginRecord {
        last_seen_at: NOW + 5,
        expires_at: NOW + 9 * HOUR,
        data: "{}".to_owned(),
        ..first.clone()
    };
    assert_eq!(store.update(&changed).await.expect("update"), Updated::Done);
    let expected = LoginRecord {
        version: first.version + 1,
        ..changed.clone()
    };
    let loaded = load(store, &first.id).await;
    assert_eq!(
        loaded.as_ref(),
        Some(&expected),
        "an update counts the version up"
    );

    let late = LoginRecord {
        data: r#"{"late":true}"#.to_owned(),
        ..changed
    };
    let again = store.update(&late).await.expect("update");
    assert_eq!(
        again,
        Updated::Conflict,
        "an update of an older version is refused"
    );
    assert_eq!(
        load(store, &first.id).await,
        Some(expected),
        "and changes nothing"
    );

    let earlier = LoginRecord {
        version: first.version + 1,
        expires_at: NOW + 1,
        ..late
    };
    assert_eq!(store.update(&earlier).await.expect("update"), Updated::Done);
    let gone = store.load(&first.id, NOW + 1).await.expect("load");
    assert_eq!(gone, None, "an update can bring the end nearer");
}

async fn an_update_brings_nothing_back(store: &impl LoginStore) {
    let record = created(store, record("ended")).await;
    assert!(store.delete(&record.id).await.expect("delete"));
    let updated = store.update(&record).await.expect("update");
    assert_eq!(
        updated,
        Updated::Gone,
        "a record that was deleted cannot be updated"
    );
    assert_eq!(load(store, &record.id).await, None);
    assert_eq!(list(store, "ended").await, []);
}

/// A use that is noted once a minute, and extends the login to an hour.
fn touch(now: u64) -> Touch {
    Touch {
        now,
        unless_since: now - 60,
        expires_at: now + HOUR,
    }
}

async fn a_touch_notes_the_use_once_a_step(store: &impl LoginStore) {
    let record = created(store, record("busy")).await;
    for (now, writes) in [
        (NOW + 60, false),
        (NOW + 61, true),
        (NOW + 62, false),
        (NOW + 121, false),
        (NOW + 122, true),
    ] {
        let wrote = store.touch(&record.id, touch(now)).await.expect("touch");
        assert_eq!(wrote, writes, "{} seconds after the login", now - NOW);
    }
    let touched = load(store, &record.id).await.expect("the record");
    assert_eq!(touched.last_seen_at, NOW + 122);
    assert_eq!(touched.expires_at, NOW + 122 + HOUR);
}

async fn a_touch_leaves_everything_else(store: &impl LoginStore) {
    let record = created(
        store,
        LoginRecord {
            version: 3,
            expires_at: NOW + 9 * HOUR,
            ..record("remembered")
        },
    )
    .await;
    let touch = Touch {
        now: NOW + 100,
        unless_since: NOW + 50,
        expires_at: NOW + HOUR,
    };
    assert!(store.touch(&record.id, touch).await.expect("touch"));
    let expected = LoginRecord {
        last_seen_at: NOW + 100,
        ..record.clone()
    };
    let touched = load(store, &record.id).await;
    assert_eq!(
        touched,
        Some(expected),
        "a touch neither counts as a change nor brings the end nearer"
    );
    let updated = store.update(&record).await.expect("update");
    assert_eq!(
        updated,
        Updated::Done,
        "a record can be updated after it was touched"
    );
}

async fn a_touch_that_comes_too_late_does_nothing(store: &impl LoginStore) {
    let record = created(store, record("late")).await;
    for late in [0, 1, HOUR] {
        let late = touch(record.expires_at + late);
        let wrote = store.touch(&record.id, late).await.expect("touch");
        assert!(
            !wrote,
            "at {}, it expires at {}",
            late.now, record.expires_at
        );
    }
    assert_eq!(load(store, &record.id).await, Some(record.clone()));
    let in_time = touch(record.expires_at - 1);
    assert!(store.touch(&record.id, in_time).await.expect("touch"));
}

async fn deleting_is_said_once(store: &impl LoginStore) {
    let record = created(store, record("gone")).await;
    assert!(store.delete(&record.id).await.expect("delete"));
    assert!(
        !store.delete(&record.id).await.expect("delete"),
        "it was gone already"
    );
    assert_eq!(load(store, &record.id).await, None);
    assert_eq!(list(store, "gone").await, []);
}

async fn a_users_records_are_found_by_exactly_that_id(store: &impl LoginStore) {
    let mut records = Vec::new();
    for user_id in USER_IDS {
        records.push(created(store, record(user_id)).await);
    }
    for record in &records {
        assert_eq!(
            list(store, &record.user_id).await,
            [record.id],
            "{:?}",
            record.user_id
        );
    }
    for (index, record) in records.iter().enumerate() {
        let deleted = store.delete_by_user(&record.user_id, None, ALL).await;
        assert_eq!(
            deleted.expect("delete by user"),
            [record.id],
            "{:?}",
            record.user_id
        );
        for other in &records[index + 1..] {
            assert!(
                load(store, &other.id).await.is_some(),
                "{:?} stays",
                other.user_id
            );
        }
    }
}

async fn all_but_one_of_a_user_are_deleted(store: &impl LoginStore) {
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(created(store, record("many")).await.id);
    }
    let other = created(store, record("another")).await.id;
    let kept = ids.remove(2);
    let deleted = store.delete_by_user("many", Some(&kept), ALL).await;
    assert_eq!(sorted(deleted.expect("delete by user")), sorted(ids));
    assert_eq!(list(store, "many").await, [kept]);
    let again = store.delete_by_user("many", Some(&kept), ALL).await;
    assert_eq!(
        again.expect("delete by user"),
        [],
        "what is gone is not deleted again"
    );
    let foreign = store.delete_by_user("many", Some(&other), ALL).await;
    assert_eq!(
        foreign.expect("delete by user"),
        [kept],
        "the same holds for another user's"
    );
    assert!(load(store, &other).await.is_some());
}

/// Records of a user that were seen and made at these times, in seconds before `NOW`.
async fn seen_and_made<const N: usize>(
    store: &impl LoginStore,
    user_id: &str,
    before: [(u64, u64); N],
) -> [LoginId; N] {
    let mut ids = [LoginId::from_bytes([0; 16]); N];
    for (id, (seen, made)) in ids.iter_mut().zip(before) {
        let record = LoginRecord {
            last_seen_at: NOW - seen,
            created_at: NOW - made,
            ..record(user_id)
        };
        *id = created(store, record).await.id;
    }
    ids
}

fn sorted(mut ids: Vec<LoginId>) -> Vec<LoginId> {
    ids.sort();
    ids
}

async fn a_list_begins_with_those_seen_last_and_ends_where_it_is_told(store: &impl LoginStore) {
    let [c, a, d, b] = seen_and_made(store, "seen", [(10, 20), (1, 90), (10, 30), (9, 9)]).await;
    let all = [a, b, c, d];
    for (now, limit, expected) in [
        (NOW, 0, 0),
        (NOW, 1, 1),
        (NOW, 3, 3),
        (NOW, 4, 4),
        (NOW, usize::MAX, 4),
        (NOW + HOUR, 4, 0),
    ] {
        let listed = store.list_by_user("seen", now, limit).await.expect("list");
        let ids: Vec<_> = listed.iter().map(|record| record.id).collect();
        assert_eq!(ids, all[..expected], "the first {limit} at {now}");
    }

    // By a use, and by a change.
    let used = Touch {
        now: NOW + 100,
        unless_since: NOW + 40,
        expires_at: NOW,
    };
    assert!(store.touch(&c, used).await.expect("touch"));
    let changed = LoginRecord {
        last_seen_at: NOW + 200,
        ..load(store, &b).await.expect("the record")
    };
    assert_eq!(store.update(&changed).await.expect("update"), Updated::Done);
    // An expired record takes no place.
    let expired = LoginRecord {
        expires_at: NOW,
        last_seen_at: NOW + 300,
        ..record("seen")
    };
    created(store, expired).await;
    let listed = store.list_by_user("seen", NOW, 3).await.expect("list");
    let ids: Vec<_> = listed.iter().map(|record| record.id).collect();
    assert_eq!(ids, [b, c, a], "a use puts a record first");
}

async fn a_users_records_are_deleted_in_batches(store: &impl LoginStore) {
    let mut ids = Vec::new();
    for _ in 0..25 {
        ids.push(created(store, record("batches")).await.id);
    }
    let kept = ids.swap_remove(7);
    let mut deleted = Vec::new();
    for expected in [0, 10, 10, 4, 0] {
        let limit = if deleted.is_empty() && expected == 0 {
            0
        } else {
            10
        };
        let batch = store.delete_by_user("batches", Some(&kept), limit).await;
        let batch = batch.expect("delete by user");
        assert_eq!(batch.len(), expected, "24 in batches of 10");
        deleted.extend(batch);
    }
    assert_eq!(sorted(deleted), sorted(ids), "each is deleted once");
    assert_eq!(list(store, "batches").await, [kept]);
}

async fn a_limit_ends_those_that_were_not_seen_for_longest(store: &impl LoginStore) {
    let [c, a, d, b] = seen_and_made(store, "limited", [(10, 20), (1, 90), (10, 30), (9, 9)]).await;
    let mut expected = vec![a, b, c, d];
    for (count, ends) in [(5, vec![]), (5, vec![d]), (4, vec![b, c]), (1, vec![a])] {
        let new = LoginRecord {
            last_seen_at: NOW + 10 - count as u64,
            ..record("limited")
        };
        let mut ended = match create(store, &new, &[], at_most(count)).await {
            Created::Done { ended } => ended,
            other => panic!("{other:?} in place of a new login, of {count} at most"),
        };
        if count == 1 {
            // Also those that were created here.
            ended.retain(|id| *id == a);
            expected.clear();
        }
        assert_eq!(sorted(ended), sorted(ends.clone()), "{count} at most");
        expected.retain(|id| !ends.contains(id));
        expected.push(new.id);
        assert_eq!(list(store, "limited").await, sorted(expected.clone()));
    }
}

async fn a_limit_counts_neither_expired_nor_replaced_logins_nor_those_of_other_users(
    store: &impl LoginStore,
) {
    let [first, second, third] =
        seen_and_made(store, "counted", [(30, 90), (20, 90), (10, 90)]).await;
    let expired = LoginRecord {
        expires_at: NOW,
        ..record("counted")
    };
    created(store, expired).await;
    let [foreign] = seen_and_made(store, "other", [(90, 90)]).await;
    let none = Created::Done { ended: Vec::new() };
    let [new, newer] = [record("counted"), record("counted")];
    let made = create(store, &new, &[third, foreign, new_id()], at_most(3)).await;
    assert_eq!(made, none, "what is replaced makes room");
    assert_eq!(
        list(store, "counted").await,
        sorted(vec![first, second, new.id])
    );
    assert_eq!(load(store, &foreign).await, None);
    let made = create(store, &newer, &[new.id], at_most(2)).await;
    let ended = vec![first];
    assert_eq!(made, Created::Done { ended }, "but no more than that");
    assert_eq!(list(store, "counted").await, sorted(vec![second, newer.id]));
}

async fn when_too_many_are_spared_the_user_is_full_and_nothing_is_done(store: &impl LoginStore) {
    let [old, used, own] = seen_and_made(store, "full", [(601, 900), (600, 900), (5, 9)]).await;
    let sparing = |count| Limit {
        spared_since: NOW - 600,
        ..at_most(count)
    };
    let new = record("full");
    for (count, replacing) in [(2, &[][..]), (1, &[]), (1, &[own]), (1, &[own, old])] {
        let full = create(store, &new, replacing, sparing(count)).await;
        assert_eq!(full, Created::Full, "{count} at most, {replacing:?}");
        assert_eq!(load(store, &new.id).await, None);
        assert_eq!(
            list(store, "full").await,
            sorted(vec![old, used, own]),
            "neither what is replaced nor what could have ended is gone"
        );
    }
    let made = create(store, &new, &[own], sparing(2)).await;
    let ended = vec![old];
    assert_eq!(made, Created::Done { ended }, "what is not spared can end");
    assert_eq!(list(store, "full").await, sorted(vec![used, new.id]));
    let later = Limit {
        spared_since: NOW - 599,
        ..at_most(2)
    };
    let last = record("full");
    let made = create(store, &last, &[], later).await;
    let ended = vec![used];
    assert_eq!(made, Created::Done { ended }, "nobody is spared for ever");
}

/// As when a limit is introduced for existing logins.
async fn very_many_records_of_a_user_end_a_few_at_a_time(store: &impl LoginStore) {
    let many = 4 * Limit::BATCH;
    for number in 0..many {
        let one = LoginRecord {
            last_seen_at: NOW - number as u64,
            expires_at: NOW + HOUR * (number as u64 % 3),
            ..record("crowd")
        };
        created(store, one).await;
    }
    let alive = list(store, "crowd").await;
    let newest = store.list_by_user("crowd", NOW, 2).await.expect("list");
    let new = LoginRecord {
        last_seen_at: NOW + 1,
        ..record("crowd")
    };
    let mut all = Vec::new();
    // A store that ends them all at once may be done in the first turn.
    for turn in 0.. {
        assert!(turn <= many, "each operation ends some");
        match create(store, &new, &[], at_most(3)).await {
            Created::Crowded { ended } => {
                assert_eq!(load(store, &new.id).await, None, "it is not there yet");
                all.extend(ended);
            }
            Created::Done { ended } => {
                all.extend(ended);
                break;
            }
            other => panic!("{other:?} where the oldest can end"),
        }
    }
    let kept = [newest[0].id, newest[1].id, new.id];
    assert_eq!(list(store, "crowd").await, sorted(kept.to_vec()));
    let expected: Vec<_> = alive.into_iter().filter(|id| !kept.contains(id)).collect();
    assert_eq!(
        sorted(all),
        expected,
        "each that lived is said to have ended, once"
    );
}

async fn expired_records_are_deleted_in_batches(store: &impl LoginStore) {
    let far = NOW + 100 * HOUR;
    while store
        .delete_expired(far, 1000)
        .await
        .expect("delete expired")
        > 0
    {}
    let mut expired = Vec::new();
    for seconds in 0..25 {
        let record = LoginRecord {
            expires_at: far - seconds,
            ..record("old")
        };
        expired.push(created(store, record).await.id);
    }
    let alive = LoginRecord {
        expires_at: far + 1,
        ..record("old")
    };
    let alive = created(store, alive).await.id;
    for expected in [10, 10, 5, 0] {
        let deleted = store.delete_expired(far, 10).await;
        assert_eq!(
            deleted.expect("delete expired"),
            expected,
            "25 in batches of 10"
        );
    }
    for id in &expired {
        let loaded = store.load(id, NOW).await.expect("load");
        assert_eq!(loaded, None, "what was deleted is gone at any time");
    }
    let left = store.list_by_user("old", far, ALL).await.expect("list");
    assert_eq!(
        left.iter().map(|record| record.id).collect::<Vec<_>>(),
        [alive]
    );
}

struct Race<S, Spawn> {
    store: Arc<S>,
    spawn: Spawn,
}

impl<S, Spawn, Task> Race<S, Spawn>
where
    S: LoginStore,
    Spawn: Fn(Pin<Box<dyn Future<Output = ()> + Send>>) -> Task,
    Task: Future,
{
    /// The results of many tasks that start at once.
    async fn run<T, Act>(&self, act: impl Fn(usize, Arc<S>) -> Act) -> Vec<T>
    where
        T: Send + 'static,
        Act: Future<Output = T> + Send + 'static,
    {
        let results = Arc::new(Mutex::new(Vec::new()));
        let tasks: Vec<_> = (0..TASKS)
            .map(|number| {
                let (act, results) = (act(number, Arc::clone(&self.store)), Arc::clone(&results));
                (self.spawn)(Box::pin(async move {
                    let result = act.await;
                    results.lock().expect("no task panics here").push(result);
                }))
            })
            .collect();
        for task in tasks {
            task.await;
        }
        let results = std::mem::take(&mut *results.lock().expect("no task panics here"));
        assert_eq!(results.len(), TASKS, "a task failed; its message is above");
        results
    }

    async fn only_one_of_many_simultaneous_creations_of_an_id_succeeds(&self) {
        let expired = LoginRecord {
            expires_at: NOW,
            ..record("racer 0")
        };
        let expired = created(&*self.store, expired).await.id;
        for id in [new_id(), expired] {
            let made = self
                .run(move |number, store| async move {
                    let record = LoginRecord {
                        id,
                        ..record(&format!("racer {number}"))
                    };
                    create(&*store, &record, &[], at_most(3)).await
                })
                .await;
            let done = Created::Done { ended: Vec::new() };
            assert_eq!(count(&made, &done), 1, "one creates");
            let taken = count(&made, &Created::Taken);
            assert_eq!(taken, TASKS - 1, "the others are told so");
        }
    }

    async fn only_one_of_many_updates_of_a_version_succeeds(&self) {
        let record = created(&*self.store, record("updated at once")).await;
        let id = record.id;
        let updated = self
            .run(move |number, store| {
                let changed = LoginRecord {
                    data: number.to_string(),
                    ..record.clone()
                };
                async move { store.update(&changed).await.expect("update") }
            })
            .await;
        assert_eq!(count(&updated, &Updated::Done), 1, "one is done");
        assert_eq!(
            count(&updated, &Updated::Conflict),
            TASKS - 1,
            "the others conflict"
        );
        let version = load(&*self.store, &id).await.expect("the record").version;
        assert_eq!(version, 1, "one change, one version");
    }

    async fn only_one_of_many_touches_in_a_step_writes(&self) {
        let id = created(&*self.store, record("touched at once")).await.id;
        let wrote = self
            .run(move |_, store| async move {
                let touch = Touch {
                    now: NOW + 100,
                    unless_since: NOW + 40,
                    expires_at: NOW + 100 + HOUR,
                };
                store.touch(&id, touch).await.expect("touch")
            })
            .await;
        assert_eq!(count(&wrote, &true), 1, "many requests, one write");
    }

    async fn a_deleted_record_stays_deleted(&self) {
        for _ in 0..TASKS {
            let record = created(&*self.store, record("ended at once")).await;
            let id = record.id;
            self.run(move |number, store| {
                let record = record.clone();
                async move {
                    match number % 3 {
                        0 => drop(store.delete(&id).await.expect("delete")),
                        1 => drop(store.update(&record).await.expect("update")),
                        _ => {
                            let touch = Touch {
                                now: NOW + 100,
                                unless_since: NOW + 101,
                                expires_at: NOW + 9 * HOUR,
                            };
                            store.touch(&id, touch).await.expect("touch");
                        }
                    }
                }
            })
            .await;
            let left = load(&*self.store, &id).await;
            assert_eq!(left, None, "no update and no touch brings a record back");
            assert_eq!(list(&*self.store, "ended at once").await, []);
        }
    }

    async fn a_purge_takes_nothing_that_lives(&self) {
        let alive = created(&*self.store, record("alive")).await;
        for _ in 0..TASKS {
            let expired = LoginRecord {
                expires_at: NOW,
                ..record("expired")
            };
            created(&*self.store, expired).await;
        }
        let id = alive.id;
        let loaded = self
            .run(move |number, store| async move {
                if number % 2 == 0 {
                    store.delete_expired(NOW, 3).await.expect("delete expired");
                }
                store.load(&id, NOW).await.expect("load")
            })
            .await;
        assert_eq!(
            count(&loaded, &Some(alive)),
            TASKS,
            "a purge touches only what has expired"
        );
    }

    async fn no_more_simultaneous_logins_than_allowed_stay(&self) {
        let before = created(&*self.store, record("crowded")).await.id;
        let ended = self
            .run(|_, store| async move {
                let new = record("crowded");
                match create(&*store, &new, &[], at_most(2)).await {
                    Created::Done { ended } => ended,
                    other => panic!("{other:?} where the oldest can end"),
                }
            })
            .await;
        let left = list(&*self.store, "crowded").await;
        assert_eq!(left.len(), 2, "{TASKS} at once, with a limit of 2");
        let ended = sorted(ended.concat());
        assert_eq!(ended.len(), TASKS - 1, "the others have ended, each once");
        assert!(ended.contains(&before) != left.contains(&before));
        assert!(left.iter().all(|id| !ended.contains(id)));
    }

    async fn no_more_simultaneous_logins_than_allowed_are_let_in(&self) {
        let limit = Limit {
            spared_since: NOW - 600,
            ..at_most(3)
        };
        let old = LoginRecord {
            last_seen_at: NOW - 601,
            ..record("refused")
        };
        created(&*self.store, old).await;
        created(&*self.store, record("refused")).await;
        let made =
            self.run(move |_, store| async move {
                create(&*store, &record("refused"), &[], limit).await
            })
            .await;
        assert_eq!(count(&made, &Created::Full), TASKS - 2, "{made:?}");
        assert_eq!(list(&*self.store, "refused").await.len(), 3);
    }
}

fn count<T: PartialEq>(results: &[T], wanted: &T) -> usize {
    results.iter().filter(|result| *result == wanted).count()
}
