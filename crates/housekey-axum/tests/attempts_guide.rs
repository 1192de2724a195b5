//! The program in `docs/attempts.md` is whole, and does what the guide says.
#![allow(clippy::unwrap_used, dead_code, unused_imports)]

#[path = "../examples/attempts.rs"]
mod program;

use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, StatusCode};
use door_tests::Jar;
use tower::ServiceExt as _;

const PROGRAM: &str = include_str!("../examples/attempts.rs");
const GUIDE: &str = include_str!("../../../docs/attempts.md");

#[test]
fn the_guide_shows_this_very_program() {
    let shown = format!("```rust,no_run\n{PROGRAM}```");
    assert!(
        GUIDE.contains(&shown),
        "copy examples/attempts.rs into docs/attempts.md"
    );
}

#[tokio::test]
async fn guesses_have_to_wait_and_the_owners_browser_does_not() {
    const NOW: u64 = 1_700_000_000;
    let app = program::app().await.unwrap();
    let post = async |jar: &mut Jar, body: &str| {
        let request = Request::post("/login")
            .header("Cookie", jar.header("/", NOW))
            .header("Content-Type", "application/x-www-form-urlencoded")
            .extension(ConnectInfo(SocketAddr::from(([192, 0, 2, 1], 4711))))
            .body(Body::from(body.to_owned()))
            .unwrap();
        let response = app.clone().oneshot(request).await.unwrap();
        for cookie in response.headers().get_all("set-cookie") {
            jar.keep(cookie.to_str().unwrap(), NOW);
        }
        response
    };
    let (mut owner, mut stranger) = (Jar::default(), Jar::default());
    let (right, guess) = ("name=mia&password=correct+horse", "name=Mia&password=guess");
    assert_eq!(post(&mut owner, right).await.status(), StatusCode::OK);
    for _ in 0..3 {
        let answer = post(&mut stranger, guess).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    }
    for body in [guess, right] {
        let answer = post(&mut stranger, body).await;
        assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
        let seconds = answer.headers()["retry-after"].to_str().unwrap();
        assert!((1..=30).contains(&seconds.parse::<u64>().unwrap()));
    }
    assert_eq!(post(&mut owner, right).await.status(), StatusCode::OK);
}
