//! Logging out.

use super::site_that_asks_at_once;
use crate::flask_login::{browser_with_session, logged_out};
use crate::site::Sites;

async fn a_user_who_logs_out_is_nobody_at_once(sites: Sites) {
    let mut browser = site_that_asks_at_once(sites).browser();
    let answer = browser.post("/at-once/and-out/mia", "").await;
    assert_eq!(answer.body, "nobody");
}

async fn a_logout_is_an_event_with_the_users_id(sites: Sites) {
    let site = sites.flask();
    let mut browser = site.browser_of("mia").await;
    site.events.take();
    browser.post("/logout", "").await;
    assert_eq!(site.events.take(), [logged_out(Some("mia"))]);
}

async fn logging_out_without_a_user_is_an_event_as_well(sites: Sites) {
    let site = sites.flask();
    let mut browser = browser_with_session(&site, r#"{"_fresh":true,"_id":"x"}"#);
    assert_eq!(browser.post("/logout", "").await.status, 200);
    assert_eq!(site.events.take(), [logged_out(None)]);
}

async fn a_user_who_has_logged_out_stays_out_remembered_or_not(sites: Sites) {
    let site = sites.flask();
    for how in ["", "&remember=true", "&remember_for=25200"] {
        let mut browser = site.browser();
        browser.post("/login", &format!("name=mia{how}")).await;
        assert!(browser.who().await.starts_with("mia"));
        browser.post("/logout", "").await;
        assert_eq!(browser.who().await, "nobody", "{how}");
        browser.restart();
        assert_eq!(browser.who().await, "nobody", "{how}");
    }
}

cases! {
    flask_login_login_test_case_logout:
    a_user_who_logs_out_is_nobody_at_once,
    a_logout_is_an_event_with_the_users_id,
    logging_out_without_a_user_is_an_event_as_well,
    a_user_who_has_logged_out_stays_out_remembered_or_not,
}
