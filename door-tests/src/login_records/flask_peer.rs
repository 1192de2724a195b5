//! Beside a Flask program without records: it makes sessions without one, and leaves ours behind.

use std::time::Duration;

use housekey::records::LoginStore as _;
use housekey::{EndReason, Event};

use crate::browser::Browser;
use crate::door::Local;
use crate::peer;
use crate::site::{DAY, HOUR, KEY, Site, Sites, all, noise};
use crate::store::{Call, Gate};

const MINUTE: Duration = Duration::from_secs(60);
const SECRET: &str = r#""_login":""#;

fn session_of(browser: &Browser) -> String {
    peer::read_session(KEY, browser.jar.value("session").unwrap()).unwrap()
}

/// The Flask program writes this session.
fn put(site: &Site, browser: &mut Browser, json: &str) {
    let session = peer::session(KEY, json, site.clock.now());
    browser.jar.put("session", &session);
}

/// The Flask program's login: it sets its keys, and leaves all others.
fn log_in_at_peer(site: &Site, browser: &mut Browser, id: &str) {
    let session = browser.jar.value("session").map(|_| session_of(browser));
    let mut values: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(session.as_deref().unwrap_or("{}")).unwrap();
    values.insert("_user_id".to_owned(), id.into());
    values.insert("_fresh".to_owned(), true.into());
    put(site, browser, &serde_json::to_string(&values).unwrap());
}

/// The Flask program's logout: it removes its keys.
fn log_out_at_peer(site: &Site, browser: &mut Browser) {
    let mut values: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(&session_of(browser)).unwrap();
    for key in ["_user_id", "_fresh", "_id"] {
        values.remove(key);
    }
    put(site, browser, &serde_json::to_string(&values).unwrap());
}

/// A user who has logged in at the Flask program.
fn peer_login(site: &Site, id: &str) -> Browser {
    let mut browser = site.browser();
    log_in_at_peer(site, &mut browser, id);
    browser
}

fn site(sites: Sites) -> Site {
    sites
        .stored_flask_with(|builder| builder.session_protection("off"))
        .with_login_pages(&Gate::default())
}

async fn a_peers_session_gets_a_record_at_the_first_look_and_only_then(sites: Sites) {
    let site = site(sites);
    let mut browser = peer_login(&site, "mia");
    for path in ["/", "/session/k"] {
        browser.get(path).await;
    }
    assert_eq!(site.store.len(), 0);
    assert_eq!(browser.who().await, "mia, fresh, by Session");
    assert!(session_of(&browser).contains(SECRET));
    let id = site.store.only("mia").await.id;
    site.store.calls();
    assert_eq!(browser.who().await, "mia, fresh, by Session");
    assert_eq!(site.store.calls(), [Call::Load]);
    assert_eq!(site.store.only("mia").await.id, id);
}

async fn a_peers_login_is_listed_ended_and_timed_out_as_any_other(sites: Sites) {
    let site = site(sites);
    let mut browser = peer_login(&site, "mia");
    let list = browser.read("/logins").await;
    assert!(list.ends_with(" Firefox/1 current"), "{list}");
    assert_eq!(site.manager().end_logins_of("mia").await.unwrap(), 1);
    assert_eq!(browser.who().await, "nobody");

    let mut browser = peer_login(&site, "mia");
    browser.who().await;
    site.clock.advance(DAY);
    assert_eq!(browser.who().await, "nobody");
}

async fn copies_of_a_peers_session_are_worthless_after_logging_out_whenever_they_were_made(
    sites: Sites,
) {
    for looked_at in [true, false] {
        let site = site(sites);
        let mut browser = peer_login(&site, "mia");
        let from_before_the_first_look = browser.jar.clone();
        if looked_at {
            browser.who().await;
        }
        let copy = browser.jar.clone();
        browser.post("/logout", "").await;
        assert_eq!(site.logins("mia").await, 0);
        for copy in [&copy, &from_before_the_first_look] {
            assert_eq!(site.who_with(copy).await, "nobody", "{looked_at}");
        }
        // The peer's next login is another cookie.
        site.clock.advance(Duration::from_secs(1));
        let mut browser = peer_login(&site, "mia");
        assert_eq!(browser.who().await, "mia, fresh, by Session");
    }
}

/// However it ended, and however often the cookie comes again.
async fn a_peers_session_whose_login_has_ended_makes_no_other_one(sites: Sites) {
    for name in ["idle", "its record is gone"] {
        let site = site(sites);
        let browser = peer_login(&site, "mia");
        let mut first = browser.clone();
        assert_eq!(first.who().await, "mia, fresh, by Session");
        match name {
            "idle" => site.clock.advance(DAY),
            _ => {
                let id = site.store.only("mia").await.id;
                assert!(site.store.delete(&id).await.unwrap());
            }
        }
        for copy in [&browser, &first, &browser] {
            assert_eq!(site.who_with(&copy.jar).await, "nobody", "{name}");
        }
        assert_eq!(site.logins("mia").await, 0, "{name}");
    }
}

async fn one_cookie_of_a_peers_has_one_record_however_often_it_comes(sites: Sites) {
    let site = site(sites);
    let browser = peer_login(&site, "mia");
    for _ in 0..50 {
        assert_eq!(browser.clone().who().await, "mia, fresh, by Session");
    }
    assert_eq!(site.logins("mia").await, 1);
    let token = peer::remember_token(KEY.as_bytes(), "ben");
    for _ in 0..50 {
        let mut browser = site.browser();
        browser.jar.put("remember_token", &token);
        assert_eq!(browser.who().await, "ben, remembered, by RememberToken");
        assert_eq!(browser.who().await, "ben, remembered, by Session");
    }
    assert_eq!(site.logins("ben").await, 1);
}

/// The first confirms the login; the second had a copy from before.
async fn a_proof_makes_copies_of_the_peers_cookie_worthless(sites: Sites) {
    for looked_at in [true, false] {
        let site = site(sites);
        let mut browser = peer_login(&site, "mia");
        let thief = browser.clone();
        if looked_at {
            browser.who().await;
        }
        assert_eq!(browser.post("/confirm", "").await.status, 200);
        site.clock.advance(2 * MINUTE);
        assert_eq!(site.who_with(&thief.jar).await, "nobody");
        assert_eq!(browser.who().await, "mia, fresh, by Session");
        assert_eq!(site.logins("mia").await, 1);
    }
}

async fn ids_that_are_numbers_in_the_peers_session_name_the_same_login_each_time(sites: Sites) {
    let site = site(sites);
    let mut browser = site.browser();
    put(&site, &mut browser, r#"{"_fresh":true,"_user_id":7}"#);
    for _ in 0..3 {
        assert_eq!(browser.who().await, "7, fresh, by Session");
    }
    assert_eq!(site.store.only("7").await.user_id, "7");
    browser.post("/logout", "").await;
    assert_eq!(site.logins("7").await, 0);
}

async fn what_the_peer_puts_into_the_session_changes_nothing_about_its_login(sites: Sites) {
    let site = site(sites);
    let mut browser = site.browser_of("mia").await;
    let json = session_of(&browser).replacen('{', r#"{"Cart":["a book"],"#, 1);
    put(&site, &mut browser, &json);
    assert_eq!(browser.who().await, "mia, fresh, by Session");
    assert_eq!(site.store.len(), 1);
}

async fn a_logout_at_the_peer_is_a_logout_here_at_the_next_look(sites: Sites) {
    let site = site(sites);
    let mut browser = site.browser_of("mia").await;
    browser.post("/session/cart", "a book").await;
    let copy = browser.jar.clone();
    log_out_at_peer(&site, &mut browser);
    assert!(session_of(&browser).contains(SECRET), "the peer leaves it");
    assert_eq!(browser.who().await, "nobody");
    assert_eq!(site.store.len(), 0);
    assert_eq!(session_of(&browser), r#"{"cart":"a book"}"#);
    assert_eq!(site.who_with(&copy).await, "nobody");
}

async fn a_login_at_the_peer_over_one_of_ours_ends_ours_and_gets_a_record_of_its_own(sites: Sites) {
    let site = site(sites);
    let mut browser = site.browser_of("mia").await;
    let copy = browser.jar.clone();
    log_in_at_peer(&site, &mut browser, "ben");
    assert_eq!(browser.who().await, "ben, fresh, by Session");
    assert_eq!((site.logins("mia").await, site.logins("ben").await), (0, 1));
    assert_eq!(browser.who().await, "ben, fresh, by Session");
    assert_eq!(site.who_with(&copy).await, "nobody");
}

/// The record that the peer's leftover names is already gone, or its secret has been replaced since.
async fn a_login_at_the_peer_counts_also_over_a_login_of_somebody_else_that_is_long_over(
    sites: Sites,
) {
    for how in ["ended", "expired", "replaced"] {
        let site = site(sites);
        let mut browser = site.browser_of("mia").await;
        match how {
            "ended" => assert_eq!(site.manager().end_logins_of("mia").await.unwrap(), 1),
            "expired" => site.clock.advance(2 * DAY),
            _ => {
                browser.clone().post("/confirm", "").await;
                site.clock.advance(HOUR);
            }
        }
        log_out_at_peer(&site, &mut browser);
        log_in_at_peer(&site, &mut browser, "ben");
        for _ in 0..2 {
            assert_eq!(browser.who().await, "ben, fresh, by Session", "{how}");
        }
        assert_eq!(site.logins("ben").await, 1, "{how}");
    }
}

/// It cannot be distinguished from a copy of the cookie of the ended login.
async fn a_login_at_the_peer_of_the_user_whose_login_here_is_over_has_to_be_made_twice(
    sites: Sites,
) {
    let site = site(sites);
    let mut browser = site.browser_of("mia").await;
    site.manager().end_logins_of("mia").await.unwrap();
    log_out_at_peer(&site, &mut browser);
    log_in_at_peer(&site, &mut browser, "mia");
    assert_eq!(browser.who().await, "nobody");
    log_in_at_peer(&site, &mut browser, "mia");
    assert_eq!(browser.who().await, "mia, fresh, by Session");
}

async fn a_users_own_login_goes_on_when_they_log_in_at_the_peer_as_well(sites: Sites) {
    let site = site(sites);
    let mut browser = site.browser_of("mia").await;
    let id = site.store.only("mia").await.id;
    log_in_at_peer(&site, &mut browser, "mia");
    assert_eq!(browser.who().await, "mia, fresh, by Session");
    assert_eq!(site.store.only("mia").await.id, id);
}

/// Flask-Login's remember token of a user is the same text in all their browsers.
fn with_flask_token(site: &Site) -> Browser {
    let mut browser = site.browser();
    let token = peer::remember_token(KEY.as_bytes(), "mia");
    browser.jar.put("remember_token", &token);
    browser
}

async fn all_browsers_with_a_flask_token_share_a_login_and_a_logout_of_one_is_one_of_all(
    sites: Sites,
) {
    let site = site(sites);
    let mut browsers = [with_flask_token(&site), with_flask_token(&site)];
    for browser in &mut browsers {
        assert_eq!(browser.who().await, "mia, remembered, by RememberToken");
        assert_eq!(browser.who().await, "mia, remembered, by Session");
    }
    assert_eq!(site.logins("mia").await, 1);
    let [mut one, mut other] = browsers;
    one.post("/logout", "").await;
    assert_eq!(one.jar.names(), [""; 0]);
    for _ in 0..2 {
        assert_eq!(
            other.who().await,
            "nobody",
            "nobody can tell it from a copy"
        );
        assert_eq!(with_flask_token(&site).who().await, "nobody");
    }
    assert_eq!(site.logins("mia").await, 0);
}

/// Whether or not it was ever seen here.
async fn what_ends_all_logins_ends_the_flask_token_too(sites: Sites) {
    for name in ["an administrator", "a logout"] {
        for seen in [true, false] {
            let site = site(sites);
            let mut browser = with_flask_token(&site);
            if seen {
                browser.who().await;
            }
            match name {
                "a logout" => drop(with_flask_token(&site).post("/logout", "").await),
                _ => drop(site.manager().end_logins_of("mia").await.unwrap()),
            }
            assert_eq!(browser.who().await, "nobody", "{name}");
            assert_eq!(with_flask_token(&site).who().await, "nobody", "{name}");
            // A login with "remember me" makes the token valid again: there is no other.
            let mut again = site.remembered_browser_of("mia").await;
            again.restart();
            assert_eq!(again.who().await, "mia, remembered, by RememberToken");
        }
    }
}

async fn a_new_password_ends_a_flask_token_that_was_used_here(sites: Sites) {
    let site = site(sites);
    let mut browser = with_flask_token(&site);
    browser.who().await;
    site.members.set_stamp("mia", "after a new password");
    assert_eq!(browser.who().await, "nobody");
    assert_eq!(with_flask_token(&site).who().await, "nobody");
}

async fn a_flask_token_brings_a_browser_back_whose_session_timed_out(sites: Sites) {
    let site = site(sites);
    let mut browser = with_flask_token(&site);
    browser.who().await;
    for _ in 0..3 {
        site.clock.advance(40 * DAY);
        assert_eq!(browser.who().await, "mia, remembered, by RememberToken");
        assert_eq!(browser.who().await, "mia, remembered, by Session");
        assert_eq!(site.logins("mia").await, 1);
    }
}

/// A confirmation applies to this browser; the others with the token do not change.
async fn a_proof_in_a_shared_login_makes_one_of_its_own(sites: Sites) {
    let site = site(sites);
    let mut browser = with_flask_token(&site);
    let mut other = with_flask_token(&site);
    browser.who().await;
    other.who().await;
    assert_eq!(browser.post("/prove-it", "").await.status, 200);
    assert_eq!(browser.who().await, "mia, fresh, remembered, by Session");
    assert_eq!(other.who().await, "mia, remembered, by Session");
    assert_eq!(site.logins("mia").await, 2);
    assert_eq!(browser.post("/logins/end-others", "").await.body, "1");
    assert_eq!(other.who().await, "nobody");
    // The cookie is still there. It is worthless once the session is gone.
    assert_eq!(browser.who().await, "mia, fresh, remembered, by Session");
    browser.restart();
    assert_eq!(browser.who().await, "nobody");
}

async fn a_peers_session_without_room_for_the_secret_is_found_by_its_cookie(sites: Sites) {
    let site = site(sites);
    let full = noise(4000).replace('\\', "-");
    let json = format!(r#"{{"_fresh":true,"_user_id":"mia","blob":"{full}"}}"#);
    let session = peer::compressed_session(KEY, &json, site.clock.now());
    assert!((4000..4093).contains(&session.len()), "{}", session.len());
    let mut browser = site.browser();
    browser.jar.put("session", &session);
    for _ in 0..2 {
        assert_eq!(browser.who().await, "mia, fresh, by Session");
        assert_eq!(browser.jar.value("session"), Some(session.as_str()));
    }
    assert_eq!(site.logins("mia").await, 1);
    assert_eq!(site.manager().end_logins_of("mia").await.unwrap(), 1);
    assert_eq!(browser.who().await, "nobody");
    let mut copy = site.browser();
    copy.jar.put("session", &session);
    assert_eq!(copy.who().await, "nobody");
}

async fn a_proof_of_a_peers_login_without_a_record_is_taken(sites: Sites) {
    let site = site(sites);
    let mut browser = site.browser();
    put(&site, &mut browser, r#"{"_fresh":false,"_user_id":"mia"}"#);
    assert_eq!(browser.post("/confirm", "").await.status, 200);
    assert_eq!(browser.who().await, "mia, fresh, by Session");
    assert_eq!(site.logins("mia").await, 1);
}

async fn the_login_of_a_user_unknown_to_the_loader_gets_no_record(sites: Sites) {
    for json in [
        r#"{"_fresh":true,"_user_id":"nobody-of-that-name"}"#,
        r#"{"_fresh":true,"_user_id":""}"#,
        r#"{"_fresh":true,"_user_id":null}"#,
    ] {
        let site = site(sites);
        let mut browser = site.browser();
        put(&site, &mut browser, json);
        browser.jar.put(
            "remember_token",
            &peer::remember_token(KEY.as_bytes(), "ghost"),
        );
        assert_eq!(browser.who().await, "nobody");
        assert_eq!(site.store.len(), 0, "{json}");
    }
}

async fn an_auth_hash_that_changed_ends_a_peers_login_with_its_record(sites: Sites) {
    let site = site(sites);
    let mut browser = peer_login(&site, "mia");
    browser.who().await;
    site.members.set_stamp("mia", "after a new password");
    site.events.take();
    assert_eq!(browser.who().await, "nobody");
    let ended = Event::LoginEnded {
        user_id: "mia".to_owned(),
        reason: EndReason::AuthHashChanged,
    };
    assert_eq!(site.events.take(), [Event::Accessed, ended]);
    assert_eq!(site.logins("mia").await, 0);
}

async fn a_grace_of_half_a_minute_holds_for_sessions_that_the_peer_wrote_meanwhile(sites: Sites) {
    let site = site(sites);
    let mut browser = site.browser_of("mia").await;
    let mut slow = browser.clone();
    browser.post("/confirm", "").await;
    let json = session_of(&slow).replacen('{', r#"{"Cart":1,"#, 1);
    put(&site, &mut slow, &json);
    site.clock.advance(Duration::from_secs(30));
    assert_eq!(slow.who().await, "mia, fresh, by Session");
}

/// A copy made before the first look came without our digest; the record knows it.
async fn a_new_password_ends_copies_of_a_peers_session_from_before_the_first_look(sites: Sites) {
    let site = site(sites);
    let mut browser = peer_login(&site, "mia");
    let copy = browser.jar.clone();
    browser.who().await;
    site.members.set_stamp("mia", "after a new password");
    assert_eq!(site.who_with(&copy).await, "nobody");
    assert_eq!(browser.who().await, "nobody");
}

async fn a_new_password_ends_a_peers_session_that_has_no_room_for_anything_of_ours(sites: Sites) {
    let site = site(sites);
    let full = noise(4000).replace('\\', "-");
    let json = format!(r#"{{"_fresh":true,"_user_id":"mia","blob":"{full}"}}"#);
    let session = peer::compressed_session(KEY, &json, site.clock.now());
    let mut browser = site.browser();
    browser.jar.put("session", &session);
    assert_eq!(browser.who().await, "mia, fresh, by Session");
    site.members.set_stamp("mia", "after a new password");
    assert_eq!(browser.who().await, "nobody");
}

/// A browser that has seen a login cannot start it again after its end.
async fn a_first_look_that_a_logout_overtakes_makes_no_login(sites: Sites) {
    for (name, held) in [("load", Call::Load), ("create", Call::Create)] {
        for remembered in [false, true] {
            for how in ["logout", "administrator"] {
                if how == "administrator" && !remembered {
                    continue;
                }
                let site = site(sites);
                let mut browser = match remembered {
                    true => with_flask_token(&site),
                    false => peer_login(&site, "mia"),
                };
                let copy = browser.jar.clone();
                let gate = site.store.hold(held);
                let slow = browser.stop_at(&gate, http::Method::GET, "/who", "").await;
                match how {
                    "logout" => drop(browser.post("/logout", "").await),
                    _ => drop(site.manager().end_logins_of("mia").await.unwrap()),
                }
                let answer = slow.go_on().await;
                assert_eq!(
                    site.who_with(&copy).await,
                    "nobody",
                    "{name} {remembered} {how}"
                );
                assert_eq!(answer.body, "nobody", "{name} {remembered} {how}");
                assert_eq!(site.logins("mia").await, 0, "{name} {remembered} {how}");
            }
        }
    }
}

/// The same cookie, and the store is not asked more often for each of them.
async fn many_browsers_that_come_at_once_with_a_flask_token_ask_the_store_a_few_times_each(
    sites: Sites,
) {
    let site = site(sites);
    with_flask_token(&site).who().await;
    site.clock.advance(Duration::from_secs(3));
    site.store.calls();
    let crowd = 64;
    let visits = (0..crowd).map(|_| -> Local<String> {
        let mut browser = with_flask_token(&site);
        Box::pin(async move { browser.who().await })
    });
    for who in all(visits).await {
        assert_eq!(who, "mia, remembered, by RememberToken");
    }
    let calls = site.store.calls().len();
    assert!(calls <= 10 * crowd, "{calls} calls");
}

/// A session's secret is not the token: a copy of one does not give the other.
async fn a_session_that_a_flask_token_started_does_not_come_back_after_a_logout_when_the_token_does(
    sites: Sites,
) {
    let site = site(sites);
    let mut browser = with_flask_token(&site);
    browser.who().await;
    let mut thief = site.browser();
    thief
        .jar
        .put("session", browser.jar.value("session").unwrap());
    assert_eq!(thief.who().await, "mia, by Session");
    let copy = thief.jar.clone();
    browser.post("/logout", "").await;
    assert_eq!(site.who_with(&copy).await, "nobody");
    let mut browser = site.remembered_browser_of("mia").await;
    browser.restart();
    assert_eq!(browser.who().await, "mia, remembered, by RememberToken");
    assert_eq!(site.who_with(&copy).await, "nobody");
}

async fn a_login_that_is_refused_leaves_a_peers_login_as_it_was(sites: Sites) {
    let site = sites.stored_flask_with(|builder| {
        builder
            .session_protection("off")
            .max_logins(1, housekey::WhenFull::Refuse)
    });
    let mut other = site.browser_of("ben").await;
    let mut browser = peer_login(&site, "mia");
    let answer = browser.post("/login", "name=ben").await;
    assert_ne!(answer.status, 303);
    assert_eq!(browser.who().await, "mia, fresh, by Session");
    assert_eq!(other.who().await, "ben, fresh, by Session");
}

/// What a logged-in user can do with a peer's cookies: a different one at each request.
async fn the_store_does_not_grow_with_the_cookies_that_a_peer_writes_for_one_user(sites: Sites) {
    let site = sites.stored_flask_with(|builder| {
        builder
            .session_protection("off")
            .max_logins(3, housekey::WhenFull::EndOldest)
    });
    for visit in 0..1200 {
        let mut browser = site.browser();
        let json = format!(r#"{{"_fresh":true,"_user_id":"mia","n":{visit}}}"#);
        put(&site, &mut browser, &json);
        browser.who().await;
    }
    assert_eq!(site.logins("mia").await, 3);
    assert_eq!(site.store.len(), 3 + 1000);
}

/// "Sign out everywhere" includes logins that have not been seen here yet.
async fn ending_all_logins_of_a_user_ends_the_peers_that_were_never_looked_at(sites: Sites) {
    let site = site(sites);
    let browser = peer_login(&site, "mia");
    site.clock.advance(MINUTE);
    site.manager().end_logins_of("mia").await.unwrap();
    assert_eq!(site.who_with(&browser.jar).await, "nobody");
}

/// All browsers with the token share its login, which this browser may not end.
async fn a_login_in_one_browser_leaves_the_others_in_that_share_a_flask_token(sites: Sites) {
    for form in ["name=mia", "name=ben", "name=mia&remember=true"] {
        for restored in [false, true] {
            let site = site(sites);
            let mut other = with_flask_token(&site);
            assert_eq!(other.who().await, "mia, remembered, by RememberToken");
            let mut browser = with_flask_token(&site);
            if restored {
                browser.who().await;
            }
            assert_eq!(browser.post("/login", form).await.status, 303);
            assert_eq!(
                other.who().await,
                "mia, remembered, by Session",
                "{form} {restored}"
            );
            let mut third = with_flask_token(&site);
            assert_eq!(
                third.who().await,
                "mia, remembered, by RememberToken",
                "{form} {restored}"
            );
        }
    }
}

/// Its session contained the secret that all of them have.
async fn somebody_elses_login_at_the_peer_leaves_a_shared_login_to_the_other_browsers(
    sites: Sites,
) {
    let site = site(sites);
    let mut other = with_flask_token(&site);
    other.who().await;
    let mut browser = with_flask_token(&site);
    browser.who().await;
    log_in_at_peer(&site, &mut browser, "ben");
    assert_eq!(browser.who().await, "ben, fresh, by Session");
    assert_eq!(other.who().await, "mia, remembered, by Session");
    assert_eq!((site.logins("mia").await, site.logins("ben").await), (1, 1));
    log_out_at_peer(&site, &mut other);
    assert_eq!(other.who().await, "nobody");
    assert_eq!(site.logins("mia").await, 0);
}

cases! {
    login_records_flask_peer:
    a_peers_session_gets_a_record_at_the_first_look_and_only_then,
    a_peers_login_is_listed_ended_and_timed_out_as_any_other,
    copies_of_a_peers_session_are_worthless_after_logging_out_whenever_they_were_made,
    a_peers_session_whose_login_has_ended_makes_no_other_one,
    one_cookie_of_a_peers_has_one_record_however_often_it_comes,
    a_proof_makes_copies_of_the_peers_cookie_worthless,
    ids_that_are_numbers_in_the_peers_session_name_the_same_login_each_time,
    what_the_peer_puts_into_the_session_changes_nothing_about_its_login,
    a_logout_at_the_peer_is_a_logout_here_at_the_next_look,
    a_login_at_the_peer_over_one_of_ours_ends_ours_and_gets_a_record_of_its_own,
    a_login_at_the_peer_counts_also_over_a_login_of_somebody_else_that_is_long_over,
    a_login_at_the_peer_of_the_user_whose_login_here_is_over_has_to_be_made_twice,
    a_users_own_login_goes_on_when_they_log_in_at_the_peer_as_well,
    all_browsers_with_a_flask_token_share_a_login_and_a_logout_of_one_is_one_of_all,
    what_ends_all_logins_ends_the_flask_token_too,
    a_new_password_ends_a_flask_token_that_was_used_here,
    a_flask_token_brings_a_browser_back_whose_session_timed_out,
    a_proof_in_a_shared_login_makes_one_of_its_own,
    a_peers_session_without_room_for_the_secret_is_found_by_its_cookie,
    a_proof_of_a_peers_login_without_a_record_is_taken,
    the_login_of_a_user_unknown_to_the_loader_gets_no_record,
    an_auth_hash_that_changed_ends_a_peers_login_with_its_record,
    a_grace_of_half_a_minute_holds_for_sessions_that_the_peer_wrote_meanwhile,
    a_new_password_ends_copies_of_a_peers_session_from_before_the_first_look,
    a_new_password_ends_a_peers_session_that_has_no_room_for_anything_of_ours,
    a_first_look_that_a_logout_overtakes_makes_no_login,
    many_browsers_that_come_at_once_with_a_flask_token_ask_the_store_a_few_times_each,
    a_session_that_a_flask_token_started_does_not_come_back_after_a_logout_when_the_token_does,
    a_login_that_is_refused_leaves_a_peers_login_as_it_was,
    the_store_does_not_grow_with_the_cookies_that_a_peer_writes_for_one_user,
    ending_all_logins_of_a_user_ends_the_peers_that_were_never_looked_at,
    a_login_in_one_browser_leaves_the_others_in_that_share_a_flask_token,
    somebody_elses_login_at_the_peer_leaves_a_shared_login_to_the_other_browsers,
}
