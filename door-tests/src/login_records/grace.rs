//! Requests that were on their way when a secret was replaced: they may still read, for 30 seconds.

use std::time::Duration;

use housekey::{EndReason, Event};
use http::Method;

use super::SESSION;
use crate::site::Sites;
use crate::store::Gate;

const GRACE: Duration = Duration::from_secs(30);

async fn the_secret_before_a_proof_reads_for_half_a_minute_and_not_a_second_longer(sites: Sites) {
    for (after, expected) in [
        (Duration::ZERO, "mia, fresh, by Session"),
        (GRACE, "mia, fresh, by Session"),
        (GRACE + Duration::from_secs(1), "nobody"),
    ] {
        for site in [sites.stored(), sites.stored_flask()] {
            let mut browser = site.browser_of("mia").await;
            let mut under_way = browser.clone();
            browser.post("/confirm", "").await;
            site.clock.advance(after);
            assert_eq!(under_way.who().await, expected, "{after:?} later");
            assert_eq!(browser.who().await, "mia, fresh, by Session");
        }
    }
}

async fn nothing_of_a_request_in_grace_reaches_the_browser(sites: Sites) {
    let gate = Gate::default();
    let site = sites.stored().with_login_pages(&gate);
    let mut browser = site.browser_of("mia").await;
    let under_way = browser.clone();
    browser.post("/confirm", "").await;
    site.clock.advance(2 * Duration::from_secs(10));
    let slow = under_way
        .stop_at(&gate, Method::POST, "/slow/note", "too late")
        .await;
    let answer = slow.go_on().await;
    assert_eq!(answer.body, "mia, fresh, by Session");
    assert_eq!(answer.set_cookies(), [""; 0]);
    browser.receive(&answer);
    assert_eq!(browser.read("/session/note").await, "nothing");
    site.clock.advance(2 * GRACE);
    assert_eq!(browser.who().await, "mia, fresh, by Session");
}

async fn a_copy_that_comes_after_the_grace_loses_its_cookie_and_harms_nobody(sites: Sites) {
    let site = sites.stored();
    let mut browser = site.browser_of("mia").await;
    let mut copy = browser.clone();
    browser.post("/confirm", "").await;
    site.clock.advance(GRACE + Duration::from_secs(60));
    assert_eq!(copy.who().await, "nobody");
    assert_eq!(
        copy.jar.names(),
        [SESSION],
        "by another clock the grace may not be over"
    );
    site.clock.advance(Duration::from_secs(1));
    site.events.take();
    assert_eq!(copy.who().await, "nobody");
    let replaced = Event::LoginEnded {
        user_id: "mia".to_owned(),
        reason: EndReason::CookieReplaced,
    };
    assert_eq!(site.events.take(), [Event::Accessed, replaced]);
    assert_eq!(copy.jar.names(), [""; 0]);
    assert_eq!(browser.who().await, "mia, fresh, by Session");
}

async fn a_session_in_grace_can_neither_prove_nor_end_anything(sites: Sites) {
    let gate = Gate::default();
    let site = sites.stored().with_login_pages(&gate);
    let mut other = site.browser_of("mia").await;
    let mut browser = site.browser_of("mia").await;
    let under_way = browser.clone();
    browser.post("/confirm", "").await;
    let ids = site.manager().logins_of("mia").await.unwrap();
    let end_one = format!("/logins/{}/end", ids[1].id);
    for (path, body) in [
        ("/confirm", ""),
        ("/prove-it", ""),
        ("/new-password", "of the thief"),
        ("/logins/end-others", ""),
        (end_one.as_str(), ""),
    ] {
        let answer = under_way.clone().post(path, body).await;
        assert_eq!(answer.status, 401, "{path}: {}", answer.body);
        assert_eq!(answer.set_cookies(), [""; 0], "{path}");
        site.members.set_stamp("mia", "stamp of mia");
    }
    for browser in [&mut browser, &mut other] {
        assert_eq!(browser.who().await, "mia, fresh, by Session");
    }
}

async fn a_session_in_grace_may_still_log_out(sites: Sites) {
    let site = sites.stored();
    let mut browser = site.browser_of("mia").await;
    let mut under_way = browser.clone();
    browser.post("/confirm", "").await;
    assert_eq!(under_way.post("/logout", "").await.status, 200);
    assert_eq!(browser.who().await, "nobody");
    assert_eq!(site.store.len(), 0);
}

/// Two confirmations: only the secret before the last one is in grace.
async fn only_the_last_replaced_secret_may_still_read(sites: Sites) {
    let site = sites.stored();
    let mut browser = site.browser_of("mia").await;
    let first = browser.jar.clone();
    browser.post("/confirm", "").await;
    let second = browser.jar.clone();
    browser.post("/confirm", "").await;
    assert_eq!(site.who_with(&first).await, "nobody");
    assert_eq!(site.who_with(&second).await, "mia, fresh, by Session");
}

async fn there_is_no_grace_for_what_a_login_replaced(sites: Sites) {
    for next in ["name=mia", "name=ben"] {
        let site = sites.stored();
        let mut browser = site.browser_of("mia").await;
        let before = browser.jar.clone();
        browser.post("/login", next).await;
        assert_eq!(site.who_with(&before).await, "nobody", "{next}");
    }
}

async fn there_is_no_grace_for_a_login_that_timed_out_or_whose_user_is_gone(sites: Sites) {
    let site = sites.stored();
    let mut browser = site.browser_of("mia").await;
    let under_way = browser.clone();
    browser.post("/confirm", "").await;
    site.members.remove("mia");
    let mut late = under_way.clone();
    assert_eq!(late.who().await, "nobody");
    assert!(
        late.jar.value(SESSION).is_some(),
        "it decides nothing for this browser"
    );
    assert_eq!(browser.who().await, "nobody");
    assert_eq!(browser.jar.names(), [""; 0]);
}

/// A change of the auth hash is aimed at copies. A request that was on its way with the old cookie is anonymous, and takes
/// nothing from the browser that made the change.
async fn a_cookie_from_before_a_new_password_is_nobodys_at_once_and_does_no_harm(sites: Sites) {
    let site = sites.stored();
    let mut browser = site.remembered_browser_of("mia").await;
    let mut under_way = browser.clone();
    browser.post("/new-password", "another stamp").await;
    let answer = under_way.get("/who").await;
    assert_eq!(answer.body, "nobody");
    assert_eq!(answer.set_cookies(), [""; 0]);
    assert_eq!(browser.who().await, "mia, fresh, remembered, by Session");
}

cases! {
    login_records_grace:
    the_secret_before_a_proof_reads_for_half_a_minute_and_not_a_second_longer,
    nothing_of_a_request_in_grace_reaches_the_browser,
    a_copy_that_comes_after_the_grace_loses_its_cookie_and_harms_nobody,
    a_session_in_grace_can_neither_prove_nor_end_anything,
    a_session_in_grace_may_still_log_out,
    only_the_last_replaced_secret_may_still_read,
    there_is_no_grace_for_what_a_login_replaced,
    there_is_no_grace_for_a_login_that_timed_out_or_whose_user_is_gone,
    a_cookie_from_before_a_new_password_is_nobodys_at_once_and_does_no_harm,
}
