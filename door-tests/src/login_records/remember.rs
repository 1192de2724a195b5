//! Remember tokens that are valid for one use: what a use brings, and for how long.

use std::time::Duration;

use housekey::{Event, Rejection};

use super::{SESSION, TOKEN};
use crate::browser::Browser;
use crate::site::START;
use crate::site::{DAY, ENDS_OF_MIA, HOUR, Site, Sites};
use crate::store::{Call, Gate};

/// For this long, one token is valid for several requests.
const WINDOW: Duration = Duration::from_secs(60);

fn rejected(reason: Rejection) -> Event {
    Event::RememberTokenRejected { reason }
}

async fn each_use_changes_the_token_and_the_session_and_keeps_the_record(sites: Sites) {
    let site = sites.stored();
    let mut browser = site.remembered_browser_of("mia").await;
    let id = site.store.only("mia").await.id;
    let mut seen = vec![browser.jar.value(TOKEN).unwrap().to_owned()];
    for _ in 0..5 {
        site.clock.advance(DAY);
        browser.restart();
        assert_eq!(browser.who().await, "mia, remembered, by RememberToken");
        assert_eq!(browser.who().await, "mia, remembered, by Session");
        for name in [SESSION, TOKEN] {
            let value = browser.jar.value(name).unwrap().to_owned();
            assert!(!seen.contains(&value), "{name} came twice");
            seen.push(value);
        }
    }
    let record = site.store.only("mia").await;
    assert_eq!((record.id, record.created_at), (id, START));
    assert_eq!(record.last_seen_at, site.clock.now());
}

async fn requests_that_use_a_token_at_once_are_all_given_the_same_cookies(sites: Sites) {
    let site = sites.stored();
    let mut browser = site.remembered_browser_of("mia").await;
    browser.restart();
    let mut tab = browser.clone();
    let (first, second) = (browser.get("/who").await, tab.get("/who").await);
    assert_eq!(second.body, "mia, remembered, by RememberToken");
    assert_eq!(first.set_cookies().len(), 2);
    assert_eq!(first.set_cookies(), second.set_cookies());
}

async fn the_browser_can_go_on_with_any_answer_that_comes_last(sites: Sites) {
    for later in [Duration::ZERO, Duration::from_secs(59), WINDOW] {
        for the_first_comes_last in [false, true] {
            let site = sites.stored();
            let mut browser = site.remembered_browser_of("mia").await;
            browser.restart();
            let mut tab = browser.clone();
            let first = tab.get("/who").await;
            let mut tab = browser.clone();
            site.clock.advance(later);
            let second = tab.get("/who").await;
            assert_eq!(second.body, "mia, remembered, by RememberToken");
            browser.receive(&second);
            if the_first_comes_last {
                browser.receive(&first);
            }
            assert_eq!(browser.who().await, "mia, remembered, by Session");
            site.clock.advance(DAY);
            browser.restart();
            assert_eq!(browser.who().await, "mia, remembered, by RememberToken");
            assert_eq!(site.store.len(), 1);
        }
    }
}

/// The answer to the first use got lost: the browser has the old token, and uses it again.
async fn an_answer_that_was_lost_costs_nothing_if_the_browser_asks_again_within_the_minute(
    sites: Sites,
) {
    let site = sites.stored();
    let mut browser = site.remembered_browser_of("mia").await;
    browser.restart();
    browser.clone().get("/who").await;
    site.clock.advance(WINDOW);
    assert_eq!(browser.who().await, "mia, remembered, by RememberToken");
    site.clock.advance(DAY);
    browser.restart();
    assert_eq!(browser.who().await, "mia, remembered, by RememberToken");
}

async fn a_second_use_within_the_minute_writes_nothing(sites: Sites) {
    let site = sites.stored();
    let mut browser = site.remembered_browser_of("mia").await;
    browser.restart();
    let mut tab = browser.clone();
    browser.who().await;
    site.store.calls();
    tab.who().await;
    assert_eq!(site.store.calls(), [Call::Load]);
}

async fn a_token_ends_when_it_was_said_to_end_and_its_uses_do_not_put_that_off(sites: Sites) {
    for (seconds_before, expected) in [(1, "mia, remembered, by RememberToken"), (0, "nobody")] {
        let site = sites.stored();
        let mut browser = site.remembered_browser_of("mia").await;
        for _ in 0..29 {
            site.clock.advance(DAY);
            browser.restart();
            let answer = browser.get("/who").await;
            assert_eq!(answer.body, "mia, remembered, by RememberToken");
            let token = answer.set_cookie(TOKEN).unwrap();
            assert!(
                token.contains("Expires=Thu, 14 Dec 2023 22:13:20 GMT"),
                "{token}"
            );
        }
        // On the server, since the thief's browser can keep anything.
        browser.restart();
        let token = browser.jar.value(TOKEN).unwrap().to_owned();
        site.clock.set(START + 30 * DAY.as_secs() - seconds_before);
        let mut thief = site.browser();
        thief.jar.put(TOKEN, &token);
        assert_eq!(thief.who().await, expected);
    }
}

async fn a_token_that_slides_ends_when_it_has_not_been_used_for_its_duration(sites: Sites) {
    let site = sites.stored_with(|builder| builder.remember_refresh_each_request());
    let mut browser = site.browser();
    let form = format!("name=mia&remember_for={}", (10 * DAY).as_secs());
    browser.post("/login", &form).await;
    for _ in 0..5 {
        site.clock.advance(9 * DAY);
        browser.restart();
        assert_eq!(browser.who().await, "mia, remembered, by RememberToken");
    }
    site.clock.advance(10 * DAY);
    assert_eq!(browser.who().await, "nobody");
}

async fn a_token_is_used_only_by_a_look_up_that_the_session_cannot_answer(sites: Sites) {
    let site = sites.stored();
    let mut browser = site.remembered_browser_of("mia").await;
    let token = browser.jar.value(TOKEN).unwrap().to_owned();
    browser.who().await;
    browser.restart();
    for path in ["/", "/login", "/session/k"] {
        browser.get(path).await;
    }
    browser.post("/session/k", "v").await;
    assert_eq!(browser.jar.value(TOKEN), Some(token.as_str()));
}

async fn a_remembered_login_is_not_fresh_and_may_be_proved_in_the_same_request(sites: Sites) {
    let site = sites.stored().with_login_pages(&Gate::default());
    let mut browser = site.remembered_browser_of("mia").await;
    browser.restart();
    assert_eq!(browser.clone().get("/fresh").await.status, 303);
    assert_eq!(browser.post("/prove-it", "").await.status, 200);
    assert_eq!(browser.who().await, "mia, fresh, remembered, by Session");
    site.clock.advance(2 * WINDOW);
    browser.restart();
    assert_eq!(browser.who().await, "mia, remembered, by RememberToken");
}

/// The current user has not been asked for, so there is no login to confirm yet, and the token is unchanged.
async fn a_proof_without_a_look_before_it_uses_no_token(sites: Sites) {
    let site = sites.stored();
    let mut browser = site.remembered_browser_of("mia").await;
    browser.restart();
    assert_eq!(browser.post("/confirm", "").await.status, 401);
    site.clock.advance(DAY);
    assert_eq!(browser.who().await, "mia, remembered, by RememberToken");
}

async fn a_token_lives_on_over_a_proof_and_a_new_password(sites: Sites) {
    for (path, body) in [("/confirm", ""), ("/new-password", "another stamp")] {
        let site = sites.stored();
        let mut browser = site.remembered_browser_of("mia").await;
        browser.post(path, body).await;
        site.clock.advance(DAY);
        browser.restart();
        assert_eq!(
            browser.who().await,
            "mia, remembered, by RememberToken",
            "{path}"
        );
    }
}

async fn a_new_password_ends_the_tokens_of_all_other_browsers(sites: Sites) {
    let site = sites.stored();
    let mut here = site.browser_of("mia").await;
    let mut there = site.remembered_browser_of("mia").await;
    here.post("/new-password", "another stamp").await;
    assert_eq!(site.logins("mia").await, 1);
    there.restart();
    assert_eq!(there.who().await, "nobody");
    assert_eq!(there.jar.names(), [""; 0]);
}

async fn an_invalid_token_makes_a_stranger_and_is_deleted_without_alarm_unless_it_may_count_again(
    sites: Sites,
) {
    type Case = (&'static str, fn(&Site), Event);
    let cases: [Case; 3] = [
        (
            "it has expired",
            |site| site.clock.advance(30 * DAY),
            rejected(Rejection::LoginEnded),
        ),
        (
            "the user has another auth hash",
            ENDS_OF_MIA[2],
            Event::LoginEnded {
                user_id: "mia".to_owned(),
                reason: housekey::EndReason::AuthHashChanged,
            },
        ),
        (
            "it comes from the future",
            |site| site.clock.set(START - HOUR.as_secs()),
            rejected(Rejection::FromTheFuture),
        ),
    ];
    for (name, end, expected) in cases {
        let site = sites.stored();
        let token = site.remembered_browser_of("mia").await;
        let token = token.jar.value(TOKEN).unwrap().to_owned();
        end(&site);
        site.events.take();
        let mut browser = with_token(&site, &token);
        assert_eq!(browser.who().await, "nobody", "{name}");
        assert_eq!(site.events.take(), [Event::Accessed, expected], "{name}");
        let may_count_again = name == "it comes from the future";
        assert_eq!(browser.jar.names().is_empty(), !may_count_again, "{name}");
        if may_count_again {
            site.clock.set(START);
            assert_eq!(browser.who().await, "mia, remembered, by RememberToken");
        }
    }
}

async fn a_token_of_an_ended_login_makes_a_stranger_and_not_a_thief(sites: Sites) {
    let site = sites.stored();
    let mut browser = site.remembered_browser_of("mia").await;
    let mut copy = browser.clone();
    copy.restart();
    browser.post("/logout", "").await;
    let mut other = site.remembered_browser_of("mia").await;
    site.events.take();
    assert_eq!(copy.who().await, "nobody");
    assert_eq!(
        site.events.take(),
        [Event::Accessed, rejected(Rejection::LoginEnded)]
    );
    assert_eq!(copy.jar.names(), [""; 0]);
    other.restart();
    assert_eq!(other.who().await, "mia, remembered, by RememberToken");
}

async fn a_login_that_does_not_ask_to_be_remembered_ends_the_one_that_was(sites: Sites) {
    let site = sites.stored();
    let mut browser = site.remembered_browser_of("mia").await;
    let before = browser.clone();
    browser.log_in("mia").await;
    assert_eq!(browser.jar.value(TOKEN), None);
    let mut thief = before;
    thief.restart();
    assert_eq!(thief.who().await, "nobody");
}

/// Signed for another cookie's purpose or another name, it is worthless.
async fn a_token_is_good_as_nothing_but_a_token_and_a_session_as_nothing_but_a_session(
    sites: Sites,
) {
    let site = sites.stored();
    let browser = site.remembered_browser_of("mia").await;
    let value = |name| browser.jar.value(name).unwrap().to_owned();
    let mut swapped = site.browser();
    swapped.jar.put(SESSION, &value(TOKEN));
    swapped.jar.put(TOKEN, &value(SESSION));
    site.store.calls();
    assert_eq!(swapped.who().await, "nobody");
    assert_eq!(
        site.store.calls(),
        [],
        "what is not signed asks the store nothing"
    );
}

/// Without a store its tokens had another format; with one those are not accepted.
async fn cookies_made_without_records_do_not_count_where_logins_have_records(sites: Sites) {
    let site = sites.safe();
    let browser = site.remembered_browser_of("mia").await;
    let stored = sites.stored();
    for name in [SESSION, TOKEN] {
        assert_eq!(stored.who_with_only(name, &browser.jar).await, "nobody");
    }
    let browser = stored.remembered_browser_of("mia").await;
    assert_eq!(site.who_with_only(TOKEN, &browser.jar).await, "nobody");
}

fn with_token(site: &Site, token: &str) -> Browser {
    let mut browser = site.browser();
    browser.jar.put(TOKEN, token);
    browser
}

cases! {
    login_records_remember:
    each_use_changes_the_token_and_the_session_and_keeps_the_record,
    requests_that_use_a_token_at_once_are_all_given_the_same_cookies,
    the_browser_can_go_on_with_any_answer_that_comes_last,
    an_answer_that_was_lost_costs_nothing_if_the_browser_asks_again_within_the_minute,
    a_second_use_within_the_minute_writes_nothing,
    a_token_ends_when_it_was_said_to_end_and_its_uses_do_not_put_that_off,
    a_token_that_slides_ends_when_it_has_not_been_used_for_its_duration,
    a_token_is_used_only_by_a_look_up_that_the_session_cannot_answer,
    a_remembered_login_is_not_fresh_and_may_be_proved_in_the_same_request,
    a_proof_without_a_look_before_it_uses_no_token,
    a_token_lives_on_over_a_proof_and_a_new_password,
    a_new_password_ends_the_tokens_of_all_other_browsers,
    an_invalid_token_makes_a_stranger_and_is_deleted_without_alarm_unless_it_may_count_again,
    a_token_of_an_ended_login_makes_a_stranger_and_not_a_thief,
    a_login_that_does_not_ask_to_be_remembered_ends_the_one_that_was,
    a_token_is_good_as_nothing_but_a_token_and_a_session_as_nothing_but_a_session,
    cookies_made_without_records_do_not_count_where_logins_have_records,
}
