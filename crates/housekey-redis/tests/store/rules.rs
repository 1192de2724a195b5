//! The rules for every store, and what Redis's numbers could do to them.

use housekey::records::{LoginRecord, LoginStore as _, Touch, Updated};
use housekey_redis::RedisLoginStore;
use store_tests::{NOW, attempts, create, list, operations, races, record, rules};

use super::common::OwnKeys;

#[tokio::test(flavor = "multi_thread")]
async fn it_does_what_every_store_must() {
    let keys = OwnKeys::new();
    rules::check(keys.store()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_at_one_prefix_see_one_store() {
    let keys = OwnKeys::new();
    races::check(keys.store(), keys.store()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_at_one_prefix_count_attempts_together() {
    let keys = OwnKeys::new();
    attempts::check([keys.store(), keys.store()].map(|store| RedisLoginStore::clone(&store))).await;
    for key in keys.all() {
        let seconds: i64 = keys.ask("TTL", &[&key]);
        assert!(seconds > 0, "Redis deletes {key}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stores_with_different_prefixes_share_nothing() {
    let (members, staff) = (OwnKeys::new(), OwnKeys::new());
    rules::neighbours_share_nothing(&*members.store(), &*staff.store()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_that_do_not_fit_are_the_largest_that_do() {
    let keys = OwnKeys::new();
    let largest = (1 << 53) - 1;
    rules::numbers_that_do_not_fit_are_the_largest_that_do(&*keys.store(), largest).await;
}

/// Lua writes long numbers as `1.2345678901235e+15`, unless they stay texts.
#[tokio::test(flavor = "multi_thread")]
async fn long_numbers_are_kept_to_the_last_digit() {
    let keys = OwnKeys::new();
    let store = keys.store();
    let first = LoginRecord {
        version: 1_234_567_890_123_456,
        created_at: 1_234_567_890_123_457,
        last_seen_at: 1_234_567_890_123_458,
        expires_at: 1_234_567_890_123_459,
        ..record("exact")
    };
    create(&*store, &first).await;
    let touch = Touch {
        now: first.last_seen_at,
        unless_since: first.expires_at,
        expires_at: first.expires_at + 1,
    };
    assert!(store.touch(&first.id, touch).await.unwrap());
    assert_eq!(store.update(&first).await.unwrap(), Updated::Done);
    let expected = LoginRecord {
        version: first.version + 1,
        ..first.clone()
    };
    let loaded = store.load(&first.id, NOW).await.unwrap();
    assert_eq!(loaded, Some(expected));
    let listed = store
        .list_by_user("exact", first.expires_at - 1, usize::MAX)
        .await;
    assert_eq!(listed.unwrap().len(), 1);
    let purged = store.delete_expired(first.expires_at - 1, 9).await;
    assert_eq!(purged.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn deletions_go_on_beyond_the_largest_batch() {
    let keys = OwnKeys::new();
    let store = keys.store();
    rules::fill(&*store, 100).await;
    rules::deletions_go_on_beyond_the_largest_batch(&*store, 100).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn any_text_can_be_a_user_id() {
    let keys = OwnKeys::new();
    let store = keys.store();
    for user_id in ["", "a\0b", "a:b", "\r\n", &"x".repeat(4000)] {
        let record = record(user_id);
        create(&*store, &record).await;
        let listed = list(&*store, user_id).await;
        assert_eq!(listed, std::slice::from_ref(&record), "{user_id:?}");
        let deleted = store
            .delete_by_user(user_id, None, usize::MAX)
            .await
            .unwrap();
        assert_eq!(deleted, [record.id], "{user_id:?}");
    }
    assert_eq!(keys.all(), Vec::<String>::new());
}

/// As after a restart, or if an administrator empties the server's cache of scripts.
#[tokio::test(flavor = "multi_thread")]
async fn scripts_that_the_server_has_forgotten_are_sent_again() {
    let keys = OwnKeys::new();
    let store = keys.store();
    operations::every_one_works(&*store).await;
    let _: () = keys.ask("SCRIPT", &["FLUSH"]);
    operations::every_one_works(&*store).await;
}
