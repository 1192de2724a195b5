//! `StaticTestCase`: a file that is the same for everybody.

use crate::plan::says;
use crate::site::{Site, Sites};

const ICON: &str = "/static/favicon.ico";

fn site(sites: Sites) -> Site {
    sites.flask().and(says(ICON, "an icon"))
}

async fn a_visitor_of_a_static_file_is_anonymous_afterwards(sites: Sites) {
    let mut browser = site(sites).browser();
    assert_eq!(browser.read(ICON).await, "an icon");
    assert_eq!(browser.who().await, "nobody");
}

async fn a_static_file_looks_up_nobody_with_or_without_a_login(sites: Sites) {
    let site = site(sites);
    for mut browser in [site.browser(), site.remembered_browser_of("mia").await] {
        site.events.take();
        assert!(browser.get(ICON).await.is_untouched());
        assert_eq!(site.events.take(), []);
        assert_eq!(site.members.lookups(), [""; 0]);
    }
}

cases! {
    flask_login_static_test_case:
    a_visitor_of_a_static_file_is_anonymous_afterwards,
    a_static_file_looks_up_nobody_with_or_without_a_login,
}
