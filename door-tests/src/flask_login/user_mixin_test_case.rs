//! `UserMixinTestCase`: what a user type must provide, and what it need not.

use housekey::{LoginManager, SecretKeys};

use crate::browser::Browser;
use crate::peer;
use crate::people::Staff;
use crate::site::Sites;
use housekey::testing::Clock;

/// Other tests use the same user type with other keys.
const OWN_KEY: &str = "of-the-users-that-have-only-an-id";

fn browser(sites: Sites) -> Browser {
    let clock = Clock::default();
    let manager = LoginManager::flask(SecretKeys::flask(OWN_KEY).unwrap(), Staff::load)
        .clock(clock.reader())
        .build()
        .unwrap();
    Browser::new(sites.without_members(Some(&manager), []), clock)
}

async fn a_user_who_has_nothing_but_an_id_is_active_and_can_log_in(sites: Sites) {
    let mut browser = browser(sites);
    assert_eq!(browser.read("/staff/who").await, "nobody");
    assert_eq!(browser.post("/staff/login/1", "").await.status, 200);
    assert_eq!(browser.read("/staff/who").await, "1");
}

async fn the_id_is_in_the_session_as_text(sites: Sites) {
    let mut browser = browser(sites);
    browser.post("/staff/login/1", "").await;
    let session = peer::read_session(OWN_KEY, browser.jar.value("session").unwrap()).unwrap();
    assert!(session.contains(r#""_user_id":"1"}"#), "{session}");
}

async fn two_values_are_the_same_user_when_their_ids_are_the_same(sites: Sites) {
    let mut browser = browser(sites);
    browser.post("/staff/login/1", "").await;
    assert_eq!(browser.post("/staff/confirm/1", "").await.status, 200);
    assert_eq!(browser.post("/staff/confirm/2", "").await.status, 401);
}

cases! {
    flask_login_user_mixin_test_case:
    a_user_who_has_nothing_but_an_id_is_active_and_can_log_in,
    the_id_is_in_the_session_as_text,
    two_values_are_the_same_user_when_their_ids_are_the_same,
}
