//! What a session holds, and when it goes to the browser.

use super::*;
use crate::{ErrorKind, Rejection, SessionRefresh};

pub(in super::super) fn a_change_is_sent_and_a_look_is_not() {
    let site = Site::new();
    let mut browser = site.browser();
    assert_eq!(browser.who(), "nobody");
    assert!(browser.sent.is_empty(), "{:?}", browser.sent);
    browser.put("cart", "one");
    assert!(browser.set(VALUES).is_some());

    browser.ask(|asking| {
        let session = asking.visit.session();
        assert_eq!(session.keys(), ["cart"]);
        assert!(session.contains("cart") && !session.contains("name"));
        assert_eq!(session.get::<String>("cart").unwrap().unwrap(), "one");
        assert_eq!(session.get::<String>("name").unwrap(), None);
        // Django raises without a default.
        assert!(!session.remove("name").unwrap());
        session.insert("cart", "one").unwrap();
    });
    assert!(browser.sent.is_empty(), "{:?}", browser.sent);
    assert_eq!(browser.headers["vary"], "Cookie");

    browser.ask(|asking| {
        let session = asking.visit.session();
        session.insert("cart", "two").unwrap();
        session.insert("name", "Mia").unwrap();
    });
    assert_eq!(browser.sent.len(), 1, "{:?}", browser.sent);
    assert_eq!(browser.read("name").as_deref(), Some("Mia"));
    browser.ask(|asking| {
        let session = asking.visit.session();
        assert!(session.remove("cart").unwrap());
        assert_eq!(session.keys(), ["name"]);
    });
    assert!(browser.set(VALUES).is_some());
    assert!(site.shelf.asked().is_empty(), "values are in the cookie");
}

pub(in super::super) fn clearing_takes_the_values_and_leaves_the_login() {
    let site = Site::new();
    let mut browser = site.browser();
    browser.ask(|asking| asking.visit.session().clear().unwrap());
    assert!(browser.sent.is_empty(), "nothing was there to clear");
    browser.log_in("mia");
    browser.put("cart", "one");
    browser.ask(|asking| {
        let session = asking.visit.session();
        session.clear().unwrap();
        assert!(session.keys().is_empty());
    });
    assert!(browser.set(VALUES).is_some());
    assert_eq!(browser.read("cart"), None);
    assert_eq!(browser.who(), "mia, fresh");
}

/// In Rodauth, a replayed session that was emptied but not logged out works for ever, because the row stays. Here a handler
/// can remove the login from the session only by logging out, which deletes the record too.
pub(in super::super) fn a_session_cannot_be_logged_out_without_its_record() {
    let site = Site::new();
    let mut browser = site.browser_of("mia");
    let mut copy = browser.clone();
    browser.ask(|asking| {
        let session = asking.visit.session();
        session.clear().unwrap();
        for key in ["_login", "_user_id", "_fresh", "_id"] {
            let error = session.remove(key).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::SessionValue, "{key}");
        }
    });
    assert_eq!(browser.who(), "mia, fresh");
    browser.log_out();
    assert_eq!(site.shelf.len(), 0);
    assert_eq!(copy.who(), "nobody");
}

pub(in super::super) fn a_value_is_there_at_the_next_request_as_it_was() {
    let mut browser = Site::new().browser();
    for value in ["a test value", "佐藤 \"\\\u{0} 😀", ""] {
        browser.put("a test key", value);
        assert_eq!(browser.read("a test key").as_deref(), Some(value));
    }
}

pub(in super::super) fn what_nobody_here_signed_is_an_empty_session_and_no_error() {
    let site = Site::new();
    let long = "A".repeat(62 * 20);
    for value in [
        "",
        "1",
        "oops",
        "bad:encoded:value",
        "Zmxhc2tkajphbGtkamY",
        "e30.AAAA.AAAA",
        &long,
    ] {
        let mut browser = site.browser();
        browser.plant(SESSION, value);
        assert_eq!(browser.who(), "nobody", "{value}");
        assert_eq!(browser.read("cat"), None, "{value}");
        let rejected = Event::SessionRejected {
            reason: Rejection::BadSignature,
        };
        // An empty value does not count.
        let is_said = site.events().contains(&rejected);
        assert_eq!(is_said, !value.is_empty(), "{value}");
        assert!(site.shelf.asked().is_empty(), "{value}");
        assert_eq!(site.shelf.len(), 0, "{value}");
    }
}

/// Neither what the browser sent nor what a handler writes becomes the number or the secret of a login.
pub(in super::super) fn nobody_else_chooses_which_login_it_is() {
    let site = Site::new();
    let mut browser = site.browser();
    browser.plant(SESSION, "1");
    browser.log_in("mia");
    let id = site.record_of("mia").id;
    browser.log_out();
    let mut browser = site.browser_of("mia");
    assert_ne!(site.record_of("mia").id, id);
    browser.ask(|asking| {
        let session = asking.visit.session();
        for key in ["_login", "_user_id", "_fresh", "_fresh_at", "_auth_hash"] {
            let error = session.insert(key, "ben").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::SessionValue, "{key}");
        }
        // The secret is not shown either.
        assert_eq!(session.get::<String>("_login").unwrap(), None);
    });
    assert_eq!(browser.who(), "mia, fresh");
    for text in [
        "1",
        "12345678",
        r"a\b\c",
        "a/b/c",
        "../etc",
        &"A".repeat(1240),
    ] {
        let error = text.parse::<crate::records::LoginId>().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidLoginId, "{text}");
    }
}

pub(in super::super) fn a_session_ends_with_the_browser_unless_it_is_permanent() {
    let mut browser = Site::new().browser();
    browser.put("cart", "one");
    assert_eq!(browser.expires(VALUES), None);
    browser.ask(|asking| asking.visit.session().make_permanent().unwrap());
    assert_eq!(browser.expires(VALUES), Some(NOW + DAY));
    assert!(browser.set(VALUES).unwrap().contains("; Expires="));
    browser.ask(|asking| asking.visit.session().make_temporary().unwrap());
    assert_eq!(browser.expires(VALUES), None);
    let header = browser.set(VALUES).unwrap();
    assert!(
        !header.contains("Expires") && !header.contains("Max-Age"),
        "{header}"
    );
}

/// Permanent or not: how long the browser keeps it changes nothing on the server.
pub(in super::super) fn a_session_ends_after_its_lifetime() {
    for permanent in [false, true] {
        let site = Site::with(|builder| builder.session_refresh(SessionRefresh::Never));
        let mut browser = site.browser();
        browser.put("cart", "one");
        if permanent {
            browser.ask(|asking| asking.visit.session().make_permanent().unwrap());
        }
        let value = browser.cookie(VALUES).unwrap().to_owned();
        site.pass(DAY);
        browser.plant(VALUES, &value);
        assert_eq!(browser.read("cart").as_deref(), Some("one"));
        site.pass(1);
        browser.plant(VALUES, &value);
        assert_eq!(browser.read("cart"), None);
    }
}

pub(in super::super) fn a_login_without_a_store_ends_with_its_session() {
    let site = Site::without_store(|builder| builder);
    let mut browser = site.browser_of("mia");
    site.pass(100_000);
    assert_eq!(browser.who(), "nobody");
}

pub(in super::super) fn an_unchanged_session_is_sent_again_when_it_is_due() {
    let site = Site::without_store(|builder| builder);
    let mut browser = site.browser_of("mia");
    assert_eq!(browser.who(), "mia, fresh");
    assert!(browser.sent.is_empty(), "{:?}", browser.sent);
    site.pass(HOUR);
    assert_eq!(browser.who(), "mia, fresh");
    assert!(browser.set(SESSION).is_some());
    assert_eq!(browser.headers["vary"], "Cookie");

    let always = SessionRefresh::OlderThan(seconds(0));
    let site = Site::without_store(|builder| builder.session_refresh(always));
    let mut browser = site.browser_of("mia");
    assert_eq!(browser.who(), "mia, fresh");
    assert!(browser.set(SESSION).is_some());
    assert_eq!(browser.headers["vary"], "Cookie");
    let mut stranger = site.browser();
    stranger.who();
    assert!(stranger.sent.is_empty(), "there is nothing to send again");

    // With a store its record says how long a login lives, and only the values are sent again.
    let site = Site::new();
    let mut browser = site.browser_of("mia");
    browser.put("cart", "one");
    site.pass(HOUR);
    assert_eq!(browser.who(), "mia, fresh");
    assert!(browser.set(SESSION).is_none() && browser.set(VALUES).is_some());
}

pub(in super::super) fn a_request_that_is_opened_again_has_the_same_session() {
    let site = Site::new();
    let mut browser = site.browser_of("mia");
    site.shelf.asked();
    browser.ask(|asking| {
        asking.visit.session().insert("cart", "one").unwrap();
        assert_eq!(asking.who(), "mia, fresh");
        let again = asking.visit.visit().open(&asking.parts).unwrap();
        assert_eq!(again.session().keys(), ["cart"]);
        assert!(
            block_on(again.current_user::<Person>(&asking.parts))
                .unwrap()
                .is_some()
        );
    });
    assert_eq!(site.shelf.asked(), ["load"], "it is looked up once");
}

/// Writing values neither makes a new login nor tells the store anything.
pub(in super::super) fn the_login_stays_the_same_while_values_change() {
    let site = Site::new();
    let mut browser = site.browser_of("mia");
    let before = site.record_of("mia");
    site.shelf.asked();
    for value in ["one", "two"] {
        browser.put("cart", value);
        assert_eq!(browser.who(), "mia, fresh");
    }
    assert!(site.shelf.writes().is_empty());
    assert_eq!(site.record_of("mia"), before);
}

pub(in super::super) fn what_an_anonymous_visitor_had_goes_at_a_login() {
    let site = Site::with(|builder| builder.keep_at_login(["cart"]));
    let mut browser = site.browser();
    browser.put("cart", "one");
    browser.put("email", "mallory@evil.example");
    browser.log_in("mia");
    assert_eq!(browser.read("email"), None);
    assert_eq!(browser.read("cart").as_deref(), Some("one"));
}

pub(in super::super) fn a_user_who_logs_in_again_keeps_their_values_and_gets_another_secret() {
    let site = Site::new();
    let mut browser = site.browser_of("mia");
    browser.put("cart", "one");
    let mut copy = browser.clone();
    browser.log_in("mia");
    assert_eq!(browser.read("cart").as_deref(), Some("one"));
    assert_eq!(copy.who(), "nobody");
}

pub(in super::super) fn a_user_who_logs_in_after_another_gets_nothing_of_theirs() {
    let site = Site::with(|builder| builder.keep_at_login(["cart"]));
    let mut browser = site.browser_of("ben");
    browser.put("cart", "ben's");
    let mut bens = browser.clone();
    browser.log_in("mia");
    assert_eq!(browser.who(), "mia, fresh");
    assert_eq!(browser.read("cart"), None);
    assert_eq!(bens.who(), "nobody");
    assert!(site.logins_of("ben").is_empty());
}
