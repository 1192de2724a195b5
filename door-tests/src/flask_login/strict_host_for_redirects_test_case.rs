//! `StrictHostForRedirectsTestCase`: which host the redirect to the login page names.

use http::header;

use crate::site::Sites;

async fn the_redirect_names_the_forced_host_or_none_and_never_one_of_the_request(sites: Sites) {
    for (forced, forwarded, expected) in [
        (None, None, "/login?next=%2Fmembers"),
        (None, Some("proxy.com"), "/login?next=%2Fmembers"),
        (Some("good.com"), None, "//good.com/login?next=%2Fmembers"),
        (
            Some("good.com"),
            Some("proxy.com"),
            "//good.com/login?next=%2Fmembers",
        ),
    ] {
        let site = sites.flask_with(|builder| match forced {
            Some(host) => builder.force_host_for_redirects(host),
            None => builder,
        });
        for uri in ["/members", "http://bad.com/members"] {
            let mut browser = site.browser();
            let mut request = browser.request(http::Method::GET, uri, "");
            let headers = request.headers_mut();
            headers.insert(header::HOST, "bad.com".parse().unwrap());
            if let Some(host) = forwarded {
                headers.insert("x-forwarded-host", host.parse().unwrap());
            }
            let answer = browser.send(request).await;
            assert_eq!((answer.status, answer.location()), (302, expected));
        }
    }
}

cases! {
    flask_login_strict_host_for_redirects_test_case:
    the_redirect_names_the_forced_host_or_none_and_never_one_of_the_request,
}
