//! What a request does besides its work: the table in docs/session-values.md, row by row.

use std::time::Duration;

use http::Method;

use crate::answer::Answer;
use crate::browser::Browser;
use crate::plan::{Extractor, Page, asks, login_required, says};
use crate::site::{HOUR, Sites};
use crate::store::Call;

const SESSION: &str = "__Host-session";
const TOKEN: &str = "__Host-remember_token";

/// A page for each way to look at a visitor.
fn pages() -> [Page; 7] {
    [
        says("/nothing", ""),
        asks("/session", [Extractor::Session]),
        asks("/flash-only", [Extractor::Flash]),
        asks("/next", [Extractor::NextUrl]),
        asks("/login-only", [Extractor::Login]),
        asks("/user", [Extractor::CurrentUser]),
        says("/guard", "").behind(login_required()),
    ]
}

const LOOK: [&str; 4] = ["/session", "/flash-only", "/next", "/login-only"];
const ASK: [&str; 2] = ["/user", "/guard"];

/// As a user, as a link checker, and as a browser that fetches in advance.
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

async fn a_session_is_sent_again_by_what_looks_at_it_seen_or_not(sites: Sites) {
    let site = sites.safe().with(pages());
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

async fn a_use_is_noted_by_every_look_up_of_the_user_seen_or_not_and_by_nothing_else(sites: Sites) {
    for path in all_paths() {
        for way in &WAYS {
            let site = sites.stored().with(pages());
            let mut mia = site.browser_of("mia").await;
            site.clock.advance(2 * HOUR);
            site.store.touched();
            visit(&mut mia, path, way).await;
            let noted = site.store.touched();
            assert_eq!(noted, usize::from(ASK.contains(&path)), "{path} {way:?}");
        }
    }
}

async fn a_remember_token_is_used_by_every_look_up_of_the_user_seen_or_not_and_by_nothing_else(
    sites: Sites,
) {
    for path in all_paths() {
        for way in &WAYS {
            let site = sites.stored().with(pages());
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

cases! {
    behaviour_effects:
    a_session_is_sent_again_by_what_looks_at_it_seen_or_not,
    a_use_is_noted_by_every_look_up_of_the_user_seen_or_not_and_by_nothing_else,
    a_remember_token_is_used_by_every_look_up_of_the_user_seen_or_not_and_by_nothing_else,
}
