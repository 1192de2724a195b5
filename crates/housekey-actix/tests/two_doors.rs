//! One site, part of it on axum and part on actix-web.
#![allow(clippy::unwrap_used)]

mod common;

use actix_web::test::{TestRequest, init_service};
use actix_web::{App, web};
use axum::Router;
use axum::body::Body;
use axum::routing::post;
use common::*;
use housekey_actix::{CurrentUser, Error, Login, LoginManagerExt as _};
use housekey_axum::LoginManagerExt as _;
use tower::ServiceExt as _;

#[actix_web::test]
async fn a_user_who_logs_in_at_the_axum_door_is_in_at_the_other_and_out_of_both_after_a_logout() {
    for builder in [safe, flask] {
        let store = housekey_actix::records::MemoryLoginStore::new();
        let build = || {
            builder(Members::default())
                .login_store(store.clone())
                .build()
        };
        let (axum_manager, actix_manager) = (build().unwrap(), build().unwrap());

        let sign_in = async |login: housekey_axum::Login<Member>| {
            let done = login.login_user(&mia()).remember(true).await;
            done.map_err(housekey_axum::Error::from)
        };
        let who = async |it: housekey_axum::CurrentUser<Member>| it.is_authenticated().to_string();
        let axum_site = Router::new()
            .route("/sign-in", post(sign_in))
            .route("/who", post(who))
            .layer(axum_manager.layer());
        let actix_site = init_service(
            App::new()
                .route(
                    "/who",
                    web::get()
                        .to(async |it: CurrentUser<Member>| it.is_authenticated().to_string()),
                )
                .route(
                    "/sign-out",
                    web::post().to(async |login: Login<Member>| {
                        login.logout_user().await?;
                        Ok::<_, Error>("out")
                    }),
                )
                .wrap(actix_manager.middleware()),
        )
        .await;

        let mut browser = Browser::new();
        let post = async |path: &str, browser: &Browser| {
            let request = http::Request::post(path).header("cookie", browser.header());
            let request = request.body(Body::empty()).unwrap();
            axum_site.clone().oneshot(request).await.unwrap()
        };
        let entered = post("/sign-in", &browser).await;
        let cookies = entered.headers().get_all("set-cookie").iter();
        let cookies: Vec<&str> = cookies
            .map(|it| it.to_str().unwrap().split(';').next().unwrap())
            .collect();
        browser.keep(&cookies);
        assert_eq!(browser.get(&actix_site, "/who").await.body, "true");

        let copy = browser.clone();
        browser
            .send(&actix_site, TestRequest::post().uri("/sign-out"))
            .await;
        let answer = post("/who", &copy).await;
        let body = axum::body::to_bytes(answer.into_body(), 10).await.unwrap();
        assert_eq!(body, "false", "the login has ended, on the other side too");
    }
}
