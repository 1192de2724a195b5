//! What mistaken and malicious visitors send.

use axum::http::StatusCode;

use crate::{OK, PASSWORD, Site};

type Fields<'a> = &'a [(&'a str, &'a str)];

#[tokio::test]
async fn a_form_with_missing_or_absurd_fields_is_shown_again() {
    let site = Site::open().await;
    let mut ada = site.member("ada").await;
    let mut visitor = site.browser();
    let long = "x".repeat(5000);
    let cases: [(&str, Fields, &str); 12] = [
        ("/sign-up", &[], "Choose a username."),
        ("/sign-up", &[], "Choose a password."),
        (
            "/sign-up",
            &[("username", "ab"), ("password", PASSWORD)],
            "That is too short: 3",
        ),
        (
            "/sign-up",
            &[("username", &long), ("password", PASSWORD)],
            "That is too long: 32",
        ),
        (
            "/sign-up",
            &[("username", "a b c"), ("password", PASSWORD)],
            "Use only letters",
        ),
        (
            "/sign-up",
            &[("username", "Ada"), ("password", PASSWORD)],
            "That username is taken.",
        ),
        (
            "/sign-up",
            &[("username", "grace"), ("password", "short")],
            "That is too short: 8",
        ),
        (
            "/sign-up",
            &[("username", "grace"), ("password", &long)],
            "That is too long: 4096",
        ),
        ("/sign-in", &[], "Type your username."),
        ("/sign-in", &[("username", "ada")], "Type your password."),
        (
            "/sign-in",
            &[("username", "ada"), ("password", &long)],
            "do not belong together",
        ),
        (
            "/sign-in",
            &[("username", "a"), ("username", "b")],
            "Type your username.",
        ),
    ];
    for (path, fields, message) in cases {
        visitor
            .post(path, fields)
            .await
            .shows(StatusCode::UNPROCESSABLE_ENTITY, message);
    }
    let cases: [(Fields, &str); 3] = [
        (&[], "Type your current password."),
        (
            &[("current_password", "wrong"), ("new_password", PASSWORD)],
            "That is not your current password.",
        ),
        (
            &[("current_password", PASSWORD), ("new_password", "short")],
            "That is too short: 8",
        ),
    ];
    for (fields, message) in cases {
        ada.post("/account", fields)
            .await
            .shows(StatusCode::UNPROCESSABLE_ENTITY, message);
    }
}

#[tokio::test]
async fn a_body_that_is_no_form_counts_as_an_empty_one() {
    let site = Site::open().await;
    let answer = site.browser().post_json("/sign-in", "{}").await;
    answer.shows(StatusCode::UNPROCESSABLE_ENTITY, "Type your username.");
}

#[tokio::test]
async fn a_form_shown_again_keeps_the_name_and_never_the_password() {
    let site = Site::open().await;
    let answer = site
        .browser()
        .post(
            "/sign-in",
            &[("username", "ada"), ("password", "s3cret-s3cret")],
        )
        .await;
    answer.shows(StatusCode::UNPROCESSABLE_ENTITY, r#"value="ada""#);
    assert!(!answer.body.contains("s3cret"));
}

#[tokio::test]
async fn a_flood_of_bytes_is_refused() {
    let site = Site::open().await;
    let answer = site
        .browser()
        .post("/sign-in", &[("username", &"x".repeat(100_000))])
        .await;
    answer.shows(StatusCode::PAYLOAD_TOO_LARGE, "That is too much");
}

#[tokio::test]
async fn a_form_sent_by_another_site_does_nothing() {
    let site = Site::open().await;
    let mut ada = site.member("ada").await;
    for (path, fields) in [
        ("/sign-out", vec![]),
        ("/account", vec![("current_password", PASSWORD)]),
    ] {
        let answer = ada.post_from("cross-site", path, &fields).await;
        answer.shows(StatusCode::FORBIDDEN, "The form was sent by another site");
    }
    ada.get("/dashboard").await.shows(OK, "Hello, ada.");
}

/// Or somebody else would find the victim signed in as the attacker, and read what they do there.
#[tokio::test]
async fn a_login_form_sent_by_another_site_signs_nobody_in() {
    let site = Site::open().await;
    site.member("mallory").await;
    let mut victim = site.browser();
    for from in ["cross-site", "same-site"] {
        let fields = [("username", "mallory"), ("password", PASSWORD)];
        let answer = victim.post_from(from, "/sign-in", &fields).await;
        answer.shows(StatusCode::FORBIDDEN, "The form was sent by another site");
        let answer = victim.get("/dashboard").await;
        answer.leads_to("/sign-in?next=%2Fdashboard");
    }
}

#[tokio::test]
async fn a_cookie_that_is_no_cookie_of_ours_is_an_anonymous_visitor() {
    let site = Site::open().await;
    let ada = site.member("ada").await.cookies();
    for (name, cookie) in &ada {
        let forged = format!("{}x", cookie.value);
        for value in [
            "",
            "x",
            "..",
            "e30.e30.e30",
            "\u{fffd}",
            &"9".repeat(4000),
            &forged,
            &forged[..10],
        ] {
            let mut browser = site.browser();
            browser.set_cookie(name, value);
            browser.set_cookie("remember_token", value);
            browser
                .get("/")
                .await
                .shows(OK, "A house with a key of your own.");
            browser
                .get("/dashboard")
                .await
                .leads_to("/sign-in?next=%2Fdashboard");
        }
    }
}
