//! `StaticTestCase`: a file that is the same for everybody.

use axum::Router;
use axum::routing::get;

use crate::common::Site;

const ICON: &str = "/static/favicon.ico";

fn site() -> Site {
    Site::flask().and(Router::new().route(ICON, get(async || "an icon")))
}

#[tokio::test]
async fn who_came_for_a_static_file_is_anonymous_afterwards() {
    let mut browser = site().browser();
    assert_eq!(browser.read(ICON).await, "an icon");
    assert_eq!(browser.who().await, "nobody");
}

#[tokio::test]
async fn a_static_file_asks_for_nobody_whoever_comes() {
    let site = site();
    for mut browser in [site.browser(), site.remembered_browser_of("mia").await] {
        site.events.take();
        assert!(browser.get(ICON).await.is_untouched());
        assert_eq!(site.events.take(), []);
        assert_eq!(site.members.lookups(), [""; 0]);
    }
}
