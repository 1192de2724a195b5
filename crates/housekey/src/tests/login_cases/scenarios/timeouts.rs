//! Logins that end by the clock.

use super::*;
use crate::{Denied, EndReason, LoginTimeouts};

fn with_timeouts(idle: u64, absolute: u64) -> Site {
    let timeouts = LoginTimeouts::new(seconds(idle), seconds(absolute));
    Site::with(|builder| builder.login_timeouts(timeouts))
}

/// The same site after a restart with these timeouts.
fn with_timeouts_of(site: &Site, idle: u64, absolute: u64) -> Site {
    let timeouts = LoginTimeouts::new(seconds(idle), seconds(absolute));
    let keys = SecretKeys::new(STRONG_KEY).unwrap();
    site.restarted_with_store(keys, |builder| builder.login_timeouts(timeouts))
}

/// What the events say about the end. An expired record no longer exists, so its end has no reason.
fn reason(site: &Site) -> Option<EndReason> {
    site.events().into_iter().find_map(|event| match event {
        Event::LoginEnded { reason, .. } => Some(reason),
        _ => None,
    })
}

pub(in super::super) fn a_login_that_nobody_uses_ends() {
    let cases = [
        (Site::new(), 12 * HOUR, true),
        (Site::new(), 48 * HOUR, false),
        (with_timeouts(50, DAY), 25, true),
        (with_timeouts(50, DAY), 75, false),
    ];
    for (site, unused, lives) in cases {
        let mut browser = site.browser_of("mia");
        site.pass(unused);
        assert_eq!(browser.who() != "nobody", lives, "after {unused} seconds");
    }
    let site = with_timeouts(50, DAY);
    let mut browser = site.browser_of("mia");
    site.pass(49);
    assert_eq!(browser.who(), "mia, fresh");
    site.pass(49);
    assert_eq!(browser.who(), "mia, fresh", "use puts it off");
    site.pass(50);
    assert_eq!(browser.who(), "nobody");
    assert_eq!(reason(&site), Some(EndReason::RecordGone));
    assert!(browser.names().is_empty());

    // Shorter settings apply to existing logins.
    let site = Site::new();
    let mut browser = site.browser_of("mia");
    let shorter = with_timeouts_of(&site, 50, DAY);
    site.pass(50);
    assert_eq!(browser.at(&shorter).who(), "nobody");
    assert_eq!(reason(&site), Some(EndReason::Idle));
    assert_eq!(site.shelf.len(), 0);
}

pub(in super::super) fn no_use_puts_off_the_absolute_end() {
    let site = Site::new();
    let mut browser = site.browser_of("mia");
    for _ in 0..2 * 30 - 1 {
        site.pass(12 * HOUR);
        assert_eq!(browser.who(), "mia", "after {} seconds", site.now() - NOW);
    }
    site.pass(12 * HOUR);
    assert_eq!(browser.who(), "nobody");
    assert_eq!(reason(&site), Some(EndReason::RecordGone));

    let site = with_timeouts(100, 100);
    let mut browser = site.browser_of("mia");
    for _ in 0..3 {
        site.pass(33);
        assert_eq!(browser.who(), "mia, fresh");
    }
    site.pass(1);
    assert_eq!(browser.who(), "nobody");
    assert_eq!(reason(&site), Some(EndReason::RecordGone));
}

pub(in super::super) fn either_timeout_can_be_the_only_one_that_comes() {
    let site = with_timeouts(50, 400 * DAY);
    let mut browser = site.browser_of("mia");
    site.pass(49);
    assert_eq!(browser.who(), "mia, fresh");
    site.pass(75);
    assert_eq!(browser.who(), "nobody");
    assert_eq!(reason(&site), Some(EndReason::RecordGone));

    let site = with_timeouts(HOUR, HOUR);
    let mut browser = site.browser_of("mia");
    for _ in 0..3 {
        site.pass(19 * MINUTE);
        assert_eq!(browser.who(), "mia, fresh");
    }
    site.pass(3 * MINUTE);
    assert_eq!(browser.who(), "nobody");
    assert_eq!(reason(&site), Some(EndReason::RecordGone));
}

/// Other systems can do without any timeout, or limit what browsers would not keep.
pub(in super::super) fn no_duration_is_endless_or_none_at_all() {
    let timeouts = |idle, absolute| LoginTimeouts::new(seconds(idle), seconds(absolute));
    type Set = Box<dyn FnOnce(Builder) -> Builder>;
    let with = |set: fn(Builder, Shelf) -> Builder| -> Set {
        Box::new(move |builder| set(builder, Shelf::default()))
    };
    let with_timeouts = |limits| -> Set {
        Box::new(move |builder| builder.login_store(Shelf::default()).login_timeouts(limits))
    };
    let cases: Vec<(Set, &str)> = vec![
        (
            with_timeouts(timeouts(DAY, 401 * DAY)),
            "login_timeouts: absolute",
        ),
        (with_timeouts(timeouts(0, DAY)), "login_timeouts: idle"),
        (
            with_timeouts(timeouts(2 * DAY, DAY)),
            "login_timeouts: the idle",
        ),
        (
            with(|it, _| it.login_timeouts(LoginTimeouts::SENSITIVE)),
            "login_timeouts: needs",
        ),
        (
            with(|it, _| it.session_lifetime(seconds(401 * DAY))),
            "session_lifetime",
        ),
        (
            with(|it, _| it.session_lifetime(seconds(0))),
            "session_lifetime",
        ),
        (
            with(|it, _| it.remember_duration(seconds(401 * DAY))),
            "remember_duration",
        ),
        (
            with(|it, _| it.remember_duration(seconds(0))),
            "remember_duration",
        ),
    ];
    for (set, start) in cases {
        let message = Site::refused(set);
        assert!(message.starts_with(start), "{message}");
    }
}

pub(in super::super) fn use_is_noted_once_in_a_step() {
    let site = Site::new();
    let mut browser = site.browser_of("mia");
    site.shelf.asked();
    for (passes, writes) in [
        (HOUR - 1, &[][..]),
        (1, &["touch"]),
        (0, &[]),
        (HOUR / 2, &[]),
        (HOUR / 2, &["touch"]),
    ] {
        site.pass(passes);
        browser.who();
        assert_eq!(site.shelf.writes(), writes);
    }
    let [login] = block_on(site.manager.logins_of("mia"))
        .unwrap()
        .try_into()
        .unwrap();
    let since_1970 = login.last_seen_at.duration_since(SystemTime::UNIX_EPOCH);
    assert_eq!(since_1970.unwrap().as_secs(), NOW + 2 * HOUR);
}

/// Devise has a header for requests that must not count. Here, requests that do not ask for the user do not count, and
/// neither does a watch.
pub(in super::super) fn a_request_that_does_not_look_up_the_user_uses_nothing() {
    let site = with_timeouts(HOUR, DAY);
    let mut browser = site.browser_of("mia");
    let watch = browser.ask(|asking| {
        asking.who();
        asking.visit.watch().unwrap()
    });
    for _ in 0..3 {
        site.pass(15 * MINUTE);
        assert_eq!(browser.read("cart"), None);
        assert!(!block_on(watch.is_over()).unwrap());
    }
    site.shelf.asked();
    site.pass(15 * MINUTE);
    assert!(block_on(watch.is_over()).unwrap());
    assert!(site.shelf.writes().is_empty());
    // A page that shows the login form: it may ask for the current user or not. Neither revives the login.
    browser.put("cart", "one");
    assert_eq!(browser.who(), "nobody");
    browser.put("cart", "one");
    assert_eq!(browser.who(), "nobody");
}

/// Devise lets a remembered login live on. Here the session ends, and the token starts one that is not fresh.
pub(in super::super) fn a_remembered_browser_comes_back_after_a_timeout_and_is_not_fresh() {
    for (idle, absolute, reason_of_the_end) in [
        (HOUR, DAY, EndReason::Idle),
        (2 * HOUR, 2 * HOUR, EndReason::TooOld),
    ] {
        let site = with_timeouts(idle, absolute);
        let mut browser = site.remembered_browser_of("mia");
        browser.put("cart", "one");
        let id = site.record_of("mia").id;
        if reason_of_the_end == EndReason::TooOld {
            site.pass(HOUR);
            assert_eq!(browser.who(), "mia, fresh");
        }
        site.pass(HOUR);
        site.events();
        assert_eq!(browser.who(), "mia, remembered");
        assert_eq!(reason(&site), Some(reason_of_the_end));
        assert_eq!(browser.who(), "mia");
        assert_eq!(browser.read("cart"), None, "the session is a new one");
        assert_eq!(site.record_of("mia").id, id, "the login is the same one");
    }
}

pub(in super::super) fn each_kind_of_user_times_out_alone() {
    let members = with_timeouts(HOUR, DAY);
    let staff = Site::with(|builder| {
        let builder = builder.session_cookie(|cookie| cookie.name("__Host-staff"));
        builder.remember_cookie(|cookie| cookie.name("__Host-staff_token"))
    });
    let mut browser = members.browser_of("mia");
    browser.at(&staff).log_in("ben");
    members.pass(2 * HOUR);
    staff.pass(2 * HOUR);
    assert_eq!(browser.at(&members).who(), "nobody");
    assert_eq!(browser.at(&staff).who(), "ben");
}

pub(in super::super) fn the_way_back_after_a_timeout_is_the_page() {
    let timeouts = LoginTimeouts::CRITICAL;
    let site = Site::with(|builder| builder.login_timeouts(timeouts).login_view("/login"));
    let mut browser = site.browser_of("mia");
    site.pass(15 * MINUTE);
    browser.send(
        http::Method::GET,
        "/members?page=2",
        &[("accept", "text/html")],
        |asking| {
            assert_eq!(asking.who(), "nobody");
            let answer = asking.deny(Denied::LoginRequired);
            let location = answer.headers()["location"].to_str().unwrap();
            assert_eq!(location, "/login?next=%2Fmembers%3Fpage%3D2");
        },
    );
}

pub(in super::super) fn a_user_who_logs_out_too_late_has_logged_out() {
    let site = with_timeouts(HOUR, DAY);
    let mut browser = site.browser_of("mia");
    site.pass(2 * HOUR);
    site.events();
    browser.log_out();
    assert!(browser.names().is_empty());
    let user_id = Some("mia".to_owned());
    assert_eq!(
        site.events(),
        [Event::LoggedOut { user_id }],
        "and nothing of a timeout"
    );
}

pub(in super::super) fn a_record_ends_with_whatever_comes_first() {
    let site = with_timeouts(HOUR, DAY);
    let mut browser = site.browser_of("mia");
    assert_eq!(site.record_of("mia").expires_at, NOW + HOUR);
    for _ in 0..24 * 2 - 1 {
        site.pass(HOUR / 2);
        assert_ne!(browser.who(), "nobody");
    }
    assert_eq!(site.record_of("mia").expires_at, NOW + DAY);
    let site = with_timeouts(1, DAY);
    site.browser_of("mia");
    assert_eq!(site.record_of("mia").expires_at, NOW + 1);
}

pub(in super::super) fn what_has_expired_counts_for_nothing_and_is_swept() {
    let site = Site::new();
    let mut old = site.browser_of("mia");
    site.pass(DAY / 2);
    let mut new = site.browser_of("mia");
    site.pass(DAY / 2);
    assert_eq!(site.logins_of("mia").len(), 1);
    assert_eq!(old.who(), "nobody", "before anybody has swept");
    assert_eq!(site.shelf.len(), 2);
    assert_eq!(block_on(site.manager.delete_expired_logins()).unwrap(), 1);
    assert_eq!(site.shelf.len(), 1);
    assert_ne!(new.who(), "nobody");
}
