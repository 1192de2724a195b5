//! `InitializationTestCase`: from a manager to an application that has one.

use super::browser_with_session;
use crate::plan::Extractor::LoginRequired;
use crate::plan::asks;
use crate::site::Sites;

async fn a_manager_serves_every_application_that_has_its_layer(sites: Sites) {
    let one = sites.flask();
    let other = one.clone().and(asks("/other", [LoginRequired]));
    let mut browser = one.browser_of("mia").await;
    assert_eq!(browser.get("/other").await.status, 404);
    browser.move_to(&other);
    assert_eq!(browser.read("/other").await, "mia");
}

/// It cannot be built without one, so that no request can find it missing.
async fn the_loader_of_a_manager_is_asked_for_the_user_that_the_session_names(sites: Sites) {
    let site = sites.flask();
    for (id, expected) in [("7", "7, by Session"), ("2", "nobody")] {
        let mut browser = browser_with_session(&site, &format!(r#"{{"_user_id":"{id}"}}"#));
        assert_eq!(browser.who().await, expected);
        assert_eq!(site.members.lookups(), [id]);
    }
}

cases! {
    flask_login_initialization_test_case:
    a_manager_serves_every_application_that_has_its_layer,
    the_loader_of_a_manager_is_asked_for_the_user_that_the_session_names,
}
