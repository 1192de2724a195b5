//! A page that needs a fresh login.

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::routing::get;
use housekey_axum::testing::{Browser, Clock};
use housekey_axum::{
    BoxError, FreshLoginRequired, LoginManager, LoginManagerExt as _, SecretKeys, User,
};
use std::time::Duration;
use tower::ServiceExt as _;

struct Member(String);

impl User for Member {
    fn id(&self) -> String {
        self.0.clone()
    }
}

async fn password(member: FreshLoginRequired<Member>) -> String {
    format!("A new password for {}", member.0.0)
}

#[tokio::test]
async fn a_login_goes_stale_after_an_hour() -> Result<(), BoxError> {
    // What your program builds, but for the clock.
    let clock = Clock::default();
    let loader = |id: String| async { Ok::<_, BoxError>(Some(Member(id))) };
    let manager = LoginManager::new(SecretKeys::generate(), loader)
        .refresh_view("/confirm")
        .clock(clock.reader())
        .build()?;
    let app = Router::new()
        .route("/password", get(password))
        .layer(manager.layer());

    let mut browser = Browser::of(&manager);
    browser.log_in(&Member("mia".to_owned())).await?;
    let page = |browser: &Browser<Member>| {
        Request::get("/password")
            .header("Cookie", browser.cookies())
            .header("Accept", "text/html") // as a browser, which is redirected; a program gets 401
            .body(Body::empty())
    };
    assert_eq!(app.clone().oneshot(page(&browser)?).await?.status(), 200);

    clock.advance(Duration::from_secs(3601));
    let stale = app.oneshot(page(&browser)?).await?;
    assert_eq!(stale.headers()["Location"], "/confirm?next=%2Fpassword");
    Ok(())
}
