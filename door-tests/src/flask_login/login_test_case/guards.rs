//! Routes that need a login: `login_required` and `fresh_login_required`, as guards and as extractors.

use futures_lite::future;

use crate::browser::Browser;
use crate::plan::{Given, acts, fresh_login_required, login_required};
use crate::site::{Site, Sites};

fn site(sites: Sites) -> Site {
    let page = async |_: Given| {
        future::yield_now().await;
        "Access Granted"
    };
    sites.flask_without_pages().with([
        acts("/protected", page).behind(login_required()),
        acts("/very-protected", page).behind(fresh_login_required()),
    ])
}

async fn a_route_that_needs_a_login_lets_in_every_logged_in_user(sites: Sites) {
    let mut browser = site(sites).browser();
    for path in ["/protected", "/members"] {
        assert_eq!(browser.get(path).await.status, 401, "{path}");
    }
    browser.log_in("mia").await;
    assert_eq!(browser.read("/protected").await, "Access Granted");
    assert_eq!(browser.read("/members").await, "hello mia");
}

async fn a_route_that_needs_a_fresh_login_lets_in_nobody_else(sites: Sites) {
    let statuses = async |browser: &mut Browser| {
        [
            browser.get("/very-protected").await.status,
            browser.get("/fresh").await.status,
        ]
    };
    let mut browser = site(sites).browser();
    assert_eq!(statuses(&mut browser).await, [401, 401], "nobody");
    browser.log_in_remembered("mia").await;
    assert_eq!(statuses(&mut browser).await, [200, 200], "a fresh login");
    browser.restart();
    assert_eq!(statuses(&mut browser).await, [401, 401], "a stale one");
    browser.post("/confirm", "").await;
    assert_eq!(statuses(&mut browser).await, [200, 200], "fresh again");
}

cases! {
    flask_login_login_test_case_guards:
    a_route_that_needs_a_login_lets_in_every_logged_in_user,
    a_route_that_needs_a_fresh_login_lets_in_nobody_else,
}
