//! A login is fresh when the user logged in or confirmed it recently, in this session.

use std::time::Duration;

use crate::peer;
use crate::plan::{Given, acts, fresh_login_required, says};
use crate::site::START;
use crate::site::{DAY, HOUR, KEY, Site, Sites};

async fn a_login_is_fresh_for_as_long_as_the_settings_say(sites: Sites) {
    let site = sites.safe_with(|builder| builder.fresh_within(Duration::from_secs(600)));
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

    let site = sites.safe_with(|builder| builder.fresh_while_session_lives());
    let mut browser = site.browser_of("mia").await;
    site.clock.advance(DAY);
    assert_eq!(browser.get("/fresh").await.status, 200);
}

async fn nothing_but_proof_makes_a_login_fresh(sites: Sites) {
    let site = sites.safe();
    let mut browser = site.remembered_browser_of("mia").await;
    site.clock.advance(HOUR + Duration::from_secs(1));
    // Neither refreshing, nor writing, nor asking changes that.
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

/// A site beside a Flask peer, and what the peer keeps of a fresh login.
fn beside_flask(sites: Sites) -> (Site, String) {
    let site = sites.flask_with(|builder| {
        builder
            .fresh_within(HOUR)
            .client_address(|_| ADDRESS.parse().ok())
    });
    let identifier = peer::identifier_06(ADDRESS, "Firefox/1");
    let login = format!(r#""_fresh":true,"_id":"{identifier}","_user_id":"mia""#);
    (site, login)
}

async fn a_time_of_proof_that_lies_ahead_is_not_believed(sites: Sites) {
    let (site, login) = beside_flask(sites);
    for (ahead, status) in [(60, 200), (61, 302)] {
        let json = format!(r#"{{{login},"_fresh_at":{}}}"#, START + ahead);
        let mut browser = site.browser();
        browser
            .jar
            .put("session", &peer::session(KEY, &json, START));
        assert_eq!(browser.get("/fresh").await.status, status);
    }
}

async fn a_peers_flag_without_a_time_is_taken_as_it_is(sites: Sites) {
    let (site, login) = beside_flask(sites);
    let mut browser = site.browser();
    let session = peer::session(KEY, &format!("{{{login}}}"), START);
    browser.jar.put("session", &session);
    site.clock.advance(2 * HOUR);
    assert_eq!(browser.get("/fresh").await.status, 200);
}

async fn routes_can_ask_for_less_age_than_the_manager(sites: Sites) {
    let guard = fresh_login_required().fresh_within(Duration::from_secs(60));
    let site = sites.safe().and(says("/lately", "").behind(guard));
    let mut browser = site.browser_of("mia").await;
    assert_eq!(browser.get("/lately").await.status, 200);
    site.clock.advance(Duration::from_secs(61));
    assert_eq!(browser.get("/lately").await.status, 303);
    assert_eq!(browser.get("/fresh").await.status, 200);
}

async fn a_part_of_the_site_may_have_a_refresh_page_of_its_own(sites: Sites) {
    let guard = fresh_login_required().refresh_view("/again");
    let site = sites.safe().and(says("/safe", "").behind(guard));
    let mut browser = site.browser();
    browser.post("/login", "name=mia&not_fresh=true").await;
    for (path, expected) in [
        ("/safe", "/again?next=%2Fsafe"),
        ("/fresh", "/prove-it?next=%2Ffresh"),
    ] {
        let answer = browser.get(path).await;
        assert_eq!((answer.status, answer.location()), (303, expected));
    }
}

async fn one_user_s_password_makes_no_other_user_s_login_fresh(sites: Sites) {
    let site = sites.safe();
    let ben = site.members.find("ben").unwrap();
    let page = async move |given: Given| given.login.confirm_login(&ben).await;
    let site = site.and(acts("/confirm-ben", page));
    let mut browser = site.browser_of("mia").await;
    assert_eq!(browser.post("/confirm-ben", "").await.status, 401);
    let mut browser = site.browser_of("ben").await;
    assert_eq!(browser.post("/confirm-ben", "").await.status, 200);
}

async fn a_session_that_strong_protection_refuses_cannot_be_confirmed(sites: Sites) {
    let site = sites.safe_with(|builder| builder.session_protection("strong"));
    let mut browser = site.browser_of("mia").await;
    browser.user_agent = Some("another browser".to_owned());
    assert_eq!(browser.post("/confirm", "").await.status, 401);
    assert_eq!(browser.get("/who").await.body, "nobody");
}

cases! {
    behaviour_freshness:
    a_login_is_fresh_for_as_long_as_the_settings_say,
    nothing_but_proof_makes_a_login_fresh,
    a_time_of_proof_that_lies_ahead_is_not_believed,
    a_peers_flag_without_a_time_is_taken_as_it_is,
    routes_can_ask_for_less_age_than_the_manager,
    a_part_of_the_site_may_have_a_refresh_page_of_its_own,
    one_user_s_password_makes_no_other_user_s_login_fresh,
    a_session_that_strong_protection_refuses_cannot_be_confirmed,
}
