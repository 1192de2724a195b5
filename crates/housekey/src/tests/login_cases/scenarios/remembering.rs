//! Browsers that come back by their remember token.

use super::*;
use crate::{Denied, ErrorKind, Rejection, RememberFormat};

pub(in super::super) fn a_token_starts_a_session_and_gives_way_to_another() {
    let site = Site::new();
    let mut browser = site.remembered_browser_of("mia");
    let first = browser.clone();
    let [before] = block_on(site.manager.logins_of("mia"))
        .unwrap()
        .try_into()
        .unwrap();
    site.pass(10 * MINUTE);
    browser.restart();
    site.events();

    assert_eq!(browser.who(), "mia, remembered");
    let user_id = "mia".to_owned();
    assert!(site.events().contains(&Event::LoadedFromCookie { user_id }));
    assert_ne!(browser.cookie(TOKEN), first.cookie(TOKEN));
    assert_ne!(browser.cookie(SESSION), first.cookie(SESSION));
    assert_eq!(browser.who(), "mia", "by the session now, and not fresh");

    let [after] = block_on(site.manager.logins_of("mia"))
        .unwrap()
        .try_into()
        .unwrap();
    assert_eq!((after.id, after.created_at), (before.id, before.created_at));
    assert_eq!(
        after.last_seen_at,
        before.last_seen_at + seconds(10 * MINUTE)
    );
    assert!(after.remembered);
}

/// An attacker who can set a cookie cannot bring values into the session that a token starts, nor choose its login.
pub(in super::super) fn nothing_that_was_planted_joins_a_session_that_a_token_starts() {
    let site = Site::new();
    let mut browser = site.remembered_browser_of("mia");
    browser.restart();
    let mut attacker = site.browser();
    attacker.put("email", "mallory@evil.example");
    let planted = attacker.cookie(VALUES).unwrap().to_owned();
    browser.plant(VALUES, &planted);
    assert_eq!(browser.who(), "mia, remembered");
    assert_eq!(browser.read("email"), None);
    assert_ne!(browser.cookie(VALUES), Some(planted.as_str()));
    assert_eq!(attacker.who(), "nobody");
}

pub(in super::super) fn every_login_has_a_token_of_its_own() {
    let site = Site::new();
    let mut browser = site.remembered_browser_of("mia");
    let mut other = site.remembered_browser_of("mia");
    assert_ne!(browser.cookie(TOKEN), other.cookie(TOKEN));
    let mut copy = browser.clone();
    let first = site.logins_of("mia");
    browser.log_in_remembered("mia");
    assert_ne!(browser.cookie(TOKEN), copy.cookie(TOKEN));
    let second = site.logins_of("mia");
    assert_eq!(second.len(), 2);
    assert_eq!(first.iter().filter(|id| second.contains(id)).count(), 1);
    copy.restart();
    assert_eq!(copy.who(), "nobody");
    for browser in [&mut browser, &mut other] {
        browser.restart();
        assert_eq!(browser.who(), "mia, remembered");
    }
}

/// Devise keeps the time of the first login. Here a login is a new one, with a token that ends later.
pub(in super::super) fn a_user_who_logs_in_again_is_remembered_from_then() {
    let site = Site::new();
    let mut browser = site.remembered_browser_of("mia");
    site.pass(10 * DAY);
    browser.log_in_remembered("mia");
    assert_eq!(browser.expires(TOKEN), Some(NOW + 40 * DAY));
    assert_eq!(site.record_of("mia").created_at, NOW + 10 * DAY);
}

/// Phoenix goes on remembering. Here a login without "remember me" is not remembered, because another person may have used
/// the machine before.
pub(in super::super) fn a_user_who_does_not_ask_for_it_is_not_remembered() {
    let site = Site::new();
    for (remember, names) in [(false, &[SESSION][..]), (true, &[TOKEN, SESSION])] {
        for mut browser in [site.browser(), site.remembered_browser_of("mia")] {
            let mut copy = browser.clone();
            browser
                .ask(|asking| asking.log_in("mia", remember))
                .unwrap();
            let mut expected = names.to_vec();
            expected.sort_unstable();
            assert_eq!(browser.names(), expected);
            copy.restart();
            assert_eq!(
                copy.who(),
                "nobody",
                "nor is anybody by the token of before"
            );
        }
    }
}

/// Spring ends every login of the user. Here it is the one that the token belongs to.
pub(in super::super) fn a_token_that_was_used_and_comes_again_ends_its_login() {
    for thief_is_first in [false, true] {
        let site = Site::new();
        let mut other = site.remembered_browser_of("mia");
        let mut browser = site.remembered_browser_of("mia");
        let mut thief = browser.clone();
        browser.restart();
        thief.restart();
        let (first, second) = match thief_is_first {
            true => (&mut thief, &mut browser),
            false => (&mut browser, &mut thief),
        };
        assert_eq!(first.who(), "mia, remembered");
        assert_eq!(first.who(), "mia", "the answer has arrived");
        site.pass(2 * MINUTE + 1);
        site.events();
        assert_eq!(second.who(), "nobody");
        assert_eq!(second.names(), [""; 0]);
        let user_id = "mia".to_owned();
        assert!(
            site.events()
                .contains(&Event::RememberTokenStolen { user_id })
        );
        assert_eq!(first.who(), "nobody");
        assert_eq!(site.shelf.len(), 1);
        assert_eq!(other.who(), "mia, fresh");
    }
}

pub(in super::super) fn a_token_of_an_ended_login_is_not_a_theft() {
    let site = Site::new();
    let mut browser = site.remembered_browser_of("mia");
    browser.restart();
    let [id] = site.logins_of("mia").try_into().unwrap();
    assert!(block_on(site.manager.end_login(&id)).unwrap().is_some());
    site.events();
    assert_eq!(browser.who(), "nobody");
    assert!(browser.names().is_empty());
    let rejected = Event::RememberTokenRejected {
        reason: Rejection::LoginEnded,
    };
    assert_eq!(site.events(), [Event::Accessed, rejected]);
    assert!(
        site.shelf
            .writes()
            .iter()
            .all(|write| ["create", "delete"].contains(write))
    );
}

pub(in super::super) fn a_token_ends_when_it_was_said_to_whatever_the_browser_keeps() {
    let keys = || SecretKeys::new(STRONG_KEY).unwrap();
    let three_days = |builder: Builder| builder.remember_duration(seconds(3 * DAY));
    // A later setting applies to later tokens.
    let five_days = |builder: Builder| builder.remember_duration(seconds(5 * DAY));
    let stored = Site::with(three_days);
    let stateless = Site::without_store(three_days);
    for (before, site, format) in [
        (
            &stored,
            stored.restarted_with_store(keys(), five_days),
            RememberFormat::Rotating,
        ),
        (
            &stateless,
            stateless.restarted(LoginManager::new, keys(), five_days),
            RememberFormat::Timed,
        ),
    ] {
        for (passed, expected) in [(3 * DAY - 1, "mia, remembered"), (3 * DAY + 1, "nobody")] {
            let mut browser = before.remembered_browser_of("mia");
            assert_eq!(browser.expires(TOKEN), Some(site.now() + 3 * DAY));
            let token = browser.cookie(TOKEN).unwrap().to_owned();
            browser.restart();
            browser.plant(TOKEN, &token);
            site.pass(passed);
            assert_eq!(browser.at(&site).who(), expected, "{format:?}");
        }
        let browser = site.remembered_browser_of("mia");
        assert_eq!(browser.expires(TOKEN), Some(site.now() + 5 * DAY));
    }
}

pub(in super::super) fn a_token_ends_as_it_was_to_unless_use_puts_it_off() {
    let sliding = Site::with(|builder| builder.remember_refresh_each_request());
    for (site, end) in [(Site::new(), NOW + 30 * DAY), (sliding, NOW + 50 * DAY)] {
        let mut browser = site.remembered_browser_of("mia");
        let token = browser.cookie(TOKEN).unwrap().to_owned();
        site.pass(DAY / 2);
        assert_eq!(browser.who(), "mia");
        assert_eq!(
            browser.cookie(TOKEN),
            Some(token.as_str()),
            "the session was enough"
        );
        site.pass(20 * DAY - DAY / 2);
        assert_eq!(browser.who(), "mia, remembered");
        assert_eq!(browser.expires(TOKEN), Some(end));
        assert_eq!(site.record_of("mia").expires_at, end);
    }
}

pub(in super::super) fn a_token_in_the_cookie_alone_can_be_sent_again_with_each_request() {
    let site = Site::without_store(|builder| builder.remember_refresh_each_request());
    let mut browser = site.remembered_browser_of("mia");
    for day in 1..4 {
        let token = browser.cookie(TOKEN).unwrap().to_owned();
        site.pass(DAY - 1);
        assert_eq!(browser.who(), "mia");
        assert_ne!(browser.cookie(TOKEN), Some(token.as_str()));
        assert_eq!(
            browser.expires(TOKEN),
            Some(NOW + day * (DAY - 1) + 30 * DAY)
        );
    }
}

pub(in super::super) fn a_token_of_one_kind_of_user_does_not_count_for_another() {
    let members = Site::new();
    let keys = SecretKeys::new(STRONG_KEY).unwrap();
    let staff = members.restarted_with_store(keys, |builder| {
        let builder = builder.session_cookie(|cookie| cookie.name("__Host-staff"));
        builder.remember_cookie(|cookie| cookie.name("__Host-staff_token"))
    });
    let mut browser = members.remembered_browser_of("mia");
    browser.restart();
    assert_eq!(browser.at(&staff).who(), "nobody");
    let token = browser.cookie(TOKEN).unwrap().to_owned();
    browser.plant("__Host-staff_token", &token);
    assert_eq!(browser.who(), "nobody");
    assert_eq!(browser.at(&members).who(), "mia, remembered");
}

pub(in super::super) fn a_remembered_user_must_prove_themselves_for_what_needs_it() {
    let site = Site::with(|builder| builder.refresh_view("/prove-it"));
    let mut browser = site.remembered_browser_of("mia");
    browser.restart();
    assert_eq!(browser.who(), "mia, remembered");
    let page = [("accept", "text/html")];
    browser.send(http::Method::GET, "/account", &page, |asking| {
        assert_eq!(asking.who(), "mia");
        let answer = asking.deny(Denied::FreshLoginRequired { within: None });
        let location = answer.headers()["location"].to_str().unwrap();
        assert_eq!(location, "/prove-it?next=%2Faccount");
    });
    // Another user's password proves nothing.
    let error = browser.ask(|asking| asking.confirm("ben")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotLoggedIn);
    assert_eq!(browser.who(), "mia");
    browser.confirm("mia");
    assert_eq!(browser.who(), "mia, fresh");
    browser.restart();
    assert_eq!(browser.who(), "mia, remembered");
}

/// Spring removes the remember cookie. Here nothing changes: the user is still logged in.
pub(in super::super) fn an_attempt_that_fails_changes_nothing() {
    let site = Site::new();
    site.change("ben", |person| person.active = false);
    let mut browser = site.remembered_browser_of("mia");
    site.events();
    let records = site.shelf.len();
    let error = browser
        .ask(|asking| asking.log_in("ben", true))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InactiveUser);
    assert!(browser.sent.is_empty());
    assert!(site.events().is_empty());
    assert_eq!(site.shelf.len(), records);
    assert_eq!(browser.who(), "mia, fresh");
    browser.restart();
    assert_eq!(browser.who(), "mia, remembered");
}

pub(in super::super) fn a_login_is_an_event_and_says_whether_it_is_remembered() {
    let site = Site::new();
    for remember in [false, true] {
        let mut browser = site.browser();
        browser
            .ask(|asking| asking.log_in("mia", remember))
            .unwrap();
        let user_id = "mia".to_owned();
        assert_eq!(site.events(), [Event::LoggedIn { user_id, remember }]);
    }
}
