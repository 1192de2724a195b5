//! The suite of `door_tests::csrf` on tower-http's `CsrfLayer`, which the guides put in front of the login.

#![allow(clippy::unwrap_used)] // Where a test may panic, so may what helps it.

use axum::body::Body;
use axum::http::{Method, Request, Response, StatusCode, Uri};
use axum::{Router, routing::any};
use door_tests::csrf::{
    ATTACKER, CASES, CROSS_SITE, Case, EXEMPT, GO, ORIGINS, TRUSTED, case, check_table,
};
use tower::ServiceExt as _;
use tower_http::csrf::{CsrfLayer, ProtectionError};

/// The layer of the cases: one trusted origin, and two exempt routes, each by its exact path.
fn layer() -> CsrfLayer {
    let exempt = |_: &Method, uri: &Uri| EXEMPT.contains(&uri.path());
    CsrfLayer::new()
        .add_trusted_origin(TRUSTED.1)
        .unwrap()
        .with_insecure_bypass(exempt)
}

async fn send(app: Router, case: &Case) -> Response<Body> {
    let mut request = Request::builder()
        .method(case.row.1)
        .uri(case.path)
        .header("host", "example.com");
    for (name, value) in case.fields {
        request = request.header(*name, *value);
    }
    app.oneshot(request.body(Body::empty()).unwrap())
        .await
        .unwrap()
}

fn app() -> Router {
    Router::new().fallback(any(async || "")).layer(layer())
}

#[test]
fn every_row_of_the_table_is_a_case_or_named() {
    check_table();
}

#[tokio::test]
async fn the_headers_decide_which_pages_may_post() {
    for case in CASES {
        let response = send(app(), case).await;
        assert_eq!(response.status(), case.status, "{:?}", case.row);
        assert_eq!(
            response.extensions().get::<ProtectionError>().is_some(),
            case.status == 403
        );
    }
}

#[tokio::test]
async fn reading_passes_whatever_the_headers_say() {
    for method in ["GET", "HEAD", "OPTIONS"] {
        let request = case(GO, method, "", &[ATTACKER, CROSS_SITE], 200);
        assert_eq!(send(app(), &request).await.status(), 200, "{method}");
    }
    for method in ["POST", "PUT", "PATCH", "DELETE", "TRACE"] {
        let request = case(GO, method, "", &[ATTACKER, CROSS_SITE], 403);
        assert_eq!(send(app(), &request).await.status(), 403, "{method}");
    }
}

#[tokio::test]
async fn an_exempt_route_is_exempt_without_fetch_metadata_too() {
    for path in EXEMPT {
        let request = case(GO, "POST", "", &[ATTACKER], 200).at(path);
        assert_eq!(send(app(), &request).await.status(), 200, "{path}");
    }
}

#[test]
fn only_an_origin_can_be_trusted() {
    for (cell, origin, accepted) in ORIGINS {
        let trusted = CsrfLayer::new().add_trusted_origin(origin);
        assert_eq!(trusted.is_ok(), *accepted, "{cell}");
    }
}

#[tokio::test]
async fn an_application_can_answer_in_its_own_words() {
    let refused = case(GO, "POST", "", &[CROSS_SITE], 403);
    let read = case(GO, "GET", "", &[CROSS_SITE], 200);
    let teapot = |_: ProtectionError| {
        let response = Response::builder().status(StatusCode::IM_A_TEAPOT);
        response.body(Body::empty()).unwrap()
    };
    let custom = || {
        let layer = layer().with_rejection_response(teapot);
        Router::new().fallback(any(async || "")).layer(layer)
    };
    assert_eq!(
        send(custom(), &refused).await.status(),
        StatusCode::IM_A_TEAPOT
    );
    assert_eq!(send(custom(), &read).await.status(), 200);
    assert_eq!(send(app(), &refused).await.status(), 403);
}
