//! A database that fails while the site is open.

use axum::http::StatusCode;

use crate::{OK, PASSWORD, Site};

#[tokio::test]
async fn while_the_database_is_broken_nobody_is_let_in_and_nobody_is_logged_out() {
    let site = Site::open();
    let mut ada = site.member("ada").await;
    let cookies = ada.cookies();
    site.table()
        .execute_batch("ALTER TABLE members RENAME TO lost")
        .unwrap();

    for path in ["/", "/dashboard", "/account", "/api/me", "/nowhere"] {
        let answer = ada.get(path).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        answer.header("retry-after");
    }
    ada.get("/dashboard").await.shows(
        StatusCode::SERVICE_UNAVAILABLE,
        "Nobody has been signed out",
    );
    assert_eq!(ada.cookies(), cookies);
    let mut visitor = site.browser();
    visitor.get("/sign-in").await.shows(OK, "Sign in");
    let answer = visitor
        .post("/sign-in", &[("username", "ada"), ("password", PASSWORD)])
        .await;
    answer.shows(
        StatusCode::SERVICE_UNAVAILABLE,
        "We cannot reach our records",
    );

    site.table()
        .execute_batch("ALTER TABLE lost RENAME TO members")
        .unwrap();
    ada.get("/dashboard").await.shows(OK, "Hello, ada.");
}

#[tokio::test]
async fn while_the_database_is_broken_one_can_still_sign_out() {
    let site = Site::open();
    let mut ada = site.member("ada").await;
    let table = site.table();
    table
        .execute_batch("ALTER TABLE members RENAME TO lost")
        .unwrap();
    ada.post("/sign-out", &[]).await.leads_to("/");
    table
        .execute_batch("ALTER TABLE lost RENAME TO members")
        .unwrap();
    ada.get("/dashboard")
        .await
        .leads_to("/sign-in?next=%2Fdashboard");
}

#[tokio::test]
async fn while_the_database_is_locked_members_stay_in_and_writing_is_503() {
    let site = Site::open();
    let mut ada = site.member("ada").await;
    let other = site.table();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    ada.get("/dashboard").await.shows(OK, "Hello, ada.");
    let answer = site
        .browser()
        .post("/sign-up", &[("username", "grace"), ("password", PASSWORD)])
        .await;
    answer.shows(
        StatusCode::SERVICE_UNAVAILABLE,
        "We cannot reach our records",
    );
}
