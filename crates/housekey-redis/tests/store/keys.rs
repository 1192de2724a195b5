//! What is in Redis, and when Redis deletes it by itself.

use std::collections::BTreeSet;
use std::sync::Arc;

use housekey::records::{
    Created, Limit, LoginRecord, LoginStore as _, Touch, Updated, conformance,
};
use housekey_redis::RedisLoginStore;
use housekey_statements::redis::{keys_of_user, pointer_key};
use redis::Client;
use store_tests::{HOUR, Kind, NOW, Server, create, list, record, rules};

use super::common::OwnKeys;

const DAY: u64 = 24 * HOUR;

/// In how many seconds Redis deletes the records of a user, their order, and the pointer to a record.
fn times_left(keys: &OwnKeys, record: &LoginRecord) -> [u64; 3] {
    let [logins, seen, _] = keys_of_user(&keys.prefix, &record.user_id);
    let pointer = pointer_key(&keys.prefix, &record.id.to_string());
    [logins, seen, pointer].map(|key| keys.ask("TTL", &[&key]))
}

/// Redis has dropped all records of a user by itself.
fn drop_records(keys: &OwnKeys, user_id: &str) {
    let [logins, ..] = keys_of_user(&keys.prefix, user_id);
    let _: () = keys.ask("DEL", &[&logins]);
}

/// How many entries the index of a user's bucket has.
fn in_index(keys: &OwnKeys, user_id: &str) -> usize {
    let [.., expiry] = keys_of_user(&keys.prefix, user_id);
    keys.ask("ZCARD", &[&expiry])
}

/// A second may have passed since.
fn about(seconds: u64) -> std::ops::RangeInclusive<u64> {
    seconds - 60..=seconds
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_deletes_a_record_a_day_after_it_has_expired() {
    let keys = OwnKeys::new();
    let store = keys.store();
    let mut record = record("mia");
    create(&*store, &record).await;
    for left in times_left(&keys, &record) {
        assert!(about(HOUR + DAY).contains(&left), "after a login: {left}");
    }

    let touch = Touch {
        now: NOW + 100,
        unless_since: NOW + 50,
        expires_at: NOW + 100 + 3 * HOUR,
    };
    assert!(store.touch(&record.id, touch).await.unwrap());
    for left in times_left(&keys, &record) {
        assert!(about(3 * HOUR + DAY).contains(&left), "after a use: {left}");
    }

    record.last_seen_at = NOW + 100;
    record.expires_at = NOW + 100 + 5 * HOUR;
    assert_eq!(store.update(&record).await.unwrap(), Updated::Done);
    for left in times_left(&keys, &record) {
        assert!(
            about(5 * HOUR + DAY).contains(&left),
            "after a change: {left}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_users_records_live_as_long_as_the_longest_of_them() {
    let keys = OwnKeys::new();
    let store = keys.store();
    for hours in [2, 9, 1] {
        let record = LoginRecord {
            expires_at: NOW + hours * HOUR,
            ..record("mia")
        };
        create(&*store, &record).await;
    }
    let [logins, seen, _] = times_left(&keys, &record("mia"));
    for left in [logins, seen] {
        assert!(about(9 * HOUR + DAY).contains(&left), "{left}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_dropped_by_redis_leaves_the_lists() {
    let keys = OwnKeys::new();
    let store = keys.store();
    let gone = record("mia");
    create(&*store, &gone).await;
    drop_records(&keys, "mia");
    let kept = record("mia");
    create(&*store, &kept).await;
    assert_eq!(list(&*store, "mia").await, std::slice::from_ref(&kept));
    assert_eq!(store.load(&gone.id, NOW).await.unwrap(), None);
    let limit = Limit {
        count: 2,
        now: NOW,
        spared_since: u64::MAX,
    };
    let made = store.create(&record("mia"), &[], limit).await.unwrap();
    let ended = Vec::new();
    assert_eq!(made, Created::Done { ended }, "it does not count");
    assert_eq!(store.delete_expired(u64::MAX, 9).await.unwrap(), 2);
    let left = pointer_key(&keys.prefix, &gone.id.to_string());
    assert_eq!(keys.all(), [left], "which Redis deletes by itself");
}

/// As if memory were full and any key could go, against all advice.
#[tokio::test(flavor = "multi_thread")]
async fn ending_all_logins_includes_those_whose_order_redis_has_dropped() {
    let keys = OwnKeys::new();
    let store = keys.store();
    let (lost, kept) = (record("mia"), record("mia"));
    create(&*store, &lost).await;
    let [_, seen, _] = keys_of_user(&keys.prefix, "mia");
    let _: () = keys.ask("DEL", &[&seen]);
    create(&*store, &kept).await;
    let deleted = store.delete_by_user("mia", Some(&kept.id), 9).await;
    assert_eq!(deleted.unwrap(), [lost.id]);
    assert_eq!(store.load(&lost.id, NOW).await.unwrap(), None);
    assert_eq!(store.load(&kept.id, NOW).await.unwrap(), Some(kept));
}

#[tokio::test(flavor = "multi_thread")]
async fn logins_clear_away_what_redis_has_dropped_by_itself() {
    let keys = OwnKeys::new();
    let store = keys.store();
    for _ in 0..20 {
        create(&*store, &record("mia")).await;
    }
    drop_records(&keys, "mia");
    assert_eq!(in_index(&keys, "mia"), 20);
    let later = NOW + HOUR + DAY;
    for _ in 0..6 {
        let new = LoginRecord {
            last_seen_at: later,
            expires_at: later + HOUR,
            ..record("mia")
        };
        create(&*store, &new).await;
    }
    assert_eq!(in_index(&keys, "mia"), 6, "only the new ones are in it");
    let [_, seen, _] = keys_of_user(&keys.prefix, "mia");
    let count: usize = keys.ask("ZCARD", &[&seen]);
    assert_eq!(count, 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_users_logins_clear_away_those_that_expired_a_day_ago() {
    let keys = OwnKeys::new();
    let store = keys.store();
    for _ in 0..20 {
        create(&*store, &record("mia")).await;
    }
    let later = NOW + HOUR + DAY;
    for _ in 0..6 {
        let new = LoginRecord {
            last_seen_at: later,
            expires_at: later + HOUR,
            ..record("mia")
        };
        create(&*store, &new).await;
    }
    let [logins, ..] = keys_of_user(&keys.prefix, "mia");
    let count: usize = keys.ask("HLEN", &[&logins]);
    assert_eq!(count, 6);
    assert_eq!(keys.all().len(), 3 + 6, "their pointers are gone too");
}

/// What the order still says about it does not apply to the record that has its id now.
#[tokio::test(flavor = "multi_thread")]
async fn a_record_dropped_by_redis_gives_up_its_id() {
    let keys = OwnKeys::new();
    let store = keys.store();
    let later = NOW + 2 * DAY;
    for new_user in ["mia", "ben"] {
        let old = record("mia");
        create(&*store, &old).await;
        drop_records(&keys, "mia");
        let new = LoginRecord {
            id: old.id,
            created_at: later,
            last_seen_at: later,
            expires_at: later + 3 * HOUR,
            ..record(new_user)
        };
        create(&*store, &new).await;
        let purged = store.delete_expired(later + 2 * HOUR, 9).await.unwrap();
        assert_eq!(purged, 0, "the entries left in the index have no record");
        assert_eq!(
            store.load(&new.id, later).await.unwrap().as_ref(),
            Some(&new)
        );
        for user_id in ["mia", "ben"] {
            let listed = store.list_by_user(user_id, later, 9).await.unwrap();
            let expected: &[_] = match user_id == new_user {
                true => std::slice::from_ref(&new),
                false => &[],
            };
            assert_eq!(listed, expected, "{user_id}");
        }
        let deleted = store.delete_by_user(new_user, None, 9).await.unwrap();
        assert_eq!(deleted, [new.id]);
    }
}

/// As after losing a master that had not passed it on.
#[tokio::test(flavor = "multi_thread")]
async fn a_pointer_that_is_lost_is_a_login_that_is_lost_until_somebody_changes_it() {
    let keys = OwnKeys::new();
    let (store, elsewhere) = (keys.store(), keys.store());
    let record = record("mia");
    create(&*store, &record).await;
    let pointer = pointer_key(&keys.prefix, &record.id.to_string());
    let _: () = keys.ask("DEL", &[&pointer]);
    assert_eq!(elsewhere.load(&record.id, NOW).await.unwrap(), None);
    assert!(store.load(&record.id, NOW).await.unwrap().is_some());
    assert_eq!(store.update(&record).await.unwrap(), Updated::Done);
    assert!(elsewhere.load(&record.id, NOW).await.unwrap().is_some());
    // A store that remembers it does not trust that either.
    let deleted = elsewhere.delete_by_user("mia", None, 9).await.unwrap();
    assert_eq!(deleted, [record.id]);
    assert_eq!(store.load(&record.id, NOW).await.unwrap(), None);
}

/// The other store remembers its user.
#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_another_user_has_by_now_is_found_there() {
    let keys = OwnKeys::new();
    let (store, other) = (keys.store(), keys.store());
    let old = LoginRecord {
        expires_at: NOW + 1,
        ..record("mia")
    };
    create(&*store, &old).await;
    assert_eq!(other.load(&old.id, NOW).await.unwrap().as_ref(), Some(&old));
    let new = LoginRecord {
        id: old.id,
        last_seen_at: NOW + 1,
        ..record("ben")
    };
    let limit = Limit {
        now: NOW + 1,
        ..Limit::NONE
    };
    assert!(store.create(&new, &[], limit).await.unwrap().is_done());
    let touch = Touch {
        now: NOW + 100,
        unless_since: NOW + 50,
        expires_at: NOW,
    };
    let deleted = async || other.delete(&old.id).await.unwrap();
    assert_eq!(other.load(&old.id, NOW).await.unwrap(), Some(new));
    other.load(&record("evict nothing").id, NOW).await.unwrap();
    assert!(other.touch(&old.id, touch).await.unwrap());
    assert!(deleted().await && !deleted().await);
    assert_eq!(store.load(&old.id, NOW).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_record_leaves_no_key_behind() {
    let keys = OwnKeys::new();
    let store = keys.store();
    conformance::check(&*store).await;
    let one = record("one");
    create(&*store, &one).await;
    let anothers = LoginRecord {
        user_id: "another".to_owned(),
        ..one
    };
    let updated = store.update(&anothers).await.unwrap();
    assert_eq!(updated, Updated::Gone, "a record stays with its user");
    store.delete_expired(u64::MAX, usize::MAX).await.unwrap();
    assert_eq!(keys.all(), Vec::<String>::new());
}

/// The server counts the commands that it received, including those of scripts.
#[tokio::test(flavor = "multi_thread")]
async fn no_operation_looks_through_the_keys() {
    let server = Server::start(Kind::Redis);
    let client = Client::open(server.url()).unwrap();
    let store = Arc::new(RedisLoginStore::new(client.clone()));
    rules::check(store).await;
    let asked: String = redis::cmd("INFO")
        .arg("commandstats")
        .query(&mut client.get_connection().unwrap())
        .unwrap();
    let asked: BTreeSet<_> = asked
        .lines()
        .filter_map(|line| line.strip_prefix("cmdstat_")?.split(':').next())
        .collect();
    let by_key = [
        "del",
        "evalsha",
        "expire",
        "get",
        "hdel",
        "hget",
        "hkeys",
        "hset",
        "set",
        "ttl",
        "zadd",
        "zcard",
        "zrange",
        "zrangebyscore",
        "zrem",
        "zrevrange",
    ];
    let connecting = [
        "auth",
        "client|setinfo",
        "config|get",
        "hello",
        "info",
        "script|load",
    ];
    let expected: BTreeSet<_> = by_key.into_iter().chain(connecting).collect();
    assert!(asked.is_superset(&BTreeSet::from(by_key)), "{asked:?}");
    assert!(asked.is_subset(&expected), "{asked:?}");
}
