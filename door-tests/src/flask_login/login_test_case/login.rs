//! The current user before, during and after a login, and the users that requests themselves prove.

use housekey::Event;

use super::site_that_asks_at_once;
use crate::flask_login::KEY_OF_MIA;
use crate::site::Sites;

async fn a_visitor_without_a_cookie_is_nobody(sites: Sites) {
    assert_eq!(sites.flask().browser().who().await, "nobody");
}

async fn a_user_who_logs_in_is_the_current_user_at_once_and_fresh_by_default(sites: Sites) {
    let site = site_that_asks_at_once(sites);
    for (how, expected) in [
        ("fresh", "mia, fresh, by Session"),
        ("not-fresh", "mia, by Session"),
    ] {
        let mut browser = site.browser();
        let answer = browser.post(&format!("/at-once/{how}/mia"), "").await;
        assert_eq!(answer.body, expected);
        assert_eq!(browser.who().await, expected, "at the next request");
    }
}

async fn a_login_is_an_event_with_the_users_id(sites: Sites) {
    let site = sites.flask();
    site.browser().log_in("mia").await;
    let logged_in = Event::LoggedIn {
        user_id: "mia".to_owned(),
        remember: false,
    };
    assert_eq!(site.events.take(), [logged_in]);
}

async fn an_inactive_user_cannot_log_in_and_that_is_an_error(sites: Sites) {
    let site = site_that_asks_at_once(sites);
    site.members.change("mia", |member| member.active = false);
    let mut browser = site.browser();
    let answer = browser.post("/at-once/fresh/mia", "").await;
    assert_eq!((answer.status, answer.set_cookies().len()), (403, 0));
    assert_eq!(site.events.take(), []);
    assert_eq!(browser.who().await, "nobody");
}

async fn a_login_can_be_forced_and_ends_as_soon_as_somebody_asks_who_is_there(sites: Sites) {
    let site = site_that_asks_at_once(sites);
    site.members.change("mia", |member| member.active = false);
    let mut browser = site.browser();
    browser.post("/login", "name=mia&force=true").await;
    assert_eq!(site.events.take().len(), 1, "she was logged in");
    assert_eq!(browser.jar.names(), ["session"]);
    assert_eq!(browser.who().await, "nobody");
    assert_eq!(browser.jar.names(), [""; 0]);

    let answer = site.browser().post("/at-once/forced/mia", "").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "nobody"));
}

async fn a_request_can_prove_its_user_or_fail_to(sites: Sites) {
    let site = sites.flask();
    for (key, expected) in [
        ("key-of-mia", "mia, by Request"),
        ("key-of-somebody-else", "nobody"),
    ] {
        let answer = site.browser().get_with("/who", &[("x-api-key", key)]).await;
        assert_eq!(answer.body, expected);
    }
}

async fn a_user_proved_by_the_request_is_an_event(sites: Sites) {
    let site = sites.flask();
    site.browser().get_with("/who", &KEY_OF_MIA).await;
    let user_id = "mia".to_owned();
    assert_eq!(
        site.events.take(),
        [Event::Accessed, Event::LoadedFromRequest { user_id }]
    );
}

cases! {
    flask_login_login_test_case_login:
    a_visitor_without_a_cookie_is_nobody,
    a_user_who_logs_in_is_the_current_user_at_once_and_fresh_by_default,
    a_login_is_an_event_with_the_users_id,
    an_inactive_user_cannot_log_in_and_that_is_an_error,
    a_login_can_be_forced_and_ends_as_soon_as_somebody_asks_who_is_there,
    a_request_can_prove_its_user_or_fail_to,
    a_user_proved_by_the_request_is_an_event,
}
