//! `housekey logins`, on an SQLite file.

use std::path::PathBuf;

use housekey::attempts::{AttemptKey, AttemptSchedule, AttemptStore as _};
use housekey::records::LoginStore as _;
use tempfile::TempDir;

use super::*;

/// A file with logins, and what made them.
struct Site {
    _folder: TempDir,
    path: PathBuf,
    manager: LoginManager<Member>,
    clock: Clock,
}

impl Site {
    fn new(preset: Preset) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("logins.db");
        let clock = clock(60);
        let manager = site(preset, &clock).login_store(sqlite(&path));
        Self {
            _folder: folder,
            manager: manager.build().unwrap(),
            path,
            clock,
        }
    }

    fn run<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Run {
        let store = format!("sqlite:{}", self.path.display());
        housekey(["logins"].into_iter().chain(arguments)).env("HOUSEKEY_LOGIN_STORE", store)
    }

    fn ids(&self, user_id: &str) -> Vec<String> {
        let logins = block_on(self.manager.logins_of(user_id)).unwrap();
        logins.iter().map(|it| it.id.to_string()).collect()
    }
}

#[test]
fn logins_are_listed_the_one_last_used_first() {
    let site = Site::new(Preset::Safe);
    browser_of(&site.manager, "mia");
    site.clock.advance(Duration::from_secs(10));
    browser_of(&site.manager, "mia");
    browser_of(&site.manager, "tom");
    let ids = site.ids("mia");
    let done = site.run(["list", "mia"]).done().exits(0);
    let lines: Vec<_> = done.out.lines().collect();
    assert_eq!(lines.len(), 2);
    for (line, id) in lines.iter().zip(&ids) {
        assert!(line.starts_with(&format!("{id}  seen 20")), "{line}");
        assert!(line.ends_with("UTC  -  remembered  Firefox/140"), "{line}");
    }
    let json = site.run(["list", "--json", "mia"]).done().exits(0).json();
    let found: Vec<_> = json.iter().map(|it| it["id"].as_str().unwrap()).collect();
    assert_eq!(found, ids);
    assert_eq!(json[0]["remembered"], true);
    let made = humantime::parse_rfc3339(json[0]["created_at"].as_str().unwrap()).unwrap();
    assert_eq!(
        made.duration_since(SystemTime::UNIX_EPOCH)
            .unwrap()
            .as_secs(),
        site.clock.now()
    );
}

#[test]
fn a_user_without_logins_has_an_empty_list_and_that_is_not_a_failure() {
    let site = Site::new(Preset::Safe);
    let done = site.run(["list", "nobody"]).done().exits(0);
    assert_eq!(done.complains("User nobody has no logins.").out, "");
    let done = site.run(["list", "--json", "nobody"]).done().exits(0);
    assert_eq!((&*done.out, &*done.err), ("", ""));
    site.run(["count", "nobody"]).done().exits(0).says("0\n");
    site.run(["end-all", "--yes", "nobody"])
        .done()
        .exits(0)
        .says("Ended 0 logins of user nobody.\n");
}

#[test]
fn a_login_is_ended_by_its_id_and_by_nothing_else() {
    let site = Site::new(Preset::Safe);
    browser_of(&site.manager, "mia");
    browser_of(&site.manager, "mia");
    let ids = site.ids("mia");
    for no_id in ["", "mia", "-AAA", &ids[0][1..], &format!("{}=", ids[0])] {
        let _ = site.run(["end", no_id]).done().exits(2);
    }
    let said = format!("Ended login {} of user mia.\n", ids[0]);
    site.run(["end", &ids[0]]).done().exits(0).says(&said);
    let said = format!("There is no login {} (any more).", ids[0]);
    site.run(["end", &ids[0]]).done().exits(1).complains(&said);
    assert_eq!(site.ids("mia"), ids[1..]);
    let done = site.run(["end", "--json", &ids[1]]).done().exits(0);
    let expected = serde_json::json!({ "ended": 1, "id": ids[1], "user_id": "mia" });
    assert_eq!(done.json(), [expected]);
}

#[test]
fn all_logins_are_ended_only_if_that_is_meant() {
    let site = Site::new(Preset::Safe);
    browser_of(&site.manager, "mia");
    browser_of(&site.manager, "mia");
    browser_of(&site.manager, "tom");
    for answer in ["", "y\n", "yes\n"] {
        // Without a terminal, whatever the input is.
        let done = site.run(["end-all", "mia"]).input(answer).done().exits(2);
        done.complains("say --yes");
    }
    site.run(["count", "mia"]).done().exits(0).says("2\n");
    let done = site.run(["end-all", "mia", "--yes"]).done().exits(0);
    done.says("Ended 2 logins of user mia.\n");
    site.run(["end-all", "tom", "-y", "--json"])
        .done()
        .exits(0)
        .says(r#"{"ended":1,"user_id":"tom"}"#);
    assert!(site.ids("mia").is_empty() && site.ids("tom").is_empty());
}

#[test]
fn sessions_that_flask_signed_and_that_never_came_end_with_the_others() {
    for (arguments, ends) in [(&[][..], true), (&["--preset", "safe"], false)] {
        let beside = Site::new(Preset::Flask);
        // By a program without a store.
        let flask = super::site(Preset::Flask, &beside.clock).build().unwrap();
        let mut browser = browser_of(&flask, "mia");
        let end_all = ["end-all", "mia", "--yes"].iter().chain(arguments);
        let _ = beside.run(end_all.copied()).done().exits(0);
        for name in Preset::Flask.names() {
            let value = browser.jar().value(name).unwrap().to_owned();
            let verdict = block_on(beside.manager.read_cookie(Some(name), &value)).unwrap();
            let counts = verdict.unwrap().verdict == housekey::CookieVerdict::Counts;
            // That clock is a minute behind, so its session is older than the mark.
            assert_eq!(counts, !ends, "{name}, {arguments:?}");
        }
    }
}

#[test]
fn ids_of_users_may_begin_with_a_hyphen_and_belong_to_a_realm() {
    let site = Site::new(Preset::Safe);
    browser_of(&site.manager, "-mia");
    site.run(["count", "--", "-mia"])
        .done()
        .exits(0)
        .says("1\n");
    site.run(["end-all", "--yes", "--", "-mia"])
        .done()
        .exits(0)
        .says("Ended 1 login of user -mia.");
    let staff = super::site(Preset::Safe, &site.clock).realm("staff");
    let staff = staff.login_store(sqlite(&site.path)).build().unwrap();
    browser_of(&staff, "mia");
    site.run(["count", "mia"]).done().exits(0).says("0\n");
    site.run(["count", "mia", "--realm", "staff"])
        .done()
        .exits(0)
        .says("1\n");
}

#[test]
fn expired_records_are_deleted_and_no_others() {
    let site = Site::new(Preset::Safe);
    let now = site.clock.now();
    site.clock.set(now - 100 * DAY);
    browser_of(&site.manager, "tom");
    site.clock.set(now);
    browser_of(&site.manager, "mia");
    site.run(["purge"])
        .done()
        .exits(0)
        .says("Deleted 1 expired record.\n");
    site.run(["purge", "--json"])
        .done()
        .exits(0)
        .says(r#"{"deleted":0}"#);
    assert_eq!(site.ids("mia").len(), 1);
}

#[test]
fn a_purge_deletes_what_is_kept_of_forgotten_attempts_and_nothing_else() {
    let site = Site::new(Preset::Safe);
    browser_of(&site.manager, "mia");
    let store = sqlite(&site.path);
    let now = site.clock.now();
    let (old, new) = (
        AttemptKey::from_bytes([1; 16]),
        AttemptKey::from_bytes([2; 16]),
    );
    for (key, at) in [(&old, now - 100_000), (&new, now + 100_000)] {
        let schedule = AttemptSchedule::ACCOUNT;
        let _ = block_on(store.count_attempt(key, &schedule, at)).unwrap();
    }
    site.run(["purge"])
        .done()
        .exits(0)
        .says("Deleted 0 expired records.\n");
    let left = |at| block_on(store.delete_expired_attempts(at, 9)).unwrap();
    assert_eq!((left(now), left(now + 200_000)), (0, 1));
}

#[test]
fn nothing_is_made_where_there_is_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mistyped.db");
    let address = format!("sqlite:{}", path.display());
    for command in [
        &["list", "1"][..],
        &["purge"],
        &["end-all", "-y", "1"],
        &["count", "1"],
    ] {
        let words = ["logins", "--store", &address];
        let done = housekey(words.iter().chain(command)).done().exits(1);
        done.complains("mistyped.db");
        assert!(!path.exists());
    }
    // A database without such a table stays unchanged.
    std::fs::write(&path, "").unwrap();
    let done = housekey(["logins", "list", "1", "--store", &address])
        .done()
        .exits(1);
    done.complains("it has no table logins");
    assert_eq!(std::fs::metadata(&path).unwrap().len(), 0);
    std::fs::write(&path, "not a database at all, whatever it is called").unwrap();
    let _ = housekey(["logins", "list", "1", "--store", &address])
        .done()
        .exits(1);
}

#[test]
fn what_cannot_be_meant_is_an_error_and_exits_with_2() {
    for (arguments, what) in [
        (&["logins", "list", "1"][..], "where are the logins?"),
        (
            &["logins", "list", "1", "--store", ""],
            "where are the logins?",
        ),
        (
            &["logins", "list", "1", "--store", "logins.db"],
            "write sqlite: before",
        ),
        (
            &[
                "logins", "list", "1", "--store", "sqlite:x", "--prefix", "a",
            ],
            "--prefix is for Redis",
        ),
        (
            &[
                "logins",
                "list",
                "1",
                "--store",
                "redis://h",
                "--table",
                "a",
            ],
            "--table is for",
        ),
        (
            &[
                "logins",
                "list",
                "1",
                "--store",
                "redis://h",
                "--timeout",
                "0s",
            ],
            "100ms to 1h",
        ),
        (&["logins", "list"], "<USER>"),
        (&["logins"], "Usage"),
        (&[], "Usage"),
    ] {
        let _ = housekey(arguments).done().exits(2).complains(what);
    }
}

#[test]
fn a_file_that_stays_locked_is_a_failure_in_time() {
    let site = Site::new(Preset::Safe);
    browser_of(&site.manager, "mia");
    let writer = rusqlite::Connection::open(&site.path).unwrap();
    writer.execute_batch("BEGIN IMMEDIATE").unwrap();
    let run = site.run(["end-all", "mia", "-y", "--timeout", "200ms"]);
    run.done().exits(1).complains("keeps it locked");
    // Looking does not wait.
    site.run(["count", "mia"]).done().exits(0).says("1\n");
    writer.execute_batch("ROLLBACK").unwrap();
    let store = sqlite(&site.path);
    assert_eq!(
        block_on(store.list_by_user("mia", now(), 9)).unwrap().len(),
        1
    );
}
