//! A login with a lifetime of its own, or that another service has proved.

use std::time::{Duration, SystemTime};

use housekey::{EndReason, Event};

use crate::peer;
use crate::plan::{Given, acts};
use crate::site::{DAY, HOUR, KEY, START, Site, Sites};

const SECOND: Duration = Duration::from_secs(1);

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

impl Site {
    /// The same site with logins of mia's that last an hour.
    fn with_short_logins(self) -> Self {
        let members = self.members.clone();
        let short = async move |given: Given| {
            let mia = members.find("mia").unwrap();
            let login = &given.login;
            match given.body.as_str() {
                "until" => login.login_user(&mia).until(at(START + 3600)).await,
                "both" => {
                    let both = login.login_user(&mia).until(at(START + 3600));
                    both.lifetime(DAY).await
                }
                "remembered" => login.login_user(&mia).lifetime(HOUR).remember(true).await,
                "past" => login.login_user(&mia).until(at(START - 1)).await,
                "too short" => login.login_user(&mia).lifetime(Duration::ZERO).await,
                "two steps" => {
                    login.begin(&mia).lifetime(HOUR).await?;
                    login.finish().await.map(drop)
                }
                "proved before" => {
                    let proved = login.login_user(&mia).authenticated_at(at(START - 600));
                    proved.await
                }
                "proved long before" => {
                    let proved = login.login_user(&mia).authenticated_at(at(START - 86400));
                    proved.await
                }
                "proved ahead" => {
                    let proved = login.login_user(&mia).authenticated_at(at(START + 86400));
                    proved.await
                }
                _ => login.login_user(&mia).lifetime(HOUR).await,
            }
        };
        self.and(acts("/log-in-for", short))
    }
}

fn presets(sites: Sites) -> [Site; 4] {
    [
        sites.safe(),
        sites.stored(),
        sites.flask(),
        sites.stored_flask(),
    ]
    .map(Site::with_short_logins)
}

async fn a_login_lasts_for_its_lifetime_and_no_longer(sites: Sites) {
    for how in ["lifetime", "until", "both", "two steps"] {
        for site in presets(sites) {
            let mut browser = site.browser();
            assert_eq!(browser.post("/log-in-for", how).await.status, 200, "{how}");
            site.clock.advance(HOUR - SECOND);
            // Neither use, nor a confirmation, nor a new password extends it.
            assert_eq!(browser.who().await, "mia, fresh, by Session");
            assert_eq!(browser.post("/confirm", "").await.status, 200);
            assert_eq!(browser.post("/new-password", "another").await.status, 200);
            assert_eq!(browser.who().await, "mia, fresh, by Session");
            site.events.take();
            site.clock.advance(SECOND);
            assert_eq!(browser.who().await, "nobody", "{how}");
            // A record expires with its login, and the store no longer returns it.
            let reason = match site.keeps_records {
                true => EndReason::RecordGone,
                false => EndReason::LifetimeOver,
            };
            let ended = Event::LoginEnded {
                user_id: "mia".to_owned(),
                reason,
            };
            let events = site.events.take();
            assert!(events.contains(&ended), "{how}: {events:?}");
        }
    }
}

async fn a_remember_token_ends_no_later_than_its_login(sites: Sites) {
    let slides = |builder: crate::site::Builder| builder.remember_refresh_each_request();
    let timed = sites.safe().with_short_logins();
    let sliding = sites.safe_with(slides).with_short_logins();
    let rotating = sites.stored().with_short_logins();
    let both = sites.stored_with(slides).with_short_logins();
    for site in [timed, sliding, rotating, both] {
        let mut browser = site.browser();
        let answer = browser.post("/log-in-for", "remembered").await;
        assert_eq!(answer.status, 200);
        site.clock.advance(HOUR / 2);
        browser.restart();
        assert_eq!(browser.who().await, "mia, remembered, by RememberToken");
        let copy = browser.clone();
        site.clock.advance(HOUR / 2 - SECOND);
        assert_eq!(browser.who().await, "mia, remembered, by Session");
        site.clock.advance(SECOND);
        // A thief's browser keeps expired cookies.
        for mut browser in [browser, copy] {
            let mut stubborn = site.browser();
            for name in browser.jar.names() {
                stubborn.jar.put(name, browser.jar.value(name).unwrap());
            }
            assert_eq!(stubborn.who().await, "nobody");
            assert_eq!(browser.who().await, "nobody");
        }
    }
}

async fn a_token_that_never_expires_remembers_no_login_that_does(sites: Sites) {
    for site in [sites.flask(), sites.stored_flask()].map(Site::with_short_logins) {
        let mut browser = site.browser();
        assert_eq!(browser.post("/log-in-for", "remembered").await.status, 500);
        assert_eq!(browser.who().await, "nobody");
    }
}

async fn what_makes_no_sense_is_an_error_and_what_is_past_is_over(sites: Sites) {
    for site in presets(sites) {
        let mut browser = site.browser();
        assert_eq!(browser.post("/log-in-for", "too short").await.status, 500);
        assert_eq!(browser.post("/log-in-for", "past").await.status, 200);
        assert_eq!(browser.who().await, "nobody");
    }
}

async fn the_next_login_has_no_lifetime_of_the_one_before(sites: Sites) {
    for site in presets(sites) {
        let mut browser = site.browser();
        browser.post("/log-in-for", "lifetime").await;
        browser.log_in("mia").await;
        site.clock.advance(2 * HOUR);
        assert!(browser.who().await.starts_with("mia"));
    }
}

async fn a_peers_login_has_no_lifetime_and_none_of_another_users(sites: Sites) {
    let site = sites.flask().with_short_logins();
    let mut browser = site.browser();
    browser.post("/log-in-for", "lifetime").await;
    let cookie = browser.jar.value("session").unwrap().to_owned();
    let mine = peer::read_session(KEY, &cookie).unwrap();
    assert!(mine.contains("_ends_at"));
    site.clock.advance(2 * HOUR);
    let now = START + 2 * 3600;
    for (json, who) in [
        (mine.clone(), "nobody"),
        (
            mine.replace(r#""_user_id":"mia""#, r#""_user_id":"ben""#),
            "ben",
        ),
        (r#"{"_user_id":"mia"}"#.to_owned(), "mia"),
    ] {
        let mut browser = site.browser();
        browser.jar.put("session", &peer::session(KEY, &json, now));
        assert!(browser.who().await.starts_with(who), "{json}");
    }
}

async fn what_was_proved_before_is_as_fresh_and_as_old_as_that(sites: Sites) {
    let fresh = |builder: crate::site::Builder| builder.fresh_within(Duration::from_secs(900));
    for site in [sites.safe_with(fresh), sites.stored_with(fresh)].map(Site::with_short_logins) {
        let mut browser = site.browser();
        for (how, is_fresh) in [
            ("proved before", true),
            ("proved ahead", true),
            ("proved long before", false),
        ] {
            browser.post("/log-in-for", how).await;
            assert_eq!(browser.get("/fresh").await.status == 200, is_fresh, "{how}");
        }
        browser.post("/log-in-for", "proved before").await;
        site.clock.advance(Duration::from_secs(301));
        assert_eq!(browser.get("/fresh").await.status, 303);
    }
    // The absolute timeout runs from that point.
    let day = housekey::LoginTimeouts::SENSITIVE;
    let site = sites.stored_with(|builder| builder.login_timeouts(day));
    let site = site.with_short_logins();
    let mut browser = site.browser();
    browser.post("/log-in-for", "proved long before").await;
    assert_eq!(browser.who().await, "nobody");
}

cases! {
    behaviour_lifetimes:
    a_login_lasts_for_its_lifetime_and_no_longer,
    a_remember_token_ends_no_later_than_its_login,
    a_token_that_never_expires_remembers_no_login_that_does,
    what_makes_no_sense_is_an_error_and_what_is_past_is_over,
    the_next_login_has_no_lifetime_of_the_one_before,
    a_peers_login_has_no_lifetime_and_none_of_another_users,
    what_was_proved_before_is_as_fresh_and_as_old_as_that,
}
