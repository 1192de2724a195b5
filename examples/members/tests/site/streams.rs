//! The stream that is open for as long as the login is.

use axum::http::StatusCode;

use crate::browser::text;
use crate::{OK, PASSWORD, Site};

const ENDED: &str = "event: ended\ndata: The login is over.\n\n";

#[tokio::test]
async fn the_stream_ends_with_the_login_whatever_ends_it() {
    type Post<'a> = (&'a str, &'a [(&'a str, &'a str)]);
    let new_password = [
        ("current_password", PASSWORD),
        ("new_password", "another password"),
    ];
    // From the same browser, or from another one of the same member.
    let ends: [(bool, Post); 3] = [
        (true, ("/sign-out", &[])),
        (false, ("/account/logins/end-others", &[])),
        (false, ("/account", &new_password)),
    ];
    for (same, (path, fields)) in ends {
        let site = Site::open().await;
        let mut here = site.member("ada").await;
        let mut there = site.sign_in(site.browser(), "ada", false).await;
        let stream = here.open("/events").await;
        assert_eq!(stream.status(), OK);
        assert_eq!(stream.headers()["content-type"], "text/event-stream");
        let body = tokio::spawn(text(stream.into_body()));

        let ender = if same { &mut here } else { &mut there };
        let answer = ender.post(path, fields).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{path}");
        assert_eq!(body.await.unwrap(), ENDED, "{path}");
    }
}

#[tokio::test]
async fn the_stream_of_nobody_ends_at_once() {
    let site = Site::open().await;
    let stream = site.browser().open("/events").await;
    assert_eq!(text(stream.into_body()).await, ENDED);
}

#[tokio::test]
async fn another_members_end_is_not_ones_own_and_a_closing_site_ends_no_login() {
    let site = Site::open().await;
    let mut ada = site.member("ada").await;
    let mut grace = site.member("grace").await;
    let stream = ada.open("/events").await;
    let body = tokio::spawn(text(stream.into_body()));
    grace.post("/sign-out", &[]).await;
    site.closing.begin();
    let sent = body.await.unwrap();
    assert!(!sent.contains("event: ended"), "{sent}");

    let late = ada.open("/events").await;
    let sent = text(late.into_body()).await;
    assert!(!sent.contains("event: ended"), "{sent}");
}

#[tokio::test]
async fn a_store_that_fails_ends_no_login_either() {
    let site = Site::open().await;
    let mut ada = site.member("ada").await;
    let table = site.logins();
    table
        .execute_batch("ALTER TABLE logins RENAME TO lost")
        .unwrap();
    let answer = ada.get("/events").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn the_script_is_on_the_pages_of_who_is_signed_in_and_only_there() {
    let site = Site::open().await;
    let mut ada = site.member("ada").await;
    for path in ["/", "/dashboard", "/account", "/account/logins"] {
        ada.get(path).await.shows(OK, "/static/signed-in.js");
    }
    for path in ["/", "/sign-in", "/sign-up"] {
        let page = site.browser().get(path).await;
        assert!(!page.body.contains("signed-in.js"), "{path}");
    }
    let script = ada.get("/static/signed-in.js").await;
    script.shows(OK, r#"new URL("../events", document.currentScript.src)"#);
    assert!(script.header("content-type").starts_with("text/javascript"));
    let policy = script.header("content-security-policy");
    assert!(policy.contains("script-src 'self'; connect-src 'self'"));
}
