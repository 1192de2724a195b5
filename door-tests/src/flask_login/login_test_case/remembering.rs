//! The remember token: what it brings back, how long it lives, what its cookie looks like.

use std::time::Duration;

use housekey::{Event, LoginManager, SecretKeys};

use crate::flask_login::browser_with_session;
use crate::peer;
use crate::people::Member;
use crate::site::{DAY, HOUR, KEY, Sites};

async fn a_remembered_user_comes_back_without_a_session_and_is_not_fresh(sites: Sites) {
    let site = sites.flask();
    for how in ["remember=true", "remember_for=25200"] {
        let mut browser = site.browser();
        browser.post("/login", &format!("name=mia&{how}")).await;
        assert_eq!(browser.who().await, "mia, fresh, remembered, by Session");
        browser.restart();
        assert_eq!(browser.who().await, "mia, remembered, by RememberToken");
        assert_eq!(browser.who().await, "mia, remembered, by Session");
    }
}

async fn coming_back_by_a_token_is_an_event(sites: Sites) {
    let site = sites.flask();
    let mut browser = site.remembered_browser_of("mia").await;
    browser.restart();
    site.events.take();
    browser.who().await;
    let user_id = "mia".to_owned();
    assert_eq!(
        site.events.take(),
        [Event::Accessed, Event::LoadedFromCookie { user_id }]
    );
}

async fn the_tokens_cookie_is_as_the_settings_say_and_a_login_may_have_a_duration_of_its_own(
    sites: Sites,
) {
    let site = sites.flask_with(|builder| {
        builder
            .remember_duration(Duration::from_secs(172_800))
            .remember_cookie(|cookie| {
                cookie
                    .name("myname")
                    .domain(".localhost.local")
                    .path("/mypath")
            })
    });
    let token = peer::remember_token(KEY.as_bytes(), "mia");
    for (how, expires) in [
        ("remember=true", "Thu, 16 Nov 2023 22:13:20 GMT"),
        ("remember_for=25200", "Wed, 15 Nov 2023 05:13:20 GMT"),
    ] {
        let login = format!("name=mia&{how}");
        let answer = site.browser().post("/login", &login).await;
        let expected = format!(
            "myname={token}; Domain=localhost.local; Expires={expires}; HttpOnly; Path=/mypath"
        );
        assert_eq!(answer.set_cookie("myname"), Some(expected.as_str()));
    }
}

async fn a_duration_that_no_browser_keeps_is_an_error_at_the_start(_: Sites) {
    for duration in [Duration::ZERO, 401 * DAY, Duration::MAX] {
        let loader = async |_: String| -> Result<Option<Member>, std::io::Error> { Ok(None) };
        let manager = LoginManager::flask(SecretKeys::generate(), loader);
        let error = manager.remember_duration(duration).build().unwrap_err();
        assert!(
            error.to_string().starts_with("remember_duration: "),
            "{error}"
        );
    }
}

async fn a_login_with_a_duration_that_no_browser_keeps_is_an_error_and_no_login(sites: Sites) {
    for seconds in [0, 401 * DAY.as_secs(), u64::MAX] {
        let mut browser = sites.flask().browser();
        let login = format!("name=mia&remember_for={seconds}");
        assert_eq!(browser.post("/login", &login).await.status, 500);
        assert_eq!(browser.jar.names(), [""; 0]);
    }
}

async fn using_a_token_does_not_lengthen_its_life(sites: Sites) {
    let site = sites.flask();
    let mut browser = site.remembered_browser_of("mia").await;
    site.clock.advance(HOUR);
    browser.restart();
    let answer = browser.get("/who").await;
    assert_eq!(answer.body, "mia, remembered, by RememberToken");
    assert_eq!(answer.set_cookie("remember_token"), None);
}

async fn a_value_that_is_not_a_token_is_nobody_and_is_left_alone(sites: Sites) {
    let site = sites.flask();
    let mut browser = browser_with_session(&site, r#"{"_user_id":null}"#);
    browser.jar.put("remember_token", "foo");
    assert_eq!(browser.who().await, "nobody");
    assert_eq!(browser.jar.value("remember_token"), Some("foo"));
}

cases! {
    flask_login_login_test_case_remembering:
    a_remembered_user_comes_back_without_a_session_and_is_not_fresh,
    coming_back_by_a_token_is_an_event,
    the_tokens_cookie_is_as_the_settings_say_and_a_login_may_have_a_duration_of_its_own,
    a_duration_that_no_browser_keeps_is_an_error_at_the_start,
    a_login_with_a_duration_that_no_browser_keeps_is_an_error_and_no_login,
    using_a_token_does_not_lengthen_its_life,
    a_value_that_is_not_a_token_is_nobody_and_is_left_alone,
}
