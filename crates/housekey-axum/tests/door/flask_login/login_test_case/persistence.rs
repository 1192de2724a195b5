//! From one request to the next, and what happens only when somebody asks.

use housekey_axum::Event;

use crate::common::Site;

#[tokio::test]
async fn a_login_lasts_is_fresh_and_is_not_remembered() {
    let mut browser = Site::flask().browser_of("mia").await;
    for _ in 0..2 {
        assert_eq!(browser.who().await, "mia, fresh, by Session");
    }
    browser.restart();
    assert_eq!(browser.who().await, "nobody");
}

#[tokio::test]
async fn a_user_whom_the_loader_does_not_know_is_logged_out_for_good() {
    let site = Site::flask();
    let mut browser = site.browser_of("mia").await;
    site.members.remove("mia");
    assert_eq!(browser.who().await, "nobody");
    assert_eq!(browser.jar.names(), [""; 0]);
    assert_eq!(site.members.lookups(), ["mia"]);
    assert_eq!(browser.who().await, "nobody");
    assert_eq!(site.members.lookups(), [""; 0], "nobody asks for her again");
}

#[tokio::test]
async fn looking_into_an_empty_session_does_not_write_it() {
    let mut browser = Site::flask().browser();
    for path in ["/session/k", "/who", "/"] {
        assert_eq!(browser.get(path).await.set_cookies(), [""; 0], "{path}");
    }
}

#[tokio::test]
async fn a_user_is_loaded_when_somebody_asks_and_not_before() {
    let site = Site::flask();
    let mut browser = site.browser_of("mia").await;
    site.events.take();
    browser.get("/").await;
    assert_eq!(site.events.take(), []);
    assert_eq!(site.members.lookups(), [""; 0]);
    assert_eq!(browser.who().await, "mia, fresh, by Session");
    assert_eq!(site.events.take(), [Event::Accessed]);
    assert_eq!(site.members.lookups(), ["mia"]);
}
