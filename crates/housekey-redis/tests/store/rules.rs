//! The rules that every store keeps, and what Redis's numbers could make of them.

use housekey::records::{Limit, LoginRecord, LoginStore as _, Touch, Updated, conformance};
use store_tests::{HOUR, NOW, create, list, races, record};

use super::common::OwnKeys;

#[tokio::test(flavor = "multi_thread")]
async fn it_does_what_every_store_must() {
    let keys = OwnKeys::new();
    let store = keys.store();
    conformance::check(&*store).await;
    conformance::check_races(store, tokio::spawn).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_at_one_prefix_see_one_store() {
    let keys = OwnKeys::new();
    races::check(keys.store(), keys.store()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stores_with_different_prefixes_share_nothing() {
    let (members, staff) = (OwnKeys::new(), OwnKeys::new());
    let record = record("1");
    assert!(
        members
            .store()
            .create(&record, &[], Limit::NONE)
            .await
            .unwrap()
            .is_done()
    );
    assert_eq!(staff.store().load(&record.id, NOW).await.unwrap(), None);
    assert!(
        staff
            .store()
            .list_by_user("1", NOW, usize::MAX)
            .await
            .unwrap()
            .is_empty()
    );
    assert!(
        staff
            .store()
            .create(&record, &[], Limit::NONE)
            .await
            .unwrap()
            .is_done()
    );
    let purged = staff.store().delete_expired(record.expires_at, 9).await;
    assert_eq!(purged.unwrap(), 1);
    let left = members.store().load(&record.id, NOW).await.unwrap();
    assert_eq!(left, Some(record));
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_that_do_not_fit_are_the_largest_that_do() {
    let keys = OwnKeys::new();
    let store = keys.store();
    let largest = (1 << 53) - 1;
    let record = LoginRecord {
        created_at: u64::MAX,
        last_seen_at: 0,
        expires_at: u64::MAX,
        ..record("forever")
    };
    create(&*store, &record).await;
    let kept = LoginRecord {
        created_at: largest,
        expires_at: largest,
        ..record.clone()
    };
    let loaded = store.load(&record.id, largest - 1).await.unwrap();
    assert_eq!(loaded.as_ref(), Some(&kept));
    assert_eq!(store.load(&record.id, u64::MAX).await.unwrap(), None);
    let touch = Touch {
        now: NOW,
        unless_since: u64::MAX,
        expires_at: u64::MAX,
    };
    assert!(store.touch(&record.id, touch).await.unwrap());
    let unknown = LoginRecord {
        version: u64::MAX,
        ..record.clone()
    };
    assert_eq!(store.update(&unknown).await.unwrap(), Updated::Conflict);
    assert_eq!(store.delete_expired(NOW, usize::MAX).await.unwrap(), 0);
    assert_eq!(store.delete_expired(u64::MAX, usize::MAX).await.unwrap(), 1);
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
async fn a_purge_goes_on_beyond_its_largest_batch() {
    let keys = OwnKeys::new();
    let store = keys.store();
    for number in 0..250 {
        let record = LoginRecord {
            expires_at: NOW + number,
            ..record("old")
        };
        create(&*store, &record).await;
    }
    assert_eq!(store.delete_expired(NOW + 239, 210).await.unwrap(), 210);
    assert_eq!(store.delete_expired(NOW + 239, 210).await.unwrap(), 30);
    assert_eq!(list(&*store, "old").await.len(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_login_is_not_used_again() {
    let keys = OwnKeys::new();
    let store = keys.store();
    let record = record("late");
    create(&*store, &record).await;
    let touch = Touch {
        now: record.expires_at,
        unless_since: record.expires_at,
        expires_at: record.expires_at + HOUR,
    };
    assert!(!store.touch(&record.id, touch).await.unwrap());
    assert_eq!(store.load(&record.id, touch.now).await.unwrap(), None);
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

/// As after a restart, or when somebody empties the server's cache of scripts.
#[tokio::test(flavor = "multi_thread")]
async fn scripts_that_the_server_has_forgotten_are_sent_again() {
    let keys = OwnKeys::new();
    let store = keys.store();
    store_tests::operations::every_one_works(&*store).await;
    let _: () = keys.ask("SCRIPT", &["FLUSH"]);
    store_tests::operations::every_one_works(&*store).await;
}
