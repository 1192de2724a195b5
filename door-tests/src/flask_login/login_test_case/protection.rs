//! A session that comes from another browser or address than the one it was made for.

use housekey::Event;
use http::Method;

use crate::flask_login::protected;
use crate::site::{Site, Sites};

fn site(sites: Sites, mode: &'static str) -> Site {
    sites.flask_with(|builder| builder.session_protection(mode))
}

async fn one_browser_passes_again_and_again(sites: Sites) {
    for mode in ["basic", "strong"] {
        let site = site(sites, mode);
        let mut browser = site.remembered_browser_of("mia").await;
        site.events.take();
        for _ in 0..3 {
            assert_eq!(browser.who().await, "mia, fresh, remembered, by Session");
            assert_eq!(site.events.take(), [Event::Accessed], "{mode}");
        }
    }
}

async fn another_browser_makes_the_login_stale_in_basic_mode_and_a_permanent_one_in_strong_mode(
    sites: Sites,
) {
    for (mode, permanent) in [("basic", false), ("basic", true), ("strong", true)] {
        let site = site(sites, mode);
        let mut browser = site.browser_of("mia").await;
        if permanent {
            browser.post("/permanent", "").await;
        }
        site.events.take();
        browser.user_agent = Some("different".to_owned());
        assert_eq!(browser.who().await, "mia, by Session", "{mode}");
        assert_eq!(site.events.take(), [Event::Accessed, protected(false)]);
        browser.user_agent = Some("Firefox/1".to_owned());
        assert_eq!(browser.who().await, "mia, by Session", "it stays stale");
    }
}

async fn a_session_that_a_token_brings_back_is_not_compared(sites: Sites) {
    for mode in ["basic", "strong"] {
        let site = site(sites, mode);
        let mut browser = site.remembered_browser_of("mia").await;
        browser.restart();
        browser.user_agent = Some("different".to_owned());
        site.events.take();
        assert_eq!(browser.who().await, "mia, remembered, by RememberToken");
        assert!(!site.events.take().contains(&protected(false)), "{mode}");
    }
}

async fn another_browser_ends_the_login_in_strong_mode_and_nothing_of_it_is_left(sites: Sites) {
    let site = site(sites, "strong");
    let mut browser = site.browser();
    browser.post("/session/foo", "bar").await;
    browser.log_in_remembered("mia").await;
    assert_eq!(browser.read("/session/foo").await, "\"bar\"");
    site.events.take();
    browser.user_agent = Some("different".to_owned());
    assert_eq!(browser.who().await, "nobody");
    assert_eq!(site.events.take(), [Event::Accessed, protected(true)]);
    assert_eq!(browser.jar.names(), [""; 0]);
    assert_eq!(browser.read("/session/foo").await, "nothing");
}

async fn another_address_ends_it_too_if_a_trusted_proxy_says_so(sites: Sites) {
    for (proxies, expected) in [
        (1, vec![Event::Accessed, protected(true)]),
        (0, vec![Event::Accessed]),
    ] {
        let site = sites.flask_with(|builder| {
            builder
                .session_protection("strong")
                .trusted_proxies(proxies)
        });
        let mut browser = site.browser();
        let mut login = browser.request(Method::POST, "/login", "name=mia");
        let headers = login.headers_mut();
        headers.insert("x-forwarded-for", "10.1.1.1".parse().unwrap());
        assert_eq!(browser.send(login).await.status, 303);
        site.events.take();
        browser
            .get_with("/who", &[("x-forwarded-for", "10.1.1.2")])
            .await;
        assert_eq!(site.events.take(), expected, "{proxies} proxies");
    }
}

async fn a_visitor_without_a_session_is_not_compared_and_gets_none(sites: Sites) {
    for mode in ["off", "basic", "strong"] {
        let site = site(sites, mode);
        let mut browser = site.browser();
        browser.get("/").await;
        assert_eq!(site.events.take(), []);
        assert_eq!(browser.who().await, "nobody");
        assert_eq!(site.events.take(), [Event::Accessed], "{mode}");
        assert_eq!(browser.jar.names(), [""; 0]);
    }
}

cases! {
    flask_login_login_test_case_protection:
    one_browser_passes_again_and_again,
    another_browser_makes_the_login_stale_in_basic_mode_and_a_permanent_one_in_strong_mode,
    a_session_that_a_token_brings_back_is_not_compared,
    another_browser_ends_the_login_in_strong_mode_and_nothing_of_it_is_left,
    another_address_ends_it_too_if_a_trusted_proxy_says_so,
    a_visitor_without_a_session_is_not_compared_and_gets_none,
}
