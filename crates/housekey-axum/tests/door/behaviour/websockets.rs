//! A WebSocket that a page of another origin opens, with the visitor's cookies.

use axum::Router;
use axum::routing::any;
use housekey_axum::{
    CurrentUser, Event, Flash, FreshLoginRequired, Login, LoginManager, LoginRequired, NextUrl,
    SecretKeys, Session, fresh_login_required, login_required,
};
use http::{Method, Request, Version};

use crate::common::browser::send;
use crate::common::{Answer, Browser, Member, Site};

type Headers<'a> = &'a [(&'a str, &'a str)];

/// A socket behind everything that looks at the visitor.
fn sockets() -> Router {
    let guarded = |path: &str| Router::new().route(path, any(async || "open"));
    Router::new()
        .route("/ws/public", any(async || "open"))
        .route(
            "/ws/current-user",
            any(async |_: CurrentUser<Member>| "open"),
        )
        .route(
            "/ws/login-required",
            any(async |_: LoginRequired<Member>| "open"),
        )
        .route(
            "/ws/optional",
            any(async |_: Option<LoginRequired<Member>>| "open"),
        )
        .route(
            "/ws/fresh",
            any(async |_: FreshLoginRequired<Member>| "open"),
        )
        .route("/ws/session", any(async |_: Session| "open"))
        .route("/ws/flash", any(async |_: Flash| "open"))
        .route("/ws/login", any(async |_: Login<Member>| "open"))
        .route("/ws/next", any(async |_: NextUrl| "open"))
        .merge(guarded("/ws/guard").route_layer(login_required::<Member>()))
        .merge(guarded("/ws/fresh-guard").route_layer(fresh_login_required::<Member>()))
}

const LOOKING: [&str; 10] = [
    "/ws/current-user",
    "/ws/login-required",
    "/ws/optional",
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

/// As HTTP/2 does it, where no header says `Upgrade` and the host is in the address.
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
    send(
        &site.router(),
        request.body(axum::body::Body::empty()).unwrap(),
    )
    .await
}

#[tokio::test]
async fn nothing_that_looks_at_the_visitor_does_so_for_a_socket_of_another_origin() {
    let site = Site::safe().and(sockets());
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

#[tokio::test]
async fn a_socket_may_be_opened_from_the_host_that_was_called_and_from_the_listed_origins() {
    let site = Site::safe_with(|builder| {
        builder
            .allow_websocket_origin("https://app.example:8443")
            .allow_next_origin("https://shop.example")
    })
    .and(sockets());
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

#[tokio::test]
async fn one_foreign_origin_among_several_refuses_the_socket() {
    let site = Site::safe().and(sockets());
    let mut mia = site.browser_of("mia").await;
    let mut request = mia.request(Method::GET, "/ws/guard", "");
    let headers = request.headers_mut();
    headers.insert("upgrade", "websocket".parse().unwrap());
    headers.append("origin", "https://site.example".parse().unwrap());
    headers.append("origin", "https://evil.example".parse().unwrap());
    assert_eq!(mia.send(request).await.status, 403);
}

#[tokio::test]
async fn however_the_upgrade_is_spelled_it_is_one() {
    let site = Site::safe().and(sockets());
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

#[tokio::test]
async fn a_refused_socket_is_told_apart_from_a_missing_login_and_changes_nothing() {
    let site = Site::flask().and(sockets());
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

#[test]
fn what_is_listed_must_be_an_origin() {
    for origin in [
        "app.example",
        "https://app.example/",
        "wss://app.example",
        "",
    ] {
        let loader = |_: String| async { Ok::<_, housekey_axum::BoxError>(None::<Member>) };
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
