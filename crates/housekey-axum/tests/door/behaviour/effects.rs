//! What a request does besides its work: the table in docs/session-values.md, row by row.

use std::time::Duration;

use axum::Router;
use axum::routing::get;
use housekey_axum::{CurrentUser, Flash, Login, NextUrl, Session, login_required};
use http::Method;

use crate::common::store::Call;
use crate::common::{Answer, Browser, HOUR, Member, Site};

const SESSION: &str = "__Host-session";
const TOKEN: &str = "__Host-remember_token";

/// A page for each way to look at a visitor.
fn pages() -> Router {
    Router::new()
        .route("/nothing", get(async || ""))
        .route("/session", get(async |_: Session| ""))
        .route("/flash-only", get(async |_: Flash| ""))
        .route("/next", get(async |_: NextUrl| ""))
        .route("/login-only", get(async |_: Login<Member>| ""))
        .route("/user", get(async |_: CurrentUser<Member>| ""))
        .merge(
            Router::new()
                .route("/guard", get(async || ""))
                .route_layer(login_required::<Member>()),
        )
}

const LOOK: [&str; 4] = ["/session", "/flash-only", "/next", "/login-only"];
const ASK: [&str; 2] = ["/user", "/guard"];

/// As a person, as a link checker, and as a browser that fetches in advance.
const WAYS: [(Method, Option<&str>); 3] = [
    (Method::GET, None),
    (Method::HEAD, None),
    (Method::GET, Some("prefetch")),
];

async fn visit(browser: &mut Browser, path: &str, way: &(Method, Option<&str>)) -> Answer {
    let mut request = browser.request(way.0.clone(), path, "");
    if let Some(purpose) = way.1 {
        let purpose = purpose.parse().unwrap();
        request.headers_mut().insert("sec-purpose", purpose);
    }
    browser.send(request).await
}

fn all_paths() -> impl Iterator<Item = &'static str> {
    LOOK.into_iter().chain(ASK).chain(["/nothing"])
}

#[tokio::test]
async fn a_session_is_sent_again_by_what_looks_at_it_seen_or_not() {
    let site = Site::safe().and(pages());
    let mia = site.browser_of("mia").await;
    site.clock.advance(HOUR);
    for path in all_paths() {
        for way in &WAYS {
            let answer = visit(&mut mia.clone(), path, way).await;
            let is_sent = answer.set_cookie(SESSION).is_some();
            assert_eq!(is_sent, path != "/nothing", "{path}");
        }
    }
}

#[tokio::test]
async fn a_use_is_noted_by_what_asks_who_is_there_seen_or_not_and_by_nothing_else() {
    for path in all_paths() {
        for way in &WAYS {
            let site = Site::stored().and(pages());
            let mut mia = site.browser_of("mia").await;
            site.clock.advance(2 * HOUR);
            site.store.touched();
            visit(&mut mia, path, way).await;
            let noted = site.store.touched();
            assert_eq!(noted, usize::from(ASK.contains(&path)), "{path} {way:?}");
        }
    }
}

#[tokio::test]
async fn a_remember_token_is_used_by_what_asks_who_is_there_seen_or_not_and_by_nothing_else() {
    for path in all_paths() {
        for way in &WAYS {
            let site = Site::stored().and(pages());
            let mut mia = site.remembered_browser_of("mia").await;
            mia.restart();
            site.clock.advance(Duration::from_secs(5));
            site.store.calls();
            let answer = visit(&mut mia, path, way).await;
            let asks = ASK.contains(&path);
            assert_eq!(answer.set_cookie(TOKEN).is_some(), asks, "{path} {way:?}");
            assert_eq!(
                site.store.calls().contains(&Call::Update),
                asks,
                "{path} {way:?}"
            );
        }
    }
}
