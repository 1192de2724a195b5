//! `CustomTestClientTestCase`: a test's request as a given user.
//!
//! Flask-Login's client writes the user into the session itself. Here a route for tests logs the user in, so that tests see
//! what users get.

use super::browser_with_session;
use crate::site::{Site, Sites};

const MODES: [&str; 3] = ["off", "basic", "strong"];

fn site(sites: Sites, mode: &'static str) -> Site {
    sites.flask_with(|builder| builder.session_protection(mode))
}

async fn a_test_that_logs_nobody_in_is_nobodys(sites: Sites) {
    assert_eq!(site(sites, "off").browser().who().await, "nobody");
}

async fn a_test_can_log_a_user_in_fresh_or_not_in_every_mode_of_protection(sites: Sites) {
    for mode in MODES {
        let site = site(sites, mode);
        let mut browser = site.browser_of("mia").await;
        assert_eq!(browser.who().await, "mia, fresh, by Session", "{mode}");

        let mut browser = site.browser();
        browser.post("/login", "name=mia&not_fresh=true").await;
        assert_eq!(browser.who().await, "mia, by Session", "{mode}");
    }
}

/// That client's session has no identifier, like one that a Flask program restored from a remember token.
async fn what_flask_logins_client_writes_is_not_fresh_here_either_unless_protection_is_off(
    sites: Sites,
) {
    for (mode, fresh, expected) in [
        ("off", false, "mia, by Session"),
        ("off", true, "mia, fresh, by Session"),
        ("basic", false, "mia, by Session"),
        ("basic", true, "mia, by Session"),
        ("strong", false, "mia, by Session"),
        ("strong", true, "nobody"),
    ] {
        let json = format!(r#"{{"_fresh":{fresh},"_user_id":"mia"}}"#);
        let mut browser = browser_with_session(&site(sites, mode), &json);
        assert_eq!(browser.who().await, expected, "{mode}, fresh: {fresh}");
    }
}

cases! {
    flask_login_custom_test_client_test_case:
    a_test_that_logs_nobody_in_is_nobodys,
    a_test_can_log_a_user_in_fresh_or_not_in_every_mode_of_protection,
    what_flask_logins_client_writes_is_not_fresh_here_either_unless_protection_is_off,
}
