//! From one request to the next, and what happens only when the user is asked for.

use housekey::Event;

use crate::site::Sites;

async fn a_login_lasts_is_fresh_and_is_not_remembered(sites: Sites) {
    let mut browser = sites.flask().browser_of("mia").await;
    for _ in 0..2 {
        assert_eq!(browser.who().await, "mia, fresh, by Session");
    }
    browser.restart();
    assert_eq!(browser.who().await, "nobody");
}

async fn a_user_unknown_to_the_loader_is_logged_out_for_good(sites: Sites) {
    let site = sites.flask();
    let mut browser = site.browser_of("mia").await;
    site.members.remove("mia");
    assert_eq!(browser.who().await, "nobody");
    assert_eq!(browser.jar.names(), [""; 0]);
    assert_eq!(site.members.lookups(), ["mia"]);
    assert_eq!(browser.who().await, "nobody");
    assert_eq!(site.members.lookups(), [""; 0], "nobody asks for her again");
}

async fn looking_into_an_empty_session_does_not_write_it(sites: Sites) {
    let mut browser = sites.flask().browser();
    for path in ["/session/k", "/who", "/"] {
        assert_eq!(browser.get(path).await.set_cookies(), [""; 0], "{path}");
    }
}

async fn a_user_is_loaded_when_somebody_asks_and_not_before(sites: Sites) {
    let site = sites.flask();
    let mut browser = site.browser_of("mia").await;
    site.events.take();
    browser.get("/").await;
    assert_eq!(site.events.take(), []);
    assert_eq!(site.members.lookups(), [""; 0]);
    assert_eq!(browser.who().await, "mia, fresh, by Session");
    assert_eq!(site.events.take(), [Event::Accessed]);
    assert_eq!(site.members.lookups(), ["mia"]);
}

cases! {
    flask_login_login_test_case_persistence:
    a_login_lasts_is_fresh_and_is_not_remembered,
    a_user_unknown_to_the_loader_is_logged_out_for_good,
    looking_into_an_empty_session_does_not_write_it,
    a_user_is_loaded_when_somebody_asks_and_not_before,
}
