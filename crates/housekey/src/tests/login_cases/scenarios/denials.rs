//! Which visitors are sent to the login page, and where they go afterwards.

use http::Method;

use super::*;
use crate::{AnswerAs, Denied, Scope, login_url};

const PAGE: (&str, &str) = ("accept", "text/html");

/// Where a manager with this login page sends a visitor who asks for `target`.
fn sent_from(target: &str, login_view: &str) -> String {
    let login_view = login_view.to_owned();
    let site = Site::with(|builder| builder.login_view(login_view));
    let mut browser = site.browser();
    browser.send(Method::GET, target, &[PAGE], |asking| {
        let answer = asking.deny(Denied::LoginRequired);
        assert_eq!(answer.status().as_u16(), 303);
        answer.headers()["location"].to_str().unwrap().to_owned()
    })
}

pub(in super::super) fn a_person_is_sent_to_the_login_page_with_the_way_back() {
    let sent = sent_from("/login_required/", "/login/");
    assert_eq!(sent, "/login/?next=%2Flogin_required%2F");
    assert_eq!(
        sent_from("/a?b=c&d", "/login"),
        "/login?next=%2Fa%3Fb%3Dc%26d"
    );
}

/// Django makes it a whole URL. Here it is a path, wherever the login page is: it must be checked anyway before it is
/// followed, and a program behind a proxy does not know its own host.
pub(in super::super) fn a_login_page_elsewhere_gets_a_path_too() {
    let sent = sent_from("/rand", "http://remote.example.com/login");
    assert_eq!(sent, "http://remote.example.com/login?next=%2Frand");
    // A login page that already has a return address still has one afterwards.
    let sent = sent_from(
        "/rand",
        "http://remote.example.com/login/?next=/default/&a=b",
    );
    assert_eq!(sent, "http://remote.example.com/login/?next=%2Frand&a=b");
    let both = login_url("https://a.example/?next=/x", Some("https://b.example/y"));
    assert_eq!(both, "https://a.example/?next=https%3A%2F%2Fb.example%2Fy");
}

pub(in super::super) fn a_login_page_that_is_not_an_address_is_refused_at_the_start() {
    for view in ["https:///login/", "", "login", "//evil.example/"] {
        let message = Site::refused(|builder| builder.login_view(view));
        assert!(message.starts_with("login_view"), "{message}");
    }
}

pub(in super::super) fn without_a_login_page_the_answer_is_401() {
    let site = Site::new();
    let mut browser = site.browser_of("mia");
    block_on(site.manager.end_logins_of("mia")).unwrap();
    for login_page in [false, true] {
        browser.send(Method::GET, "/admin", &[PAGE], |asking| {
            assert_eq!(asking.who(), "nobody");
            let scope = match login_page {
                false => Scope::new(),
                true => Scope::new().login_view("/admin/login"),
            };
            let answer = asking
                .visit
                .deny(&asking.parts, Denied::LoginRequired, &scope);
            let location = answer.headers().get("location");
            match login_page {
                false => assert_eq!((answer.status().as_u16(), location), (401, None)),
                true => assert_eq!(location.unwrap(), "/admin/login?next=%2Fadmin"),
            }
        });
    }
}

pub(in super::super) fn the_nearest_login_page_counts() {
    let site = Site::with(|builder| builder.login_view("/settings"));
    let outer = Scope::new().login_view("/outer");
    let inner = Scope::new().login_view("/inner");
    for (scope, page) in [
        (Scope::new(), "/settings?next=%2Fa"),
        (outer.clone(), "/outer?next=%2Fa"),
        (Scope::new().within(&outer), "/outer?next=%2Fa"),
        (inner.within(&outer), "/inner?next=%2Fa"),
    ] {
        site.browser().send(Method::GET, "/a", &[PAGE], |asking| {
            let answer = asking
                .visit
                .deny(&asking.parts, Denied::LoginRequired, &scope);
            assert_eq!(answer.headers()["location"], page);
        });
    }
}

/// Django's other variant sends them to the login page, which sends them back.
pub(in super::super) fn a_user_who_lacks_the_right_is_not_sent_to_the_login_page() {
    let site = Site::with(|builder| builder.login_view("/login"));
    let mut browser = site.browser_of("mia");
    browser.send(Method::GET, "/admin", &[PAGE], |asking| {
        assert_eq!(asking.who(), "mia, fresh");
        let answer = asking.deny(Denied::Forbidden);
        assert_eq!(answer.status().as_u16(), 403);
        assert!(!answer.headers().contains_key("location"));
    });
    assert_eq!(browser.who(), "mia, fresh");
}

/// Where `next` leads after a login, if the application's own choice is `/home`.
fn after_login(set: impl FnOnce(Builder) -> Builder, target: &str, field: Option<&str>) -> String {
    let site = Site::with(|builder| set(builder.login_view("/login")));
    let mut browser = site.browser();
    let went = browser.send(Method::POST, target, &[], |asking| {
        asking.log_in("mia", false).unwrap();
        let next = asking.visit.next_url(&asking.parts);
        next.or_field(field).or("/home").unwrap()
    });
    assert_eq!(browser.who(), "mia, fresh", "whatever next says");
    went
}

pub(in super::super) fn a_way_back_that_leads_away_is_not_followed() {
    for bad in [
        "http://example.com",
        "http:///example.com",
        "https://example.com",
        "ftp://example.com",
        "///example.com",
        "//example.com",
        "javascript:alert(\"XSS\")",
        "%2F%2Fexample.com",
    ] {
        assert_eq!(after_login(|it| it, "/login", Some(bad)), "/home", "{bad}");
        let query = format!("/login?next={}", bad.replace('"', "%22"));
        assert_eq!(after_login(|it| it, &query, None), "/home", "{bad}");
    }
}

/// Django follows addresses of the request's host, and relative paths. Here only paths that begin with `/` and the listed
/// origins are followed.
pub(in super::super) fn a_way_back_that_leads_here_is_followed() {
    for good in [
        "/view/?param=http://example.com",
        "/view/?param=https://example.com",
        "/view?param=ftp://example.com",
        "/url%20with%20spaces/",
    ] {
        assert_eq!(after_login(|it| it, "/login", Some(good)), good);
    }
    let listed = |builder: Builder| builder.allow_next_origin("https://testserver");
    for url in ["https://testserver/", "HTTPS://testserver/"] {
        assert_eq!(after_login(|it| it, "/login", Some(url)), "/home");
        assert_eq!(after_login(listed, "/login", Some(url)), url);
    }
    for other in ["view/?param=//example.com", "//testserver/"] {
        assert_eq!(after_login(listed, "/login", Some(other)), "/home");
    }
}

pub(in super::super) fn a_listed_origin_is_one_scheme_and_a_logout_follows_the_same_rules() {
    let site = Site::with(|builder| builder.allow_next_origin("https://shop.example"));
    for (next, followed) in [
        ("https://shop.example/bye", true),
        ("http://shop.example/bye", false),
        ("http://testserver/", false),
        ("https://evil.example/", false),
        ("/bye", true),
    ] {
        let mut browser = site.browser_of("mia");
        browser.ask_at(&format!("/logout?next={next}"), |asking| {
            asking.log_out();
            let went = asking.visit.next_url(&asking.parts).or("/").unwrap();
            assert_eq!(went, if followed { next } else { "/" });
        });
        assert_eq!(browser.who(), "nobody");
    }
}

pub(in super::super) fn the_requests_own_way_back_comes_before_the_applications() {
    assert_eq!(after_login(|it| it, "/login", None), "/home");
    assert_eq!(after_login(|it| it, "/login?next=/a", None), "/a");
    assert_eq!(after_login(|it| it, "/login?next=/a", Some("")), "/a");
    assert_eq!(after_login(|it| it, "/login?next=/a", Some("/b")), "/b");
}

/// Django raises an error at the loop. Here such a return address is dropped.
pub(in super::super) fn the_login_page_is_not_an_address_to_return_to() {
    for next in ["/login", "/login?bla=2", "/login#top"] {
        assert_eq!(after_login(|it| it, "/login", Some(next)), "/home");
    }
}

/// A site that keeps the return address in the session.
fn in_session() -> Site {
    Site::with(|builder| builder.login_view("/login").next_in_session())
}

fn kept(browser: &mut Browser) -> Option<String> {
    browser.read("next")
}

pub(in super::super) fn a_way_back_in_the_session_is_used_once() {
    let site = in_session();
    for by_login in [false, true] {
        let mut browser = site.browser();
        browser.send(Method::GET, "/hello?bar=baz", &[PAGE], |asking| {
            asking.deny(Denied::LoginRequired);
        });
        assert_eq!(kept(&mut browser).as_deref(), Some("/hello?bar=baz"));
        browser.ask_at("/other", Asking::who);
        assert_eq!(kept(&mut browser).as_deref(), Some("/hello?bar=baz"));
        browser.ask_at("/login", |asking| {
            let next = asking.visit.next_url(&asking.parts);
            assert_eq!(next.get(), Some("/hello?bar=baz"));
            if by_login {
                asking.log_in("mia", false).unwrap();
            }
            assert_eq!(next.or("/").unwrap(), "/hello?bar=baz");
        });
        assert_eq!(kept(&mut browser), None);
    }
}

/// An attacker who can set a cookie cannot write the return address in it.
pub(in super::super) fn a_way_back_in_a_cookie_is_checked_like_any_other() {
    let site = in_session();
    for target in ["//evil.example/a", "https://evil.example/"] {
        let mut browser = site.browser();
        browser.ask(|asking| {
            let next = asking.visit.session().insert("next", target);
            assert!(next.is_err(), "the key is the login's");
            // As a Flask peer with the same key could write it.
            asking
                .visit
                .with(|view| view.session.set_text("next", target));
        });
        browser.ask_at("/login", |asking| {
            let next = asking.visit.next_url(&asking.parts);
            assert_eq!(next.get(), None);
            assert_eq!(next.or("/").unwrap(), "/");
        });
    }
    let mut browser = site.browser();
    browser.plant(SESSION, "bm90IGEgY29va2ll");
    browser.ask_at("/login", |asking| {
        assert_eq!(asking.visit.next_url(&asking.parts).get(), None);
    });
}

pub(in super::super) fn only_pages_that_a_person_can_open_are_ways_back() {
    let json = ("accept", "application/json");
    let script = ("x-requested-with", "XMLHttpRequest");
    for (method, target, fields, expected) in [
        (Method::GET, "/foo", &[PAGE][..], Some("/foo")),
        (Method::GET, "/foo?bar=baz", &[PAGE], Some("/foo?bar=baz")),
        (Method::POST, "/foo?bar", &[PAGE], None),
        (Method::GET, "/foo", &[PAGE, script], None),
        (Method::GET, "/foo", &[json], None),
    ] {
        let mut browser = in_session().browser();
        browser.send(method, target, fields, |asking| {
            asking.deny(Denied::LoginRequired);
        });
        assert_eq!(kept(&mut browser).as_deref(), expected, "{target}");
    }
}

pub(in super::super) fn a_denied_form_is_not_an_address_to_return_to() {
    let site = Site::with(|builder| builder.login_view("/login").answer_as(AnswerAs::Page));
    let mut browser = site.browser();
    browser.send(Method::POST, "/transfer?to=eve", &[PAGE], |asking| {
        let answer = asking.deny(Denied::LoginRequired);
        assert_eq!(answer.status().as_u16(), 303);
        assert_eq!(answer.headers()["location"], "/login");
    });
}
