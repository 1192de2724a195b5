//! What must hold if several operations use the same records at once, beyond the common suite.

use std::sync::Arc;

use housekey::records::LoginStore as _;
use housekey_sqlite::SqliteLoginStore;
use store_tests::{NOW, attempts, create, races};

use super::{CallingThread, Threads, Way, file, id, record};

/// Two stores, as in two processes.
fn stores(ways: [Way; 2]) -> (tempfile::TempDir, [Arc<SqliteLoginStore>; 2]) {
    let (folder, path) = file();
    let stores = ways.map(|way| Arc::new(way.open(&path)));
    (folder, stores)
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_at_one_file_see_one_store() {
    for ways in [
        [Threads, Threads],
        [CallingThread, CallingThread],
        [Threads, CallingThread],
    ] {
        let (_folder, [site, office]) = stores(ways);
        races::check(site, office).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_at_one_file_count_attempts_together() {
    for ways in [
        [Threads, Threads],
        [CallingThread, CallingThread],
        [Threads, CallingThread],
    ] {
        let (_folder, path) = file();
        attempts::check(ways.map(|way| way.open(&path))).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purge_of_many_disturbs_no_look_up() {
    const EXPIRED: u64 = 3000;
    const LIVING: u64 = 20;
    for way in Way::ALL {
        let (_folder, [site, cleaner]) = stores([way; 2]);
        let mut made = Vec::new();
        for number in 0..EXPIRED + LIVING {
            let mut new = record(number, &(number % 100).to_string());
            if number < EXPIRED {
                new.expires_at = NOW;
            }
            let site = Arc::clone(&site);
            made.push(tokio::spawn(async move {
                create(&*site, &new).await;
            }));
        }
        for task in made {
            task.await.unwrap();
        }

        let purge =
            tokio::spawn(async move { cleaner.delete_expired(NOW, usize::MAX).await.unwrap() });
        let mut after = 0;
        while after < 2 {
            // Once more after the purge has ended, so that this loop has looked at least once.
            after += usize::from(purge.is_finished());
            for number in EXPIRED..EXPIRED + LIVING {
                let found = site.load(&id(number), NOW).await.unwrap();
                assert_eq!(found.map(|record| record.id), Some(id(number)));
                assert_eq!(site.load(&id(number - EXPIRED), NOW).await.unwrap(), None);
            }
        }
        assert_eq!(purge.await.unwrap(), EXPIRED as usize);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_simultaneous_opens_of_a_new_file_all_succeed() {
    for _ in 0..10 {
        let (_folder, path) = file();
        let opened: Vec<_> = (0..8)
            .map(|number| {
                let path = path.clone();
                let way = Way::ALL[number as usize % 2];
                tokio::task::spawn_blocking(move || (number, way.open(path)))
            })
            .collect();
        for open in opened {
            let (number, store) = open.await.unwrap();
            create(&store, &record(number, "mia")).await;
        }
    }
}
