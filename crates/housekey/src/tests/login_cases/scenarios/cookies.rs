//! The cookies' attributes, and what caches are told.

use super::*;
use crate::SameSite;
use crate::cookie::CookieSettings;

fn both(set: impl Fn(CookieSettings) -> CookieSettings) -> Site {
    Site::with(|builder| {
        let builder = builder.session_cookie(|cookie| set(cookie.name("sid")));
        builder.remember_cookie(|cookie| set(cookie.name("v1lat_token")))
    })
}

fn set_by_login(site: &Site) -> Vec<String> {
    let browser = site.remembered_browser_of("mia");
    assert_eq!(browser.sent.len(), 2);
    browser.sent
}

fn attributes(header: &str) -> Vec<&str> {
    header.split("; ").skip(1).collect()
}

pub(in super::super) fn the_cookies_are_as_the_settings_say() {
    for header in set_by_login(&Site::new()) {
        assert!(header.starts_with("__Host-"), "{header}");
        for attribute in ["Secure", "HttpOnly", "Path=/", "SameSite=Lax"] {
            assert!(attributes(&header).contains(&attribute), "{header}");
        }
        assert!(!header.contains("Domain"), "{header}");
    }
    type Set = fn(CookieSettings) -> CookieSettings;
    let cases: &[(Set, &str, bool)] = &[
        (|cookie| cookie, "Secure", true),
        (|cookie| cookie.insecure(), "Secure", false),
        (|cookie| cookie, "HttpOnly", true),
        (|cookie| cookie.readable_by_scripts(), "HttpOnly", false),
        (
            |cookie| cookie.same_site(SameSite::Strict),
            "SameSite=Strict",
            true,
        ),
        (|cookie| cookie.path("/example/"), "Path=/example/", true),
        (
            |cookie| cookie.domain(".other.example"),
            "Domain=other.example",
            true,
        ),
        (|cookie| cookie.partitioned(), "Partitioned", true),
    ];
    for (set, attribute, present) in cases {
        let headers = set_by_login(&both(set));
        assert!(headers[0].starts_with("v1lat_token="), "{}", headers[0]);
        assert!(headers[1].starts_with("sid="), "{}", headers[1]);
        for header in headers {
            assert_eq!(
                attributes(&header).contains(attribute),
                *present,
                "{header}"
            );
        }
    }
}

pub(in super::super) fn a_cookie_is_deleted_as_it_was_set() {
    let site = both(|cookie| cookie.domain(".example.local").path("/example/"));
    for site in [Site::new(), site] {
        let set = set_by_login(&site);
        let mut browser = site.remembered_browser_of("mia");
        browser.log_out();
        assert!(browser.names().is_empty());
        let same = |set: &String| {
            let name = set.split('=').next().unwrap().to_owned();
            let mut sent = browser.sent.iter();
            sent.rfind(|sent| sent.starts_with(&format!("{name}=")))
                .unwrap()
        };
        for (deleted, set) in set.iter().map(|set| (same(set), set)) {
            assert!(deleted.contains("=; "), "{deleted}");
            assert!(
                deleted.contains("; Expires=Thu, 01 Jan 1970 00:00:00 GMT"),
                "{deleted}"
            );
            assert!(deleted.contains("; Max-Age=0"), "{deleted}");
            let lasting = |header: &str| -> Vec<String> {
                let all = attributes(header).into_iter();
                all.filter(|part| !part.starts_with("Expires") && !part.starts_with("Max-Age"))
                    .map(str::to_owned)
                    .collect()
            };
            assert_eq!(lasting(deleted), lasting(set));
        }
        assert_eq!(browser.headers["vary"], "Cookie");
    }
}

pub(in super::super) fn a_browser_without_cookies_is_sent_nothing_to_delete() {
    let site = Site::new();
    for cookie in [None, Some("mycookie")] {
        let mut browser = site.browser();
        if let Some(name) = cookie {
            browser.plant(name, "x");
        }
        assert_eq!(browser.who(), "nobody");
        assert!(browser.sent.is_empty(), "{:?}", browser.sent);
        browser.log_out();
        assert!(browser.sent.is_empty(), "{:?}", browser.sent);
        assert_eq!(browser.headers["vary"], "Cookie");
        assert!(site.shelf.asked().is_empty());
    }
}

pub(in super::super) fn a_logout_is_not_cached_whether_or_not_anybody_was_logged_in() {
    let site = Site::new();
    for mut browser in [site.browser(), site.browser_of("mia")] {
        browser.log_out();
        let caching = browser.headers["cache-control"].to_str().unwrap();
        assert!(caching.contains("no-store"), "{caching}");
    }
}

/// better-auth says `no-store` to nobody as well. Here that answer is the same for everybody who sends no cookie, and
/// `Vary` keeps it apart.
pub(in super::super) fn what_was_made_for_a_user_is_not_stored() {
    let site = Site::new();
    let mut browser = site.browser_of("mia");
    browser.who();
    assert_eq!(browser.headers["cache-control"], "private, no-store");
    let mut stranger = site.browser();
    stranger.who();
    assert!(!stranger.headers.contains_key("cache-control"));
    let vary: Vec<_> = stranger.headers.get_all("vary").iter().collect();
    assert_eq!(vary, ["Cookie, Authorization"]);
}

pub(in super::super) fn a_page_that_looks_at_nobody_depends_on_nobody() {
    let site = Site::new();
    let browser = site.browser_of("mia");
    site.shelf.asked();
    let cookie = format!("{SESSION}={}", browser.cookie(SESSION).unwrap());
    let request = request(&[("cookie", cookie)]);
    let visit = site.manager.visit(&request.uri);
    let mut headers = HeaderMap::new();
    visit.finish(&mut headers).unwrap();
    assert!(headers.is_empty());
    let visit = visit.open(&request).unwrap();
    block_on(visit.current_user::<Person>(&request)).unwrap();
    assert_eq!(headers_of(&visit)["vary"], "Cookie");
    assert_eq!(site.shelf.asked(), ["load"]);
}
