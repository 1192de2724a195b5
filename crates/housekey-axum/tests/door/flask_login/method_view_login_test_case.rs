//! `MethodViewLoginTestCase`: a view of several methods behind both guards.

use axum::Router;
use axum::routing::get;
use housekey_axum::{fresh_login_required, login_required};
use http::Method;

use crate::common::{Member, Site};

#[tokio::test]
async fn no_method_reaches_the_view_without_a_login() {
    let page = async || "the body of the page";
    let secret = Router::new()
        .route("/secret", get(page).options(page))
        .route_layer(login_required::<Member>())
        .route_layer(fresh_login_required::<Member>());
    let site = Site::flask_without_pages().and(secret);
    let origin = ("origin", "https://a.example");
    let asks_for_get = ("access-control-request-method", "GET");
    for (method, headers, status) in [
        (Method::OPTIONS, &[origin, asks_for_get][..], 403),
        (Method::OPTIONS, &[], 401),
        (Method::OPTIONS, &[origin], 401),
        (Method::GET, &[origin, asks_for_get], 401),
        (Method::HEAD, &[], 401),
    ] {
        let mut browser = site.browser();
        let mut request = browser.request(method.clone(), "/secret", "");
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        let answer = browser.send(request).await;
        assert_eq!(answer.status, status, "{method} with {headers:?}");
    }
}
