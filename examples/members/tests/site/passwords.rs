//! Changing them, renewing their hashes, and closed accounts.

use axum::http::StatusCode;

use crate::{OK, PASSWORD, Site};

/// `PASSWORD`, as a Flask application would have stored it.
const WERKZEUG_HASH: &str = "scrypt:32768:8:1$a1b2c3d4e5f6g7h8$\
    3d380356c28854b6ca278e8283c0073cc2cbc1c352a133f43c858c90a1c0e2ff\
    3e90ae39d553c547c07abb55ff82b0d8edda517abcb0fa38febf89592fb46a95";

#[tokio::test]
async fn a_new_password_turns_every_other_browser_out() {
    let site = Site::open().await;
    let mut here = site.member("ada").await;
    let mut there = site.browser();
    there
        .post(
            "/sign-in",
            &[
                ("username", "ada"),
                ("password", PASSWORD),
                ("remember", "yes"),
            ],
        )
        .await;
    there.get("/dashboard").await.shows(OK, "Hello, ada.");

    let fields = [
        ("current_password", PASSWORD),
        ("new_password", "another password"),
    ];
    here.post("/account", &fields).await.leads_to("/account");
    here.get("/account").await.shows(
        OK,
        "Your password is changed. All your other browsers have been signed out.",
    );
    there
        .get("/dashboard")
        .await
        .leads_to("/sign-in?next=%2Fdashboard");
    there.reopen();
    there
        .get("/dashboard")
        .await
        .leads_to("/sign-in?next=%2Fdashboard");

    let old = there
        .post("/sign-in", &[("username", "ada"), ("password", PASSWORD)])
        .await;
    old.shows(StatusCode::UNPROCESSABLE_ENTITY, "do not belong together");
    let new = there
        .post(
            "/sign-in",
            &[("username", "ada"), ("password", "another password")],
        )
        .await;
    new.leads_to("/dashboard");
}

#[tokio::test]
async fn an_old_hash_is_renewed_at_sign_in_and_nobody_is_out() {
    let site = Site::open().await;
    let mut first = site.member("ada").await;
    let table = site.table();
    table
        .execute("UPDATE members SET password_hash = ?1", [WERKZEUG_HASH])
        .unwrap();
    site.browser()
        .post("/sign-in", &[("username", "ada"), ("password", PASSWORD)])
        .await
        .leads_to("/dashboard");
    let hash: String = table
        .query_one("SELECT password_hash FROM members", [], |row| row.get(0))
        .unwrap();
    assert!(hash.starts_with("$argon2id$"), "{hash}");
    first.get("/dashboard").await.shows(OK, "Hello, ada.");
}

#[tokio::test]
async fn a_closed_account_is_out_at_the_next_request() {
    let site = Site::open().await;
    let mut ada = site.member("ada").await;
    site.table()
        .execute("UPDATE members SET active = 0", [])
        .unwrap();
    ada.get("/dashboard")
        .await
        .leads_to("/sign-in?next=%2Fdashboard");
    let answer = ada
        .post("/sign-in", &[("username", "ada"), ("password", PASSWORD)])
        .await;
    answer.shows(
        StatusCode::UNPROCESSABLE_ENTITY,
        "This account has been closed.",
    );
}

/// Twice as many sign-ins as may be hashed or wait at once: on a busy machine, they arrive slowly.
#[tokio::test]
async fn a_flood_of_sign_ins_is_answered_at_once_and_kindly() {
    let site = Site::open_with(&["--https"]).await;
    let mut ada = site.member("ada").await;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut flood = tokio::task::JoinSet::new();
    for number in 0..2 * 257 * (cores / 2).max(1) {
        // From many networks, at many accounts.
        let address = format!("2001:db8:{:x}::1", number % 0x10000);
        let mut browser = site.browser().forwarded_for(address);
        flood.spawn(async move {
            let nobody = format!("nobody-{number}");
            let fields = [("username", &*nobody), ("password", "a guess")];
            browser.post("/sign-in", &fields).await
        });
    }
    let mut busy = 0;
    while let Some(answer) = flood.join_next().await {
        let answer = answer.unwrap();
        if answer.status == StatusCode::SERVICE_UNAVAILABLE {
            busy += 1;
            answer.shows(
                StatusCode::SERVICE_UNAVAILABLE,
                "Many people are at the door",
            );
            assert_eq!(answer.headers["retry-after"], "5");
            // Others are not kept from anything.
            ada.get("/dashboard").await.shows(OK, "Hello, ada.");
            flood.abort_all();
            break;
        }
    }
    assert!(busy > 0);
    while flood.join_next().await.is_some() {}
    site.sign_in(site.browser(), "ada", false).await;
}

#[tokio::test]
async fn who_guesses_too_often_waits_and_is_told_how_long_on_the_same_page() {
    let site = Site::open().await;
    let mut ada = site.member("ada").await;
    let mut stranger = site.browser();
    let fields = [("username", "Ada"), ("password", "a guess")];
    for _ in 0..5 {
        let answer = stranger.post("/sign-in", &fields).await;
        answer.shows(StatusCode::UNPROCESSABLE_ENTITY, "do not belong together");
    }
    // As after many more guesses.
    let wait =
        "UPDATE logins_attempts SET next_at = unixepoch() + 600, forgotten_at = unixepoch() + 9000";
    site.logins().execute(wait, []).unwrap();
    let right = [("username", "ada"), ("password", PASSWORD)];
    for fields in [fields, right] {
        let answer = stranger.post("/sign-in", &fields).await;
        answer.shows(
            StatusCode::TOO_MANY_REQUESTS,
            "Wait 10 minutes, then try again.",
        );
        answer.shows(StatusCode::TOO_MANY_REQUESTS, "<h1>Sign in</h1>");
        let seconds: u64 = answer.header("retry-after").parse().unwrap();
        assert!((500..=600).contains(&seconds), "{seconds}");
        assert!(!answer.body.contains(PASSWORD));
    }
    // Her own browser knows her.
    ada.post("/sign-out", &[]).await;
    ada.post("/sign-in", &right).await.leads_to("/dashboard");

    let change = [
        ("current_password", "a guess"),
        ("new_password", "another password"),
    ];
    for _ in 0..10 {
        let answer = ada.post("/account", &change).await;
        answer.shows(
            StatusCode::UNPROCESSABLE_ENTITY,
            "not your current password",
        );
    }
    site.logins().execute(wait, []).unwrap();
    let answer = ada.post("/account", &change).await;
    answer.shows(
        StatusCode::TOO_MANY_REQUESTS,
        "Wait 10 minutes, then try again.",
    );
    ada.get("/dashboard").await.shows(OK, "Hello, ada.");
}
