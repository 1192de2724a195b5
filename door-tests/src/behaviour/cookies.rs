//! What is read from the `Cookie` header, and what is not.

use housekey::Error;
use http::{HeaderValue, Method, Response, header};

use crate::plan::{Given, acts};
use crate::site::{Site, Sites};

async fn who(site: &Site, fields: &[Vec<u8>]) -> String {
    let mut request = site.browser().request(Method::GET, "/who", "");
    for field in fields {
        let field = HeaderValue::from_bytes(field).unwrap();
        request.headers_mut().append(header::COOKIE, field);
    }
    site.send(request).await.body
}

async fn a_neighbours_cookie_logs_nobody_out_and_passes_for_no_other(sites: Sites) {
    let site = sites.safe();
    let browser = site.browser_of("mia").await;
    let good = browser.jar.value("__Host-session").unwrap();
    let mia = "mia, fresh, by Session";
    let evil = site.browser_of("ben").await;
    let evil = evil.jar.value("__Host-session").unwrap();
    let line = |text: String| text.into_bytes();
    for (fields, expected) in [
        (vec![line(format!("__Host-session={good}"))], mia),
        (
            vec![line(format!("a=1;  \t__Host-session = {good} ;b"))],
            mia,
        ),
        (
            vec![line("a=1".into()), line(format!("__Host-session={good}"))],
            mia,
        ),
        (
            vec![line(format!(
                "__Host-session={good}; __Host-session={good}"
            ))],
            mia,
        ),
        (
            vec![
                [
                    b"n\xff\xfe=\xff; ",
                    format!("__Host-session={good}").as_bytes(),
                ]
                .concat(),
            ],
            mia,
        ),
        (
            vec![line(format!("=x; ;;=; $Version=1; __Host-session={good}"))],
            mia,
        ),
        (
            vec![line(format!(
                "__Host-session={good}; %5F%5FHost-session={evil}"
            ))],
            mia,
        ),
        (
            vec![line(format!(
                "__Host-session={good}; __host-session={evil}"
            ))],
            mia,
        ),
        (
            vec![line(format!(
                "__Host-session={good}; \u{2000}__Host-session={evil}"
            ))],
            mia,
        ),
        (
            vec![line(format!(
                "__Host-session={good}; =__Host-session={evil}"
            ))],
            mia,
        ),
        (vec![line(format!("%5F%5FHost-session={good}"))], "nobody"),
        (vec![line(format!("__Host-session=\"{good}\""))], "nobody"),
        (
            vec![line(format!(
                "__Host-session={good}; __Host-session={evil}"
            ))],
            "nobody",
        ),
        (
            vec![line(format!("__Host-session={good}{}", "x".repeat(8192)))],
            "nobody",
        ),
    ] {
        assert_eq!(who(&site, &fields).await, expected, "{fields:?}");
    }
}

async fn a_name_without_a_prefix_is_trusted_when_one_value_of_several_is_good(sites: Sites) {
    let site = sites.flask();
    let browser = site.browser_of("mia").await;
    let good = browser.jar.value("session").unwrap().to_owned();
    let other = site.browser_of("ben").await;
    let other = other.jar.value("session").unwrap().to_owned();
    for (values, expected) in [
        (vec!["planted", &good], "mia, fresh, by Session"),
        (
            vec![&good, "planted", "planted too"],
            "mia, fresh, by Session",
        ),
        (vec![&other, &good], "nobody"),
    ] {
        let pairs: Vec<_> = values
            .iter()
            .map(|value| format!("session={value}"))
            .collect();
        assert_eq!(who(&site, &[pairs.join("; ").into_bytes()]).await, expected);
    }
}

async fn a_changed_character_anywhere_makes_a_cookie_worthless(sites: Sites) {
    for site in [sites.safe(), sites.flask()] {
        let browser = site.remembered_browser_of("mia").await;
        for name in browser.jar.names() {
            let value = browser.jar.value(name).unwrap();
            for at in 0..value.len() {
                let mut bytes = value.as_bytes().to_vec();
                bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
                let field = [name.as_bytes(), b"=", &bytes].concat();
                assert_eq!(who(&site, &[field]).await, "nobody", "{name} at {at}");
            }
            for other in [
                format!("{value}="),
                format!("{value}A"),
                value[..value.len() - 1].to_owned(),
            ] {
                let field = format!("{name}={other}").into_bytes();
                assert_eq!(who(&site, &[field]).await, "nobody", "{name}={other}");
            }
        }
    }
}

async fn one_cookie_is_worth_nothing_under_the_name_of_the_other(sites: Sites) {
    for (site, session, token) in [
        (sites.safe(), "__Host-session", "__Host-remember_token"),
        (sites.flask(), "session", "remember_token"),
    ] {
        let browser = site.remembered_browser_of("mia").await;
        let mut thief = site.browser();
        thief.jar.put(token, browser.jar.value(session).unwrap());
        thief.jar.put(session, browser.jar.value(token).unwrap());
        assert_eq!(thief.who().await, "nobody");
    }
}

async fn ten_thousand_cookies_are_nobody(sites: Sites) {
    let site = sites.safe();
    let many = "a=b; ".repeat(10_000);
    let browser = site.browser_of("mia").await;
    let session = browser.jar.value("__Host-session").unwrap();
    let first = format!("__Host-session={session}; {many}");
    assert_eq!(
        who(&site, &[first.into_bytes()]).await,
        "mia, fresh, by Session"
    );
    let last = format!("{many}__Host-session={session}");
    assert_eq!(who(&site, &[last.into_bytes()]).await, "nobody");
}

async fn the_cookies_of_the_safe_preset_are_as_tight_as_can_be(sites: Sites) {
    let site = sites.safe();
    let mut browser = site.browser();
    let answer = browser.log_in_remembered("mia").await;
    let cookies = answer.set_cookies();
    let [token, session] = cookies.as_slice() else {
        panic!("{cookies:?}")
    };
    assert!(token.starts_with("__Host-remember_token="), "{token}");
    assert!(
        token.ends_with(
            "; Expires=Thu, 14 Dec 2023 22:13:20 GMT; Secure; HttpOnly; Path=/; SameSite=Lax"
        ),
        "{token}"
    );
    assert!(session.starts_with("__Host-session="), "{session}");
    assert!(
        session.ends_with("; Secure; HttpOnly; Path=/; SameSite=Lax"),
        "{session}"
    );
    assert!(!session.contains("Expires"), "{session}");
}

async fn logging_out_removes_what_the_browser_has_and_nothing_else(sites: Sites) {
    let site = sites.safe();
    assert_eq!(
        site.browser().post("/logout", "").await.set_cookies(),
        [""; 0]
    );
    let mut browser = site.browser_of("mia").await;
    let answer = browser.post("/logout", "").await;
    assert_eq!(answer.set_cookies().len(), 2, "as it is, and partitioned");

    // Cookies that are invalid at the moment too: they may be valid again once a clock or a key is corrected.
    for name in ["__Host-session", "__Host-remember_token"] {
        let mut browser = site.browser();
        browser.jar.put(name, "signed by another server");
        browser.post("/logout", "").await;
        assert_eq!(browser.jar.names(), [""; 0]);
    }
}

async fn a_session_from_a_clock_that_is_ahead_does_not_come_back_after_logging_out(sites: Sites) {
    let site = sites.safe();
    let mut browser = site.browser_of("mia").await;
    site.clock.set(site.clock.now() - 60);
    browser.post("/logout", "").await;
    site.clock.set(site.clock.now() + 60);
    assert_eq!(browser.who().await, "nobody");
}

/// A handler that asks a Flask peer to log out passes on its `Set-Cookie`.
async fn a_cookie_that_the_handler_sets_is_not_undone_by_sending_an_unchanged_one_again(
    sites: Sites,
) {
    const GONE: &str = "=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; HttpOnly; Path=/";
    let forwarded = |name: &str| {
        let answer = Response::builder().header(header::SET_COOKIE, format!("{name}{GONE}"));
        answer.body(String::new()).unwrap()
    };
    let asks_first = |path, name| {
        acts(path, async move |given: Given| -> Result<_, Error> {
            given.who().await?;
            Ok(forwarded(name))
        })
    };
    let changes = async move |given: Given| {
        given.session.insert("note", "mine").unwrap();
        forwarded("session")
    };
    let pages = [
        asks_first("/peer/session", "session"),
        asks_first("/peer/token", "remember_token"),
        acts("/peer/changed", changes),
    ];
    let site = sites
        .flask_with(|builder| builder.remember_refresh_each_request())
        .with(pages);
    let mut browser = site.remembered_browser_of("mia").await;
    browser.post("/permanent", "").await;
    let answer = browser.get("/who").await;
    assert_eq!(
        answer.set_cookies().len(),
        2,
        "both are sent again each time"
    );

    let mut at_peer = browser.clone();
    let answer = at_peer.get("/peer/session").await;
    assert_eq!(at_peer.jar.value("session"), None, "{answer:?}");
    let mut at_peer = browser.clone();
    let answer = at_peer.get("/peer/token").await;
    assert_eq!(at_peer.jar.value("remember_token"), None, "{answer:?}");
    // A change by the handler itself comes later and wins.
    let mut at_peer = browser.clone();
    at_peer.get("/peer/changed").await;
    assert_eq!(at_peer.read("/session/note").await, "\"mine\"");
    assert!(at_peer.who().await.starts_with("mia"));
}

/// A neighbour can set as many as a browser keeps, and those with a longer path come first.
async fn a_neighbour_that_crowds_out_a_cookie_logs_nobody_in_as_somebody_else(sites: Sites) {
    for site in [
        sites.flask(),
        sites.safe_with(|builder| builder.session_cookie(|cookie| cookie.name("session"))),
    ] {
        let good = site.browser_of("mia").await;
        let good = good.jar.value("session").unwrap().to_owned();
        let evil = site.browser_of("ben").await;
        let evil = evil.jar.value("session").unwrap().to_owned();
        for spoilt in [0, 1, 3, 4, 10, 50] {
            let mut values = vec![evil.clone()];
            values.extend((0..spoilt).map(|number| format!("planted{number}")));
            values.push(good.clone());
            let pairs: Vec<_> = values
                .iter()
                .map(|value| format!("session={value}"))
                .collect();
            let line = pairs.join("; ").into_bytes();
            assert_eq!(who(&site, &[line]).await, "nobody", "{spoilt}");
        }
    }
}

async fn a_neighbour_that_crowds_out_a_remember_token_logs_nobody_in_as_somebody_else(
    sites: Sites,
) {
    for site in [
        sites.flask(),
        sites.safe_with(|builder| builder.remember_cookie(|cookie| cookie.name("remember_token"))),
    ] {
        let good = site.remembered_browser_of("mia").await;
        let good = good.jar.value("remember_token").unwrap().to_owned();
        let evil = site.remembered_browser_of("ben").await;
        let evil = evil.jar.value("remember_token").unwrap().to_owned();
        for spoilt in [0, 3, 4] {
            let mut values = vec![evil.clone()];
            values.extend((0..spoilt).map(|number| format!("planted{number}")));
            values.push(good.clone());
            let pairs: Vec<_> = values
                .iter()
                .map(|value| format!("remember_token={value}"))
                .collect();
            let line = pairs.join("; ").into_bytes();
            assert_eq!(who(&site, &[line]).await, "nobody", "{spoilt}");
        }
    }
}

cases! {
    behaviour_cookies:
    a_neighbours_cookie_logs_nobody_out_and_passes_for_no_other,
    a_name_without_a_prefix_is_trusted_when_one_value_of_several_is_good,
    a_changed_character_anywhere_makes_a_cookie_worthless,
    one_cookie_is_worth_nothing_under_the_name_of_the_other,
    ten_thousand_cookies_are_nobody,
    the_cookies_of_the_safe_preset_are_as_tight_as_can_be,
    logging_out_removes_what_the_browser_has_and_nothing_else,
    a_session_from_a_clock_that_is_ahead_does_not_come_back_after_logging_out,
    a_cookie_that_the_handler_sets_is_not_undone_by_sending_an_unchanged_one_again,
    a_neighbour_that_crowds_out_a_cookie_logs_nobody_in_as_somebody_else,
    a_neighbour_that_crowds_out_a_remember_token_logs_nobody_in_as_somebody_else,
}
