//! `Vary` and `Cache-Control`: what caches are told, and when nothing.

use housekey::Error;
use http::Response;
use http::header::{CACHE_CONTROL, HeaderName, HeaderValue, VARY};

use crate::answer::Answer;
use crate::plan::{Given, Page, acts, answers};
use crate::site::{HOUR, Sites};

/// A page that says `value` in `header`, and does `deed` with the session.
fn page(header: HeaderName, values: &[&str], deed: &'static str) -> Page {
    let mut answer = Response::new(String::new());
    for value in values {
        answer
            .headers_mut()
            .append(&header, HeaderValue::from_str(value).unwrap());
    }
    if deed == "nothing" {
        return answers("/page", answer);
    }
    acts("/page", async move |given: Given| -> Result<_, Error> {
        let Given { login, session, .. } = &given;
        match deed {
            "user" => drop(given.who().await?),
            "look" => drop(session.contains("k")),
            "read" => drop(session.get::<String>("k")),
            "keys" => drop(session.keys()),
            "write" => session.insert("k", "v").unwrap(),
            "delete" => drop(session.remove("k")),
            "logout" => login.logout_user().await.unwrap(),
            other => panic!("{other}"),
        }
        Ok(answer.clone())
    })
}

async fn vary_names_the_cookie_whenever_the_session_was_looked_at_and_only_then(sites: Sites) {
    let cases: [(&[&str], &str); 8] = [
        (&[], "Cookie"),
        (&["*"], "*"),
        (&["Cookie"], "Cookie"),
        (&["cookie ,  Accept"], "cookie ,  Accept"),
        (&["Accept"], "Accept, Cookie"),
        (&["Accept", "COOKIE"], "Accept, COOKIE"),
        (&["Accept", "X-Cookie"], "Accept, X-Cookie, Cookie"),
        (&[""], ", Cookie"),
    ];
    for (before, expected) in cases {
        for deed in [
            "look", "read", "keys", "write", "delete", "logout", "nothing",
        ] {
            let site = sites.safe().and(page(VARY, before, deed));
            let mut browser = site.browser_of("mia").await;
            let expected = match deed {
                "nothing" => (!before.is_empty()).then(|| before.join(", ").trim().to_owned()),
                _ => Some(expected.to_owned()),
            };
            let vary = browser.get("/page").await.header("vary");
            assert_eq!(vary, expected, "{before:?} and {deed}");
        }
    }
}

async fn what_was_made_for_a_user_or_sets_a_cookie_is_kept_out_of_shared_caches(sites: Sites) {
    // The handler's value; the value for a user; the value when a cookie is set.
    for (before, for_user, with_cookie) in [
        ("", "private, no-store", "private, no-store"),
        ("no-store", "no-store", "no-store"),
        ("private", "private", "private"),
        (
            "Private, max-age=9",
            "Private, max-age=9",
            "Private, max-age=9",
        ),
        ("max-age=60", "private, max-age=60", "private, max-age=60"),
        (
            "public, max-age=60",
            "public, max-age=60",
            "private, max-age=60",
        ),
        (
            "PUBLIC,s-maxage=9, immutable",
            "PUBLIC,s-maxage=9, immutable",
            "private, immutable",
        ),
        ("no-cache", "private, no-cache", "private, no-cache"),
        (
            "s-maxage=60, private=\"x-a\"",
            "s-maxage=60, private=\"x-a\"",
            "private, private=\"x-a\"",
        ),
        (
            "no-cache, private=\"x-a\"",
            "private, no-cache, private=\"x-a\"",
            "private, no-cache, private=\"x-a\"",
        ),
    ] {
        let values: &[&str] = if before.is_empty() { &[] } else { &[before] };
        for (deed, expected) in [
            ("user", for_user),
            ("write", with_cookie),
            ("logout", with_cookie),
        ] {
            let site = sites.safe().and(page(CACHE_CONTROL, values, deed));
            let mut browser = site.browser_of("mia").await;
            let said = browser.get("/page").await.header("cache-control");
            assert_eq!(said.as_deref(), Some(expected), "{before:?} and {deed}");
        }
        let site = sites.safe().and(page(CACHE_CONTROL, values, "read"));
        let said = site.browser().get("/page").await.header("cache-control");
        assert_eq!(
            said.unwrap_or_default(),
            before,
            "an anonymous visitor's page is like any other"
        );
    }
}

/// Fields that one kind of shared cache uses instead of `Cache-Control`.
async fn no_field_that_a_shared_cache_puts_first_is_public_beside_a_cookie(sites: Sites) {
    let fields = [
        "cdn-cache-control",
        "cloudflare-cdn-cache-control",
        "vercel-cdn-cache-control",
        "netlify-cdn-cache-control",
        "surrogate-control",
        "edge-control",
        "x-litespeed-cache-control",
        "x-accel-expires",
    ];
    for name in fields {
        let field = || HeaderName::from_static(name);
        let (values, closed): (&[&str], _) = match name {
            "x-accel-expires" => (&["600"], "0"),
            "surrogate-control" => (
                &["max-age=600, content=\"ESI/1.0\""],
                "no-store, content=\"ESI/1.0\"",
            ),
            _ => (&["public, max-age=600", "s-maxage=9"], "no-store"),
        };
        for (deed, said) in [
            ("write", Some(closed)),
            ("logout", Some(closed)),
            ("nothing", None),
            ("read", None),
        ] {
            let site = sites.safe().and(page(field(), values, deed));
            let answer = site.browser_of("mia").await.get("/page").await;
            let expected = said.map_or_else(|| values.join(", "), str::to_owned);
            assert_eq!(answer.header(name), Some(expected), "{name} and {deed}");
            if said.is_some() {
                let cache_control = answer.header("cache-control");
                assert_eq!(cache_control.as_deref(), Some("private, no-store"));
            }
        }
        let site = sites.safe().and(page(field(), values, "look"));
        let mut browser = site.browser_of("mia").await;
        site.clock.advance(HOUR);
        let answer = browser.get("/page").await;
        assert_eq!(answer.header(name).as_deref(), Some(closed), "a refresh");
    }
    for said in ["private", "no-store", "PRIVATE, max-age=5"] {
        let name = HeaderName::from_static("cdn-cache-control");
        let site = sites.safe().and(page(name, &[said], "write"));
        let answer = site.browser().get("/page").await;
        assert_eq!(answer.header("cdn-cache-control").as_deref(), Some(said));
    }
}

async fn a_stream_of_events_that_was_made_for_a_user_is_private(sites: Sites) {
    let events = async |given: Given| -> Result<_, Error> {
        given.who().await?;
        let answer = Response::builder()
            .header("content-type", "text/event-stream")
            .header(CACHE_CONTROL, "no-cache");
        Ok(answer.body(String::new()).unwrap())
    };
    let site = sites.safe().and(acts("/events", events));
    let answer = site.browser_of("mia").await.get("/events").await;
    assert_eq!(
        answer.header("cache-control").as_deref(),
        Some("private, no-cache")
    );
    let answer = site.browser().get("/events").await;
    assert_eq!(answer.header("cache-control").as_deref(), Some("no-cache"));
}

async fn a_response_that_only_refreshes_the_session_is_private_too(sites: Sites) {
    let site = sites
        .safe()
        .and(page(CACHE_CONTROL, &["public, max-age=60"], "look"));
    let mut browser = site.browser_of("mia").await;
    site.clock.advance(HOUR);
    let answer = browser.get("/page").await;
    assert!(answer.set_cookie("__Host-session").is_some());
    assert_eq!(
        answer.header("cache-control").as_deref(),
        Some("private, max-age=60")
    );
    assert_eq!(answer.header("vary").as_deref(), Some("Cookie"));
}

async fn errors_and_denials_say_the_same(sites: Sites) {
    let site = sites.safe();
    let is_kept_out = |answer: &Answer, status: u16| {
        assert_eq!(answer.status, status);
        let vary = answer.header("vary").unwrap_or_default();
        assert!(vary.contains("Cookie"), "{vary}");
        let said = answer.header("cache-control").unwrap_or_default();
        assert!(said.contains("no-store"), "{said}");
    };
    is_kept_out(&site.browser().get("/members").await, 303);
    is_kept_out(&site.browser().post("/confirm", "").await, 401);
    let mut browser = site.browser_of("mia").await;
    is_kept_out(&browser.post("/logout", "").await, 200);
    let mut browser = site.browser_of("mia").await;
    site.members.go_away();
    is_kept_out(&browser.get("/members").await, 503);
}

async fn a_page_that_does_not_ask_is_the_same_with_and_without_cookies(sites: Sites) {
    for site in [sites.safe(), sites.flask()] {
        let mut browser = site.remembered_browser_of("mia").await;
        site.clock.advance(100 * HOUR);
        for name in browser.jar.clone().names() {
            browser.jar.put(name, "forged");
        }
        for path in ["/", "/no/such/page"] {
            assert!(browser.get(path).await.is_untouched(), "{path}");
        }
        assert_eq!(site.members.lookups(), [""; 0]);
    }
}

cases! {
    behaviour_caching:
    vary_names_the_cookie_whenever_the_session_was_looked_at_and_only_then,
    what_was_made_for_a_user_or_sets_a_cookie_is_kept_out_of_shared_caches,
    no_field_that_a_shared_cache_puts_first_is_public_beside_a_cookie,
    a_stream_of_events_that_was_made_for_a_user_is_private,
    a_response_that_only_refreshes_the_session_is_private_too,
    errors_and_denials_say_the_same,
    a_page_that_does_not_ask_is_the_same_with_and_without_cookies,
}
