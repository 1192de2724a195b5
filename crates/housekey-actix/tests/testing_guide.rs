//! A page that needs a fresh login.

use actix_web::test::{TestRequest, call_service, init_service};
use actix_web::{App, web};
use housekey_actix::testing::{Browser, Clock};
use housekey_actix::{
    BoxError, FreshLoginRequired, LoginManager, LoginManagerExt as _, SecretKeys, User,
};
use std::time::Duration;

struct Member(String);

impl User for Member {
    fn id(&self) -> String {
        self.0.clone()
    }
}

async fn password(member: FreshLoginRequired<Member>) -> String {
    format!("A new password for {}", member.0.0)
}

#[actix_web::test]
async fn a_login_goes_stale_after_an_hour() -> Result<(), BoxError> {
    // What your program builds, but for the clock.
    let clock = Clock::default();
    let loader = |id: String| async { Ok::<_, BoxError>(Some(Member(id))) };
    let manager = LoginManager::new(SecretKeys::generate(), loader)
        .refresh_view("/confirm")
        .clock(clock.reader())
        .build()?;
    let app = App::new()
        .route("/password", web::get().to(password))
        .wrap(manager.middleware());
    let app = init_service(app).await;

    let mut browser = Browser::of(&manager);
    browser.log_in(&Member("mia".to_owned())).await?;
    let page = |browser: &Browser<Member>| {
        TestRequest::get()
            .uri("/password")
            .insert_header(("Cookie", browser.cookies()))
            .insert_header(("Accept", "text/html")) // as a browser, which is redirected; a program gets 401
            .to_request()
    };
    assert_eq!(call_service(&app, page(&browser)).await.status(), 200);

    clock.advance(Duration::from_secs(3601));
    let stale = call_service(&app, page(&browser)).await;
    assert_eq!(
        stale.headers().get("Location").unwrap(),
        "/confirm?next=%2Fpassword"
    );
    Ok(())
}
