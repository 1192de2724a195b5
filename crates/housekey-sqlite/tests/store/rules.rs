//! What every store must do, and what SQLite adds to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_lite::future::{block_on, poll_once};
use housekey::records::{
    Created, Limit, LoginId, LoginRecord, LoginStore, Touch, Updated, conformance,
};
use housekey::{BoxError, ErrorKind};
use housekey_sqlite::SqliteLoginStore;
use rusqlite::Connection;
use store_tests::{NOW, create, rules};

use super::{CallingThread, Threads, Way, file, id, record};

#[tokio::test(flavor = "multi_thread")]
async fn it_does_what_every_store_must() {
    for way in Way::ALL {
        let (_folder, path) = file();
        rules::check(Arc::new(way.open(path))).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_does_so_with_one_reader_for_everybody() {
    for way in Way::ALL {
        let (_folder, path) = file();
        let store = way.builder(path).readers(1).open().unwrap();
        rules::check(Arc::new(store)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn several_stores_on_one_file_are_one_store() {
    let (_folder, path) = file();
    let stores = [Threads, CallingThread, CallingThread].map(|way| way.open(&path));
    rules::check(Arc::new(InTurn(stores.into(), AtomicUsize::new(0)))).await;
}

/// Passes each operation to the next store.
struct InTurn(Vec<SqliteLoginStore>, AtomicUsize);

impl InTurn {
    fn next(&self) -> &SqliteLoginStore {
        &self.0[self.1.fetch_add(1, Ordering::Relaxed) % self.0.len()]
    }
}

impl LoginStore for InTurn {
    async fn create(
        &self,
        new: &LoginRecord,
        replacing: &[LoginId],
        limit: Limit,
    ) -> Result<Created, BoxError> {
        self.next().create(new, replacing, limit).await
    }

    async fn load(&self, id: &LoginId, now: u64) -> Result<Option<LoginRecord>, BoxError> {
        self.next().load(id, now).await
    }

    async fn update(&self, changed: &LoginRecord) -> Result<Updated, BoxError> {
        self.next().update(changed).await
    }

    async fn touch(&self, id: &LoginId, touch: Touch) -> Result<bool, BoxError> {
        self.next().touch(id, touch).await
    }

    async fn delete(&self, id: &LoginId) -> Result<bool, BoxError> {
        self.next().delete(id).await
    }

    async fn delete_by_user(
        &self,
        user_id: &str,
        except: Option<&LoginId>,
        limit: usize,
    ) -> Result<Vec<LoginId>, BoxError> {
        self.next().delete_by_user(user_id, except, limit).await
    }

    async fn list_by_user(
        &self,
        user_id: &str,
        now: u64,
        limit: usize,
    ) -> Result<Vec<LoginRecord>, BoxError> {
        self.next().list_by_user(user_id, now, limit).await
    }

    async fn delete_expired(&self, now: u64, limit: usize) -> Result<usize, BoxError> {
        self.next().delete_expired(now, limit).await
    }
}

#[tokio::test]
async fn records_are_there_after_a_restart() {
    for way in Way::ALL {
        let (_folder, path) = file();
        for start in 0..3 {
            let store = way.open(&path);
            for number in 0..start {
                let kept = store.load(&id(number), NOW).await.unwrap();
                assert_eq!(kept, Some(record(number, "mia")));
            }
            create(&store, &record(start, "mia")).await;
        }
    }
}

#[tokio::test]
async fn two_tables_in_one_file_know_nothing_of_each_other() {
    for way in Way::ALL {
        let (_folder, path) = file();
        let [members, staff] = ["member_logins", "Staff_Logins"]
            .map(|table| way.builder(&path).table(table).open().unwrap());
        rules::neighbours_share_nothing(&members, &staff).await;
    }
}

#[tokio::test]
async fn clones_are_the_same_store() {
    let (_folder, path) = file();
    let store = SqliteLoginStore::open(path).unwrap();
    let clone = store.clone();
    drop(store);
    create(&clone, &record(1, "mia")).await;
}

#[tokio::test]
async fn a_look_up_waits_for_no_writer_and_for_no_other_thread() {
    for way in Way::ALL {
        let (_folder, path) = file();
        let store = way.open(&path);
        create(&store, &record(1, "mia")).await;

        let writer = Connection::open(&path).unwrap();
        writer
            .execute_batch("BEGIN IMMEDIATE; DELETE FROM logins")
            .unwrap();
        let answer = poll_once(store.load(&id(1), NOW)).await;
        let loaded = answer.expect("at once").unwrap();
        assert_eq!(
            loaded,
            Some(record(1, "mia")),
            "what is not committed is not so"
        );
        writer.execute_batch("COMMIT").unwrap();
        let answer = poll_once(store.load(&id(1), NOW)).await;
        assert_eq!(answer.expect("at once").unwrap(), None);
    }
}

#[test]
fn on_the_calling_thread_everything_is_answered_at_the_first_poll() {
    let (_folder, path) = file();
    let store = CallingThread.open(path);
    let new = record(1, "mia");
    let touch = Touch {
        now: NOW + 100,
        unless_since: NOW + 40,
        expires_at: NOW,
    };
    block_on(async {
        let created = poll_once(store.create(&new, &[], Limit::NONE)).await;
        assert!(created.unwrap().unwrap().is_done());
        let touched = poll_once(store.touch(&new.id, touch)).await;
        assert!(touched.unwrap().unwrap());
        let loaded = poll_once(store.load(&new.id, NOW)).await.unwrap().unwrap();
        let loaded = loaded.unwrap();
        let updated = poll_once(store.update(&loaded)).await;
        assert_eq!(updated.unwrap().unwrap(), Updated::Done);
        let listed = poll_once(store.list_by_user("mia", NOW, 9)).await;
        assert_eq!(listed.unwrap().unwrap().len(), 1);
        let deleted = poll_once(store.delete_by_user("mia", Some(&new.id), 9)).await;
        assert_eq!(deleted.unwrap().unwrap(), []);
        let purged = poll_once(store.delete_expired(NOW, usize::MAX)).await;
        assert_eq!(purged.unwrap().unwrap(), 0);
        assert!(poll_once(store.delete(&new.id)).await.unwrap().unwrap());
    });
}

#[test]
fn a_store_on_the_calling_thread_has_nothing_open_before_and_after_a_fork_until_it_is_used() {
    let (folder, path) = file();
    // SQLite keeps two files beside one that is open.
    let files = || std::fs::read_dir(folder.path()).unwrap().count();
    let store = CallingThread.open(path);
    assert_eq!(files(), 1);
    for _ in 0..2 {
        assert!(!block_on(store.delete(&id(1))).unwrap());
        assert_eq!(files(), 3);
        let pause = store.before_fork().unwrap();
        assert_eq!(files(), 1);
        drop(pause);
    }
}

#[test]
fn a_store_with_threads_does_not_pretend_to_survive_a_fork() {
    let (_folder, path) = file();
    let error = Threads.open(path).before_fork().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Setting);
    assert!(error.to_string().contains("on_calling_thread()"), "{error}");
}

#[tokio::test]
async fn a_short_lock_of_somebody_else_is_waited_for() {
    let (_folder, path) = file();
    let store = SqliteLoginStore::open(&path).unwrap();
    let other = Connection::open(&path).unwrap();
    for number in 0..10 {
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let new = record(number, "mia");
        let mut create = std::pin::pin!(store.create(&new, &[], Limit::NONE));
        assert!(poll_once(&mut create).await.is_none());
        other.execute_batch("COMMIT").unwrap();
        assert!(create.await.unwrap().is_done());
    }
}

#[tokio::test]
async fn deletions_go_on_beyond_the_largest_batch() {
    for way in Way::ALL {
        let (_folder, path) = file();
        let store = way.open(&path);
        rules::fill(&store, 50).await;
        rules::deletions_go_on_beyond_the_largest_batch(&store, 50).await;
    }
}

#[tokio::test]
async fn numbers_that_do_not_fit_are_the_largest_that_do() {
    for way in Way::ALL {
        let (_folder, path) = file();
        let store = way.open(&path);
        rules::numbers_that_do_not_fit_are_the_largest_that_do(&store, i64::MAX as u64).await;
    }
}

#[tokio::test]
async fn the_applications_own_tables_stay_as_they_are() {
    let (_folder, path) = file();
    let application = Connection::open(&path).unwrap();
    application
        .execute_batch(
            "PRAGMA user_version = 7; CREATE TABLE members (name TEXT); INSERT INTO members VALUES ('mia')",
        )
        .unwrap();
    let store = SqliteLoginStore::open(&path).unwrap();
    conformance::check(&store).await;
    let members: (i64, String) = application
        .query_row(
            "SELECT user_version, name FROM members, pragma_user_version",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .unwrap();
    assert_eq!(members, (7, "mia".to_owned()));
}

#[tokio::test]
async fn where_nothing_is_to_be_made_what_is_missing_is_a_fault_and_nothing_is_changed() {
    for way in Way::ALL {
        let (_folder, path) = file();
        let open = || way.builder(&path).makes_nothing().open();
        assert_eq!(open().unwrap_err().kind(), ErrorKind::StoreFailed);
        assert!(!path.exists(), "no file is made");
        let application = Connection::open(&path).unwrap();
        let members = "PRAGMA journal_mode = DELETE; CREATE TABLE members (name TEXT)";
        application.execute_batch(members).unwrap();
        let before = std::fs::read(&path).unwrap();
        let message = open().unwrap_err().to_string();
        assert!(message.contains("it has no table logins"), "{message}");
        assert_eq!(std::fs::read(&path).unwrap(), before);
        drop(way.open(&path));
        let store = open().unwrap();
        create(&store, &record(1, "mia")).await;
        let listed = store.list_by_user("mia", NOW, 10).await.unwrap();
        assert_eq!(listed.len(), 1);
    }
}

#[test]
fn debug_says_where_and_no_more() {
    let (_folder, path) = file();
    let store = SqliteLoginStore::open(&path).unwrap();
    let expected = format!("SqliteLoginStore {{ path: {path:?}, table: \"logins\", .. }}");
    assert_eq!(format!("{store:?}"), expected);
}
