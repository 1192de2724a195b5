//! A WebSocket that a page of another origin opens, with the visitor's cookies.

use housekey::{Event, LoginManager, SecretKeys};
use http::{Method, Request, Version};

use crate::answer::Answer;
use crate::browser::Browser;
use crate::people::Member;
use crate::plan::{Extractor, Page, asks, fresh_login_required, login_required, says};
use crate::site::{Site, Sites};

type Headers<'a> = &'a [(&'a str, &'a str)];

/// A socket behind everything that looks at the visitor.
fn sockets() -> [Page; 10] {
    [
        says("/ws/public", "open"),
        asks("/ws/current-user", [Extractor::CurrentUser]),
        asks("/ws/login-required", [Extractor::LoginRequired]),
        asks("/ws/fresh", [Extractor::FreshLoginRequired]),
        asks("/ws/session", [Extractor::Session]),
        asks("/ws/flash", [Extractor::Flash]),
        asks("/ws/login", [Extractor::Login]),
        asks("/ws/next", [Extractor::NextUrl]),
        says("/ws/guard", "open").behind(login_required()),
        says("/ws/fresh-guard", "open").behind(fresh_login_required()),
    ]
}

const LOOKING: [&str; 9] = [
    "/ws/current-user",
    "/ws/login-required",
    "/ws/fresh",
    "/ws/session",
    "/ws/flash",
    "/ws/login",
    "/ws/next",
    "/ws/guard",
    "/ws/fresh-guard",
];

const UPGRADE: [(&str, &str); 2] = [("connection", "Upgrade"), ("upgrade", "websocket")];

async fn open(browser: &mut Browser, path: &str, headers: Headers<'_>) -> Answer {
    let headers = [headers, &UPGRADE].concat();
    browser.get_with(path, &headers).await
}

/// As in HTTP/2, where no header says `Upgrade` and the host is in the address.
async fn connect(site: &Site, browser: &Browser, path: &str, origin: Option<&str>) -> Answer {
    let mut request = Request::builder()
        .method(Method::CONNECT)
        .version(Version::HTTP_2)
        .uri(format!("https://site.example{path}"))
        .header("cookie", browser.jar.header(path, site.clock.now()))
        .header("user-agent", "Firefox/1");
    if let Some(origin) = origin {
        request = request.header("origin", origin);
    }
    site.send(request.body(Vec::new()).unwrap()).await
}

async fn nothing_that_looks_at_the_visitor_does_so_for_a_socket_of_another_origin(sites: Sites) {
    let site = sites.safe().with(sockets());
    let mut mia = site.browser_of("mia").await;
    for path in LOOKING {
        for (origin, status) in [
            (Some("https://site.example"), 200),
            (Some("https://evil.example"), 403),
            (None, 200),
        ] {
            let headers: Vec<_> = origin.iter().map(|origin| ("origin", *origin)).collect();
            let answer = open(&mut mia, path, &headers).await;
            assert_eq!(answer.status, status, "{path} from {origin:?}");
            let answer = connect(&site, &mia, path, origin).await;
            assert_eq!(answer.status, status, "HTTP/2 {path} from {origin:?}");
        }
    }
    let evil = [("origin", "https://evil.example")];
    assert_eq!(open(&mut mia, "/ws/public", &evil).await.status, 200);
    assert_eq!(
        mia.get_with("/ws/guard", &evil).await.status,
        200,
        "an ordinary request of another origin is for CORS and the CSRF layer"
    );
}

async fn an_optional_user_is_an_error_for_a_socket_of_another_origin(sites: Sites) {
    let optional = asks("/ws/optional", [Extractor::OptionalLoginRequired]);
    let site = sites.safe().and(optional);
    let mut mia = site.browser_of("mia").await;
    for (origin, status) in [("https://site.example", 200), ("https://evil.example", 403)] {
        let answer = open(&mut mia, "/ws/optional", &[("origin", origin)]).await;
        assert_eq!(answer.status, status, "from {origin}");
        let answer = connect(&site, &mia, "/ws/optional", Some(origin)).await;
        assert_eq!(answer.status, status, "HTTP/2 from {origin}");
    }
}

async fn a_socket_may_be_opened_from_the_host_that_was_called_and_from_the_listed_origins(
    sites: Sites,
) {
    let site = sites
        .safe_with(|builder| {
            builder
                .allow_websocket_origin("https://app.example:8443")
                .allow_next_origin("https://shop.example")
        })
        .with(sockets());
    let mut mia = site.browser_of("mia").await;
    for (host, origin, status) in [
        ("site.example", "https://site.example", 200),
        ("site.example", "http://site.example", 200),
        ("site.example:443", "https://site.example", 200),
        ("SITE.example", "https://site.example:443", 200),
        ("site.example:8080", "http://site.example:8080", 200),
        ("[::1]:3000", "http://[::1]:3000", 200),
        ("site.example", "https://app.example:8443", 200),
        ("site.example", "https://app.example", 403),
        ("site.example", "http://app.example:8443", 403),
        ("site.example", "https://shop.example", 403),
        ("site.example", "https://other.site.example", 403),
        ("site.example", "https://site.example:8443", 403),
        ("site.example:8080", "http://site.example", 403),
        ("site.example", "https://site.example.evil.example", 403),
        ("site.example", "https://evil.example/site.example", 403),
        ("site.example", "https://site.example@evil.example", 403),
        ("site.example", "site.example", 403),
        ("site.example", "file://", 403),
        ("site.example", "null", 403),
        ("site.example", "", 403),
        ("", "https://site.example", 403),
    ] {
        let headers = [("host", host), ("origin", origin)];
        let answer = open(&mut mia, "/ws/guard", &headers).await;
        assert_eq!(answer.status, status, "{origin:?} calls {host:?}");
    }
}

async fn one_foreign_origin_among_several_refuses_the_socket(sites: Sites) {
    let site = sites.safe().with(sockets());
    let mut mia = site.browser_of("mia").await;
    let mut request = mia.request(Method::GET, "/ws/guard", "");
    let headers = request.headers_mut();
    headers.insert("upgrade", "websocket".parse().unwrap());
    headers.append("origin", "https://site.example".parse().unwrap());
    headers.append("origin", "https://evil.example".parse().unwrap());
    assert_eq!(mia.send(request).await.status, 403);
}

async fn every_spelling_of_an_upgrade_counts(sites: Sites) {
    let site = sites.safe().with(sockets());
    let mut mia = site.browser_of("mia").await;
    for (upgrade, status) in [
        ("websocket", 403),
        ("WebSocket", 403),
        ("websocket/13", 403),
        ("h2c, websocket", 403),
        (" websocket ", 403),
        ("h2c", 200),
        ("websockets", 200),
    ] {
        let headers = [("upgrade", upgrade), ("origin", "https://evil.example")];
        let answer = mia.get_with("/ws/guard", &headers).await;
        assert_eq!(answer.status, status, "{upgrade:?}");
    }
}

async fn a_refused_socket_is_told_apart_from_a_missing_login_and_changes_nothing(sites: Sites) {
    let site = sites.flask().with(sockets());
    let mut mia = site.browser_of("mia").await;
    mia.post("/flash", "hello").await;
    site.events.take();
    site.members.lookups();
    let evil = [("origin", "https://evil.example")];
    let answer = open(&mut mia, "/ws/guard", &evil).await;
    assert_eq!(answer.status, 403);
    assert!(!answer.headers.contains_key("set-cookie"));
    assert_eq!(site.events.take(), [Event::ForeignHandshake]);
    assert_eq!(site.members.lookups(), [""; 0], "nobody was looked up");
    assert_eq!(mia.who().await, "mia, fresh, by Session");
    assert_eq!(mia.read("/flash").await, "message: hello");

    let mut nobody = site.browser();
    assert_eq!(open(&mut nobody, "/ws/guard", &evil).await.status, 403);
    let own = [("origin", "https://site.example")];
    assert_eq!(open(&mut nobody, "/ws/guard", &own).await.status, 302);
}

async fn what_is_listed_must_be_an_origin(_: Sites) {
    for origin in [
        "app.example",
        "https://app.example/",
        "wss://app.example",
        "",
    ] {
        let loader = |_: String| async { Ok::<_, housekey::BoxError>(None::<Member>) };
        let error = LoginManager::new(SecretKeys::generate(), loader)
            .allow_websocket_origin(origin)
            .build()
            .unwrap_err();
        assert!(
            error.to_string().starts_with("allow_websocket_origin"),
            "{error}"
        );
    }
}

cases! {
    behaviour_websockets:
    nothing_that_looks_at_the_visitor_does_so_for_a_socket_of_another_origin,
    an_optional_user_is_an_error_for_a_socket_of_another_origin,
    a_socket_may_be_opened_from_the_host_that_was_called_and_from_the_listed_origins,
    one_foreign_origin_among_several_refuses_the_socket,
    every_spelling_of_an_upgrade_counts,
    a_refused_socket_is_told_apart_from_a_missing_login_and_changes_nothing,
    what_is_listed_must_be_an_origin,
}
