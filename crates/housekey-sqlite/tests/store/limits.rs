//! Bounds: how long an operation waits, how many wait, how large the log gets.

use std::fs;
use std::future::Future;
use std::path::Path;
use std::task::Poll;
use std::time::{Duration, Instant};

use futures_lite::future::{block_on, poll_once};
use housekey::BoxError;
use housekey::records::{Created, Limit, LoginStore as _};
use housekey_sqlite::SqliteLoginStore;
use rusqlite::Connection;
use store_tests::{NOW, create, list};

use super::{Threads, Way, file, id, record};

/// Another program that keeps the file locked until it runs COMMIT.
fn locked(path: &Path) -> Connection {
    let other = Connection::open(path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    other
}

/// All of them, polled in turns.
async fn all<T>(futures: Vec<impl Future<Output = T>>) -> Vec<T> {
    let mut waiting: Vec<_> = futures.into_iter().map(Box::pin).map(Some).collect();
    let mut answers = Vec::new();
    std::future::poll_fn(|context| {
        for future in &mut waiting {
            if let Some(asked) = future
                && let Poll::Ready(answer) = asked.as_mut().poll(context)
            {
                answers.push(answer);
                *future = None;
            }
        }
        match waiting.iter().all(Option::is_none) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    })
    .await;
    answers
}

async fn log_in(store: &SqliteLoginStore, number: u64) -> Result<Created, BoxError> {
    store.create(&record(number, "mia"), &[], Limit::NONE).await
}

#[test]
fn behind_a_lock_the_last_of_many_waits_as_long_as_the_first_and_nothing_is_done_afterwards() {
    let (_folder, path) = file();
    let patience = Duration::from_secs(1);
    let store = Threads
        .builder(&path)
        .busy_timeout(patience)
        .open()
        .unwrap();
    let other = locked(&path);
    let began = Instant::now();
    let waited = block_on(all((0..1280)
        .map(|number| {
            let store = &store;
            async move {
                let error = log_in(store, number).await.unwrap_err().to_string();
                assert!(error.contains("another program keeps it locked"), "{error}");
                began.elapsed()
            }
        })
        .collect()));
    // In turns, the 20 transactions of these writes would wait for twice as long as this.
    let last = waited[waited.len() - 1];
    assert!(last < patience * 10, "{last:?}");
    other.execute_batch("COMMIT").unwrap();
    // Behind all of them in the queue.
    assert!(!block_on(store.delete(&id(5000))).unwrap());
    assert_eq!(block_on(list(&store, "mia")), []);
}

#[tokio::test]
async fn a_login_whose_browser_has_gone_is_not_made_and_a_logout_is_carried_out() {
    let (_folder, path) = file();
    let store = Threads.open(&path);
    create(&store, &record(1, "mia")).await;
    let other = locked(&path);
    assert!(poll_once(log_in(&store, 2)).await.is_none());
    assert!(poll_once(store.delete(&id(1))).await.is_none());
    other.execute_batch("COMMIT").unwrap();
    create(&store, &record(3, "mia")).await;
    let there = list(&store, "mia").await;
    assert_eq!(there.iter().map(|it| it.id).collect::<Vec<_>>(), [id(3)]);
}

#[tokio::test]
async fn more_than_can_wait_are_refused_at_once_and_the_others_go_on() {
    let (_folder, path) = file();
    let patience = Duration::from_secs(600);
    let store = Threads
        .builder(&path)
        .busy_timeout(patience)
        .open()
        .unwrap();
    let other = locked(&path);
    let mut waiting = Vec::new();
    let refused = loop {
        let mut asked = Box::pin(log_in(&store, waiting.len() as u64));
        match poll_once(&mut asked).await {
            None => waiting.push(asked),
            Some(answer) => break answer.unwrap_err().to_string(),
        }
        assert!(waiting.len() < 10_000);
    };
    assert!(refused.contains("too many wait for it"), "{refused}");
    assert!(waiting.len() >= 4096);
    other.execute_batch("COMMIT").unwrap();
    let count = waiting.len();
    for answer in all(waiting).await {
        assert!(answer.unwrap().is_done());
    }
    assert_eq!(list(&store, "mia").await.len(), count);
}

#[tokio::test]
async fn a_log_that_readers_have_kept_from_being_emptied_becomes_short_again() {
    for way in Way::ALL {
        let (folder, path) = file();
        let store = way.open(&path);
        create(&store, &record(1, "mia")).await;
        let log = || {
            fs::metadata(folder.path().join("logins.db-wal"))
                .unwrap()
                .len()
        };
        let reader = Connection::open(&path).unwrap();
        let look = "SELECT count(*) FROM logins";
        reader.execute_batch("BEGIN").unwrap();
        reader.query_row(look, [], |_| Ok(())).unwrap();
        let application = Connection::open(&path).unwrap();
        let large = "CREATE TABLE notes AS SELECT zeroblob(40000000)";
        application.execute_batch(large).unwrap();
        assert!(log() > 40_000_000);
        reader.execute_batch("COMMIT").unwrap();
        assert!(store.delete(&id(1)).await.unwrap());
        assert!(log() < 1_000_000, "{way:?}: {}", log());
        assert_eq!(store.load(&id(1), NOW).await.unwrap(), None);
    }
}
