//! Events, in the order in which they happened.

use std::sync::{Arc, Mutex};

use housekey::{EndReason, Error, Event, Rejection};

use crate::log::Log;
use crate::plan::{Given, acts};
use crate::site::{HOUR, OLD_KEY, Site, Sites};

fn logged_in(id: &str, remember: bool) -> Event {
    Event::LoggedIn {
        user_id: id.to_owned(),
        remember,
    }
}

fn logged_out(id: Option<&str>) -> Event {
    Event::LoggedOut {
        user_id: id.map(str::to_owned),
    }
}

fn ended(id: &str, reason: EndReason) -> Event {
    Event::LoginEnded {
        user_id: id.to_owned(),
        reason,
    }
}

async fn a_visit_tells_its_story_in_order(sites: Sites) {
    let site = sites.safe();
    let mut browser = site.browser();
    browser.get("/").await;
    assert_eq!(site.events.take(), []);
    browser.get("/who").await;
    assert_eq!(site.events.take(), [Event::Accessed]);
    browser.get("/members").await;
    assert_eq!(site.events.take(), [Event::Accessed, Event::Unauthorized]);
    browser.log_in_remembered("mia").await;
    assert_eq!(site.events.take(), [logged_in("mia", true)]);
    browser.get("/members").await;
    assert_eq!(site.events.take(), [Event::Accessed]);

    browser.restart();
    browser.get("/fresh").await;
    let restored = Event::LoadedFromCookie {
        user_id: "mia".to_owned(),
    };
    assert_eq!(
        site.events.take(),
        [Event::Accessed, restored, Event::NeedsRefresh]
    );
    browser.post("/confirm", "").await;
    assert_eq!(
        site.events.take(),
        [Event::LoginConfirmed {
            user_id: "mia".to_owned()
        }]
    );
    browser.post("/logout", "").await;
    browser.post("/logout", "").await;
    assert_eq!(
        site.events.take(),
        [logged_out(Some("mia")), logged_out(None)]
    );
}

async fn a_login_that_ends_says_why(sites: Sites) {
    for (reason, end) in [
        (
            EndReason::UserGone,
            (|site| site.members.remove("mia")) as fn(&Site),
        ),
        (EndReason::UserInactive, |site| {
            site.members.change("mia", |member| member.active = false)
        }),
        (EndReason::AuthHashChanged, |site| {
            site.members.set_stamp("mia", "new")
        }),
    ] {
        let site = sites.safe();
        let mut browser = site.remembered_browser_of("mia").await;
        end(&site);
        site.events.take();
        assert_eq!(browser.who().await, "nobody");
        // Once for the session, once for the remember token.
        assert_eq!(
            site.events.take(),
            [Event::Accessed, ended("mia", reason), ended("mia", reason)]
        );
        assert_eq!(browser.who().await, "nobody");
        assert_eq!(site.events.take(), [Event::Accessed]);
    }
}

async fn a_cookie_that_counts_for_nothing_says_why(sites: Sites) {
    let site = sites.safe();
    let of_mia = site.remembered_browser_of("mia").await;
    let good = of_mia.jar.value("__Host-session").unwrap();
    let good_token = of_mia.jar.value("__Host-remember_token").unwrap();
    let old_keys = housekey::SecretKeys::new(OLD_KEY).unwrap();
    let other_site = site.restarted(old_keys, |builder| builder);
    let foreign = other_site.remembered_browser_of("mia").await;

    let rejected = async |session: &str, token: &str| {
        let mut browser = site.browser();
        browser.jar.put("__Host-session", session);
        browser.jar.put("__Host-remember_token", token);
        site.events.take();
        assert_eq!(browser.who().await, "nobody");
        let mut events = site.events.take();
        assert_eq!(events.remove(0), Event::Accessed);
        let kept = browser.jar.value("__Host-remember_token").is_some();
        let reason = Rejection::Expired;
        let over = Event::RememberTokenRejected { reason };
        assert_eq!(kept, !events.contains(&over), "all others may count again");
        events
    };
    let both = |reason| {
        [
            Event::SessionRejected { reason },
            Event::RememberTokenRejected { reason },
        ]
    };
    assert_eq!(
        rejected("forged", "forged").await,
        both(Rejection::BadSignature)
    );
    let session = foreign.jar.value("__Host-session").unwrap();
    let token = foreign.jar.value("__Host-remember_token").unwrap();
    assert_eq!(
        rejected(session, token).await,
        both(Rejection::BadSignature)
    );
    let ben = site.remembered_browser_of("ben").await;
    let ambiguous = |good: &str, name: &str| {
        let other = ben.jar.value(name).unwrap();
        format!("{good}; {name}={other}")
    };
    let session = ambiguous(good, "__Host-session");
    let token = ambiguous(good_token, "__Host-remember_token");
    assert_eq!(rejected(&session, &token).await, both(Rejection::Ambiguous));
    let now = site.clock.now();
    site.clock.set(now - 61);
    assert_eq!(
        rejected(good, good_token).await,
        both(Rejection::FromTheFuture)
    );
    site.clock.set(now + 31 * 24 * HOUR.as_secs());
    assert_eq!(rejected(good, good_token).await, both(Rejection::Expired));
}

async fn an_api_key_a_failure_and_a_bad_next_are_events_too(sites: Sites) {
    let site = sites.safe();
    let mut browser = site.browser();
    let mut request = browser.request(http::Method::GET, "/who", "");
    request
        .headers_mut()
        .insert("x-api-key", "key-of-mia".parse().unwrap());
    browser.send(request).await;
    let by_request = Event::LoadedFromRequest {
        user_id: "mia".to_owned(),
    };
    assert_eq!(site.events.take(), [Event::Accessed, by_request]);

    browser.post("/login?next=//evil.example", "name=mia").await;
    assert_eq!(
        site.events.take(),
        [logged_in("mia", false), Event::NextRejected]
    );

    site.members.go_away();
    browser.get("/who").await;
    assert_eq!(site.events.take(), [Event::Accessed, Event::LoadFailed]);
}

async fn an_attempt_that_fails_logs_nobody_in(sites: Sites) {
    let site = sites.safe();
    site.members.change("ben", |member| member.active = false);
    site.browser().post("/login", "name=ben").await;
    site.browser().post("/confirm", "").await;
    assert_eq!(site.events.take(), []);
}

async fn the_user_is_accessed_once_a_request_whatever_happens_in_it(sites: Sites) {
    let site = sites.safe();
    let mia = site.members.find("mia").unwrap();
    let page = async move |given: Given| -> Result<(), Error> {
        assert_eq!(given.who().await?.id.as_deref(), Some("mia"));
        given.login.confirm_login(&mia).await.unwrap();
        assert!(given.who().await?.is_fresh);
        Ok(())
    };
    let site = site.and(acts("/twice", page));
    let mut browser = site.browser_of("mia").await;
    site.events.take();
    assert_eq!(browser.get("/twice").await.status, 200);
    let confirmed = Event::LoginConfirmed {
        user_id: "mia".to_owned(),
    };
    assert_eq!(site.events.take(), [Event::Accessed, confirmed]);
}

async fn a_failed_attempt_is_an_event_that_names_the_account_and_not_what_was_typed(sites: Sites) {
    let site = sites.safe();
    let members = site.members.clone();
    let fail = async move |given: Given| {
        given.login.login_failed(members.find(&given.body).as_ref());
        "wrong"
    };
    let site = site.and(acts("/fail", fail));
    let mut browser = site.browser();
    for (typed, user_id) in [("mia", Some("mia")), ("my password, by mistake", None)] {
        let answer = browser.post("/fail", typed).await;
        assert_eq!(answer.set_cookies(), [""; 0]);
        let user_id = user_id.map(str::to_owned);
        assert_eq!(site.events.take(), [Event::LoginFailed { user_id }]);
    }
}

/// What a log can be searched by: stable words, not Rust's debug output.
async fn logs_have_fields_with_the_events_name_its_user_the_reason_and_the_address(sites: Sites) {
    let log = Log::of_all_threads();
    let site = sites.stored_with(|builder| builder.trusted_proxies(1));
    // Addresses that no other test uses.
    let (ours, other) = ("192.0.2.201", "2001:db8::c1");
    let mut browser = site.browser();
    let mut request = browser.request(http::Method::POST, "/login", "name=mia");
    let headers = request.headers_mut();
    headers.insert("x-forwarded-for", ours.parse().unwrap());
    browser.send(request).await;
    site.members.remove("mia");
    browser
        .get_with("/who", &[("x-forwarded-for", other)])
        .await;
    browser.jar.put("__Host-session", "forged");
    browser.get_with("/who", &[("x-forwarded-for", ours)]).await;
    let text = log.text();
    let lines: Vec<_> = text
        .lines()
        .filter(|line| line.contains("event="))
        .collect();
    for words in [
        [
            "event=\"logged_in\"",
            "user_id=\"mia\"",
            "address=192.0.2.201",
        ],
        [
            "event=\"login_ended\"",
            "reason=\"user_gone\"",
            "address=2001:db8::c1",
        ],
        [
            "event=\"session_rejected\"",
            "reason=\"bad_signature\"",
            "address=192.0.2.201",
        ],
    ] {
        let has = |line: &&str| words.iter().all(|word| line.contains(word));
        assert!(lines.iter().any(has), "{words:?}");
    }
    for line in lines {
        assert!(!line.contains('{') && !line.contains("Some("), "{line}");
    }
}

async fn a_hook_knows_the_client_that_caused_an_event(sites: Sites) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    let site = sites.stored_with(|builder| {
        builder.trusted_proxies(1).on_event(move |event, client| {
            let line = (event.name(), client.address(), client.user_agent());
            log.lock().unwrap().push(line);
        })
    });
    let mut browser = site.browser();
    let mut request = browser.request(http::Method::POST, "/login", "name=mia");
    let headers = request.headers_mut();
    headers.insert("x-forwarded-for", "192.0.2.7".parse().unwrap());
    browser.send(request).await;
    let address = Some("192.0.2.7".parse().unwrap());
    let expected = ("logged_in", address, Some("Firefox/1".to_owned()));
    assert_eq!(std::mem::take(&mut *seen.lock().unwrap()), [expected]);
    // An administrator's action does not belong to a visitor's request.
    site.manager().end_logins_of("mia").await.unwrap();
    let expected = ("login_ended", None, None);
    assert_eq!(std::mem::take(&mut *seen.lock().unwrap()), [expected]);
}

cases! {
    behaviour_events:
    a_visit_tells_its_story_in_order,
    a_login_that_ends_says_why,
    a_cookie_that_counts_for_nothing_says_why,
    an_api_key_a_failure_and_a_bad_next_are_events_too,
    an_attempt_that_fails_logs_nobody_in,
    the_user_is_accessed_once_a_request_whatever_happens_in_it,
    a_failed_attempt_is_an_event_that_names_the_account_and_not_what_was_typed,
    logs_have_fields_with_the_events_name_its_user_the_reason_and_the_address,
    a_hook_knows_the_client_that_caused_an_event,
}
