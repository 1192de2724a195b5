//! Nested layers: what happens to a request with more than one manager, layer or guard.
#![allow(clippy::unwrap_used)]

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use axum::response::sse::{self, Sse};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use door_tests::{Member, Members, Staff};
use housekey_axum::*;
use tower::ServiceExt as _;

const KEY: &str = "9f2c8d54b61e4bd9a1f0c7d35e8b2a64";

fn flask() -> LoginManagerBuilder<Member> {
    LoginManager::flask(SecretKeys::flask(KEY).unwrap(), Members::default())
}

fn flask_staff() -> LoginManagerBuilder<Staff> {
    LoginManager::flask(SecretKeys::flask(KEY).unwrap(), Staff::load)
        .session_cookie(|cookie| cookie.name("staff_session"))
        .remember_cookie(|cookie| cookie.name("staff_token"))
}

async fn sign_in(login: Login<Member>) -> Result<(), Error> {
    login.login_user(&Member::new("1")).remember(true).await?;
    Ok(())
}

async fn sign_out(login: Login<Member>) -> Result<(), Error> {
    login.logout_user().await?;
    Ok(())
}

async fn send(app: &Router, request: http::request::Builder) -> Response {
    let request = request.body(Body::empty()).unwrap();
    app.clone().oneshot(request).await.unwrap()
}

/// The name and the value of each cookie that is set, in order.
fn cookies(response: &Response) -> Vec<(String, String)> {
    let fields = response.headers().get_all(header::SET_COOKIE).iter();
    fields
        .map(|field| {
            let pair = field.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            (name.to_owned(), value.to_owned())
        })
        .collect()
}

fn value(response: &Response, name: &str) -> String {
    let found = cookies(response)
        .into_iter()
        .rev()
        .find(|(found, _)| found == name);
    found.unwrap().1
}

/// Flask's signatures are valid under every name, so the staff's manager would take a member's cookie for one of its own.
#[test]
fn a_manager_for_staff_with_the_members_key_is_refused_in_the_flask_preset_whatever_its_cookies_are_named()
 {
    let members = flask().build().unwrap();
    let error = flask_staff().build().unwrap_err().to_string();
    assert!(error.contains("another secret key"), "{error}");
    drop(members);
}

#[tokio::test]
async fn a_logout_below_two_layers_of_one_manager_is_one() {
    let manager = flask()
        .session_refresh(SessionRefresh::OlderThan(std::time::Duration::ZERO))
        .build()
        .unwrap();
    let app = Router::new()
        .route("/sign-in", post(sign_in))
        .merge(
            Router::new()
                .route("/sign-out", post(sign_out))
                .layer(manager.layer())
                .route_layer(login_required::<Member>()),
        )
        .layer(manager.layer());
    let entered = send(&app, Request::post("/sign-in")).await;
    let jar = format!(
        "session={}; remember_token={}",
        value(&entered, "session"),
        value(&entered, "remember_token")
    );
    let left = send(&app, Request::post("/sign-out").header("cookie", jar)).await;
    assert_eq!(left.status(), StatusCode::OK);
    assert_eq!(value(&left, "session"), "", "{:?}", cookies(&left));
}

#[tokio::test]
async fn every_requirement_of_a_guard_counts() {
    let app = Router::new()
        .route("/sign-in", post(sign_in))
        .merge(
            Router::new()
                .route("/admin", get(async || "in"))
                .route_layer(
                    login_required::<Member>()
                        .require(|member| member.id == "admin")
                        .require(|_| true),
                ),
        )
        .layer(flask().build().unwrap().layer());
    let entered = send(&app, Request::post("/sign-in")).await;
    let jar = format!("session={}", value(&entered, "session"));
    let response = send(&app, Request::get("/admin").header("cookie", jar)).await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
}

#[test]
fn an_error_that_main_returns_begins_with_what_to_do() {
    let error = housekey_axum::Error::from(SecretKeys::new("dev").unwrap_err());
    assert!(
        format!("{error:?}").starts_with("the secret key has 3 bytes"),
        "{error:?}"
    );
}

#[test]
fn debug_shows_no_key_and_no_settings() {
    let routes: Router = Router::new().route("/", get(async || "for everybody"));
    let app = routes.layer(flask().login_view("/login").build().unwrap().layer());
    let keys = SecretKeys::new(KEY).unwrap();
    let shown = format!("{keys:?} {app:?}");
    assert!(!shown.contains(KEY), "{shown}");
}

#[tokio::test]
async fn a_stream_of_events_that_was_made_for_a_user_is_private() {
    let events = async |_: CurrentUser<Member>| {
        let nothing = futures_lite::stream::empty::<Result<sse::Event, std::convert::Infallible>>();
        Sse::new(nothing)
    };
    let app = Router::new()
        .route("/sign-in", post(sign_in))
        .route("/events", get(events))
        .layer(flask().build().unwrap().layer());
    let entered = send(&app, Request::post("/sign-in")).await;
    let jar = format!("session={}", value(&entered, "session"));
    let of_mia = Request::get("/events").header("cookie", jar);
    for (request, expected) in [
        (of_mia, "private, no-cache"),
        (Request::get("/events"), "no-cache"),
    ] {
        let answer = send(&app, request).await;
        assert_eq!(answer.headers()[header::CACHE_CONTROL], expected);
    }
}

#[tokio::test]
async fn what_a_service_below_a_path_answers_is_open_by_that_path_alone() {
    let public = PublicRoutes::new();
    let service = || {
        tower::service_fn(async |_: Request<Body>| {
            Ok::<_, std::convert::Infallible>("a file".into_response())
        })
    };
    let shop = |public: &PublicRoutes| {
        Router::new()
            .route(public.get("/"), get(async || "the shop"))
            .route("/till", get(async || "the till"))
            .fallback(async || "not in the shop")
    };
    let manager = flask().login_view("/login").build().unwrap();
    let app = Router::new()
        .route_service(public.path("/one"), service())
        .nest_service(public.files("/assets"), service())
        .nest_service("/secrets", service())
        .route(public.get("/wild/{*rest}"), get(async || "wild"))
        .nest("/shop", shop(&public.nested("/shop")))
        .merge(Router::new().route("/merged", get(async || "merged")))
        .fallback(async || "nothing here")
        .layer(login_required::<Member>().except(&public))
        .layer(manager.layer());
    for (path, is_open) in [
        ("/one", true),
        ("/assets", true),
        ("/assets/", true),
        ("/assets/css/site.css", true),
        ("/assets/../secrets/key", false),
        ("/assetsandmore", false),
        ("/secrets/key", false),
        ("/wild/a/b", true),
        ("/wild", false),
        ("/shop", true),
        ("/shop/", false),
        ("/shop/till", false),
        ("/shop/else", false),
        ("/merged", false),
        ("/", false),
        ("//one", false),
        ("/on%65", false),
        ("/one/", false),
    ] {
        let expected = if is_open {
            StatusCode::OK
        } else {
            StatusCode::FOUND
        };
        let answer = send(&app, Request::get(path)).await;
        assert_eq!(answer.status(), expected, "{path}");
        let posted = send(&app, Request::post(path)).await;
        let is_posted_to = path == "/one";
        assert_eq!(
            posted.status() != StatusCode::FOUND,
            is_posted_to,
            "POST {path}"
        );
    }
    assert_eq!(
        public.list(),
        ["GET /assets/…", "/one", "GET /shop", "GET /wild/{*rest}"]
    );
}
