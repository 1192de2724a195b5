//! What is in Redis, and when Redis deletes it by itself.

use std::collections::BTreeSet;
use std::sync::Arc;

use housekey::records::{
    Created, Limit, LoginRecord, LoginStore as _, Touch, Updated, conformance,
};
use housekey_redis::RedisLoginStore;
use redis::Client;
use store_tests::{HOUR, Kind, NOW, Server, create, list, record, rules};

use super::common::OwnKeys;

const DAY: u64 = 24 * HOUR;

/// In how many seconds Redis deletes the record and the list of its user.
fn times_left(keys: &OwnKeys, record: &LoginRecord) -> [u64; 2] {
    let prefix = &keys.prefix;
    [
        format!("{prefix}login:{}", record.id),
        format!("{prefix}user:{}", record.user_id),
    ]
    .map(|key| keys.ask("TTL", &[&key]))
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
    record.expires_at = NOW + 100 + 2 * HOUR;
    assert_eq!(store.update(&record).await.unwrap(), Updated::Done);
    for left in times_left(&keys, &record) {
        assert!(
            about(2 * HOUR + DAY).contains(&left),
            "after a change: {left}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_lives_as_long_as_the_longest_login_in_it() {
    let keys = OwnKeys::new();
    let store = keys.store();
    for hours in [2, 9, 1] {
        let record = LoginRecord {
            expires_at: NOW + hours * HOUR,
            ..record("mia")
        };
        create(&*store, &record).await;
    }
    let [_, list] = times_left(&keys, &record("mia"));
    assert!(about(9 * HOUR + DAY).contains(&list), "{list}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_redis_has_deleted_by_itself_leaves_the_lists() {
    let keys = OwnKeys::new();
    let store = keys.store();
    let (gone, kept) = (record("mia"), record("mia"));
    for record in [&gone, &kept] {
        create(&*store, record).await;
    }
    let _: () = keys.ask("DEL", &[&format!("{}login:{}", keys.prefix, gone.id)]);
    let listed = list(&*store, "mia").await;
    assert_eq!(listed, std::slice::from_ref(&kept));
    let index = format!("{}expiry", keys.prefix);
    let entries: Vec<String> = keys.ask("ZRANGE", &[&index, "0", "-1"]);
    assert_eq!(entries, [format!("{}{NOW:016}mia", kept.id)]);
    let deleted = store.delete_by_user("mia", None, usize::MAX).await.unwrap();
    assert_eq!(deleted, [kept.id]);
    assert_eq!(keys.all(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn logins_clear_away_what_redis_has_deleted_by_itself() {
    let keys = OwnKeys::new();
    let store = keys.store();
    for _ in 0..20 {
        let old = record("gone");
        create(&*store, &old).await;
        let _: () = keys.ask("DEL", &[&format!("{}login:{}", keys.prefix, old.id)]);
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
    let index = format!("{}expiry", keys.prefix);
    let count: usize = keys.ask("ZCARD", &[&index]);
    assert_eq!(count, 6, "only the new ones are in it");
    let user = format!("{}user:gone", keys.prefix);
    assert!(!keys.all().contains(&user));
}

/// What the indexes still say of it is not about the one that has its id now.
#[tokio::test(flavor = "multi_thread")]
async fn what_redis_has_deleted_by_itself_gives_up_its_id() {
    let keys = OwnKeys::new();
    let store = keys.store();
    let later = NOW + 2 * DAY;
    // The first is in the index of a purge at once, and the others are purged by nobody before the end.
    for (old_user, new_user, expires_at) in [
        ("mia", "mia", NOW),
        ("mia", "mia", later + HOUR),
        ("mia", "ben", NOW),
        ("mia", "ben", later + HOUR),
    ] {
        let old = LoginRecord {
            expires_at,
            ..record(old_user)
        };
        create(&*store, &old).await;
        let _: () = keys.ask("DEL", &[&format!("{}login:{}", keys.prefix, old.id)]);
        let new = LoginRecord {
            id: old.id,
            created_at: later,
            last_seen_at: later,
            expires_at: later + 3 * HOUR,
            ..record(new_user)
        };
        create(&*store, &new).await;
        let limit = Limit {
            count: 2,
            now: later,
            spared_since: u64::MAX,
        };
        let beside = LoginRecord {
            last_seen_at: later - 1,
            expires_at: later + 3 * HOUR,
            ..record(new_user)
        };
        let made = store.create(&beside, &[], limit).await.unwrap();
        let ended = Vec::new();
        assert_eq!(made, Created::Done { ended }, "there are two");
        let purged = store.delete_expired(later + 2 * HOUR, 9).await.unwrap();
        assert!(purged <= 1, "what is left in the index");
        let loaded = store.load(&new.id, later).await.unwrap();
        assert_eq!(loaded.as_ref(), Some(&new));
        let listed = store.list_by_user(new_user, later, 9).await.unwrap();
        assert_eq!(listed, [new.clone(), beside.clone()]);
        for user_id in ["mia", "ben"] {
            let mut deleted = store.delete_by_user(user_id, None, 9).await.unwrap();
            deleted.sort();
            let mut expected = match user_id == new_user {
                true => vec![new.id, beside.id],
                false => Vec::new(),
            };
            expected.sort();
            assert_eq!(deleted, expected);
        }
        assert_eq!(keys.all(), Vec::<String>::new());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_leaves_no_key_behind() {
    let keys = OwnKeys::new();
    let store = keys.store();
    conformance::check(&*store).await;
    let mut moved = record("before");
    create(&*store, &moved).await;
    moved.user_id = "after".to_owned();
    assert_eq!(store.update(&moved).await.unwrap(), Updated::Done);
    assert!(list(&*store, "before").await.is_empty());
    assert_eq!(list(&*store, "after").await.len(), 1);
    store.delete_expired(u64::MAX, usize::MAX).await.unwrap();
    assert_eq!(keys.all(), Vec::<String>::new());
}

/// The server counts which commands it was given, those of scripts too.
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
        "hincrby",
        "hmget",
        "hset",
        "ttl",
        "zadd",
        "zcard",
        "zrange",
        "zrangebyscore",
        "zrem",
    ];
    let connecting = ["auth", "client|setinfo", "hello", "script|load"];
    let expected: BTreeSet<_> = by_key.into_iter().chain(connecting).collect();
    assert!(asked.is_superset(&BTreeSet::from(by_key)), "{asked:?}");
    assert!(asked.is_subset(&expected), "{asked:?}");
}
