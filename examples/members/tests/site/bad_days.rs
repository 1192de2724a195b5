//! A database, or a store of logins, that fails while the site is open.

use axum::http::StatusCode;

use crate::{OK, PASSWORD, Site};

#[tokio::test]
async fn while_the_database_is_broken_nobody_is_let_in_and_nobody_is_logged_out() {
    let site = Site::open().await;
    let mut ada = site.member("ada").await;
    let cookies = ada.cookies();
    site.table()
        .execute_batch("ALTER TABLE members RENAME TO lost")
        .unwrap();

    for path in ["/dashboard", "/account", "/api/me", "/nowhere"] {
        let answer = ada.get(path).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        answer.header("retry-after");
    }
    let front = ada.get("/").await;
    front.shows(OK, "Nobody has been signed out by this.");
    assert!(!front.body.contains("Sign in"), "nobody knows who it is");
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
    let site = Site::open().await;
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
    let site = Site::open().await;
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

#[tokio::test]
async fn while_the_store_of_the_logins_is_broken_the_front_door_is_open_and_nobody_is_logged_out() {
    type Do = fn(&Site);
    let ways: [(&str, Do, Do); 2] = [
        (
            "its table is gone",
            |site| {
                site.logins()
                    .execute_batch("ALTER TABLE logins RENAME TO lost")
                    .unwrap()
            },
            |site| {
                site.logins()
                    .execute_batch("ALTER TABLE lost RENAME TO logins")
                    .unwrap()
            },
        ),
        (
            "its file is gone",
            |site| rename(site, "logins.db", "elsewhere.db"),
            |site| rename(site, "elsewhere.db", "logins.db"),
        ),
    ];
    for (way, break_it, mend_it) in ways {
        let site = Site::open().await;
        let mut ada = site.member("ada").await;
        let cookies = ada.cookies();
        break_it(&site);

        let pages = [
            "/dashboard",
            "/account",
            "/account/logins",
            "/api/me",
            "/events",
        ];
        for path in pages {
            let answer = ada.get(path).await;
            assert_eq!(
                answer.status,
                StatusCode::SERVICE_UNAVAILABLE,
                "{way}: {path}"
            );
            answer.header("retry-after");
        }
        // An answer "you are out" that is not true would be worse.
        for path in ["/sign-out", "/account/logins/end-others"] {
            let answer = ada.post(path, &[]).await;
            answer.shows(
                StatusCode::SERVICE_UNAVAILABLE,
                "We cannot reach our records",
            );
        }
        ada.get("/")
            .await
            .shows(OK, "Nobody has been signed out by this.");
        assert_eq!(ada.cookies(), cookies, "{way}");
        let mut visitor = site.browser();
        visitor
            .get("/")
            .await
            .shows(OK, "A house with a key of your own.");
        visitor
            .get("/sign-in")
            .await
            .shows(OK, "Good to see you again.");
        let fields = [("username", "ada"), ("password", PASSWORD)];
        let answer = visitor.post("/sign-in", &fields).await;
        answer.shows(
            StatusCode::SERVICE_UNAVAILABLE,
            "We cannot reach our records",
        );

        mend_it(&site);
        ada.get("/dashboard").await.shows(OK, "Hello, ada.");
    }
}

fn rename(site: &Site, from: &str, to: &str) {
    let data = site.data.path();
    std::fs::rename(data.join(from), data.join(to)).unwrap();
}
