//! How long a proof counts, and how many logins there may be.

use super::*;
use crate::{Denied, ErrorKind, WhenFull};

pub(in super::super) fn a_login_is_fresh_for_as_long_as_the_settings_say() {
    let site = Site::with(|builder| builder.fresh_within(seconds(20 * MINUTE)));
    let mut browser = site.browser_of("mia");
    assert_eq!(browser.who(), "mia, fresh");
    site.pass(11 * MINUTE);
    browser.ask(|asking| {
        assert_eq!(asking.who(), "mia, fresh");
        assert!(asking.visit.is_fresh_within(seconds(11 * MINUTE)));
        assert!(!asking.visit.is_fresh_within(seconds(10 * MINUTE)));
    });
    site.pass(8 * MINUTE);
    assert_eq!(browser.who(), "mia, fresh");
    site.pass(2 * MINUTE);
    assert_eq!(browser.who(), "mia");
    browser.confirm("mia");
    assert_eq!(browser.who(), "mia, fresh");

    let mut remembered = site.remembered_browser_of("mia");
    remembered.restart();
    assert_eq!(remembered.who(), "mia, remembered");
    assert_eq!(remembered.who(), "mia", "they have proved themselves never");
}

pub(in super::super) fn a_login_after_a_reset_is_fresh() {
    let site = Site::new();
    let mut browser = site.browser_of("mia");
    site.set_stamp("mia", "after a reset");
    assert_eq!(browser.who(), "nobody");
    browser.log_in("mia");
    assert_eq!(browser.who(), "mia, fresh");
}

pub(in super::super) fn a_stale_login_is_sent_to_prove_itself_or_told_so() {
    let site = Site::with(|builder| {
        let builder = builder.refresh_view("/verify");
        builder
            .fresh_within(seconds(1))
            .needs_refresh_message("Prove it.")
    });
    let mut browser = site.browser_of("mia");
    site.pass(2);
    let denied = Denied::FreshLoginRequired { within: None };
    for (accept, status, location) in [
        ("text/html", 303, Some("/verify?next=%2Fmyspecialview")),
        ("application/json", 401, None),
    ] {
        let fields = [("accept", accept)];
        browser.send(http::Method::GET, "/myspecialview", &fields, |asking| {
            assert_eq!(asking.who(), "mia");
            let answer = asking.deny(denied);
            assert_eq!(answer.status().as_u16(), status);
            let found = answer.headers().get("location");
            assert_eq!(found.map(|value| value.to_str().unwrap()), location);
            if location.is_some() {
                assert_eq!(asking.visit.flash().take().unwrap()[0].text, "Prove it.");
            }
        });
    }
}

pub(in super::super) fn a_user_with_too_many_logins_is_refused() {
    let site = Site::with(|builder| builder.max_logins(1, WhenFull::Refuse));
    let mut browser = site.browser_of("mia");
    browser.log_in("mia");
    assert_eq!(browser.who(), "mia, fresh", "their own login makes room");
    let mut other = site.remembered_browser_of("ben");
    let error = other.ask(|asking| asking.log_in("mia", false)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooManyLogins);
    assert!(other.sent.is_empty());
    assert_eq!(other.who(), "ben, fresh");
    browser.log_out();
    other.log_in("mia");
    assert_eq!(other.who(), "mia, fresh");
}

pub(in super::super) fn the_login_that_was_not_used_for_the_longest_time_makes_room() {
    let site = Site::with(|builder| builder.max_logins(2, WhenFull::EndOldest));
    let mut first = site.browser_of("mia");
    site.pass(MINUTE);
    let mut second = site.browser_of("mia");
    site.pass(2 * HOUR);
    first.who();
    let mut bens = site.browser_of("ben");
    let mut third = site.browser_of("mia");
    assert_eq!(second.who(), "nobody");
    assert_eq!(first.who(), "mia");
    assert_eq!(third.who(), "mia, fresh");
    assert_eq!(bens.who(), "ben, fresh");

    let site = Site::with(|builder| builder.max_logins(1, WhenFull::EndOldest));
    let mut first = site.remembered_browser_of("mia");
    let mut second = site.browser_of("mia");
    assert_eq!(first.who(), "nobody");
    assert!(first.names().is_empty());
    assert_eq!(second.who(), "mia, fresh");
}

pub(in super::super) fn a_limit_of_none_is_refused() {
    for when_full in [WhenFull::EndOldest, WhenFull::Refuse] {
        for count in [0, 1001, usize::MAX] {
            let limit = |it: Builder| {
                it.login_store(Shelf::default())
                    .max_logins(count, when_full)
            };
            let message = Site::refused(limit);
            assert!(message.starts_with("max_logins"), "{message}");
        }
        Site::with(|it| it.max_logins(1000, when_full));
    }
}
