//! What an anonymous visitor is answered: `unauthorized`.

use axum::Router;
use axum::routing::get;
use housekey_axum::{CurrentUser, Event, LoginRequired, NextUrl, login_scope};
use http::Response;

use crate::common::{Member, Site};
use crate::flask_login::session_of;

#[tokio::test]
async fn a_denial_is_an_event() {
    let site = Site::flask();
    site.browser().get("/members").await;
    assert_eq!(site.events.take(), [Event::Accessed, Event::Unauthorized]);
}

#[tokio::test]
async fn a_denial_flashes_the_message_of_the_settings_in_its_category() {
    let site = Site::flask_with(|builder| builder.login_message_in("login", "Log in!"));
    let mut browser = site.browser();
    browser.get("/members").await;
    assert_eq!(browser.read("/flash").await, "login: Log in!");
}

#[tokio::test]
async fn the_message_is_flashed_in_the_visitors_language() {
    let site = Site::flask_with(|builder| {
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

#[tokio::test]
async fn a_handler_of_the_application_answers_in_place_of_the_redirect_and_the_message() {
    let site = Site::flask_with(|builder| {
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

#[tokio::test]
async fn without_a_login_page_a_denial_is_401() {
    let mut browser = Site::flask_without_pages().browser();
    let answer = browser.get("/members").await;
    assert_eq!((answer.status, answer.header("location")), (401, None));
    assert_eq!(browser.read("/flash").await, "");
}

#[tokio::test]
async fn a_denial_leads_to_the_login_page_with_the_way_back() {
    let answer = Site::flask().browser().get("/members").await;
    assert_eq!(
        (answer.status, answer.location()),
        (302, "/login?next=%2Fmembers")
    );
}

/// With strong protection, a Flask program throws a session without an identifier away as soon as it asks who is
/// there: so there is one in it.
#[tokio::test]
async fn the_way_back_in_the_session_outlives_a_login_page_that_asks_who_is_there() {
    let login_page =
        async |_: CurrentUser<Member>, next: NextUrl| next.get().unwrap_or("no next").to_owned();
    for mode in ["off", "strong"] {
        let site = Site::flask_with(|builder| {
            builder
                .session_protection(mode)
                .next_in_session()
                .login_view("/app-login")
        });
        let site = site.and(Router::new().route("/app-login", get(login_page)));
        let mut browser = site.browser();
        let answer = browser.get("/members").await;
        assert_eq!((answer.status, answer.location()), (302, "/app-login"));
        let session = session_of(&browser);
        assert!(session.contains(r#""_id":""#), "{session}");
        assert_eq!(browser.read("/app-login").await, "/members", "{mode}");
    }
}

#[tokio::test]
async fn parts_of_the_site_have_login_pages_of_their_own() {
    let part = |login_view: &str| {
        Router::new()
            .route("/protected", get(async |_: LoginRequired<Member>| ""))
            .route_layer(login_scope::<Member>().login_view(login_view))
    };
    let site = Site::flask().and(
        Router::new()
            .nest("/first", part("/first_login"))
            .nest("/second", part("/second_login")),
    );
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
