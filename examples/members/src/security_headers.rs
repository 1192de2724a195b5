//! What browsers are told to forbid, on every response.

use axum::http::HeaderValue;
use axum::http::header::{HeaderMap, HeaderName};
use axum::response::Response;

/// No inline script, no inline style, no frame: the site needs none, so nothing that is smuggled into a page can run.
const POLICY: &str = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; \
                      img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

const HEADERS: [(&str, &str); 7] = [
    ("content-security-policy", POLICY),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    // Within the site the page one came from may be told: it is where one returns to after signing in.
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    (
        "permissions-policy",
        "camera=(), geolocation=(), microphone=()",
    ),
];

pub(crate) async fn add(mut response: Response) -> Response {
    for (name, value) in HEADERS {
        set(response.headers_mut(), name, value);
    }
    response
}

/// Only for a site that stays on HTTPS: browsers remember it for a year.
pub(crate) async fn add_hsts(mut response: Response) -> Response {
    set(
        response.headers_mut(),
        "strict-transport-security",
        "max-age=31536000",
    );
    response
}

fn set(headers: &mut HeaderMap, name: &'static str, value: &'static str) {
    headers.insert(
        HeaderName::from_static(name),
        HeaderValue::from_static(value),
    );
}
