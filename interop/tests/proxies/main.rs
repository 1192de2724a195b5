//! The proxies' configurations of `docs/behind-a-proxy.md`, run as they are printed, with a program behind each.
//!
//! The tests replace the ports and nginx's certificate, and put a line before the Caddyfile that lets Caddy sign its own. They
//! need nginx, Caddy and openssl, and a system on which all of 127.0.0.0/8 is this machine (Linux), for a client with an address
//! of its own.

#![allow(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

mod browser;
mod guide;
mod program;
mod proxy;

use std::net::Ipv4Addr;

use browser::Browser;
use guide::{caddy, caddy_below_a_prefix, nginx, nginx_below_a_prefix};
use program::Program;
use proxy::Proxy;

/// The public address of the guide's program.
const HOST: &str = "app.example.com";

/// The browser's address. The proxy's own would be 127.0.0.1.
const CLIENT: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// A text with this many characters makes a session cookie of [`LARGE_COOKIE`] bytes, name and value together. It does not
/// fit into the 4 KB that nginx has for header fields.
const LARGE: usize = 2864;
const LARGE_COOKIE: usize = 3955;

/// This one is compressed, and is almost as long as the 4,093 bytes that a cookie may have.
const LARGEST: usize = 3950;

#[test]
fn all_that_a_login_needs_comes_through_nginx() {
    let program = Program::at("");
    all_comes_through(&Proxy::nginx(&nginx(), program.port), "");
}

#[test]
fn all_that_a_login_needs_comes_through_nginx_below_a_prefix() {
    let program = Program::at("/app");
    let proxy = Proxy::nginx(&nginx_below_a_prefix(), program.port);
    all_comes_through(&proxy, "/app");
    nobody_lands_outside(&proxy);
}

#[test]
fn all_that_a_login_needs_comes_through_caddy() {
    let program = Program::at("");
    all_comes_through(&Proxy::caddy(&caddy(), program.port), "");
}

#[test]
fn all_that_a_login_needs_comes_through_caddy_below_a_prefix() {
    let program = Program::at("/app");
    let proxy = Proxy::caddy(&caddy_below_a_prefix(), program.port);
    all_comes_through(&proxy, "/app");
    nobody_lands_outside(&proxy);
}

#[test]
fn a_large_session_is_a_502_at_nginx_without_the_lines_that_give_it_room() {
    let program = Program::at("");
    let lines = ["    proxy_buffer_size 16k;\n", "    proxy_buffers 8 16k;\n"];
    let without = lines.iter().fold(nginx(), |block, line| {
        assert_eq!(block.matches(line).count(), 1, "{line}");
        block.replace(line, "")
    });
    let proxy = Proxy::nginx(&without, program.port);
    let mut browser = Browser::of(&proxy);
    browser.post("/login", "name=mia");
    assert_eq!(browser.post("/keep", "1000").status, 200);
    assert_eq!(browser.post("/keep", &LARGE.to_string()).status, 502);
    assert!(proxy.log().contains("upstream sent too big header"));
}

fn all_comes_through(proxy: &Proxy, prefix: &str) {
    plain_http_is_sent_to_https(proxy, prefix);
    a_login_leads_back_to_where_the_person_was_going(proxy, prefix);
    the_client_has_its_own_address_whatever_it_says(proxy, prefix);
    forms_of_this_site_pass_and_those_of_others_do_not(proxy, prefix);
    a_websocket_opens_for_pages_of_this_site(proxy, prefix);
    a_large_session_comes_through_and_back(proxy, prefix);
}

fn plain_http_is_sent_to_https(proxy: &Proxy, prefix: &str) {
    let answer = Browser::of(proxy).get_plainly(&format!("{prefix}/members"));
    assert!([301, 308].contains(&answer.status), "{answer:?}");
    let location = answer.field("location").unwrap();
    assert!(
        location.starts_with("https://app.example.com"),
        "{location}"
    );
    assert!(
        location.ends_with(&format!("{prefix}/members")),
        "{location}"
    );
}

fn a_login_leads_back_to_where_the_person_was_going(proxy: &Proxy, prefix: &str) {
    let mut browser = Browser::of(proxy);
    let denied = browser.get(&format!("{prefix}/members?page=2"));
    let next = format!("{prefix}/members").replace('/', "%2F");
    let login = format!("{prefix}/login?next={next}%3Fpage%3D2");
    assert_eq!(
        (denied.status, denied.field("location")),
        (303, Some(&*login))
    );
    assert!(
        denied.field("strict-transport-security").is_some(),
        "{denied:?}"
    );
    let logged_in = browser.post(&login, "name=mia");
    let page = format!("{prefix}/members?page=2");
    assert_eq!(
        (logged_in.status, logged_in.field("location")),
        (303, Some(&*page))
    );
    let cookies = browser.cookie_names();
    assert_eq!(cookies, ["__Host-session"]);
    assert_eq!(browser.get(&page).body, "hello mia");
    let logged_in = Browser::of(proxy).post(&format!("{prefix}/login"), "name=mia");
    assert_eq!(logged_in.field("location"), Some(&*format!("{prefix}/")));
}

fn the_client_has_its_own_address_whatever_it_says(proxy: &Proxy, prefix: &str) {
    let forged = "X-Forwarded-For: 203.0.113.9\r\nx-forwarded-for: 203.0.113.10, 203.0.113.11\r\n\
        X-Forwarded-Host: evil.example\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Prefix: /evil\r\nForwarded: for=203.0.113.9;host=evil.example\r\n";
    for fields in ["", forged] {
        let mut browser = Browser::of(proxy).sending(fields);
        browser.post(&format!("{prefix}/login"), "name=mia");
        let seen = browser.get(&format!("{prefix}/seen")).body;
        let called = proxy.called();
        assert_eq!(
            seen,
            format!(
                "login from {CLIENT}\nx-forwarded-for: {CLIENT}\nx-forwarded-host: {called}\nx-forwarded-proto: https\n"
            )
        );
    }
}

fn forms_of_this_site_pass_and_those_of_others_do_not(proxy: &Proxy, prefix: &str) {
    let called = proxy.called();
    for (origin, status) in [
        (format!("https://{called}"), 303),
        (format!("https://{HOST}"), 403),
        ("https://evil.example".to_owned(), 403),
    ] {
        let fields = format!("Origin: {origin}\r\n");
        let mut browser = Browser::of(proxy).sending(&fields);
        let answer = browser.post(&format!("{prefix}/login"), "name=mia");
        assert_eq!(answer.status, status, "{origin}");
    }
}

fn a_websocket_opens_for_pages_of_this_site(proxy: &Proxy, prefix: &str) {
    let mut browser = Browser::of(proxy);
    let socket = format!("{prefix}/socket");
    let called = proxy.called();
    assert_eq!(browser.open(&socket, &called).err().unwrap().status, 401);
    browser.post(&format!("{prefix}/login"), "name=mia");
    assert_eq!(
        browser.open(&socket, "evil.example").err().unwrap().status,
        403
    );
    let mut open = browser.open(&socket, &called).unwrap();
    assert_eq!(open.say("ping"), "mia said ping");
    assert_eq!(open.say("again"), "mia said again");
}

fn a_large_session_comes_through_and_back(proxy: &Proxy, prefix: &str) {
    let mut browser = Browser::of(proxy);
    browser.post(&format!("{prefix}/login"), "name=mia");
    for (length, sizes) in [(LARGE, LARGE_COOKIE..=LARGE_COOKIE), (LARGEST, 4000..=4093)] {
        let kept = browser.post(&format!("{prefix}/keep"), &length.to_string());
        assert_eq!(kept.status, 200, "{kept:?}");
        let size = browser.cookie_size("__Host-session-values");
        assert!(sizes.contains(&size), "{size}");
        assert_eq!(browser.get(&format!("{prefix}/kept")).body, kept.body);
    }
}

/// The program beside it would have the root of the host. Here there is none.
fn nobody_lands_outside(proxy: &Proxy) {
    for next in [
        "/",
        "/admin",
        "/application",
        "/app/..%252fadmin",
        "/app/%2e%2e/admin",
    ] {
        let form = format!("name=mia&next={}", next.replace('%', "%25"));
        let logged_in = Browser::of(proxy).post("/app/login", &form);
        if next != "/app/..%252fadmin" {
            assert_eq!(logged_in.field("location"), Some("/app/"), "{next}");
            continue;
        }
        // A path that is encoded twice is below the prefix: the proxy decodes it once.
        assert_eq!(logged_in.field("location"), Some(next));
        let answer = Browser::of(proxy).get(next);
        assert_eq!(answer.body, "no such page", "{next}");
    }
    let mut browser = Browser::of(proxy);
    let bare = browser.get("/app");
    let location = bare.field("location").unwrap().to_owned();
    assert!([301, 302, 308].contains(&bare.status), "{bare:?}");
    assert!(location.ends_with("/app/"), "{location}");
    assert_ne!(browser.get("/application").body, "no such page");
}
