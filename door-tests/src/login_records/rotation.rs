//! Every login has its own record and secret, and previous ones are worthless.

use std::time::Duration;

use housekey::{EndReason, Event};

use super::{SESSION, TOKEN};
use crate::site::{ENDS_OF_MIA, Site, Sites};
use crate::store::{Call, Gate};
use housekey::testing::Jar;

async fn logging_in_creates_a_record_and_logging_out_deletes_it(sites: Sites) {
    for site in [sites.stored(), sites.stored_flask()] {
        let mut browser = site.browser_of("mia").await;
        assert_eq!((site.store.len(), site.logins("mia").await), (1, 1));
        assert_eq!(browser.who().await, "mia, fresh, by Session");
        assert_eq!(browser.post("/logout", "").await.status, 200);
        assert_eq!(site.store.len(), 0);
        assert_eq!(browser.who().await, "nobody");
    }
}

/// What a browser that is logged in as mia with "remember me" does, and which of its cookies are worthless afterwards. A
/// token stays the same until it is used or the auth hash changes.
const STEPS: [(&str, &str, &[&str]); 5] = [
    ("/login", "name=mia", &[SESSION, TOKEN]),
    ("/login", "name=ben", &[SESSION, TOKEN]),
    ("/logout", "", &[SESSION, TOKEN]),
    ("/confirm", "", &[SESSION]),
    ("/new-password", "another stamp", &[SESSION, TOKEN]),
];

async fn every_proof_replaces_the_secret_and_the_one_before_it_counts_no_longer(sites: Sites) {
    for (path, body, worthless) in STEPS {
        let site = sites.stored();
        let mut browser = site.remembered_browser_of("mia").await;
        let before = browser.jar.clone();
        assert!(browser.post(path, body).await.status < 400);
        site.clock.advance(Duration::from_secs(31));
        for name in [SESSION, TOKEN] {
            let who = site.who_with_only(name, &before).await;
            assert_eq!(
                who == "nobody",
                worthless.contains(&name),
                "{name}, {path} {body}"
            );
        }
    }
}

async fn every_proof_replaces_the_secret_under_flasks_preset_too(sites: Sites) {
    for (path, body, _) in STEPS {
        let site = sites.stored_flask();
        let mut browser = site.browser_of("mia").await;
        let before = browser.jar.clone();
        assert!(browser.post(path, body).await.status < 400);
        site.clock.advance(Duration::from_secs(31));
        assert_eq!(site.who_with(&before).await, "nobody", "{path} {body}");
    }
}

async fn what_an_anonymous_visitor_had_is_not_a_login_after_somebody_has_logged_in(sites: Sites) {
    let site = sites.stored_with(|builder| builder.keep_at_login(["cart"]));
    let mut browser = site.browser();
    browser.post("/session/cart", "a book").await;
    let planted = browser.jar.clone();
    browser.log_in("mia").await;
    assert_eq!(browser.read("/session/cart").await, r#""a book""#);
    assert_eq!(site.who_with(&planted).await, "nobody");
}

async fn the_next_user_of_a_browser_finds_nothing_of_the_one_before_not_even_the_login(
    sites: Sites,
) {
    let site = sites.stored();
    let mut browser = site.browser_of("mia").await;
    browser.post("/session/diary", "of mia").await;
    let of_mia = browser.jar.clone();
    browser.log_in("ben").await;
    assert_eq!(browser.read("/session/diary").await, "nothing");
    assert_eq!((site.logins("mia").await, site.logins("ben").await), (0, 1));
    assert_eq!(site.who_with(&of_mia).await, "nobody");
}

/// An attacker planted their own login in this browser, to read along once its owner has logged in.
async fn a_planted_login_ends_when_the_owner_of_the_browser_logs_in(sites: Sites) {
    let site = sites.stored();
    let thief = site.remembered_browser_of("ben").await;
    let mut browser = site.browser();
    browser.jar = thief.jar.clone();
    browser.log_in("mia").await;
    assert_eq!(browser.who().await, "mia, fresh, by Session");
    assert_eq!(site.who_with(&thief.jar).await, "nobody");
}

async fn logging_in_again_leaves_the_logins_of_other_browsers_alone(sites: Sites) {
    let site = sites.stored();
    let mut other = site.browser_of("mia").await;
    let mut browser = site.browser_of("mia").await;
    browser.log_in("mia").await;
    assert_eq!(site.logins("mia").await, 2);
    assert_eq!(other.who().await, "mia, fresh, by Session");
}

async fn a_copy_is_worthless_after_logging_out_also_while_another_login_of_the_user_lives(
    sites: Sites,
) {
    for site in [sites.stored(), sites.stored_flask()] {
        let mut other = site.browser_of("mia").await;
        let mut browser = site.browser_of("mia").await;
        let copy = browser.jar.clone();
        browser.post("/logout", "").await;
        browser.log_in("mia").await;
        let mut thief = site.browser();
        thief.jar = copy;
        site.events.take();
        assert_eq!(thief.who().await, "nobody");
        let gone = Event::LoginEnded {
            user_id: "mia".to_owned(),
            reason: EndReason::RecordGone,
        };
        assert_eq!(site.events.take(), [Event::Accessed, gone]);
        assert_eq!(thief.jar.names(), [""; 0]);
        assert_eq!(other.who().await, "mia, fresh, by Session");
    }
}

async fn logging_out_ends_the_login_of_this_browser_alone(sites: Sites) {
    let site = sites.stored();
    let mut other = site.remembered_browser_of("mia").await;
    let mut browser = site.remembered_browser_of("mia").await;
    browser.post("/logout", "").await;
    assert_eq!(other.who().await, "mia, fresh, remembered, by Session");
    other.restart();
    assert_eq!(other.who().await, "mia, remembered, by RememberToken");
}

async fn logging_out_ends_a_login_that_is_only_remembered_and_twice_is_not_an_error(sites: Sites) {
    let site = sites.stored();
    let mut browser = site.remembered_browser_of("mia").await;
    let copy = browser.jar.clone();
    browser.restart();
    for _ in 0..2 {
        assert_eq!(browser.post("/logout", "").await.status, 200);
    }
    assert_eq!(site.store.len(), 0);
    assert_eq!(site.who_with(&copy).await, "nobody");
}

async fn logging_out_with_a_copy_of_a_session_whose_secret_was_replaced_does_not_end_the_owners_login(
    sites: Sites,
) {
    let site = sites.stored();
    let mut browser = site.remembered_browser_of("mia").await;
    let mut thief = site.browser();
    thief.jar.put(SESSION, browser.jar.value(SESSION).unwrap());
    browser.post("/confirm", "").await;
    site.clock.advance(Duration::from_secs(91));
    assert_eq!(thief.post("/logout", "").await.status, 200);
    assert_eq!(browser.who().await, "mia, fresh, remembered, by Session");
}

/// A browser that is logged in as mia with "remember me", and all the cookies that it ever had.
async fn a_long_story(site: &Site) -> Vec<(&'static str, Jar)> {
    let mut browser = site.remembered_browser_of("mia").await;
    let mut jars = vec![browser.jar.clone()];
    browser.post("/confirm", "").await;
    jars.push(browser.jar.clone());
    browser.restart();
    browser.who().await;
    jars.push(browser.jar.clone());
    let cookies = |jar: Jar| [(SESSION, jar.clone()), (TOKEN, jar)];
    jars.into_iter().flat_map(cookies).collect()
}

async fn no_cookie_that_was_ever_given_out_outlives_the_user_their_password_or_their_login(
    sites: Sites,
) {
    let ended = async |site: &Site, how: usize| match ENDS_OF_MIA.get(how) {
        Some(end) => end(site),
        None => assert_eq!(site.manager().end_logins_of("mia").await.unwrap(), 1),
    };
    for how in 0..=ENDS_OF_MIA.len() {
        for which in 0..6 {
            let site = sites.stored();
            let (name, jar) = a_long_story(&site).await.remove(which);
            ended(&site, how).await;
            let who = site.who_with_only(name, &jar).await;
            assert_eq!(who, "nobody", "cookie {which}, ended in way {how}");
        }
    }
}

async fn the_record_of_a_user_who_may_no_longer_log_in_is_deleted_at_the_next_look(sites: Sites) {
    for end in ENDS_OF_MIA {
        for name in [SESSION, TOKEN] {
            let site = sites.stored();
            let browser = site.remembered_browser_of("mia").await;
            end(&site);
            site.who_with_only(name, &browser.jar).await;
            assert_eq!(site.store.len(), 0, "{name}");
        }
    }
}

async fn a_login_that_came_back_to_life_elsewhere_stays_dead_here(sites: Sites) {
    let site = sites.stored();
    let mut browser = site.browser_of("mia").await;
    site.members.change("mia", |member| member.active = false);
    assert_eq!(browser.clone().who().await, "nobody");
    site.members.change("mia", |member| member.active = true);
    assert_eq!(browser.who().await, "nobody");
}

async fn visitors_without_a_login_leave_no_record_and_ask_the_store_nothing(sites: Sites) {
    let site = sites.stored().with_login_pages(&Gate::default());
    for round in 0..200 {
        let mut browser = site.browser();
        if round % 2 == 0 {
            browser.jar.put(SESSION, &format!("forged.{round}.session"));
            browser
                .jar
                .put(TOKEN, &format!("forged~{round}.remember.token"));
        }
        for path in ["/", "/who", "/login", "/members", "/fresh", "/session/k"] {
            browser.get(path).await;
        }
        browser.post("/logout", "").await;
    }
    assert_eq!(site.store.len(), 0);
    assert_eq!(site.store.calls(), []);
}

async fn a_request_that_asks_nobody_asks_the_store_nothing_and_one_that_does_asks_once(
    sites: Sites,
) {
    let site = sites.stored();
    let mut browser = site.browser_of("mia").await;
    site.store.calls();
    browser.get("/").await;
    browser.get("/session/k").await;
    browser.post("/session/k", "v").await;
    assert_eq!(site.store.calls(), []);
    browser.get("/who").await;
    browser.get("/members").await;
    assert_eq!(site.store.calls(), [Call::Load, Call::Load]);
}

async fn the_secret_of_a_login_is_not_among_the_values_of_its_session(sites: Sites) {
    for site in [sites.stored(), sites.stored_flask()] {
        let mut browser = site.browser_of("mia").await;
        assert_eq!(browser.read("/session/_login").await, "nothing");
        assert_eq!(browser.post("/session/_login", "mine").await.status, 500);
        assert_eq!(browser.who().await, "mia, fresh, by Session");
    }
}

async fn an_answer_that_hands_out_a_secret_is_stored_by_no_cache(sites: Sites) {
    for site in [sites.stored(), sites.stored_flask()] {
        let mut browser = site.remembered_browser_of("mia").await;
        browser.restart();
        // A used token, or one of Flask-Login's that gets a record.
        let answer = browser.get("/who").await;
        assert!(!answer.set_cookies().is_empty());
        assert_eq!(
            answer.header("cache-control").as_deref(),
            Some("private, no-store")
        );
        assert!(answer.header("vary").unwrap().contains("Cookie"));
    }
}

cases! {
    login_records_rotation:
    logging_in_creates_a_record_and_logging_out_deletes_it,
    every_proof_replaces_the_secret_and_the_one_before_it_counts_no_longer,
    every_proof_replaces_the_secret_under_flasks_preset_too,
    what_an_anonymous_visitor_had_is_not_a_login_after_somebody_has_logged_in,
    the_next_user_of_a_browser_finds_nothing_of_the_one_before_not_even_the_login,
    a_planted_login_ends_when_the_owner_of_the_browser_logs_in,
    logging_in_again_leaves_the_logins_of_other_browsers_alone,
    a_copy_is_worthless_after_logging_out_also_while_another_login_of_the_user_lives,
    logging_out_ends_the_login_of_this_browser_alone,
    logging_out_ends_a_login_that_is_only_remembered_and_twice_is_not_an_error,
    logging_out_with_a_copy_of_a_session_whose_secret_was_replaced_does_not_end_the_owners_login,
    no_cookie_that_was_ever_given_out_outlives_the_user_their_password_or_their_login,
    the_record_of_a_user_who_may_no_longer_log_in_is_deleted_at_the_next_look,
    a_login_that_came_back_to_life_elsewhere_stays_dead_here,
    visitors_without_a_login_leave_no_record_and_ask_the_store_nothing,
    a_request_that_asks_nobody_asks_the_store_nothing_and_one_that_does_asks_once,
    the_secret_of_a_login_is_not_among_the_values_of_its_session,
    an_answer_that_hands_out_a_secret_is_stored_by_no_cache,
}
