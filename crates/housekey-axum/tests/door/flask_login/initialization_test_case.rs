//! `InitializationTestCase`: from a manager to an application that has one.

use axum::Router;
use axum::routing::get;
use housekey_axum::LoginRequired;

use super::browser_with_session;
use crate::common::{Member, Site};

#[tokio::test]
async fn a_manager_serves_every_application_that_has_its_layer() {
    let one = Site::flask();
    let hello = async |LoginRequired(user): LoginRequired<Member>| format!("{} here", user.id);
    let other = one.clone().and(Router::new().route("/other", get(hello)));
    let mut browser = one.browser_of("mia").await;
    assert_eq!(browser.get("/other").await.status, 404);
    browser.move_to(other.router());
    assert_eq!(browser.read("/other").await, "mia here");
}

/// It cannot be built without one, so that no request can find it missing.
#[tokio::test]
async fn the_loader_that_a_manager_was_made_with_is_asked_for_whom_the_session_names() {
    let site = Site::flask();
    for (id, expected) in [("7", "7, by Session"), ("2", "nobody")] {
        let mut browser = browser_with_session(&site, &format!(r#"{{"_user_id":"{id}"}}"#));
        assert_eq!(browser.who().await, expected);
        assert_eq!(site.members.lookups(), [id]);
    }
}
