//! Fresh is who has proved themselves lately, in this session.

use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use housekey_axum::{Error, Login, fresh_login_required};

use crate::common::{DAY, HOUR, KEY, Member, START, Site, peer};

#[tokio::test]
async fn a_login_is_fresh_for_as_long_as_the_settings_say() {
    let site = Site::safe_with(|builder| builder.fresh_within(Duration::from_secs(600)));
    let mut browser = site.browser_of("mia").await;
    site.clock.advance(Duration::from_secs(600));
    assert_eq!(browser.get("/fresh").await.status, 200);
    site.clock.advance(Duration::from_secs(1));
    let answer = browser.get("/fresh").await;
    assert_eq!(
        (answer.status, answer.location()),
        (303, "/prove-it?next=%2Ffresh")
    );
    assert_eq!(browser.who().await, "mia, by Session");

    browser.post("/confirm", "").await;
    assert_eq!(browser.get("/fresh").await.status, 200);

    let site = Site::safe_with(|builder| builder.fresh_while_session_lives());
    let mut browser = site.browser_of("mia").await;
    site.clock.advance(DAY);
    assert_eq!(browser.get("/fresh").await.status, 200);
}

#[tokio::test]
async fn nothing_but_proof_makes_a_login_fresh() {
    let site = Site::safe();
    let mut browser = site.remembered_browser_of("mia").await;
    site.clock.advance(HOUR + Duration::from_secs(1));
    // Neither being refreshed, nor written, nor asked for.
    browser.post("/session/k", "v").await;
    browser.post("/new-password", "another stamp").await;
    assert_eq!(browser.who().await, "mia, remembered, by Session");
    browser.restart();
    assert_eq!(browser.who().await, "mia, remembered, by RememberToken");
    assert_eq!(browser.get("/fresh").await.status, 303);
    assert_eq!(browser.who().await, "mia, remembered, by Session");
    browser.log_in("mia").await;
    assert_eq!(browser.get("/fresh").await.status, 200);
}

const ADDRESS: &str = "127.0.0.1";

/// A site beside a Flask peer, and what that keeps of a fresh login.
fn beside_flask() -> (Site, String) {
    let site = Site::flask_with(|builder| {
        builder
            .fresh_within(HOUR)
            .client_address(|_| ADDRESS.parse().ok())
    });
    let identifier = peer::identifier_06(ADDRESS, "Firefox/1");
    let login = format!(r#""_fresh":true,"_id":"{identifier}","_user_id":"mia""#);
    (site, login)
}

#[tokio::test]
async fn a_time_of_proof_that_lies_ahead_is_not_believed() {
    let (site, login) = beside_flask();
    for (ahead, status) in [(60, 200), (61, 302)] {
        let json = format!(r#"{{{login},"_fresh_at":{}}}"#, START + ahead);
        let mut browser = site.browser();
        browser
            .jar
            .put("session", &peer::session(KEY, &json, START));
        assert_eq!(browser.get("/fresh").await.status, status);
    }
}

#[tokio::test]
async fn a_peers_flag_without_a_time_is_taken_as_it_is() {
    let (site, login) = beside_flask();
    let mut browser = site.browser();
    let session = peer::session(KEY, &format!("{{{login}}}"), START);
    browser.jar.put("session", &session);
    site.clock.advance(2 * HOUR);
    assert_eq!(browser.get("/fresh").await.status, 200);
}

#[tokio::test]
async fn routes_can_ask_for_less_age_than_the_manager() {
    let guard = fresh_login_required::<Member>().fresh_within(Duration::from_secs(60));
    let site = Site::safe().and(
        Router::new()
            .route("/lately", get(async || ""))
            .route_layer(guard),
    );
    let mut browser = site.browser_of("mia").await;
    assert_eq!(browser.get("/lately").await.status, 200);
    site.clock.advance(Duration::from_secs(61));
    assert_eq!(browser.get("/lately").await.status, 303);
    assert_eq!(browser.get("/fresh").await.status, 200);
}

#[tokio::test]
async fn one_user_s_password_makes_no_other_user_s_login_fresh() {
    let members = Site::safe().members.clone();
    let ben = members.find("ben").unwrap();
    let page =
        async move |login: Login<Member>| login.confirm_login(&ben).await.map_err(Error::from);
    let site = Site::safe().and(Router::new().route("/confirm-ben", post(page)));
    let mut browser = site.browser_of("mia").await;
    assert_eq!(browser.post("/confirm-ben", "").await.status, 401);
    let mut browser = site.browser_of("ben").await;
    assert_eq!(browser.post("/confirm-ben", "").await.status, 200);
}

#[tokio::test]
async fn a_session_that_strong_protection_refuses_cannot_be_confirmed() {
    let site = Site::safe_with(|builder| builder.session_protection("strong"));
    let mut browser = site.browser_of("mia").await;
    browser.user_agent = Some("another browser".to_owned());
    assert_eq!(browser.post("/confirm", "").await.status, 401);
    assert_eq!(browser.get("/who").await.body, "nobody");
}
