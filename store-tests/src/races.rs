//! Two processes at one store: each rule gets two stores that share only the server.

use std::collections::BTreeSet;
use std::sync::Arc;

use housekey::records::{Created, Limit, LoginId, LoginRecord, LoginStore, Touch};
use tokio::task::JoinSet;

use crate::{HOUR, NOW, record};

/// How often each race is run.
const ROUNDS: usize = 20;
/// How many tasks of each kind run in it.
const TASKS: usize = 8;

/// Runs all races.
///
/// # Panics
///
/// When a rule is broken, or an operation fails.
pub async fn check<S: LoginStore>(one: Arc<S>, other: Arc<S>) {
    let stores = [one, other];
    for _ in 0..ROUNDS {
        revoked_logins_are_gone_and_later_ones_stay(&stores).await;
        two_replacements_of_the_same_logins_do_not_wait_for_each_other(&stores).await;
        no_more_simultaneous_logins_than_allowed_stay(&stores).await;
        no_more_simultaneous_logins_than_allowed_are_let_in(&stores).await;
        a_login_that_is_deleted_while_it_is_used_is_gone(&stores).await;
        only_one_of_many_simultaneous_creations_over_an_expired_login_succeeds(&stores).await;
        a_purge_takes_every_expired_record_once_and_no_other(&stores).await;
        a_purge_and_a_use_agree_on_which_came_first(&stores).await;
    }
}

async fn created<S: LoginStore>(store: &S, record: LoginRecord) -> LoginRecord {
    assert!(
        store
            .create(&record, &[], Limit::NONE)
            .await
            .expect("create")
            .is_done()
    );
    record
}

async fn revoked_logins_are_gone_and_later_ones_stay<S: LoginStore>(stores: &[Arc<S>; 2]) {
    let mut before = Vec::new();
    for _ in 0..TASKS {
        before.push(created(&*stores[0], record("revoked")).await.id);
    }
    let kept = created(&*stores[0], record("revoked")).await.id;

    let mut tasks = JoinSet::new();
    let mut logins = Vec::new();
    for (number, old) in before.iter().enumerate() {
        let (new, old) = (record("revoked"), *old);
        logins.push(new.id);
        let [login, revoke] = both(stores, number);
        tasks.spawn(async move {
            let created = login
                .create(&new, &[old], Limit::NONE)
                .await
                .expect("create");
            assert!(
                created.is_done(),
                "a login succeeds while others are revoked"
            );
            Vec::new()
        });
        tasks.spawn(async move {
            let revoked = revoke
                .delete_by_user("revoked", Some(&kept), usize::MAX)
                .await;
            revoked.expect("delete by user")
        });
    }
    let revoked: Vec<LoginId> = tasks.join_all().await.into_iter().flatten().collect();
    let distinct: BTreeSet<_> = revoked.iter().copied().collect();
    assert_eq!(distinct.len(), revoked.len(), "nothing is deleted twice");
    assert!(!distinct.contains(&kept), "what is to stay is not deleted");

    let left = listed(&*stores[1], "revoked").await;
    let mut expected: BTreeSet<_> = logins
        .into_iter()
        .filter(|id| !distinct.contains(id))
        .collect();
    expected.insert(kept);
    assert_eq!(left, expected, "a login is either revoked or there");

    let last = stores[1].delete_by_user("revoked", None, usize::MAX).await;
    assert_eq!(last.expect("delete by user").len(), expected.len());
    assert_eq!(listed(&*stores[0], "revoked").await, BTreeSet::new());
}

async fn two_replacements_of_the_same_logins_do_not_wait_for_each_other<S: LoginStore>(
    stores: &[Arc<S>; 2],
) {
    let mut old = Vec::new();
    for _ in 0..TASKS {
        old.push(created(&*stores[0], record("replaced")).await.id);
    }
    let mut tasks = JoinSet::new();
    for number in 0..TASKS {
        let [store, _] = both(stores, number);
        let mut replacing = old.clone();
        if number % 2 == 0 {
            replacing.reverse();
        }
        tasks.spawn(async move {
            let created = store
                .create(&record("replaced"), &replacing, Limit::NONE)
                .await;
            assert!(created.expect("create").is_done());
        });
    }
    tasks.join_all().await;
    let left = stores[1].delete_by_user("replaced", None, usize::MAX).await;
    assert_eq!(left.expect("delete by user").len(), TASKS);
}

/// The results of many simultaneous logins of a user with a limit of three.
async fn three_of_many<S: LoginStore>(
    stores: &[Arc<S>; 2],
    user_id: &'static str,
    spared_since: u64,
) -> Vec<Created> {
    let limit = Limit {
        count: 3,
        now: NOW,
        spared_since,
    };
    let mut tasks = JoinSet::new();
    for number in 0..2 * TASKS {
        let [store, _] = both(stores, number);
        tasks.spawn(async move {
            let created = store.create(&record(user_id), &[], limit).await;
            created.expect("create")
        });
    }
    tasks.join_all().await
}

async fn no_more_simultaneous_logins_than_allowed_stay<S: LoginStore>(stores: &[Arc<S>; 2]) {
    let made = three_of_many(stores, "limited in two processes", u64::MAX).await;
    let ended: BTreeSet<LoginId> = made
        .into_iter()
        .flat_map(|created| match created {
            Created::Done { ended } => ended,
            other => panic!("{other:?} where the oldest can end"),
        })
        .collect();
    assert_eq!(ended.len(), 2 * TASKS - 3, "each is ended by one");
    let left = stores[1]
        .delete_by_user("limited in two processes", None, usize::MAX)
        .await;
    assert_eq!(left.expect("delete by user").len(), 3);
}

async fn no_more_simultaneous_logins_than_allowed_are_let_in<S: LoginStore>(stores: &[Arc<S>; 2]) {
    let made = three_of_many(stores, "refused in two processes", NOW).await;
    assert_eq!(made.iter().filter(|created| created.is_done()).count(), 3);
    let full = made.iter().filter(|created| **created == Created::Full);
    assert_eq!(full.count(), 2 * TASKS - 3);
    let left = stores[1]
        .delete_by_user("refused in two processes", None, usize::MAX)
        .await;
    assert_eq!(left.expect("delete by user").len(), 3);
}

async fn a_login_that_is_deleted_while_it_is_used_is_gone<S: LoginStore>(stores: &[Arc<S>; 2]) {
    let login = created(&*stores[0], record("used")).await;
    let mut tasks = JoinSet::new();
    for number in 0..TASKS {
        let [uses, deletes] = both(stores, number);
        let login = login.clone();
        let id = login.id;
        tasks.spawn(async move {
            let at = NOW + 100 + number as u64;
            let touch = Touch {
                now: at,
                unless_since: at,
                expires_at: at + HOUR,
            };
            uses.touch(&id, touch).await.expect("touch");
            uses.update(&login).await.expect("update");
            false
        });
        tasks.spawn(async move {
            let deleted = deletes.delete(&id).await.expect("delete");
            let loaded = deletes.load(&id, NOW).await.expect("load");
            assert_eq!(loaded, None, "after a delete nobody finds it");
            deleted
        });
    }
    let deleted = tasks.join_all().await;
    let count = deleted.into_iter().filter(|deleted| *deleted).count();
    assert_eq!(count, 1, "one deletes, the others are told so");
    for store in stores {
        assert_eq!(store.load(&login.id, NOW).await.expect("load"), None);
        assert_eq!(listed(&**store, "used").await, BTreeSet::new());
    }
}

/// The same with several users. None waits for another.
async fn only_one_of_many_simultaneous_creations_over_an_expired_login_succeeds<S: LoginStore>(
    stores: &[Arc<S>; 2],
) {
    let expired = LoginRecord {
        last_seen_at: NOW - HOUR,
        expires_at: NOW,
        ..record("successor 0")
    };
    let id = created(&*stores[0], expired).await.id;
    let old = created(&*stores[0], record("replaced by one")).await.id;
    let limit = Limit {
        count: 1,
        now: NOW,
        spared_since: u64::MAX,
    };
    let mut tasks = JoinSet::new();
    for number in 0..2 * TASKS {
        let [store, _] = both(stores, number);
        let new = LoginRecord {
            id,
            ..record(&format!("successor {}", number % 3))
        };
        tasks.spawn(async move {
            let created = store.create(&new, &[old], limit).await.expect("create");
            (created, new)
        });
    }
    let (done, others): (Vec<_>, Vec<_>) = tasks
        .join_all()
        .await
        .into_iter()
        .partition(|(created, _)| created.is_done());
    let [(created, new)] = &*done else {
        panic!("{done:?} where one is done");
    };
    assert_eq!(*created, Created::Done { ended: Vec::new() });
    for (created, _) in others {
        assert_eq!(created, Created::Taken);
    }
    let loaded = stores[1].load(&id, NOW).await.expect("load");
    assert_eq!(loaded.as_ref(), Some(new), "the one that is done is there");
    assert_eq!(stores[1].load(&old, NOW).await.expect("load"), None);
    for number in 0..3 {
        let user_id = format!("successor {number}");
        let left = stores[1].delete_by_user(&user_id, None, usize::MAX).await;
        let expected = if user_id == new.user_id {
            vec![id]
        } else {
            Vec::new()
        };
        assert_eq!(left.expect("delete by user"), expected);
    }
}

async fn a_purge_takes_every_expired_record_once_and_no_other<S: LoginStore>(stores: &[Arc<S>; 2]) {
    let alive = created(&*stores[0], record("alive")).await;
    for number in 0..TASKS {
        let expired = LoginRecord {
            last_seen_at: NOW - HOUR,
            expires_at: NOW - number as u64,
            ..record("expired")
        };
        created(&*stores[0], expired).await;
    }
    let mut tasks = JoinSet::new();
    for number in 0..TASKS {
        let [purges, loads] = both(stores, number);
        let alive = alive.clone();
        tasks.spawn(async move { purges.delete_expired(NOW, 3).await.expect("purge") });
        tasks.spawn(async move {
            let loaded = loads.load(&alive.id, NOW).await.expect("load");
            assert_eq!(loaded.as_ref(), Some(&alive), "a live record stays");
            0
        });
    }
    let mut purged: usize = tasks.join_all().await.into_iter().sum();
    // A purge that meets another at the same records leaves them to the other.
    purged += stores[0].delete_expired(NOW, 100).await.expect("purge");
    assert_eq!(purged, TASKS, "each is counted by the one that deleted it");
    assert!(stores[1].delete(&alive.id).await.expect("delete"));
}

async fn a_purge_and_a_use_agree_on_which_came_first<S: LoginStore>(stores: &[Arc<S>; 2]) {
    let brief = LoginRecord {
        last_seen_at: NOW - HOUR,
        expires_at: NOW,
        ..record("brief")
    };
    let id = created(&*stores[0], brief).await.id;
    let [uses, purges] = both(stores, 0);
    // Its clock is a second behind the other's.
    let touch = Touch {
        now: NOW - 1,
        unless_since: NOW - 60,
        expires_at: NOW + HOUR,
    };
    let (used, purged) = tokio::join!(
        tokio::spawn(async move { uses.touch(&id, touch).await.expect("touch") }),
        tokio::spawn(async move { purges.delete_expired(NOW, 1).await.expect("purge") }),
    );
    let (used, purged) = (used.expect("touch"), purged.expect("purge"));
    assert_eq!(purged, usize::from(!used), "either used or purged");
    let left = stores[1].load(&id, NOW).await.expect("load");
    assert_eq!(left.is_some(), used, "what was used is there");
    assert_eq!(stores[0].delete(&id).await.expect("delete"), used);
}

/// Both stores, in changing order.
fn both<S>(stores: &[Arc<S>; 2], number: usize) -> [Arc<S>; 2] {
    let [one, other] = stores.clone();
    if number % 4 < 2 {
        [one, other]
    } else {
        [other, one]
    }
}

async fn listed<S: LoginStore>(store: &S, user_id: &str) -> BTreeSet<LoginId> {
    let records = store
        .list_by_user(user_id, NOW, usize::MAX)
        .await
        .expect("list");
    records.iter().map(|record| record.id).collect()
}
