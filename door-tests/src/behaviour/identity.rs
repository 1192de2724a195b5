//! A cookie is identified by more than its name: cookies that other settings left in a browser, beside or instead of the
//! current one.

use housekey::{BoxError, CookieSettings, LoginManager, SecretKeys, SessionRefresh};
use http::{HeaderValue, Method};

use crate::browser::Browser;
use crate::people::{Member, Members};
use crate::plan::{Given, Page, acts};
use crate::site::{Builder, DAY, HOUR, KEY, Site, Sites};

type Set = fn(CookieSettings) -> CookieSettings;

/// Settings, and later ones with the same cookie names.
const CHANGES: [(&str, Set, Set); 6] = [
    ("a domain comes", |it| it, |it| it.domain("site.example")),
    ("a domain goes", |it| it.domain("site.example"), |it| it),
    (
        "another path",
        |it| it.path("/"),
        |it| it.path("/who").former_path("/"),
    ),
    ("partitioned", |it| it.secure(), |it| it.partitioned()),
    (
        "not partitioned any more",
        |it| it.partitioned(),
        |it| it.secure(),
    ),
    (
        "all at once",
        |it| it.domain("site.example").partitioned(),
        |it| it.secure(),
    ),
];

fn keys() -> SecretKeys {
    SecretKeys::new(KEY).unwrap()
}

fn with(builder: Builder, set: Set) -> Builder {
    // Under a __Host- name there is neither a domain nor a path to change.
    builder
        .session_cookie(|cookie| set(cookie.name("sid")))
        .remember_cookie(|cookie| set(cookie.name("rt")))
}

/// The same site before and after a change of settings, in every preset, with a store and without.
fn before_and_after(sites: Sites, before: Set, after: Set) -> Vec<(Site, Site)> {
    let befores = [
        sites.safe_with(|builder| with(builder, before)),
        sites.flask_with(|builder| with(builder, before)),
        sites.stored_with(|builder| with(builder, before)),
        sites.stored_flask_with(|builder| with(builder, before)),
    ];
    let after = |site: &Site| site.restarted(keys(), |builder| with(builder, after));
    let befores = befores.map(|site| {
        let pages = below_who(site.members.clone());
        site.with(pages)
    });
    befores
        .map(|before| (before.clone(), after(&before)))
        .into()
}

/// Pages that every cookie is sent to, including one for the path `/who`.
fn below_who(members: Members) -> [Page; 2] {
    let log_in = async move |given: Given| {
        let member = members.find(&given.body).unwrap();
        given.login.login_user(&member).remember(true).await
    };
    [
        acts("/who/login", log_in),
        acts("/who/logout", async |given: Given| {
            given.login.logout_user().await
        }),
    ]
}

async fn log_out(browser: &mut Browser) {
    assert_eq!(browser.post("/who/logout", "").await.status, 200);
}

async fn log_in(browser: &mut Browser, id: &str) {
    assert_eq!(browser.post("/who/login", id).await.status, 200);
}

async fn after_an_answered_logout_nobody_is_there_whatever_the_cookies_attributes_were(
    sites: Sites,
) {
    for (name, before, after) in CHANGES {
        for (before, after) in before_and_after(sites, before, after) {
            let mut browser = before.browser();
            log_in(&mut browser, "mia").await;
            browser.move_to(&after);
            assert!(browser.who().await.starts_with("mia"), "{name}");
            log_out(&mut browser).await;
            assert_eq!(browser.who().await, "nobody", "{name}: {:?}", browser.jar);
            browser.restart();
            assert_eq!(browser.who().await, "nobody", "{name}");
        }
    }
}

async fn an_answered_login_works_at_the_next_request_whatever_was_there_before(sites: Sites) {
    for (name, before, after) in CHANGES {
        for id in ["mia", "ben"] {
            for (before, after) in before_and_after(sites, before, after) {
                let mut browser = before.browser();
                log_in(&mut browser, "mia").await;
                browser.move_to(&after);
                log_in(&mut browser, id).await;
                assert!(
                    after.store.of(id).await.len() <= 1,
                    "{name}: the login before has ended"
                );
                let expected = format!("{id}, fresh, remembered, by Session");
                assert_eq!(browser.who().await, expected, "{name}: {:?}", browser.jar);
                browser.restart();
                let expected = format!("{id}, remembered, by RememberToken");
                assert_eq!(browser.who().await, expected, "{name}");
            }
        }
    }
}

/// The hourly refresh alone makes the pair.
async fn two_good_cookies_of_one_login_are_as_good_as_one(sites: Sites) {
    for (name, before, set) in CHANGES {
        for (before, after) in before_and_after(sites, before, set) {
            let mut browser = before.browser();
            log_in(&mut browser, "mia").await;
            let after = after.restarted(keys(), |builder| {
                with(builder, set).session_refresh(SessionRefresh::OlderThan(HOUR))
            });
            browser.move_to(&after);
            for _ in 0..3 {
                after.clock.advance(HOUR);
                assert!(browser.who().await.starts_with("mia"), "{name}");
            }
            log_out(&mut browser).await;
            assert_eq!(browser.who().await, "nobody", "{name}: {:?}", browser.jar);
            assert!(after.store.of("mia").await.is_empty(), "{name}");
        }
    }
}

async fn a_spoilt_or_expired_cookie_beside_a_good_one_does_not_matter(sites: Sites) {
    for site in [sites.safe(), sites.flask(), sites.stored()] {
        for name in site.remembered_browser_of("mia").await.jar.names() {
            let mut old = site.remembered_browser_of("mia").await;
            site.clock.advance(40 * DAY);
            let mut browser = site.remembered_browser_of("mia").await;
            let expired = old.jar.value(name).unwrap().to_owned();
            old.jar.remove(name);
            let good = browser.jar.value(name).unwrap().to_owned();
            for beside in ["spoilt", "", &expired] {
                for both in [
                    format!("{beside}; {name}={good}"),
                    format!("{good}; {name}={beside}"),
                ] {
                    let mut copy = browser.clone();
                    copy.jar.put(name, &both);
                    let who = copy.who().await;
                    assert!(who.starts_with("mia, fresh, remembered"), "{both}: {who}");
                }
            }
            browser.restart();
        }
    }
}

/// A neighbour can set either an attacker's own login or something that was not signed here.
async fn a_neighbour_plants_nobody_and_takes_nobodys_login_away(sites: Sites) {
    let domain: Set = |cookie| cookie.domain("site.example");
    for site in [
        sites.safe_with(|builder| with(builder, domain)),
        sites.stored_with(|builder| with(builder, domain)),
    ] {
        let mallory = site.remembered_browser_of("ben").await;
        for name in ["sid", "rt"] {
            let mut browser = site.remembered_browser_of("mia").await;
            let good = browser.jar.value(name).unwrap().to_owned();
            let planted = mallory.jar.value(name).unwrap();
            browser.jar.put(name, &format!("{good}; {name}={planted}"));
            let mut at_work = browser.clone();
            let who = at_work.who().await;
            assert!(who.starts_with("mia"), "{name}: {who}");
            // The neighbour's cookie goes, and she is still mia.
            if at_work
                .jar
                .value(name)
                .is_some_and(|value| value.contains(planted))
            {
                at_work.jar.put(name, &good);
            }
            assert!(at_work.who().await.starts_with("mia"), "{name}");
            let mut spoilt = site.remembered_browser_of("mia").await;
            let good = spoilt.jar.value(name).unwrap().to_owned();
            spoilt.jar.put(name, &format!("planted; {name}={good}"));
            assert!(spoilt.who().await.starts_with("mia, fresh, remembered"));
        }
    }
}

async fn where_a_cookie_may_have_been_before_is_checked_as_where_it_is(_: Sites) {
    let refused = |set: Set| {
        let loader = |_: String| async { Ok::<_, BoxError>(None::<Member>) };
        let builder = LoginManager::new(keys(), loader).session_cookie(|it| set(it.name("sid")));
        builder.build().unwrap_err()
    };
    for path in [
        (|it| it.former_path("app")) as Set,
        |it| it.former_path("/a;b"),
        |it| it.former_path(""),
    ] {
        let error = refused(path).to_string();
        assert!(error.starts_with("session_cookie_path"), "{error}");
    }
}

async fn a_host_that_no_cookie_can_be_set_for_is_not_an_error(sites: Sites) {
    let site = sites.flask();
    for host in [
        "127.0.0.1:3000",
        "[::1]:3000",
        "localhost",
        "",
        ".",
        "a..b",
        "é",
        "x; Domain=y",
    ] {
        let mut browser = site.browser_of("mia").await;
        let mut request = browser.request(Method::POST, "/logout", "");
        let host = HeaderValue::from_bytes(host.as_bytes()).unwrap();
        request.headers_mut().insert("host", host);
        let answer = browser.send(request).await;
        assert_eq!(answer.status, 200);
        let sent = answer.set_cookies();
        assert!(sent.iter().all(|set| !set.contains("Domain=")), "{sent:?}");
        assert_eq!(browser.who().await, "nobody");
    }
}

/// A token left beside its successor is this browser's own.
async fn a_used_token_that_other_settings_left_beside_its_successor_is_not_a_theft(sites: Sites) {
    for (name, before, after) in CHANGES {
        for ending in ["logout", "login"] {
            let before = sites.stored_with(|builder| with(builder, before));
            let pages = below_who(before.members.clone());
            let before = before.with(pages);
            let after = before.restarted(keys(), |builder| with(builder, after));
            let mut browser = before.browser();
            log_in(&mut browser, "mia").await;
            browser.restart();
            browser.move_to(&after);
            assert_eq!(browser.who().await, "mia, remembered, by RememberToken");
            assert_eq!(browser.who().await, "mia, remembered, by Session");
            after.clock.advance(HOUR);
            assert_eq!(browser.who().await, "mia, remembered, by Session");
            after.events.take();
            match ending {
                "logout" => log_out(&mut browser).await,
                _ => log_in(&mut browser, "mia").await,
            }
            let events = after.events.take();
            let stolen = events
                .iter()
                .any(|event| matches!(event, housekey::Event::RememberTokenStolen { .. }));
            assert!(!stolen, "{name}, {ending}: {events:?}");
        }
    }
}

/// What a client says about its host is only repeated up to a limit.
async fn the_deletions_of_a_logout_are_short_whatever_host_was_called(sites: Sites) {
    for host in [
        "site.example".to_owned(),
        "a.very.long-name.of-a-shop.somewhere.site.example".to_owned(),
        format!("{}.example", "a".repeat(7000)),
        vec!["a"; 3000].join("."),
    ] {
        for site in [
            sites.flask(),
            sites.safe_with(|builder| {
                with(builder, |cookie| cookie.domain("site.example").secure())
            }),
        ] {
            let mut browser = site.remembered_browser_of("mia").await;
            browser.post("/session/k", "v").await;
            let mut request = browser.request(Method::POST, "/logout", "");
            request
                .headers_mut()
                .insert("host", HeaderValue::from_str(&host).unwrap());
            let answer = browser.send(request).await;
            let length: usize = answer.set_cookies().iter().map(|set| set.len() + 14).sum();
            let count = answer.set_cookies().len();
            assert!(
                length < 3700,
                "{length} bytes, {count} fields: {:?}",
                &host[..host.len().min(50)]
            );
        }
    }
}

cases! {
    behaviour_identity:
    after_an_answered_logout_nobody_is_there_whatever_the_cookies_attributes_were,
    an_answered_login_works_at_the_next_request_whatever_was_there_before,
    two_good_cookies_of_one_login_are_as_good_as_one,
    a_spoilt_or_expired_cookie_beside_a_good_one_does_not_matter,
    a_neighbour_plants_nobody_and_takes_nobodys_login_away,
    where_a_cookie_may_have_been_before_is_checked_as_where_it_is,
    a_host_that_no_cookie_can_be_set_for_is_not_an_error,
    a_used_token_that_other_settings_left_beside_its_successor_is_not_a_theft,
    the_deletions_of_a_logout_are_short_whatever_host_was_called,
}
