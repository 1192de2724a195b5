//! Coming in, staying in, and leaving.

use axum::http::StatusCode;

use crate::{OK, PASSWORD, Site, start};

#[tokio::test]
async fn who_signs_up_is_in_and_welcomed_once() {
    let site = Site::open().await;
    let mut ada = site.member("ada").await;
    ada.get("/dashboard")
        .await
        .shows(OK, "Welcome, ada. The key is yours.");
    let again = ada.get("/dashboard").await;
    again.shows(OK, "Hello, ada.");
    assert!(!again.body.contains("The key is yours"));
}

#[tokio::test]
async fn who_signs_out_is_out() {
    let site = Site::open().await;
    let mut ada = site.member("ada").await;
    ada.post("/sign-out", &[]).await.leads_to("/");
    ada.get("/").await.shows(OK, "You are signed out");
    ada.get("/dashboard")
        .await
        .leads_to("/sign-in?next=%2Fdashboard");
    assert_eq!(
        ada.get("/sign-out").await.status,
        StatusCode::METHOD_NOT_ALLOWED,
        "a link signs nobody out"
    );
}

#[tokio::test]
async fn sign_in_leads_back_to_where_one_wanted_to_go() {
    let site = Site::open().await;
    site.member("ada").await;
    let mut ada = site.browser();
    ada.get("/account")
        .await
        .leads_to("/sign-in?next=%2Faccount");
    let form = ada.get("/sign-in?next=%2Faccount").await;
    form.shows(OK, r#"name="next" value="&#x2f;account""#);
    form.shows(OK, "Please sign in to see that page.");
    let fields = [
        ("username", "ADA"),
        ("password", PASSWORD),
        ("next", "/account"),
    ];
    ada.post("/sign-in", &fields).await.leads_to("/account");
    ada.get("/account").await.shows(OK, "Change your password");
}

#[tokio::test]
async fn next_never_leads_to_another_site() {
    let site = Site::open().await;
    site.member("ada").await;
    for next in [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "/ok\r\nx: y",
    ] {
        let fields = [("username", "ada"), ("password", PASSWORD), ("next", next)];
        site.browser()
            .post("/sign-in", &fields)
            .await
            .leads_to("/dashboard");
    }
}

#[tokio::test]
async fn who_is_signed_in_needs_no_form() {
    let site = Site::open().await;
    let mut ada = site.member("ada").await;
    ada.get("/sign-in?next=%2Faccount")
        .await
        .leads_to("/account");
    ada.get("/sign-up").await.leads_to("/dashboard");
}

#[tokio::test]
async fn a_form_sent_while_signed_out_is_not_sent_on_to_the_sign_in_page() {
    let site = Site::open().await;
    let fields = [
        ("current_password", PASSWORD),
        ("new_password", "another password"),
    ];
    let answer = site.browser().post("/account", &fields).await;
    assert_eq!(
        answer.status,
        StatusCode::SEE_OTHER,
        "307 would replay the passwords"
    );
    assert!(answer.header("location").starts_with("/sign-in"));
}

#[tokio::test]
async fn a_remembered_member_comes_back_but_is_asked_again_where_it_matters() {
    let site = Site::open().await;
    site.member("ada").await;
    let mut ada = site.browser();
    ada.post(
        "/sign-in",
        &[
            ("username", "ada"),
            ("password", PASSWORD),
            ("remember", "yes"),
        ],
    )
    .await;
    ada.reopen();
    ada.get("/dashboard").await.shows(OK, "Kept signed in");

    ada.get("/account")
        .await
        .leads_to("/sign-in?next=%2Faccount");
    ada.get("/sign-in?next=%2Faccount")
        .await
        .shows(OK, "Confirm it’s you");
    let wrong = ada
        .post(
            "/sign-in",
            &[
                ("username", "ada"),
                ("password", "wrong"),
                ("next", "/account"),
            ],
        )
        .await;
    wrong.shows(
        StatusCode::UNPROCESSABLE_ENTITY,
        "That is not your password.",
    );
    assert!(!wrong.body.contains("This username"), "{}", wrong.body);
    wrong.shows(StatusCode::UNPROCESSABLE_ENTITY, "Confirm it’s you");
    let right = ada
        .post(
            "/sign-in",
            &[
                ("username", "ada"),
                ("password", PASSWORD),
                ("next", "/account"),
            ],
        )
        .await;
    right.leads_to("/account");
    ada.get("/account").await.shows(OK, "Change your password");
}

#[tokio::test]
async fn who_did_not_ask_to_be_remembered_is_forgotten() {
    let site = Site::open().await;
    let mut ada = site.member("ada").await;
    ada.reopen();
    ada.get("/dashboard")
        .await
        .leads_to("/sign-in?next=%2Fdashboard");
}

#[tokio::test]
async fn to_confirm_as_another_member_is_to_sign_in_as_that_one() {
    let site = Site::open().await;
    site.member("grace").await;
    let mut browser = site.member("ada").await;
    browser
        .post("/sign-in", &[("username", "grace"), ("password", PASSWORD)])
        .await
        .leads_to("/dashboard");
    browser.get("/dashboard").await.shows(OK, "Hello, grace.");
}

#[tokio::test]
async fn a_restart_logs_nobody_out() {
    let site = Site::open().await;
    let mut ada = site.member("ada").await;
    ada.visit(&start(site.data.path()).await);
    ada.get("/dashboard").await.shows(OK, "Hello, ada.");
}

#[tokio::test]
async fn scripts_are_told_who_they_are_in_json() {
    let site = Site::open().await;
    let nobody = site.browser().get("/api/me").await;
    assert_eq!(nobody.status, StatusCode::UNAUTHORIZED);
    assert_eq!(nobody.header("content-type"), "application/problem+json");
    nobody.header("www-authenticate");

    let ada = site.member("ada").await.get("/api/me").await;
    ada.shows(OK, r#""username":"ada""#);
    assert_eq!(ada.header("content-type"), "application/json");
}

#[tokio::test]
async fn the_page_that_confirms_needs_the_password_only() {
    let site = Site::open().await;
    site.member("ada").await;
    let mut ada = site.sign_in(site.browser(), "ada", true).await;
    ada.reopen();
    ada.post("/sign-in", &[("password", ""), ("next", "/account")])
        .await
        .shows(StatusCode::UNPROCESSABLE_ENTITY, "Type your password.");
    ada.post("/sign-in", &[("password", PASSWORD), ("next", "/account")])
        .await
        .leads_to("/account");
}

#[tokio::test]
async fn a_second_press_in_the_same_browser_makes_no_second_login() {
    let site = Site::open().await;
    site.member("ada").await.post("/sign-out", &[]).await;
    let mut ada = site.sign_in(site.browser(), "ada", true).await;
    for remember in [true, false] {
        ada = site.sign_in(ada, "ada", remember).await;
    }
    let count: usize = site
        .logins()
        .query_one("SELECT count(*) FROM logins", [], |row| row.get(0))
        .unwrap();
    assert_eq!(count, 1);
}

/// The names of the fields that take the keyboard when the page opens.
fn focused(page: &str) -> Vec<&str> {
    let inputs = page.split("<input ").skip(1);
    let inputs = inputs.map(|rest| rest.split_once('>').unwrap().0);
    inputs
        .filter(|input| input.contains(" autofocus"))
        .map(|input| input.split('"').nth(1).unwrap())
        .collect()
}

#[tokio::test]
async fn the_keyboard_begins_in_the_first_field_or_in_the_one_that_is_wrong() {
    let site = Site::open().await;
    let mut ada = site.member("ada").await;
    let mut nobody = site.browser();
    for path in ["/sign-in", "/sign-up"] {
        let page = nobody.get(path).await;
        assert_eq!(focused(&page.body), ["username"], "{path}");
    }
    let wrong = [("username", "ada"), ("password", "wrong")];
    let page = nobody.post("/sign-in", &wrong).await;
    assert_eq!(focused(&page.body), ["password"]);

    ada.get("/dashboard").await.shows(OK, "Welcome, ada.");
    let page = ada.get("/account").await;
    assert_eq!(focused(&page.body), ["current_password"]);
    let fields = [("current_password", PASSWORD), ("new_password", "short")];
    let page = ada.post("/account", &fields).await;
    assert_eq!(focused(&page.body), ["new_password"]);
    let fields = [
        ("current_password", PASSWORD),
        ("new_password", "another password"),
    ];
    ada.post("/account", &fields).await.leads_to("/account");
    let page = ada.get("/account").await;
    assert!(focused(&page.body).is_empty(), "there is a message to read");
}

#[tokio::test]
async fn the_dashboard_tells_how_one_is_signed_in() {
    let site = Site::open().await;
    let mut ada = site.member("ada").await;
    let page = ada.get("/dashboard").await;
    for words in [
        "Member since",
        "today</time>",
        " UTC</time>",
        "In this browser only.",
    ] {
        page.shows(OK, words);
    }
    for more in ["and in one other.", "and in 2 others."] {
        site.sign_in(site.browser(), "ada", false).await;
        ada.get("/dashboard").await.shows(OK, more);
    }
}
