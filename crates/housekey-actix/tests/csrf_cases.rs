//! The suite of `door_tests::csrf` on `CsrfGuard`.

#![allow(clippy::unwrap_used)] // Where a test may panic, so may what helps it.

mod common;

use actix_web::http::Method;
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, web};
use common::*;
use door_tests::csrf::{ATTACKER, CASES, CROSS_SITE, Case, EXEMPT, GO, ORIGINS, TRUSTED, case};
use housekey_actix::*;

/// One trusted origin, and exempt routes, each by its exact path.
fn guard() -> CsrfGuard {
    CsrfGuard::new()
        .trust_origin(TRUSTED.1)
        .unwrap()
        .exempt(|path| EXEMPT.contains(&path))
}

async fn answer(case: &Case) -> Answer {
    let manager = safe(Members::default()).build().unwrap();
    let app = App::new()
        .default_service(web::to(async || "in"))
        .wrap(manager.middleware())
        .wrap(guard());
    let app = init_service(app).await;
    let method = Method::from_bytes(case.row.1.as_bytes()).unwrap();
    let mut request = TestRequest::with_uri(case.path)
        .method(method)
        .insert_header(("host", "example.com"));
    for field in case.fields {
        request = request.append_header(*field);
    }
    send(&app, request).await
}

#[actix_web::test]
async fn the_headers_decide_which_pages_may_post() {
    for case in CASES {
        let answer = answer(case).await;
        assert_eq!(answer.status, case.status, "{:?}", case.row);
        let is_in = case.status == 200;
        assert_eq!(answer.body == "in", is_in, "{:?}", case.row);
        // No cache may show it to somebody else.
        let kept = answer.header("cache-control").is_none();
        assert_eq!(kept, is_in, "{:?}", case.row);
    }
}

#[actix_web::test]
async fn reading_passes_whatever_the_headers_say() {
    for (method, status) in [
        ("GET", 200),
        ("HEAD", 200),
        ("OPTIONS", 200),
        ("POST", 403),
        ("PUT", 403),
        ("PATCH", 403),
        ("DELETE", 403),
        ("TRACE", 403),
    ] {
        let request = case(GO, method, "", &[ATTACKER, CROSS_SITE], status);
        assert_eq!(answer(&request).await.status, status, "{method}");
    }
}

#[actix_web::test]
async fn an_exempt_route_is_exempt_without_fetch_metadata_too() {
    for path in EXEMPT {
        let request = case(GO, "POST", "", &[ATTACKER], 200).at(path);
        assert_eq!(answer(&request).await.status, 200, "{path}");
    }
}

#[test]
fn only_an_origin_can_be_trusted() {
    for (cell, origin, accepted) in ORIGINS {
        let trusted = CsrfGuard::new().trust_origin(origin);
        assert_eq!(trusted.is_ok(), *accepted, "{cell}");
    }
}
