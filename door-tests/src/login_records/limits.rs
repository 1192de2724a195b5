//! How many logins a user may have at once.

use std::time::Duration;

use housekey::records::{Limit, LoginId, LoginRecord, LoginStore as _};
use housekey::{EndReason, Event, SecretKeys, WhenFull};
use http::Method;

use super::SESSION;
use crate::browser::Browser;
use crate::peer;
use crate::site::{DAY, HOUR, KEY, Site, Sites};
use crate::store::Call;

const MINUTE: Duration = Duration::from_secs(60);

fn site(sites: Sites, count: usize, when_full: WhenFull) -> Site {
    sites.stored_with(|builder| builder.max_logins(count, when_full))
}

/// Several browsers of mia, each a minute after the previous one.
async fn browsers(site: &Site, count: usize) -> Vec<Browser> {
    let mut browsers = Vec::new();
    for _ in 0..count {
        browsers.push(site.browser_of("mia").await);
        site.clock.advance(MINUTE);
    }
    browsers
}

async fn one_login_too_many_ends_the_one_that_was_not_used_for_the_longest_time(sites: Sites) {
    let site = site(sites, 3, WhenFull::EndOldest);
    let mut browsers = browsers(&site, 3).await;
    // The first is used, so the second is the one that ends.
    site.clock.advance(HOUR);
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

async fn one_login_too_many_is_refused_while_the_others_are_in_use_and_those_stay(sites: Sites) {
    let site = site(sites, 2, WhenFull::Refuse);
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

async fn a_refused_login_leaves_the_current_user_as_they_were(sites: Sites) {
    let site = site(sites, 1, WhenFull::Refuse);
    browsers(&site, 1).await;
    let mut ben = site.remembered_browser_of("ben").await;
    assert_eq!(ben.post("/login", "name=mia").await.status, 403);
    assert_eq!(ben.who().await, "ben, fresh, remembered, by Session");
}

async fn logging_in_again_in_the_same_browser_is_not_one_more(sites: Sites) {
    for when_full in [WhenFull::Refuse, WhenFull::EndOldest] {
        let site = site(sites, 2, when_full);
        let mut browsers = browsers(&site, 2).await;
        for _ in 0..3 {
            browsers[1].log_in_remembered("mia").await;
        }
        // Nor when only its remember token is left.
        browsers[1].jar.remove(SESSION);
        browsers[1].log_in("mia").await;
        assert_eq!(site.logins("mia").await, 2);
        assert!(browsers[0].who().await.starts_with("mia"));
    }
}

async fn each_user_has_their_own_count(sites: Sites) {
    let site = site(sites, 1, WhenFull::Refuse);
    for id in ["mia", "ben", "1", "7", "佐藤"] {
        site.browser_of(id).await;
    }
    assert_eq!(site.store.len(), 5);
}

async fn a_login_that_is_over_makes_room(sites: Sites) {
    let site = site(sites, 1, WhenFull::Refuse);
    site.browser_of("mia").await;
    site.clock.advance(DAY);
    site.browser_of("mia").await;
}

async fn a_browser_that_was_closed_keeps_nobody_out_for_longer_than_ten_minutes(sites: Sites) {
    let ten = 10 * MINUTE;
    let second = Duration::from_secs(1);
    for (after, status) in [(Duration::ZERO, 403), (ten, 403), (ten + second, 303)] {
        let site = site(sites, 1, WhenFull::Refuse);
        let mut closed = site.remembered_browser_of("mia").await;
        site.clock.advance(after);
        site.events.take();
        let answer = site.browser().post("/login", "name=mia").await;
        assert_eq!(answer.status, status, "after {after:?}");
        assert_eq!(site.logins("mia").await, 1);
        let stays = closed.who().await.starts_with("mia");
        assert_eq!(stays, status == 403, "after {after:?}");
    }
}

async fn a_login_that_is_in_use_is_not_ended_for_a_new_one_however_long_ago_it_began(sites: Sites) {
    let site = site(sites, 1, WhenFull::Refuse);
    let mut busy = site.browser_of("mia").await;
    for _ in 0..20 {
        site.clock.advance(5 * MINUTE);
        assert!(busy.who().await.starts_with("mia"));
        site.clock.advance(4 * MINUTE);
        assert_eq!(site.browser().post("/login", "name=mia").await.status, 403);
    }
}

async fn answers_that_are_lost_lock_nobody_out(sites: Sites) {
    let site = site(sites, 3, WhenFull::Refuse);
    let mut lost = site.browser();
    for _ in 0..3 {
        lost.post("/login", "name=mia").await;
        lost = site.browser();
    }
    assert_eq!(lost.post("/login", "name=mia").await.status, 403);
    site.clock.advance(11 * MINUTE);
    assert_eq!(lost.post("/login", "name=mia").await.status, 303);
}

async fn a_lower_limit_holds_from_the_next_login_on(sites: Sites) {
    let site = site(sites, 5, WhenFull::EndOldest);
    let mut browsers = browsers(&site, 5).await;
    let site = site.restarted(SecretKeys::new(KEY).unwrap(), |builder| {
        builder.max_logins(2, WhenFull::EndOldest)
    });
    for browser in &mut browsers {
        browser.move_to(&site);
        assert!(browser.who().await.starts_with("mia"));
    }
    site.browser_of("mia").await;
    assert_eq!(site.logins("mia").await, 2);
}

async fn logins_at_the_very_same_time_are_not_too_many_either(sites: Sites) {
    for (when_full, status) in [(WhenFull::EndOldest, 303), (WhenFull::Refuse, 403)] {
        let site = site(sites, 1, when_full);
        let gate = site.store.hold(Call::Create);
        let slow = site.browser();
        let slow = slow
            .stop_at(&gate, Method::POST, "/login", "name=mia")
            .await;
        site.browser_of("mia").await;
        assert_eq!(slow.go_on().await.status, status);
        assert_eq!(site.logins("mia").await, 1);
    }
}

/// As after an attack on a site that had no limit.
async fn nobody_has_more_than_a_hundred_logins_when_nothing_is_set(sites: Sites) {
    let site = sites.stored();
    let mut first = site.remembered_browser_of("mia").await;
    let record = site.store.only("mia").await;
    site.clock.advance(HOUR);
    for number in 0..1500_u64 {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&number.to_be_bytes());
        let another = LoginRecord {
            id: LoginId::from_bytes(id),
            last_seen_at: record.last_seen_at + 1,
            ..record.clone()
        };
        let created = site.store.create(&another, &[], Limit::NONE).await;
        assert!(created.unwrap().is_done());
    }
    let mut browser = site.browser_of("mia").await;
    assert_eq!(site.logins("mia").await, 100);
    assert!(browser.who().await.starts_with("mia"));
    assert_eq!(first.who().await, "nobody", "it was the oldest");
    for _ in 0..3 {
        site.browser_of("mia").await;
    }
    assert_eq!(site.logins("mia").await, 100);
}

async fn more_logins_than_there_may_be_are_listed_up_to_a_hundred_and_all_of_them_end(
    sites: Sites,
) {
    let site = sites.stored();
    let mut browser = site.browser_of("mia").await;
    let record = site.store.only("mia").await;
    for number in 0..2500_u64 {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&number.to_be_bytes());
        let another = LoginRecord {
            id: LoginId::from_bytes(id),
            last_seen_at: record.last_seen_at - number % 7 - 1,
            ..record.clone()
        };
        let created = site.store.create(&another, &[], Limit::NONE).await;
        assert!(created.unwrap().is_done());
    }
    let listed = site.manager().logins_of("mia").await.unwrap();
    assert_eq!(listed.len(), 100);
    assert!(listed.is_sorted_by(|a, b| a.last_seen_at >= b.last_seen_at));
    assert_eq!(listed[0].id, record.id, "the one last used is the first");
    assert_eq!(site.manager().end_logins_of("mia").await.unwrap(), 2501);
    assert_eq!(site.store.len(), 0);
    assert_eq!(browser.who().await, "nobody");
}

/// A Flask peer has already let them in, so none of them is refused.
async fn a_peers_login_counts_for_the_limit_and_ends_the_one_that_was_not_used_for_the_longest_time(
    sites: Sites,
) {
    for when_full in [WhenFull::EndOldest, WhenFull::Refuse] {
        let site = sites.stored_flask_with(|builder| {
            builder.session_protection("off").max_logins(2, when_full)
        });
        let mut browsers = Vec::new();
        for _ in 0..4 {
            let mut browser = site.browser();
            let json = r#"{"_fresh":true,"_user_id":"mia"}"#;
            let session = peer::session(KEY, json, site.clock.now());
            browser.jar.put("session", &session);
            assert_eq!(browser.who().await, "mia, fresh, by Session");
            site.clock.advance(HOUR);
            browsers.push(browser);
        }
        assert_eq!(site.logins("mia").await, 2);
        for (index, browser) in browsers.iter_mut().enumerate() {
            assert_eq!(
                browser.who().await.starts_with("mia"),
                index >= 2,
                "{index}"
            );
        }
    }
}

cases! {
    login_records_limits:
    one_login_too_many_ends_the_one_that_was_not_used_for_the_longest_time,
    one_login_too_many_is_refused_while_the_others_are_in_use_and_those_stay,
    a_refused_login_leaves_the_current_user_as_they_were,
    logging_in_again_in_the_same_browser_is_not_one_more,
    each_user_has_their_own_count,
    a_login_that_is_over_makes_room,
    a_browser_that_was_closed_keeps_nobody_out_for_longer_than_ten_minutes,
    a_login_that_is_in_use_is_not_ended_for_a_new_one_however_long_ago_it_began,
    answers_that_are_lost_lock_nobody_out,
    a_lower_limit_holds_from_the_next_login_on,
    logins_at_the_very_same_time_are_not_too_many_either,
    nobody_has_more_than_a_hundred_logins_when_nothing_is_set,
    more_logins_than_there_may_be_are_listed_up_to_a_hundred_and_all_of_them_end,
    a_peers_login_counts_for_the_limit_and_ends_the_one_that_was_not_used_for_the_longest_time,
}
