//! The store itself, what is in it, and what happens when it fails.

use super::*;
use crate::records::{Limit, LoginRecord, LoginStore as _, MemoryLoginStore, Touch, Updated};
use crate::{EndReason, ErrorKind};

/// A record of mia's that ends in an hour.
fn record() -> LoginRecord {
    let site = Site::new();
    site.browser_of("mia");
    LoginRecord {
        expires_at: NOW + HOUR,
        ..site.record_of("mia")
    }
}

/// scs writes over any existing record, so a session that was ended meanwhile comes back. Here only an existing record can
/// change.
pub(in super::super) fn a_store_keeps_changes_and_forgets_and_brings_nothing_back() {
    let store = MemoryLoginStore::new();
    let record = record();
    block_on(async {
        assert!(
            store
                .create(&record, &[], Limit::NONE)
                .await
                .unwrap()
                .is_done()
        );
        assert_eq!(
            store.load(&record.id, NOW).await.unwrap(),
            Some(record.clone())
        );
        assert!(
            !store
                .create(&record, &[], Limit::NONE)
                .await
                .unwrap()
                .is_done(),
            "one record for one number"
        );
        let changed = LoginRecord {
            data: "{}".to_owned(),
            ..record.clone()
        };
        assert_eq!(store.update(&changed).await.unwrap(), Updated::Done);
        let loaded = store.load(&record.id, NOW).await.unwrap().unwrap();
        assert_eq!(loaded.data, "{}");
        assert_eq!(store.update(&changed).await.unwrap(), Updated::Conflict);

        assert!(store.delete(&record.id).await.unwrap());
        assert!(
            !store.delete(&record.id).await.unwrap(),
            "a second deletion is not an error"
        );
        assert_eq!(store.load(&record.id, NOW).await.unwrap(), None);
        assert_eq!(store.update(&loaded).await.unwrap(), Updated::Gone);
        let touch = Touch {
            now: NOW + 1,
            unless_since: NOW + 1,
            expires_at: NOW + DAY,
        };
        assert!(!store.touch(&record.id, touch).await.unwrap());
        assert_eq!(store.load(&record.id, NOW).await.unwrap(), None);
    });
    assert!(store.is_empty());
}

pub(in super::super) fn a_record_is_gone_when_its_time_comes_also_before_it_is_swept() {
    let store = MemoryLoginStore::new();
    let record = record();
    block_on(async {
        store.create(&record, &[], Limit::NONE).await.unwrap();
        for (now, there) in [(NOW + HOUR - 1, true), (NOW + HOUR, false)] {
            assert_eq!(store.load(&record.id, now).await.unwrap().is_some(), there);
            assert_eq!(
                store
                    .list_by_user("mia", now, usize::MAX)
                    .await
                    .unwrap()
                    .len(),
                usize::from(there)
            );
        }
    });
    assert_eq!(store.len(), 1);
}

pub(in super::super) fn a_list_of_nothing_is_empty() {
    let site = Site::new();
    assert_eq!(block_on(site.manager.logins_of("mia")).unwrap(), []);
    assert_eq!(block_on(site.manager.end_logins_of("mia")).unwrap(), 0);
}

pub(in super::super) fn a_login_is_in_the_list_of_its_user_until_it_is_over() {
    let site = Site::with(|builder| {
        builder.client_address(|request| request.headers.get("x-from")?.to_str().ok()?.parse().ok())
    });
    let fields = [("user-agent", "Firefox/1"), ("x-from", "192.0.2.7")];
    let mut browser = site.browser();
    browser
        .send(http::Method::POST, "/login", &fields, |asking| {
            asking.log_in("mia", true)
        })
        .unwrap();
    let mut bens = site.browser_of("ben");
    let [login] = block_on(site.manager.logins_of("mia"))
        .unwrap()
        .try_into()
        .unwrap();
    let at = SystemTime::UNIX_EPOCH + seconds(NOW);
    assert_eq!((login.created_at, login.last_seen_at), (at, at));
    assert_eq!(login.user_agent.as_deref(), Some("Firefox/1"));
    assert_eq!(login.address, Some("192.0.2.7".parse().unwrap()));
    assert!(login.remembered && !login.current);
    assert_eq!(site.record_of("mia").user_id, "mia");
    assert_eq!(site.logins_of("ben").len(), 1);
    assert_eq!(site.shelf.len(), 2);
    browser.log_out();
    assert!(site.logins_of("mia").is_empty());
    assert_eq!(site.logins_of("ben").len(), 1);
    // A browser that logs in as another user is in that user's list from then on.
    bens.log_in("mia");
    assert!(site.logins_of("ben").is_empty());
    assert_eq!(site.logins_of("mia").len(), 1);
}

/// scs answers with an error at each request. Here such a login is over, and the next one works.
pub(in super::super) fn an_unreadable_record_is_not_a_login() {
    for data in ["", "{}", "null", "\u{0}", "[1]"] {
        let site = Site::new();
        let mut browser = site.remembered_browser_of("mia");
        let data = data.to_owned();
        site.rewrite(LoginRecord {
            data: data.clone(),
            ..site.record_of("mia")
        });
        assert!(block_on(site.manager.logins_of("mia")).unwrap().is_empty());
        site.events();
        assert_eq!(browser.who(), "nobody", "{data:?}");
        assert!(browser.names().is_empty(), "{data:?}");
        let (user_id, reason) = ("mia".to_owned(), EndReason::RecordGone);
        assert!(
            site.events()
                .contains(&Event::LoginEnded { user_id, reason })
        );
        browser.log_in("mia");
        assert_eq!(browser.who(), "mia, fresh");
    }
}

/// Numbers are random, so none is ever taken. The rules still believe a store that says so.
pub(in super::super) fn a_number_that_is_taken_is_nobody_elses_login() {
    let site = Site::new();
    site.shelf.say_taken(1);
    let mut browser = site.browser();
    let error = browser
        .ask(|asking| asking.log_in("mia", true))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StoreFailed);
    assert!(error.is_temporary());
    assert!(browser.sent.is_empty());
    assert!(site.events().is_empty());
    browser.log_in("mia");
    assert_eq!(browser.who(), "mia, fresh");

    // Nor that of a login that a peer made.
    let peer = Site::flask(|builder| builder);
    let keys = SecretKeys::flask(FLASK_KEY).unwrap();
    let shelf = peer.shelf.clone();
    let ours = peer.restarted(LoginManager::flask, keys, |it| it.login_store(shelf));
    let mut browser = peer.browser_of("mia");
    peer.shelf.say_taken(u64::MAX);
    let browser = browser.at(&ours);
    let error = browser.ask(|asking| asking.try_who()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StoreFailed);
    // Another request's record may be gone again at the next look, by a logout.
    peer.shelf.say_taken(1);
    assert_eq!(browser.who(), "mia, fresh");
    assert_eq!(ours.logins_of("mia").len(), 1);
}

pub(in super::super) fn a_store_that_fails_is_an_error_and_logs_nobody_out() {
    let site = Site::new();
    let mut browser = site.remembered_browser_of("mia");
    let before = browser.clone();
    let id = site.record_of("mia").id;
    type Act = Box<dyn Fn(&mut Browser) -> Result<(), crate::Error>>;
    let ask = |act: fn(&Asking) -> Result<(), crate::Error>| -> Act {
        Box::new(move |browser| browser.ask(act))
    };
    let manage = |act: fn(
        &LoginManager<Person>,
        &crate::records::LoginId,
    ) -> Result<(), crate::Error>|
     -> Act { Box::new(move |browser| act(&browser.site.manager, &id)) };
    let cases: Vec<(&'static str, Act)> = vec![
        ("load", ask(|asking| asking.try_who().map(drop))),
        ("load", ask(|asking| block_on(asking.login().logout_user()))),
        ("load", ask(|asking| asking.log_in("ben", false))),
        ("create", ask(|asking| asking.log_in("ben", false))),
        (
            "delete",
            ask(|asking| block_on(asking.login().logout_user())),
        ),
        ("update", ask(|asking| asking.confirm("mia"))),
        (
            "list_by_user",
            manage(|it, _| block_on(it.logins_of("mia")).map(drop)),
        ),
        (
            "delete",
            manage(|it, id| block_on(it.end_login(id)).map(drop)),
        ),
        (
            "delete_by_user",
            manage(|it, _| block_on(it.end_logins_of("mia")).map(drop)),
        ),
        (
            "delete_expired",
            manage(|it, _| block_on(it.delete_expired_logins()).map(drop)),
        ),
    ];
    for (operation, act) in &cases {
        site.shelf.fail(&[operation]);
        let mut browser = before.clone();
        let error = act(&mut browser).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StoreFailed, "{operation}");
        assert!(
            browser.sent.is_empty() || browser.sent == before.sent,
            "{operation}"
        );
        site.shelf.fail(&[]);
        assert_eq!(browser.who(), "mia, fresh", "{operation}");
    }
    // A use that cannot be noted is an error too.
    site.pass(2 * HOUR);
    site.shelf.fail(&["touch"]);
    assert_eq!(browser.why_not(), ErrorKind::StoreFailed);
    site.shelf.fail(&OPERATIONS);
    assert_eq!(browser.why_not(), ErrorKind::StoreFailed);
    site.shelf.fail(&[]);
    assert_eq!(browser.who(), "mia");
    // Nor is a token used up if its successor was never received.
    browser.restart();
    site.shelf.fail(&["update"]);
    assert_eq!(browser.why_not(), ErrorKind::StoreFailed);
    site.shelf.fail(&[]);
    assert_eq!(browser.who(), "mia, remembered");
}

/// As a copy of the records that lags behind would answer. The request must end all the same.
#[test]
fn a_store_in_which_somebody_else_is_always_first_is_an_error() {
    let site = Site::new();
    let mut browser = site.remembered_browser_of("mia");
    browser.restart();
    site.shelf.say_changed(true);
    assert_eq!(browser.why_not(), ErrorKind::StoreFailed);
    site.shelf.say_changed(false);
    assert_eq!(browser.who(), "mia, remembered");
}
