//! `MethodViewLoginTestCase`: a view of several methods behind both guards.

use http::Method;

use crate::plan::{fresh_login_required, login_required, says};
use crate::site::Sites;

async fn no_method_reaches_the_view_without_a_login(sites: Sites) {
    let secret = says("/secret", "the body of the page")
        .behind(login_required())
        .behind(fresh_login_required());
    let site = sites.flask_without_pages().and(secret);
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

cases! {
    flask_login_method_view_login_test_case:
    no_method_reaches_the_view_without_a_login,
}
