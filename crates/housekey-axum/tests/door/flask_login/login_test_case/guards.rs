//! Routes that need a login: `login_required` and `fresh_login_required`, as guards and as extractors.

use axum::Router;
use axum::routing::get;
use housekey_axum::{fresh_login_required, login_required};

use crate::common::browser::Browser;
use crate::common::{Member, Site};

fn site() -> Site {
    let page = get(async || {
        tokio::task::yield_now().await;
        "Access Granted"
    });
    let protected = Router::new()
        .route("/protected", page.clone())
        .route_layer(login_required::<Member>());
    let very_protected = Router::new()
        .route("/very-protected", page)
        .route_layer(fresh_login_required::<Member>());
    Site::flask_without_pages()
        .and(protected)
        .and(very_protected)
}

#[tokio::test]
async fn a_route_that_needs_a_login_lets_in_whoever_has_one() {
    let mut browser = site().browser();
    for path in ["/protected", "/members"] {
        assert_eq!(browser.get(path).await.status, 401, "{path}");
    }
    browser.log_in("mia").await;
    assert_eq!(browser.read("/protected").await, "Access Granted");
    assert_eq!(browser.read("/members").await, "hello mia");
}

#[tokio::test]
async fn a_route_that_needs_a_fresh_login_lets_in_nobody_else() {
    let statuses = async |browser: &mut Browser| {
        [
            browser.get("/very-protected").await.status,
            browser.get("/fresh").await.status,
        ]
    };
    let mut browser = site().browser();
    assert_eq!(statuses(&mut browser).await, [401, 401], "nobody");
    browser.log_in_remembered("mia").await;
    assert_eq!(statuses(&mut browser).await, [200, 200], "a fresh login");
    browser.restart();
    assert_eq!(statuses(&mut browser).await, [401, 401], "a stale one");
    browser.post("/confirm", "").await;
    assert_eq!(statuses(&mut browser).await, [200, 200], "fresh again");
}
