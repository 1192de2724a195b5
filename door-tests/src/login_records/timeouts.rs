//! Idle and absolute timeouts, which the server checks, and what counts as use.

use std::time::Duration;

use housekey::{EndReason, ErrorKind, Event, LoginManager, LoginTimeouts, SecretKeys, WhenFull};

use super::SESSION;
use crate::browser::Browser;
use crate::site::START;
use crate::site::{Builder, DAY, HOUR, KEY, Site, Sites};
use crate::store::{Call, TestStore};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// An idle timeout of one hour, noted every three minutes, and an absolute timeout of one day.
fn sensitive(builder: Builder) -> Builder {
    builder.login_timeouts(LoginTimeouts::SENSITIVE)
}

async fn used_every_half_hour_for(site: &Site, browser: &mut Browser, how_long: Duration) {
    let end = site.clock.now() + how_long.as_secs();
    while site.clock.now() < end {
        site.clock
            .advance((HOUR / 2).min(Duration::from_secs(end - site.clock.now())));
        assert!(
            browser.who().await.starts_with("mia"),
            "{} s",
            site.clock.now() - START
        );
    }
}

async fn a_login_that_nobody_uses_ends_at_the_idle_timeout_to_the_second(sites: Sites) {
    for (unused, expected) in [
        (HOUR - SECOND, "mia, fresh, by Session"),
        (HOUR, "nobody"),
        (HOUR + SECOND, "nobody"),
        (30 * DAY, "nobody"),
    ] {
        for site in [
            sites.stored_with(sensitive),
            sites.stored_flask_with(sensitive),
        ] {
            let mut browser = site.browser_of("mia").await;
            site.clock.advance(unused);
            assert_eq!(browser.who().await, expected, "after {unused:?}");
        }
    }
}

async fn a_login_that_is_over_by_the_clock_leaves_nothing_in_the_browser_or_in_lists(sites: Sites) {
    let site = sites.stored_with(sensitive);
    let mut browser = site.browser_of("mia").await;
    site.clock.advance(HOUR);
    assert_eq!(site.logins("mia").await, 0);
    site.events.take();
    assert_eq!(browser.who().await, "nobody");
    // Nothing can use the record any more, so for the store it is gone.
    assert_eq!(
        site.events.take(),
        [Event::Accessed, ended(EndReason::RecordGone)]
    );
    assert_eq!(browser.jar.names(), [""; 0]);
}

/// Their record is still there, for the remember token.
async fn a_session_that_is_over_by_the_clock_says_which_timeout_it_was_where_the_browser_is_remembered(
    sites: Sites,
) {
    for (reason, used_for, then) in [
        (EndReason::Idle, Duration::ZERO, HOUR),
        (EndReason::TooOld, DAY - SECOND, SECOND),
    ] {
        let site = sites.stored_with(sensitive);
        let mut browser = site.remembered_browser_of("mia").await;
        used_every_half_hour_for(&site, &mut browser, used_for).await;
        site.clock.advance(then);
        site.events.take();
        browser.who().await;
        let restored = Event::LoadedFromCookie {
            user_id: "mia".to_owned(),
        };
        assert_eq!(
            site.events.take(),
            [Event::Accessed, ended(reason), restored]
        );
    }
}

fn ended(reason: EndReason) -> Event {
    Event::LoginEnded {
        user_id: "mia".to_owned(),
        reason,
    }
}

async fn use_puts_the_idle_timeout_off_once_it_has_been_noted(sites: Sites) {
    for (used_after, ends_after) in [
        // Within the step: as if nothing had happened.
        (3 * MINUTE - SECOND, HOUR),
        (3 * MINUTE, HOUR + 3 * MINUTE),
        (HOUR - SECOND, 2 * HOUR - SECOND),
    ] {
        for (seconds_before, expected) in [(1, true), (0, false)] {
            let site = sites.stored_with(sensitive);
            let mut browser = site.browser_of("mia").await;
            site.clock.advance(used_after);
            browser.who().await;
            site.clock
                .set(START + ends_after.as_secs() - seconds_before);
            let there = browser.who().await.starts_with("mia");
            assert_eq!(
                there, expected,
                "used after {used_after:?}, {seconds_before} s before {ends_after:?}"
            );
        }
    }
}

async fn use_within_a_step_writes_nothing_and_beyond_it_once(sites: Sites) {
    let site = sites.stored_with(sensitive);
    let mut browser = site.browser_of("mia").await;
    site.store.calls();
    for _ in 0..3 {
        site.clock.advance(59 * SECOND);
        browser.who().await;
    }
    assert_eq!(site.store.calls(), [Call::Load; 3]);
    site.clock.advance(3 * SECOND);
    for _ in 0..3 {
        browser.who().await;
    }
    assert_eq!(
        site.store.calls(),
        [Call::Load, Call::Touch, Call::Load, Call::Load]
    );
    assert_eq!(site.store.only("mia").await.last_seen_at, START + 180);
}

async fn shorter_timeouts_count_for_logins_from_before_as_well(sites: Sites) {
    let site = sites.stored();
    let mut browser = site.browser_of("mia").await;
    let site = site.restarted(SecretKeys::new(KEY).unwrap(), sensitive);
    browser.move_to(&site);
    site.clock.advance(HOUR);
    site.events.take();
    assert_eq!(browser.who().await, "nobody");
    assert_eq!(
        site.events.take(),
        [Event::Accessed, ended(EndReason::Idle)]
    );
    assert_eq!(site.store.len(), 0);
}

async fn use_does_not_put_off_the_absolute_timeout(sites: Sites) {
    let site = sites.stored_with(sensitive);
    let mut browser = site.browser_of("mia").await;
    used_every_half_hour_for(&site, &mut browser, DAY - SECOND).await;
    site.clock.advance(SECOND);
    assert_eq!(browser.who().await, "nobody");
}

async fn proving_oneself_starts_the_absolute_timeout_anew_and_a_change_of_the_auth_hash_does_not(
    sites: Sites,
) {
    for (path, body, anew) in [
        ("/confirm", "", true),
        ("/login", "name=mia", true),
        ("/new-password", "another stamp", false),
        ("/session/k", "a value", false),
    ] {
        let site = sites.stored_with(sensitive);
        let mut browser = site.browser_of("mia").await;
        used_every_half_hour_for(&site, &mut browser, DAY / 2).await;
        assert!(browser.post(path, body).await.status < 400, "{path}");
        used_every_half_hour_for(&site, &mut browser, DAY / 2 - SECOND).await;
        site.clock.advance(SECOND);
        assert_eq!(browser.who().await.starts_with("mia"), anew, "{path}");
        if anew {
            used_every_half_hour_for(&site, &mut browser, DAY / 2 - SECOND).await;
            site.clock.advance(SECOND);
            assert_eq!(browser.who().await, "nobody", "{path}");
        }
    }
}

async fn a_page_that_does_not_look_up_the_user_does_not_use_the_login(sites: Sites) {
    let site = sites.stored_with(sensitive);
    let mut browser = site.browser_of("mia").await;
    for _ in 0..4 {
        site.clock.advance(HOUR / 4);
        for path in ["/", "/login", "/session/k"] {
            browser.get(path).await;
        }
    }
    assert_eq!(browser.who().await, "nobody");
}

async fn the_login_page_does_not_revive_what_is_over(sites: Sites) {
    let site = sites.stored_with(sensitive);
    let mut browser = site.browser_of("mia").await;
    site.clock.advance(HOUR);
    assert_eq!(browser.get("/members").await.status, 303);
    assert_eq!(browser.get("/login").await.status, 200);
    assert_eq!(browser.who().await, "nobody");
}

async fn a_remembered_browser_comes_back_after_either_timeout_to_the_same_record_and_not_fresh(
    sites: Sites,
) {
    for unused in [HOUR, DAY, 29 * DAY] {
        let site = sites.stored_with(sensitive);
        let mut browser = site.remembered_browser_of("mia").await;
        let id = site.store.only("mia").await.id;
        site.clock.advance(unused);
        assert_eq!(browser.who().await, "mia, remembered, by RememberToken");
        assert_eq!(browser.who().await, "mia, remembered, by Session");
        assert_eq!(browser.get("/fresh").await.status, 303);
        assert_eq!(site.store.only("mia").await.id, id);
        assert_eq!(site.store.only("mia").await.created_at, START);
    }
}

async fn what_a_token_restored_ends_at_the_timeouts_too(sites: Sites) {
    let site = sites.stored_with(sensitive);
    let mut browser = site.remembered_browser_of("mia").await;
    site.clock.advance(HOUR);
    browser.who().await;
    let restored = browser.jar.clone();
    site.clock.advance(HOUR);
    assert_eq!(site.who_with_only(SESSION, &restored).await, "nobody");
}

async fn a_clock_that_was_put_back_ends_no_login_and_lengthens_none_without_end(sites: Sites) {
    let site = sites.stored_with(sensitive);
    let mut browser = site.browser_of("mia").await;
    site.clock.set(START - 5);
    assert_eq!(browser.who().await, "mia, fresh, by Session");
    site.clock.set(START - DAY.as_secs());
    assert_eq!(
        browser.who().await,
        "nobody",
        "the cookie comes from the future"
    );
    assert_eq!(site.store.len(), 1, "that does not end the login");
    site.clock.set(START + HOUR.as_secs() - 1);
    assert_eq!(browser.who().await, "mia, fresh, by Session");
}

async fn a_clock_at_either_end_of_time_ends_logins_and_nothing_else(sites: Sites) {
    for now in [0, 1, u64::from(u32::MAX), 200_000_000_000] {
        let site = sites.stored();
        let mut browser = site.remembered_browser_of("mia").await;
        site.clock.set(now);
        assert_eq!(browser.who().await, "nobody", "at {now}");
        let mut browser = site.remembered_browser_of("mia").await;
        assert_eq!(
            browser.who().await,
            "mia, fresh, remembered, by Session",
            "at {now}"
        );
    }
}

async fn settings_that_need_records_or_contradict_each_other_are_refused_by_name(sites: Sites) {
    type Case = (fn(Builder) -> Builder, bool, &'static str);
    let new = LoginTimeouts::new;
    assert_eq!(new(HOUR, DAY), LoginTimeouts::SENSITIVE);
    let cases: [Case; 7] = [
        (
            |it| it.login_timeouts(LoginTimeouts::SENSITIVE),
            false,
            "login_timeouts: needs login records",
        ),
        (
            |it| it.max_logins(1, WhenFull::Refuse),
            false,
            "max_logins: needs login records",
        ),
        (
            |it| it.remember_format(housekey::RememberFormat::Rotating),
            false,
            "remember_format: needs login records",
        ),
        (
            |it| it.max_logins(0, WhenFull::Refuse),
            true,
            "max_logins: ",
        ),
        (
            |it| it.login_timeouts(LoginTimeouts::new(DAY, HOUR)),
            true,
            "login_timeouts: ",
        ),
        (
            |it| it.login_timeouts(LoginTimeouts::new(SECOND / 2, HOUR)),
            true,
            "login_timeouts: idle",
        ),
        (
            |it| it.login_timeouts(LoginTimeouts::new(HOUR, 401 * DAY)),
            true,
            "login_timeouts: absolute",
        ),
    ];
    for (set, stored, message) in cases {
        let members = sites.safe().members.clone();
        let mut builder = LoginManager::new(SecretKeys::new(KEY).unwrap(), members);
        if stored {
            builder = builder.login_store(TestStore::default());
        }
        let error = set(builder).build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Setting);
        assert!(error.to_string().starts_with(message), "{error}");
    }
}

/// A cookie that holds the login expires after its lifetime. In the safe preset, only the record says how long a login
/// lives.
async fn a_login_may_be_idle_for_longer_than_a_session_lives_unless_a_flask_peer_reads_it(
    sites: Sites,
) {
    let short = |builder: Builder| {
        builder
            .session_lifetime(HOUR)
            .session_refresh(housekey::SessionRefresh::Never)
            .login_timeouts(LoginTimeouts::EVERYDAY)
    };
    let members = sites.safe().members.clone();
    let flask = LoginManager::flask(SecretKeys::flask(KEY).unwrap(), members);
    let flask = flask.login_store(TestStore::default());
    let error = short(flask).build().unwrap_err();
    assert!(error.to_string().starts_with("login_timeouts: "), "{error}");

    let site = sites.stored_with(short);
    let mut browser = site.browser_of("mia").await;
    browser.post("/session/note", "short").await;
    site.clock.advance(DAY - SECOND);
    assert_eq!(browser.who().await, "mia, by Session");
    assert_eq!(
        browser.read("/session/note").await,
        "nothing",
        "values have a lifetime"
    );
    site.clock.advance(DAY);
    assert_eq!(browser.who().await, "nobody");
}

/// What the guide says about both together: 30 days of the token, plus 30 of the session that its last use starts.
async fn with_the_defaults_a_remembered_browser_is_out_sixty_days_after_the_password(sites: Sites) {
    let site = sites.stored();
    let mut browser = site.remembered_browser_of("mia").await;
    browser.restart();
    site.clock.advance(30 * DAY - SECOND);
    assert_eq!(browser.who().await, "mia, remembered, by RememberToken");
    for _ in 0..59 {
        site.clock.advance(DAY / 2);
        assert!(browser.who().await.starts_with("mia, by Session"));
    }
    site.clock.advance(DAY / 2);
    assert_eq!(browser.who().await, "nobody");
}

cases! {
    login_records_timeouts:
    a_login_that_nobody_uses_ends_at_the_idle_timeout_to_the_second,
    a_login_that_is_over_by_the_clock_leaves_nothing_in_the_browser_or_in_lists,
    a_session_that_is_over_by_the_clock_says_which_timeout_it_was_where_the_browser_is_remembered,
    use_puts_the_idle_timeout_off_once_it_has_been_noted,
    use_within_a_step_writes_nothing_and_beyond_it_once,
    shorter_timeouts_count_for_logins_from_before_as_well,
    use_does_not_put_off_the_absolute_timeout,
    proving_oneself_starts_the_absolute_timeout_anew_and_a_change_of_the_auth_hash_does_not,
    a_page_that_does_not_look_up_the_user_does_not_use_the_login,
    the_login_page_does_not_revive_what_is_over,
    a_remembered_browser_comes_back_after_either_timeout_to_the_same_record_and_not_fresh,
    what_a_token_restored_ends_at_the_timeouts_too,
    a_clock_that_was_put_back_ends_no_login_and_lengthens_none_without_end,
    a_clock_at_either_end_of_time_ends_logins_and_nothing_else,
    settings_that_need_records_or_contradict_each_other_are_refused_by_name,
    a_login_may_be_idle_for_longer_than_a_session_lives_unless_a_flask_peer_reads_it,
    with_the_defaults_a_remembered_browser_is_out_sixty_days_after_the_password,
}
