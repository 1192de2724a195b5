//! How many logins a user may have at once.

use housekey_axum::{EndReason, Event, SecretKeys, WhenFull};
use http::Method;

use super::SESSION;
use crate::common::browser::Browser;
use crate::common::store::Call;
use crate::common::{DAY, HOUR, KEY, Site};

fn site(count: usize, when_full: WhenFull) -> Site {
    Site::stored_with(|builder| builder.max_logins(count, when_full))
}

/// Several browsers of mia's, each an hour after the one before.
async fn browsers(site: &Site, count: usize) -> Vec<Browser> {
    let mut browsers = Vec::new();
    for _ in 0..count {
        browsers.push(site.browser_of("mia").await);
        site.clock.advance(HOUR);
    }
    browsers
}

#[tokio::test]
async fn one_login_too_many_ends_the_one_that_was_not_used_for_the_longest_time() {
    let site = site(3, WhenFull::EndOldest);
    let mut browsers = browsers(&site, 3).await;
    // The first is used, so that the second is the one.
    browsers[0].who().await;
    site.events.take();
    site.browser_of("mia").await;
    let ended = Event::LoginEnded {
        user_id: "mia".to_owned(),
        reason: EndReason::TooManyLogins,
    };
    let logged_in = Event::LoggedIn {
        user_id: "mia".to_owned(),
        remember: false,
    };
    assert_eq!(site.events.take(), [ended, logged_in]);
    let mut there = Vec::new();
    for browser in &mut browsers {
        there.push(browser.who().await.starts_with("mia"));
    }
    assert_eq!(there, [true, false, true]);
    assert_eq!(site.logins("mia").await, 3);
}

#[tokio::test]
async fn one_login_too_many_is_refused_and_those_that_are_there_stay() {
    let site = site(2, WhenFull::Refuse);
    let mut browsers = browsers(&site, 2).await;
    let mut third = site.browser();
    third.post("/session/cart", "a book").await;
    let before = third.jar.clone();
    let answer = third.post("/login", "name=mia&remember=true").await;
    assert_eq!(answer.status, 403);
    assert!(answer.body.contains("only 2 logins"), "{}", answer.body);
    assert_eq!(answer.set_cookies(), [""; 0]);
    assert_eq!(third.jar, before);
    assert_eq!(site.store.len(), 2);
    for browser in &mut browsers {
        assert!(browser.who().await.starts_with("mia"));
    }
    browsers[0].post("/logout", "").await;
    third.log_in("mia").await;
}

#[tokio::test]
async fn who_is_refused_stays_whoever_they_were() {
    let site = site(1, WhenFull::Refuse);
    browsers(&site, 1).await;
    let mut ben = site.remembered_browser_of("ben").await;
    assert_eq!(ben.post("/login", "name=mia").await.status, 403);
    assert_eq!(ben.who().await, "ben, fresh, remembered, by Session");
}

#[tokio::test]
async fn logging_in_again_in_the_same_browser_is_not_one_more() {
    for when_full in [WhenFull::Refuse, WhenFull::EndOldest] {
        let site = site(2, when_full);
        let mut browsers = browsers(&site, 2).await;
        for _ in 0..3 {
            browsers[1].log_in_remembered("mia").await;
        }
        // Nor when only the remember token is left of it.
        browsers[1].jar.remove(SESSION);
        browsers[1].log_in("mia").await;
        assert_eq!(site.logins("mia").await, 2);
        assert!(browsers[0].who().await.starts_with("mia"));
    }
}

#[tokio::test]
async fn each_user_has_their_own_count() {
    let site = site(1, WhenFull::Refuse);
    for id in ["mia", "ben", "1", "7", "佐藤"] {
        site.browser_of(id).await;
    }
    assert_eq!(site.store.len(), 5);
}

#[tokio::test]
async fn a_login_that_is_over_makes_room() {
    let site = site(1, WhenFull::Refuse);
    site.browser_of("mia").await;
    site.clock.advance(DAY);
    site.browser_of("mia").await;
}

#[tokio::test]
async fn a_login_of_a_remembered_browser_takes_its_place_until_the_token_ends() {
    let site = site(1, WhenFull::Refuse);
    site.remembered_browser_of("mia").await;
    site.clock.advance(29 * DAY);
    assert_eq!(site.browser().post("/login", "name=mia").await.status, 403);
    site.clock.advance(DAY);
    site.browser_of("mia").await;
}

#[tokio::test]
async fn a_lower_limit_holds_from_the_next_login_on() {
    let site = site(5, WhenFull::EndOldest);
    let mut browsers = browsers(&site, 5).await;
    let site = site.restarted(SecretKeys::new(KEY).unwrap(), |builder| {
        builder.max_logins(2, WhenFull::EndOldest)
    });
    for browser in &mut browsers {
        browser.move_to(site.router());
        assert!(browser.who().await.starts_with("mia"));
    }
    site.browser_of("mia").await;
    assert_eq!(site.logins("mia").await, 2);
}

/// They do not see each other: both were counted before either was there.
#[tokio::test]
async fn logins_at_the_very_same_time_may_be_too_many_and_the_next_one_counts_them() {
    for (when_full, status, left) in [(WhenFull::EndOldest, 303, 1), (WhenFull::Refuse, 403, 2)] {
        let site = site(1, when_full);
        let gate = site.store.hold(Call::Create);
        let slow = site.browser();
        let slow = slow
            .stop_at(&gate, Method::POST, "/login", "name=mia")
            .await;
        site.browser_of("mia").await;
        assert_eq!(slow.go_on().await.status, 303);
        assert_eq!(site.logins("mia").await, 2);
        let answer = site.browser().post("/login", "name=mia").await;
        assert_eq!((answer.status, site.logins("mia").await), (status, left));
    }
}
