//! Two requests at once, step by step: one is stopped in the middle, another overtakes it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_lite::future;
use housekey::{Error, ErrorKind, Login, SecretKeys};
use http::Method;

use super::{SESSION, TOKEN};
use crate::browser::Browser;
use crate::peer;
use crate::people::Member;
use crate::plan::{Given, acts};
use crate::site::START;
use crate::site::{DAY, HOUR, KEY, OLD_KEY, Site, Sites};
use crate::store::{Call, Gate, Stopped};

const MINUTE: Duration = Duration::from_secs(60);

/// A login that outlives its handler.
type Attempt = future::Boxed<Result<(), Error>>;

fn site(sites: Sites) -> Site {
    sites.stored().with_login_pages(&Gate::default())
}

/// Mia's browser after it was closed.
async fn closed_browser(site: &Site) -> Browser {
    let mut browser = site.remembered_browser_of("mia").await;
    browser.restart();
    browser
}

async fn a_slow_request_that_writes_its_session_after_a_logout_brings_no_login_back(sites: Sites) {
    for path in ["/slow/note", "/slow-unasked/note"] {
        let gate = Gate::default();
        for site in [sites.stored(), sites.stored_flask()] {
            let site = site.with_login_pages(&gate);
            let mut browser = site.browser_of("mia").await;
            let slow = browser.stop_at(&gate, Method::POST, path, "too late").await;
            browser.post("/logout", "").await;
            let answer = slow.go_on().await;
            assert_eq!(answer.status, 200);
            browser.receive(&answer);
            assert_eq!(site.store.len(), 0);
            assert_eq!(browser.get("/members").await.status / 100, 3);
            assert_eq!(browser.who().await, "nobody");
            assert_eq!(browser.read("/session/note").await, "nothing");
        }
    }
}

async fn noting_that_a_login_was_used_does_not_bring_it_back(sites: Sites) {
    let site = site(sites);
    let mut browser = site.browser_of("mia").await;
    site.clock.advance(HOUR);
    let gate = site.store.hold(Call::Touch);
    let slow = browser.stop_at(&gate, Method::GET, "/who", "").await;
    assert_eq!(site.manager().end_logins_of("mia").await.unwrap(), 1);
    slow.go_on().await;
    assert_eq!(site.store.len(), 0);
    assert_eq!(browser.who().await, "nobody");
}

async fn a_token_that_is_being_used_while_its_login_is_ended_brings_nothing_back(sites: Sites) {
    let site = site(sites);
    let mut browser = closed_browser(&site).await;
    let gate = site.store.hold(Call::Update);
    let slow = browser.stop_at(&gate, Method::GET, "/who", "").await;
    site.manager().end_logins_of("mia").await.unwrap();
    let answer = slow.go_on().await;
    assert_eq!(answer.body, "nobody");
    browser.receive(&answer);
    assert_eq!(browser.jar.names(), [""; 0]);
    assert_eq!(site.store.len(), 0);
}

async fn the_second_use_of_a_token_gets_the_same_cookies_as_the_first(sites: Sites) {
    let site = site(sites);
    let mut browser = closed_browser(&site).await;
    let gate = site.store.hold(Call::Update);
    let slow = browser.stop_at(&gate, Method::GET, "/who", "").await;
    let first = browser.get("/who").await;
    let second = slow.go_on().await;
    assert_eq!(second.body, "mia, remembered, by RememberToken");
    assert_eq!(first.set_cookies(), second.set_cookies());
    assert_eq!(site.store.only("mia").await.version, 1);
}

/// One tab uses the token and confirms the login; the other, which began before, gets both changes.
async fn a_use_of_the_token_that_is_overtaken_by_a_use_and_a_proof_undoes_neither(sites: Sites) {
    let site = site(sites);
    let mut browser = closed_browser(&site).await;
    let gate = site.store.hold(Call::Update);
    let slow = browser.stop_at(&gate, Method::GET, "/who", "").await;
    assert_eq!(browser.post("/prove-it", "").await.status, 200);
    let answer = slow.go_on().await;
    assert_eq!(answer.body, "mia, remembered, by RememberToken");
    assert_eq!(answer.set_cookies(), [""; 0], "the browser has newer ones");
    site.clock.advance(2 * MINUTE);
    assert_eq!(browser.who().await, "mia, fresh, remembered, by Session");
    browser.restart();
    assert_eq!(browser.who().await, "mia, remembered, by RememberToken");
}

async fn only_one_of_two_simultaneous_proofs_counts_and_the_other_is_told_so(sites: Sites) {
    let site = site(sites);
    let mut browser = site.browser_of("mia").await;
    let gate = site.store.hold(Call::Update);
    let slow = browser.stop_at(&gate, Method::POST, "/confirm", "").await;
    assert_eq!(browser.post("/confirm", "").await.status, 200);
    let answer = slow.go_on().await;
    assert_eq!((answer.status, answer.set_cookies()), (401, vec![]));
    site.clock.advance(MINUTE);
    assert_eq!(browser.who().await, "mia, fresh, by Session");
}

async fn a_proof_does_not_renew_a_login_that_ends_meanwhile(sites: Sites) {
    for (path, body) in [("/confirm", ""), ("/new-password", "another stamp")] {
        let site = site(sites);
        let mut browser = site.browser_of("mia").await;
        let gate = site.store.hold(Call::Update);
        let slow = browser.stop_at(&gate, Method::POST, path, body).await;
        assert_eq!(browser.post("/logout", "").await.status, 200);
        let answer = slow.go_on().await;
        assert_eq!(
            (answer.status, answer.set_cookies()),
            (401, vec![]),
            "{path}"
        );
        assert_eq!(browser.who().await, "nobody");
        assert_eq!(site.store.len(), 0);
    }
}

/// Everything ends while a user is logging in: the previous login is over, and the login is a new one.
async fn a_login_that_is_being_made_while_all_are_ended_stands_for_itself(sites: Sites) {
    let site = site(sites);
    let mut browser = site.remembered_browser_of("mia").await;
    let before = browser.jar.clone();
    let gate = site.store.hold(Call::Create);
    let slow = browser
        .stop_at(&gate, Method::POST, "/login", "name=mia")
        .await;
    assert_eq!(site.manager().end_logins_of("mia").await.unwrap(), 1);
    browser.receive(&slow.go_on().await);
    assert_eq!(browser.who().await, "mia, fresh, by Session");
    assert_eq!(site.store.len(), 1);
    for name in [SESSION, TOKEN] {
        assert_eq!(site.who_with_only(name, &before).await, "nobody");
    }
}

/// From the moment of the answer to the logout. Until then nothing was promised.
async fn a_login_is_over_when_its_logout_is_answered(sites: Sites) {
    let site = site(sites);
    let mut browser = site.remembered_browser_of("mia").await;
    let gate = site.store.hold(Call::Delete);
    let slow = browser.stop_at(&gate, Method::POST, "/logout", "").await;
    assert_eq!(browser.who().await, "mia, fresh, remembered, by Session");
    let answer = slow.go_on().await;
    assert_eq!(answer.body, "bye");
    assert_eq!(browser.who().await, "nobody");
    browser.receive(&answer);
    assert_eq!(browser.jar.names(), [""; 0]);
}

async fn two_logouts_at_once_are_both_answered(sites: Sites) {
    let site = site(sites);
    let mut browser = site.browser_of("mia").await;
    let gate = site.store.hold(Call::Delete);
    let slow = browser.stop_at(&gate, Method::POST, "/logout", "").await;
    assert_eq!(browser.post("/logout", "").await.status, 200);
    assert_eq!(slow.go_on().await.status, 200);
    assert_eq!(site.store.len(), 0);
}

async fn a_thief_who_is_being_thrown_out_cannot_be_saved_by_the_owners_use(sites: Sites) {
    let site = site(sites);
    let mut owner = closed_browser(&site).await;
    let thief = owner.clone();
    owner.who().await;
    owner.who().await;
    site.clock.advance(HOUR);
    let gate = site.store.hold(Call::Delete);
    let slow = thief.stop_at(&gate, Method::GET, "/who", "").await;
    assert_eq!(owner.who().await, "mia, remembered, by Session");
    assert_eq!(slow.go_on().await.body, "nobody");
    assert_eq!(site.store.len(), 0);
    assert_eq!(owner.who().await, "nobody");
}

async fn two_first_looks_at_a_peers_session_find_one_record_and_both_cookies_are_good(
    sites: Sites,
) {
    let site = sites.stored_flask_with(|builder| builder.session_protection("off"));
    let mut browser = site.browser();
    let json = r#"{"_fresh":true,"_user_id":"mia"}"#;
    browser.jar.put("session", &peer::session(KEY, json, START));
    let gate = site.store.hold(Call::Create);
    let slow = browser.stop_at(&gate, Method::GET, "/who", "").await;
    let first = browser.get("/who").await;
    let second = slow.go_on().await;
    assert_eq!(first.body, second.body);
    browser.receive(&second);
    assert_eq!(site.logins("mia").await, 1);
    let mut other = site.browser();
    other.receive(&first);
    assert_eq!(other.who().await, "mia, fresh, by Session");
    assert_eq!(browser.who().await, "mia, fresh, by Session");
    browser.post("/logout", "").await;
    assert_eq!(browser.who().await, "nobody");
    assert_eq!(other.who().await, "nobody");
    assert_eq!(site.logins("mia").await, 0);
}

async fn a_record_that_is_written_for_the_new_key_does_not_come_back_by_that(sites: Sites) {
    let site = sites.stored();
    let old = site.restarted(SecretKeys::new(OLD_KEY).unwrap(), |builder| builder);
    let keys = SecretKeys::new(KEY).unwrap().fallback(OLD_KEY).unwrap();
    let site = site.restarted(keys, |builder| builder);
    let mut browser = old.browser_of("mia").await;
    browser.move_to(&site);
    let gate = site.store.hold(Call::Update);
    let slow = browser.stop_at(&gate, Method::GET, "/who", "").await;
    site.manager().end_logins_of("mia").await.unwrap();
    assert_eq!(slow.go_on().await.body, "nobody");
    assert_eq!(site.store.len(), 0);
}

/// The user still existed when the request asked; the record was gone when the answer came.
async fn what_is_deleted_twice_is_over_once(sites: Sites) {
    let site = site(sites);
    let mut browser = site.remembered_browser_of("mia").await;
    site.members.remove("mia");
    let gate = site.store.hold(Call::Delete);
    let slow = browser.stop_at(&gate, Method::GET, "/who", "").await;
    assert_eq!(browser.who().await, "nobody");
    let answer = slow.go_on().await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "nobody"));
    assert_eq!(site.store.len(), 0);
}

async fn what_comes_after_the_response_is_too_late_and_changes_no_record(sites: Sites) {
    let left: Arc<Mutex<Option<Login<Member>>>> = Arc::default();
    let keep = Arc::clone(&left);
    let leave = async move |given: Given| drop(keep.lock().unwrap().replace(given.login));
    let site = sites.stored().and(acts("/leave", leave));
    let mut browser = site.browser_of("mia").await;
    browser.get("/leave").await;
    let login = left.lock().unwrap().take().unwrap();
    let mia = site.members.find("mia").unwrap();
    let before = site.store.of("mia").await;
    site.store.calls();
    for result in [
        login.login_user(&mia).remember(true).await,
        login.logout_user().await,
        login.confirm_login(&mia).await,
        login.update_auth_hash(&mia).await,
    ] {
        assert_eq!(result.unwrap_err().kind(), ErrorKind::TooLate);
    }
    assert_eq!(site.store.calls(), []);
    assert_eq!(site.store.of("mia").await, before);
    assert_eq!(browser.who().await, "mia, fresh, by Session");
}

async fn a_login_that_its_response_overtakes_leaves_no_record_whose_cookie_nobody_has(
    sites: Sites,
) {
    let site = sites.stored();
    let gate = site.store.hold(Call::Create);
    let left: Arc<Mutex<Option<Stopped<Attempt>>>> = Arc::default();
    let (keep, mia) = (Arc::clone(&left), site.members.find("mia").unwrap());
    let leave = async move |given: Given| {
        let (login, mia) = (given.login, mia.clone());
        let attempt: Attempt = Box::pin(async move { login.login_user(&mia).await });
        let slow = gate.stop(attempt).await;
        drop(keep.lock().unwrap().replace(slow));
    };
    let site = site.and(acts("/leave", leave));
    assert_eq!(site.browser().get("/leave").await.status, 200);
    let slow = left.lock().unwrap().take().unwrap();
    let error = slow.go_on().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLate);
    assert_eq!(site.store.len(), 0);
}

/// Two tabs: one logs in while a slow page in the other stores something for an anonymous visitor.
async fn a_slow_page_of_an_anonymous_visitor_takes_no_login_away(sites: Sites) {
    let gate = Gate::default();
    for site in [sites.stored(), sites.safe()] {
        for has_been_here in [false, true] {
            let site = site.clone().with_login_pages(&gate);
            let mut browser = site.browser();
            if has_been_here {
                browser.post("/session/cart", "a book").await;
            }
            for path in ["/slow/note", "/slow-unasked/note"] {
                let slow = browser.clone();
                let slow = slow.stop_at(&gate, Method::POST, path, "late").await;
                browser.log_in("mia").await;
                browser.receive(&slow.go_on().await);
                assert_eq!(browser.who().await, "mia, fresh, by Session", "{path}");
                assert_eq!(
                    browser.read("/session/note").await,
                    "nothing",
                    "it was a stranger's"
                );
                browser.post("/logout", "").await;
                assert_eq!(browser.who().await, "nobody");
            }
        }
    }
}

async fn a_slow_page_that_began_before_a_proof_does_not_put_the_old_secret_back(sites: Sites) {
    let gate = Gate::default();
    let site = sites.stored().with_login_pages(&gate);
    for path in ["/slow/note", "/slow-unasked/note"] {
        let mut browser = site.browser_of("mia").await;
        let slow = browser.stop_at(&gate, Method::POST, path, "late").await;
        browser.post("/confirm", "").await;
        browser.receive(&slow.go_on().await);
        site.clock.advance(DAY / 3);
        assert_eq!(browser.who().await, "mia, by Session", "{path}");
        assert_eq!(browser.read("/session/note").await, "\"late\"");
    }
}

/// A session in use is sent again when it is an hour old; the login's record says how long it lives.
async fn a_slow_page_of_an_old_session_does_not_put_the_old_secret_back_either(sites: Sites) {
    let gate = Gate::default();
    let site = sites.stored().with_login_pages(&gate);
    for permanent in [false, true] {
        for path in ["/slow/note", "/slow-unasked/note"] {
            let mut browser = site.browser_of("mia").await;
            if permanent {
                browser.post("/permanent", "").await;
            }
            site.clock.advance(2 * HOUR);
            let slow = browser.stop_at(&gate, Method::POST, path, "late").await;
            browser.post("/confirm", "").await;
            browser.receive(&slow.go_on().await);
            site.clock.advance(DAY / 3);
            assert_eq!(browser.who().await, "mia, by Session", "{path}");
        }
    }
}

/// Without a store too, in the safe preset: values stored beside a login are not part of the login.
async fn a_slow_page_brings_no_login_back_and_hands_no_values_to_the_next_one(sites: Sites) {
    let gate = Gate::default();
    for site in [sites.stored(), sites.safe()] {
        for next in ["mia", "ben"] {
            let site = site.clone().with_login_pages(&gate);
            let mut browser = site.browser_of("mia").await;
            let slow = browser
                .stop_at(&gate, Method::POST, "/slow/diary", "dear me")
                .await;
            browser.post("/logout", "").await;
            let late = slow.go_on().await;
            browser.receive(&late);
            assert_eq!(browser.who().await, "nobody");
            assert_eq!(browser.read("/session/diary").await, "nothing");
            browser.log_in(next).await;
            browser.receive(&late);
            if next == "ben" {
                assert_eq!(browser.read("/session/diary").await, "nothing");
            }
            assert_eq!(browser.who().await, format!("{next}, fresh, by Session"));
        }
    }
}

/// All browsers share one token, so a copy from before is still the same token.
async fn a_login_that_its_response_overtakes_does_not_bring_an_ended_flask_token_back(
    sites: Sites,
) {
    let site = sites.stored_flask_with(|builder| builder.session_protection("off"));
    site.manager().end_logins_of("mia").await.unwrap();
    let gate = site.store.hold(Call::Create);
    let left: Arc<Mutex<Option<Stopped<Attempt>>>> = Arc::default();
    let (keep, mia) = (Arc::clone(&left), site.members.find("mia").unwrap());
    let leave = async move |given: Given| {
        let (login, mia) = (given.login, mia.clone());
        let attempt: Attempt = Box::pin(async move { login.login_user(&mia).remember(true).await });
        let slow = gate.stop(attempt).await;
        drop(keep.lock().unwrap().replace(slow));
    };
    let site = site.and(acts("/leave", leave));
    assert_eq!(site.browser().get("/leave").await.status, 200);
    let slow = left.lock().unwrap().take().unwrap();
    assert_eq!(slow.go_on().await.unwrap_err().kind(), ErrorKind::TooLate);
    let mut thief = site.browser();
    let token = peer::remember_token(KEY.as_bytes(), "mia");
    thief.jar.put("remember_token", &token);
    assert_eq!(thief.who().await, "nobody");
}

async fn a_remembered_login_whose_flask_token_the_store_cannot_bring_back_is_a_login(sites: Sites) {
    let site = sites.stored_flask_with(|builder| builder.session_protection("off"));
    let mut before = site.browser_of("mia").await;
    site.store.fail(&[Call::Delete]);
    before.post("/login", "name=mia&remember=true").await;
    site.store.come_back();
    assert_eq!(before.who().await, "mia, fresh, remembered, by Session");
    assert_eq!(site.store.of("mia").await.len(), 1);
}

cases! {
    login_records_overtaking:
    a_slow_request_that_writes_its_session_after_a_logout_brings_no_login_back,
    noting_that_a_login_was_used_does_not_bring_it_back,
    a_token_that_is_being_used_while_its_login_is_ended_brings_nothing_back,
    the_second_use_of_a_token_gets_the_same_cookies_as_the_first,
    a_use_of_the_token_that_is_overtaken_by_a_use_and_a_proof_undoes_neither,
    only_one_of_two_simultaneous_proofs_counts_and_the_other_is_told_so,
    a_proof_does_not_renew_a_login_that_ends_meanwhile,
    a_login_that_is_being_made_while_all_are_ended_stands_for_itself,
    a_login_is_over_when_its_logout_is_answered,
    two_logouts_at_once_are_both_answered,
    a_thief_who_is_being_thrown_out_cannot_be_saved_by_the_owners_use,
    two_first_looks_at_a_peers_session_find_one_record_and_both_cookies_are_good,
    a_record_that_is_written_for_the_new_key_does_not_come_back_by_that,
    what_is_deleted_twice_is_over_once,
    what_comes_after_the_response_is_too_late_and_changes_no_record,
    a_login_that_its_response_overtakes_leaves_no_record_whose_cookie_nobody_has,
    a_slow_page_of_an_anonymous_visitor_takes_no_login_away,
    a_slow_page_that_began_before_a_proof_does_not_put_the_old_secret_back,
    a_slow_page_of_an_old_session_does_not_put_the_old_secret_back_either,
    a_slow_page_brings_no_login_back_and_hands_no_values_to_the_next_one,
    a_login_that_its_response_overtakes_does_not_bring_an_ended_flask_token_back,
    a_remembered_login_whose_flask_token_the_store_cannot_bring_back_is_a_login,
}
