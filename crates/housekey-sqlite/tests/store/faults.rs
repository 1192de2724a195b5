//! What happens if the file is locked, missing, replaced, damaged, or read-only.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use futures_lite::future::block_on;
use housekey::ErrorKind;
use housekey::records::LoginStore as _;
use housekey_sqlite::SqliteLoginStore;
use rusqlite::Connection;
use store_tests::{NOW, create, list, operations, rules};

use super::{Way, file, id, record};

/// Why the file cannot be used, however the store works.
fn refusal(path: &Path) -> String {
    let [message, on_calling_thread] = Way::ALL.map(|way| {
        let store = way.builder(path).busy_timeout(Duration::ZERO);
        let error = store.open().expect_err("the store opened");
        assert_eq!(error.kind(), ErrorKind::StoreFailed);
        error.to_string()
    });
    assert_eq!(message, on_calling_thread);
    assert!(message.contains(path.to_str().unwrap()), "{message}");
    message
}

/// Runs every operation of the store. Each must fail, for this reason.
async fn all_fail(store: &SqliteLoginStore, reason: &str) {
    let errors = operations::every_one_fails(store).await;
    errors.say(reason);
    errors.say("logins.db");
}

/// The record exists, and another can be written.
async fn all_is_well(store: &SqliteLoginStore) {
    let kept = store.load(&id(1), NOW).await.unwrap();
    assert_eq!(kept, Some(record(1, "mia")));
    assert_eq!(list(store, "mia").await.len(), 1);
    create(store, &record(2, "ben")).await;
    assert!(store.delete(&id(2)).await.unwrap());
}

#[tokio::test]
async fn a_lock_that_stays_is_a_fault_until_it_goes() {
    for way in Way::ALL {
        let (_folder, path) = file();
        let store = way.impatient(&path);
        create(&store, &record(1, "mia")).await;
        let other = Connection::open(&path).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let errors = operations::every_change_fails(&store).await;
        errors.say("another program keeps it locked");
        errors.say("logins.db");
        assert!(store.load(&id(1), NOW).await.unwrap().is_some());
        assert!(refusal(&path).contains("another program keeps it locked"));
        other.execute_batch("COMMIT").unwrap();
        all_is_well(&store).await;
    }
}

#[test]
fn a_lock_that_stays_is_waited_for_until_the_time_is_over() {
    let (_folder, path) = file();
    let other = Connection::open(&path).unwrap();
    for way in Way::ALL {
        let patience = Duration::from_millis(100);
        let store = way.builder(&path).busy_timeout(patience).open().unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let began = Instant::now();
        let error = block_on(store.delete(&id(1))).unwrap_err().to_string();
        assert!(began.elapsed() >= patience, "{way:?}");
        assert!(error.contains("another program keeps it locked"), "{error}");
        other.execute_batch("COMMIT").unwrap();
    }
}

#[tokio::test]
async fn a_folder_that_was_away_is_used_again_when_it_is_back() {
    for way in Way::ALL {
        let (folder, _) = file();
        let (home, elsewhere) = (folder.path().join("home"), folder.path().join("elsewhere"));
        fs::create_dir(&home).unwrap();
        let store = way.impatient(&home.join("logins.db"));
        create(&store, &record(1, "mia")).await;
        for _ in 0..2 {
            fs::rename(&home, &elsewhere).unwrap();
            all_fail(&store, "put it back").await;
            fs::create_dir(&home).unwrap();
            all_fail(&store, "put it back").await;
            assert!(!home.join("logins.db").exists(), "no new one is made");
            fs::remove_dir(&home).unwrap();
            fs::rename(&elsewhere, &home).unwrap();
            all_is_well(&store).await;
        }
    }
}

#[tokio::test]
async fn another_file_in_its_place_is_the_one_that_counts() {
    for way in Way::ALL {
        let (folder, path) = file();
        let backup = folder.path().join("backup.db");
        let store = way.impatient(&path);
        create(&store, &record(1, "mia")).await;
        let other = Connection::open(&path).unwrap();
        other
            .execute("VACUUM INTO ?1", [backup.to_str().unwrap()])
            .unwrap();
        store.delete(&id(1)).await.unwrap();
        create(&store, &record(3, "mia")).await;

        for file in ["logins.db", "logins.db-wal", "logins.db-shm"] {
            fs::remove_file(folder.path().join(file)).unwrap();
        }
        fs::rename(&backup, &path).unwrap();
        all_is_well(&store).await;
        assert_eq!(store.load(&id(3), NOW).await.unwrap(), None);
    }
}

#[tokio::test]
async fn another_file_beside_the_old_log_is_refused_and_stays_as_it_is() {
    for way in Way::ALL {
        let (folder, path) = file();
        let backup = folder.path().join("backup.db");
        let store = way.impatient(&path);
        let elsewhere = way.impatient(&path);
        rules::fill(&store, 75).await;
        create(&store, &record(1, "mia")).await;
        let other = Connection::open(&path).unwrap();
        let copy = "VACUUM INTO ?1";
        other.execute(copy, [backup.to_str().unwrap()]).unwrap();
        rules::fill(&store, 75).await;
        // This one has the file open, too.
        assert!(!elsewhere.delete(&id(9)).await.unwrap());

        let good = fs::read(&backup).unwrap();
        fs::rename(&backup, &path).unwrap();
        for _ in 0..2 {
            for store in [&store, &elsewhere] {
                all_fail(store, "beside the log of the one before").await;
            }
        }
        assert!(fs::read(&path).unwrap() == good);
        fs::remove_file(folder.path().join("logins.db-wal")).unwrap();
        all_fail(&store, "-shm").await;
        fs::remove_file(folder.path().join("logins.db-shm")).unwrap();
        all_is_well(&store).await;
        all_is_well(&elsewhere).await;
        let all = "SELECT count(*) FROM logins";
        let count = Connection::open(&path).unwrap();
        let count = count.query_row(all, [], |row| row.get::<_, i64>(0));
        assert_eq!(count.unwrap(), 301);
    }
}

#[tokio::test]
async fn a_file_without_the_table_is_a_fault_and_not_an_empty_store() {
    for way in Way::ALL {
        let (folder, path) = file();
        let store = way.impatient(&path);
        create(&store, &record(1, "mia")).await;
        for file in ["logins.db", "logins.db-wal", "logins.db-shm"] {
            fs::remove_file(folder.path().join(file)).unwrap();
        }
        fs::write(&path, "").unwrap();
        all_fail(&store, "no such table").await;
        let _restarted = way.open(&path);
        assert_eq!(store.load(&id(1), NOW).await.unwrap(), None);
        create(&store, &record(1, "mia")).await;
        all_is_well(&store).await;
    }
}

#[tokio::test]
async fn what_another_program_wrote_into_the_table_is_a_fault() {
    for way in Way::ALL {
        let (_folder, path) = file();
        let store = way.impatient(&path);
        let other = Connection::open(&path).unwrap();
        let short = "INSERT INTO logins VALUES (x'01', 'mia', 0, 0, 0, 9999999999, 'a digest')";
        other.execute(short, []).unwrap();
        let listed = store.list_by_user("mia", NOW, usize::MAX).await;
        let error = listed.unwrap_err().to_string();
        assert!(error.contains("logins.db"), "{error}");
        let says = "another program wrote into the table";
        assert!(error.contains(says), "{error}");
        assert!(!error.contains("a digest"), "{error}");
    }
}

#[tokio::test]
async fn a_damaged_file_is_a_fault_until_a_good_one_is_in_its_place() {
    for way in Way::ALL {
        let (folder, path) = file();
        let made = Connection::open(&path).unwrap();
        let store = way.impatient(&path);
        create(&store, &record(1, "mia")).await;
        drop(store);
        made.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")
            .unwrap();
        drop(made);
        let whole = fs::read(&path).unwrap();
        let page = 4096;
        assert_eq!(whole[16..18], [0x10, 0], "pages of 4096 bytes");

        // The first page, which lists the tables, stays.
        let mut damaged = whole[..page].to_vec();
        damaged.resize(whole.len(), b'x');
        fs::write(folder.path().join("damaged"), damaged).unwrap();
        fs::rename(folder.path().join("damaged"), &path).unwrap();
        // With patience, because its connections may meet for an instant while one recovers the log.
        let store = way.open(&path);
        all_fail(&store, "a damaged one").await;

        fs::write(folder.path().join("whole"), &whole).unwrap();
        fs::rename(folder.path().join("whole"), &path).unwrap();
        all_is_well(&store).await;
    }
}

#[test]
fn what_is_no_database_is_refused() {
    let (folder, path) = file();
    fs::write(&path, "Dear diary, ".repeat(1000)).unwrap();
    assert!(refusal(&path).contains("not an SQLite database"));
    assert!(refusal(folder.path()).contains("see that the folder is there"));
    let nowhere = folder.path().join("missing").join("logins.db");
    assert!(refusal(&nowhere).contains("see that the folder is there"));
}

#[test]
fn a_file_that_cannot_be_written_is_refused() {
    let (folder, path) = file();
    let open = || Connection::open(&path).unwrap();
    open().execute_batch("PRAGMA journal_mode = WAL").unwrap();
    let without_table = fs::read(&path).unwrap();
    let _store = SqliteLoginStore::open(&path).unwrap();
    // Writes everything into the file itself.
    let busy = open().query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0));
    assert_eq!(busy, Ok(0));
    let with_table = fs::read(&path).unwrap();
    assert!(with_table.len() > without_table.len());
    for mut bytes in [without_table, with_table] {
        // The number of a format that SQLite may read and not write. It does not depend on permissions, so it works for root
        // too.
        bytes[18] = 3;
        let copy = folder.path().join(format!("{}-bytes.db", bytes.len()));
        fs::write(&copy, bytes).unwrap();
        assert!(refusal(&copy).contains("this user may not write to it"));
    }
}

#[test]
fn a_table_of_another_layout_is_refused_by_the_column_that_differs() {
    let good = "id BLOB NOT NULL PRIMARY KEY, user_id TEXT NOT NULL, version INTEGER NOT NULL, \
                created_at INTEGER NOT NULL, last_seen_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, \
                data TEXT NOT NULL";
    for (from, to, column) in [
        (", data TEXT NOT NULL", "", "data TEXT"),
        ("version", "revision", "version INTEGER"),
        (
            "expires_at INTEGER",
            "expires_at TEXT",
            "expires_at INTEGER",
        ),
        (
            "id BLOB NOT NULL PRIMARY KEY",
            "id BLOB NOT NULL",
            "id BLOB PRIMARY KEY",
        ),
        ("id BLOB", "id TEXT", "id BLOB PRIMARY KEY"),
    ] {
        let (_folder, path) = file();
        let made = Connection::open(&path).unwrap();
        let columns = good.replacen(from, to, 1);
        assert_ne!(columns, good);
        made.execute_batch(&format!("CREATE TABLE logins ({columns})"))
            .unwrap();
        let message = refusal(&path);
        let wanted = format!("its table logins has no column {column};");
        assert!(message.contains(&wanted), "{message}");
        assert!(
            SqliteLoginStore::builder(&path)
                .table("logins_2")
                .open()
                .is_ok()
        );
    }
    let (_folder, path) = file();
    let made = Connection::open(&path).unwrap();
    let more = format!("CREATE TABLE logins ({good}, note TEXT)");
    made.execute_batch(&more).unwrap();
    assert!(
        SqliteLoginStore::open(&path).is_ok(),
        "more columns do no harm"
    );
}

#[test]
fn a_setting_that_cannot_be_is_named() {
    let (_folder, path) = file();
    let builder = || SqliteLoginStore::builder(&path);
    for (store, name) in [
        (builder().table(""), "table: "),
        (builder().table("logins; DROP TABLE members"), "table: "),
        (builder().readers(0), "readers: "),
        (builder().busy_timeout(Duration::MAX), "busy_timeout: "),
        (SqliteLoginStore::builder(""), "path: "),
        (SqliteLoginStore::builder(":memory:"), "path: "),
    ] {
        let error = store.open().expect_err(name);
        assert_eq!(error.kind(), ErrorKind::Setting);
        assert!(error.to_string().starts_with(name), "{error}");
    }
    assert!(!path.exists());
}
