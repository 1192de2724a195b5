//! The answers for an anonymous visitor: `unauthorized`.

use housekey::Event;
use http::Response;

use crate::flask_login::session_of;
use crate::plan::Extractor::{CurrentUser, LoginRequired, NextUrl};
use crate::plan::{asks, login_scope};
use crate::site::Sites;

async fn a_denial_is_an_event(sites: Sites) {
    let site = sites.flask();
    site.browser().get("/members").await;
    assert_eq!(site.events.take(), [Event::Accessed, Event::Unauthorized]);
}

async fn a_denial_flashes_the_message_of_the_settings_in_its_category(sites: Sites) {
    let site = sites.flask_with(|builder| builder.login_message_in("login", "Log in!"));
    let mut browser = site.browser();
    browser.get("/members").await;
    assert_eq!(browser.read("/flash").await, "login: Log in!");
}

async fn the_message_is_flashed_in_the_visitors_language(sites: Sites) {
    let site = sites.flask_with(|builder| {
        builder
            .login_message_in("login", "Log in!")
            .localize_messages(|text| match text {
                "Log in!" => "Einloggen".to_owned(),
                other => panic!("{other}"),
            })
    });
    let mut browser = site.browser();
    browser.get("/members").await;
    assert_eq!(browser.read("/flash").await, "login: Einloggen");
}

async fn a_handler_of_the_application_answers_in_place_of_the_redirect_and_the_message(
    sites: Sites,
) {
    let site = sites.flask_with(|builder| {
        builder.unauthorized_handler(|_| {
            let answer = Response::builder().status(401);
            answer.body("This is secret!".to_owned()).unwrap()
        })
    });
    let mut browser = site.browser();
    let answer = browser.get("/members").await;
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (401, "This is secret!")
    );
    assert_eq!(browser.read("/flash").await, "");
}

async fn without_a_login_page_a_denial_is_401(sites: Sites) {
    let mut browser = sites.flask_without_pages().browser();
    let answer = browser.get("/members").await;
    assert_eq!((answer.status, answer.header("location")), (401, None));
    assert_eq!(browser.read("/flash").await, "");
}

async fn a_denial_leads_to_the_login_page_with_the_way_back(sites: Sites) {
    let answer = sites.flask().browser().get("/members").await;
    assert_eq!(
        (answer.status, answer.location()),
        (302, "/login?next=%2Fmembers")
    );
}

/// With strong protection, a Flask program discards a session without an identifier as soon as it asks for the user, so
/// this session has one.
async fn the_way_back_in_the_session_outlives_a_login_page_that_looks_up_the_user(sites: Sites) {
    for mode in ["off", "strong"] {
        let site = sites.flask_with(|builder| {
            builder
                .session_protection(mode)
                .next_in_session()
                .login_view("/app-login")
        });
        let site = site.and(asks("/app-login", [CurrentUser, NextUrl]));
        let mut browser = site.browser();
        let answer = browser.get("/members").await;
        assert_eq!((answer.status, answer.location()), (302, "/app-login"));
        let session = session_of(&browser);
        assert!(session.contains(r#""_id":""#), "{session}");
        let shown = browser.read("/app-login").await;
        assert_eq!(shown, r#"nobody; Some("/members")"#, "{mode}");
    }
}

async fn parts_of_the_site_have_login_pages_of_their_own(sites: Sites) {
    let part = |login_view| {
        asks("/protected", [LoginRequired]).behind(login_scope().login_view(login_view))
    };
    let site = sites.flask().with([
        part("/first_login").below("/first"),
        part("/second_login").below("/second"),
    ]);
    for (path, expected) in [
        ("/members", "/login?next=%2Fmembers"),
        ("/first/protected", "/first_login?next=%2Ffirst%2Fprotected"),
        (
            "/second/protected",
            "/second_login?next=%2Fsecond%2Fprotected",
        ),
    ] {
        let answer = site.browser().get(path).await;
        assert_eq!((answer.status, answer.location()), (302, expected));
    }
}

cases! {
    flask_login_login_test_case_denials:
    a_denial_is_an_event,
    a_denial_flashes_the_message_of_the_settings_in_its_category,
    the_message_is_flashed_in_the_visitors_language,
    a_handler_of_the_application_answers_in_place_of_the_redirect_and_the_message,
    without_a_login_page_a_denial_is_401,
    a_denial_leads_to_the_login_page_with_the_way_back,
    the_way_back_in_the_session_outlives_a_login_page_that_looks_up_the_user,
    parts_of_the_site_have_login_pages_of_their_own,
}
