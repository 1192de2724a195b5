//! A login that is not fresh where a fresh one is required (`needs_refresh`), and how it becomes fresh.

use housekey::Event;
use http::Response;

use crate::browser::Browser;
use crate::site::{Builder, Site, Sites};

/// A logged-in user who has not proved it in this session.
async fn stale_browser(site: &Site) -> Browser {
    let mut browser = site.remembered_browser_of("mia").await;
    browser.restart();
    assert_eq!(browser.who().await, "mia, remembered, by RememberToken");
    site.events.take();
    browser
}

async fn a_handler_of_the_application_answers_in_place_of_the_redirect_and_the_message(
    sites: Sites,
) {
    let site = sites.flask_with(|builder| {
        builder.needs_refresh_handler(|_| Response::new("Needs Refresh!".to_owned()))
    });
    let mut browser = stale_browser(&site).await;
    let answer = browser.get("/fresh").await;
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (200, "Needs Refresh!")
    );
    assert_eq!(browser.read("/flash").await, "");
}

async fn a_denial_for_want_of_freshness_is_an_event(sites: Sites) {
    let site = sites.flask();
    let mut browser = stale_browser(&site).await;
    browser.get("/fresh").await;
    assert_eq!(site.events.take(), [Event::Accessed, Event::NeedsRefresh]);
}

async fn it_flashes_the_message_of_the_settings_in_the_visitors_language(sites: Sites) {
    let set: fn(Builder) -> Builder =
        |builder| builder.needs_refresh_message_in("refresh", "Refresh");
    let in_german: fn(Builder) -> Builder = |builder| {
        builder.localize_messages(|text| match text {
            "Refresh" => "Aktualisieren".to_owned(),
            other => panic!("{other}"),
        })
    };
    for (site, expected) in [
        (sites.flask_with(set), "refresh: Refresh"),
        (
            sites.flask_with(|builder| in_german(set(builder))),
            "refresh: Aktualisieren",
        ),
    ] {
        let mut browser = stale_browser(&site).await;
        browser.get("/fresh").await;
        assert_eq!(browser.read("/flash").await, expected);
    }
}

async fn without_a_refresh_page_it_is_401(sites: Sites) {
    let mut browser = stale_browser(&sites.flask_without_pages()).await;
    let answer = browser.get("/fresh").await;
    assert_eq!((answer.status, answer.header("location")), (401, None));
}

async fn it_leads_to_the_refresh_page_with_the_way_back(sites: Sites) {
    let mut browser = stale_browser(&sites.flask()).await;
    let answer = browser.get("/fresh").await;
    assert_eq!(
        (answer.status, answer.location()),
        (302, "/prove-it?next=%2Ffresh")
    );
}

async fn the_way_back_may_be_in_the_session(sites: Sites) {
    let site = sites.flask_with(|builder| builder.next_in_session());
    let mut browser = stale_browser(&site).await;
    let answer = browser.get("/fresh").await;
    assert_eq!((answer.status, answer.location()), (302, "/prove-it"));
    // Any page that asks for the way back is told.
    assert_eq!(browser.read("/login").await, "/fresh");
}

async fn a_confirmed_login_is_fresh_and_as_remembered_as_before(sites: Sites) {
    let mut browser = stale_browser(&sites.flask()).await;
    assert_eq!(browser.who().await, "mia, remembered, by Session");
    browser.post("/confirm", "").await;
    assert_eq!(browser.who().await, "mia, fresh, remembered, by Session");
}

async fn confirming_a_login_is_an_event_and_there_must_be_one_to_confirm(sites: Sites) {
    let site = sites.flask();
    let mut browser = stale_browser(&site).await;
    browser.post("/confirm", "").await;
    let user_id = "mia".to_owned();
    assert_eq!(site.events.take(), [Event::LoginConfirmed { user_id }]);

    assert_eq!(site.browser().post("/confirm", "").await.status, 401);
    assert_eq!(site.events.take(), []);
}

cases! {
    flask_login_login_test_case_refreshing:
    a_handler_of_the_application_answers_in_place_of_the_redirect_and_the_message,
    a_denial_for_want_of_freshness_is_an_event,
    it_flashes_the_message_of_the_settings_in_the_visitors_language,
    without_a_refresh_page_it_is_401,
    it_leads_to_the_refresh_page_with_the_way_back,
    the_way_back_may_be_in_the_session,
    a_confirmed_login_is_fresh_and_as_remembered_as_before,
    confirming_a_login_is_an_event_and_there_must_be_one_to_confirm,
}
