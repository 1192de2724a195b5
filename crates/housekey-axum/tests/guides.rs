//! Tries out what the guides in `docs/` say about a whole application.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequestParts as _, Path};
use axum::http::request::Parts;
use axum::http::{Request, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Form, Router};
use door_tests::{Clock, Jar, Member, Members, Staff};
use housekey_axum::*;
use tower::ServiceExt as _;
use tower_http::csrf::CsrfLayer;

/// The users table, the clock, and the manager that uses them.
#[derive(Clone, Default)]
struct World {
    members: Members,
    clock: Clock,
}

impl World {
    fn builder(&self, keys: SecretKeys) -> LoginManagerBuilder<Member> {
        LoginManager::new(keys, self.members.clone())
            .login_view("/login")
            .refresh_view("/confirm")
            .clock(self.clock.reader())
    }

    fn manager(&self) -> LoginManager<Member> {
        self.builder(SecretKeys::generate()).build().unwrap()
    }

    fn wait(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

async fn sign_in(
    login: Login<Member>,
    Form(form): Form<BTreeMap<String, String>>,
) -> Result<(), Error> {
    login
        .login_user(&Member::new(&form["id"]))
        .remember(form.contains_key("remember"))
        .await?;
    Ok(())
}

async fn page() -> &'static str {
    "a page"
}

/// The time at which cookies are kept and sent: no test waits for one to expire.
const NOW: u64 = 1_700_000_000;

/// A browser: keeps cookies, and asks for HTML.
#[derive(Clone)]
struct Browser {
    app: Router,
    jar: Jar,
}

impl Browser {
    fn at(app: Router) -> Self {
        Self {
            app,
            jar: Jar::default(),
        }
    }

    async fn send(&mut self, request: http::request::Builder, body: &str) -> Response {
        let request = request
            .header("Cookie", self.jar.header("/", NOW))
            .header("Accept", "text/html")
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(Body::from(body.to_owned()))
            .unwrap();
        let response = self.app.clone().oneshot(request).await.unwrap();
        for cookie in response.headers().get_all("set-cookie") {
            self.jar.keep(cookie.to_str().unwrap(), NOW);
        }
        response
    }

    async fn get(&mut self, path: &str) -> Response {
        self.send(Request::get(path), "").await
    }

    async fn post(&mut self, path: &str, body: &str) -> Response {
        self.send(Request::post(path), body).await
    }
}

fn location(response: &Response) -> &str {
    response.headers()["location"].to_str().unwrap()
}

#[tokio::test]
async fn an_unknown_path_is_404_below_route_layer_and_denied_below_layer() {
    let manager = World::default().manager();
    let routes = || Router::new().route("/private", get(page));
    let mut browser = Browser::at(
        routes()
            .route_layer(login_required::<Member>())
            .layer(manager.layer()),
    );
    assert_eq!(
        browser.get("/nowhere").await.status(),
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        browser.get("/private").await.status(),
        StatusCode::SEE_OTHER
    );
    // The guard runs before the method is looked at.
    assert_eq!(
        browser.post("/private", "").await.status(),
        StatusCode::SEE_OTHER
    );

    let mut browser = Browser::at(
        routes()
            .layer(login_required::<Member>())
            .layer(manager.layer()),
    );
    assert_eq!(
        browser.get("/nowhere").await.status(),
        StatusCode::SEE_OTHER
    );
}

#[tokio::test]
async fn a_route_added_after_the_guard_is_open() {
    let app = Router::new()
        .route("/private", get(page))
        .route_layer(login_required::<Member>())
        .route("/late", get(page))
        .layer(World::default().manager().layer());
    assert_eq!(Browser::at(app).get("/late").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_guard_outside_of_the_managers_layer_is_an_error() {
    let app = Router::new()
        .route("/private", get(page))
        .layer(World::default().manager().layer())
        .route_layer(login_required::<Member>());
    let response = Browser::at(app).get("/private").await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn a_right_that_is_lacking_is_403_and_scopes_choose_the_login_page() {
    let admin = Router::new()
        .route("/admin", get(page))
        .route_layer(login_required::<Member>().require(|member| member.id == "1"));
    let shop = Router::new()
        .route("/cart", get(async |_: LoginRequired<Member>| "cart"))
        .route_layer(login_scope::<Member>().login_view("/shop/login"));
    let app = admin
        .nest("/shop", shop)
        .route("/login", post(sign_in))
        .layer(World::default().manager().layer());

    let mut browser = Browser::at(app);
    assert_eq!(
        location(&browser.get("/admin").await),
        "/login?next=%2Fadmin"
    );
    assert_eq!(
        location(&browser.get("/shop/cart").await),
        "/shop/login?next=%2Fshop%2Fcart"
    );
    browser.post("/login", "id=7").await;
    assert_eq!(browser.get("/admin").await.status(), StatusCode::FORBIDDEN);
    browser.post("/login", "id=1").await;
    assert_eq!(browser.get("/admin").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn two_types_of_users_need_a_realm_or_a_key_and_cookies_of_their_own() {
    let key = "9f2c8d54b61e4bd9a1f0c7d35e8b2a64";
    let keys = || SecretKeys::new(key).unwrap();
    let staff = || LoginManager::new(keys(), Staff::load);
    let app = |staff: LoginManagerBuilder<Staff>| {
        let members = World::default().builder(keys()).build().unwrap();
        Router::new()
            .route("/login", post(sign_in))
            .route("/member", get(async |_: LoginRequired<Member>| ""))
            .route("/staff", get(async |_: LoginRequired<Staff>| ""))
            .layer(staff.build().unwrap().layer())
            .layer(members.layer())
    };

    let members = World::default().builder(keys()).build().unwrap();
    let error = staff().build().unwrap_err().to_string();
    assert!(error.starts_with("realm: "), "{error}");
    drop(members);

    let mut browser = Browser::at(app(staff().realm("staff")));
    for path in ["/member", "/staff"] {
        let status = browser.get(path).await.status();
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR, "{path}");
    }

    let mut browser = Browser::at(app(staff()
        .session_cookie(|cookie| cookie.name("__Host-staff"))
        .remember_cookie(|cookie| cookie.name("__Host-staff_remember"))));
    browser.post("/login", "id=1").await;
    assert_eq!(browser.get("/member").await.status(), StatusCode::OK);
    assert_eq!(
        browser.get("/staff").await.status(),
        StatusCode::UNAUTHORIZED
    );
    // The name is part of the key: the same value is worth nothing under the other one.
    let session = browser.jar.value("__Host-session").unwrap().to_owned();
    browser.jar.put("__Host-staff", &session);
    assert_eq!(
        browser.get("/staff").await.status(),
        StatusCode::UNAUTHORIZED
    );
}

fn account(world: &World) -> Router {
    let confirm = async |user: LoginRequired<Member>, login: Login<Member>, next: NextUrl| {
        login.confirm_login(&user).await?;
        next.or("/")
    };
    let members = world.members.clone();
    let change_password = async move |user: LoginRequired<Member>, login: Login<Member>| {
        members.set_stamp(&user.id, "of the new password");
        let member = members.find(&user.id).unwrap();
        login.update_auth_hash(&member).await.map_err(Error::from)
    };
    Router::new()
        .route("/login", post(sign_in))
        .route("/page", get(async |_: LoginRequired<Member>| "a page"))
        .route(
            "/fresh",
            get(async |_: FreshLoginRequired<Member>| "a page"),
        )
        .route("/confirm", post(confirm))
        .route(
            "/confirm-alone",
            post(async |login: Login<Member>| {
                let member = Member::new("1");
                login.confirm_login(&member).await.map_err(Error::from)
            }),
        )
        .route("/password", post(change_password))
        .layer(world.manager().layer())
}

#[tokio::test]
async fn the_refresh_page_takes_somebody_who_is_only_remembered() {
    let mut browser = Browser::at(account(&World::default()));
    browser.post("/login", "id=1&remember=on").await;
    browser.jar.remove("__Host-session");

    let mut alone = browser.clone();
    let response = alone.post("/confirm-alone", "").await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);

    assert_eq!(
        location(&browser.get("/fresh").await),
        "/confirm?next=%2Ffresh"
    );
    assert_eq!(
        location(&browser.post("/confirm?next=%2Ffresh", "").await),
        "/fresh"
    );
    assert_eq!(browser.get("/fresh").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn freshness_counts_from_the_password_and_not_from_the_last_click() {
    let world = World::default();
    let mut browser = Browser::at(account(&world));
    browser.post("/login", "id=1").await;
    for _ in 0..6 {
        assert_eq!(browser.get("/fresh").await.status(), StatusCode::OK);
        world.wait(600);
    }
    world.wait(1);
    assert_eq!(browser.get("/fresh").await.status(), StatusCode::SEE_OTHER);
    assert_eq!(browser.get("/page").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_changed_password_keeps_this_browser_and_ends_the_others() {
    let mut here = Browser::at(account(&World::default()));
    here.post("/login", "id=1&remember=on").await;
    let mut elsewhere = here.clone();
    assert_eq!(here.post("/password", "").await.status(), StatusCode::OK);

    assert_eq!(here.get("/fresh").await.status(), StatusCode::OK);
    here.jar.remove("__Host-session");
    assert_eq!(
        here.get("/page").await.status(),
        StatusCode::OK,
        "by the remember token"
    );

    assert_eq!(elsewhere.get("/page").await.status(), StatusCode::SEE_OTHER);
    assert_eq!(elsewhere.jar.names(), [""; 0]);
}

#[tokio::test]
async fn logging_in_without_the_box_ticked_deletes_a_remember_token() {
    let mut browser = Browser::at(account(&World::default()));
    browser.post("/login", "id=1&remember=on").await;
    assert!(browser.jar.value("__Host-remember_token").is_some());
    browser.post("/login", "id=1").await;
    assert!(browser.jar.value("__Host-remember_token").is_none());
}

#[tokio::test]
async fn a_remember_token_of_an_old_key_is_replaced_when_it_starts_a_session_and_not_before() {
    let world = World::default();
    let (old, new) = (
        "9f2c8d54b61e4bd9a1f0c7d35e8b2a64",
        "2b7e151628aed2a6abf7158809cf4f3c",
    );
    let app = |keys| {
        Router::new()
            .route("/login", post(sign_in))
            .route("/page", get(async |_: LoginRequired<Member>| "a page"))
            .layer(world.builder(keys).build().unwrap().layer())
    };
    let mut browser = Browser::at(app(SecretKeys::new(old).unwrap()));
    browser.post("/login", "id=1&remember=on").await;
    let before = browser.jar.clone();

    browser.app = app(SecretKeys::new(new).unwrap().fallback(old).unwrap());
    browser.get("/page").await;
    assert_ne!(
        browser.jar.value("__Host-session"),
        before.value("__Host-session")
    );
    assert_eq!(
        browser.jar.value("__Host-remember_token"),
        before.value("__Host-remember_token")
    );
    browser.jar.remove("__Host-session");
    browser.get("/page").await;
    assert_ne!(
        browser.jar.value("__Host-remember_token"),
        before.value("__Host-remember_token")
    );

    browser.app = app(SecretKeys::new(new).unwrap());
    assert_eq!(browser.get("/page").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn every_client_is_answered_as_the_table_says() {
    let app = Router::new()
        .route("/private", get(page).post(page))
        .route_layer(login_required::<Member>())
        .layer(World::default().manager().layer());
    for (headers, status, content_type) in [
        (
            &[("hx-request", "true")][..],
            401,
            "text/html; charset=utf-8",
        ),
        (&[("hx-history-restore-request", "true")], 303, ""),
        (&[("turbo-frame", "cart")], 401, "text/html; charset=utf-8"),
        (
            &[
                ("x-turbo-request-id", "a5f3"),
                ("sec-fetch-mode", "cors"),
                ("accept", "text/html, application/xhtml+xml"),
            ],
            303,
            "",
        ),
        (&[("upgrade", "websocket")], 401, "application/problem+json"),
        (
            &[("upgrade", "websocket"), ("origin", "https://evil.example")],
            403,
            "text/plain; charset=utf-8",
        ),
        (
            &[("x-requested-with", "XMLHttpRequest")],
            401,
            "application/problem+json",
        ),
        (&[("sec-fetch-mode", "navigate")], 303, ""),
        (
            &[("sec-fetch-mode", "cors")],
            401,
            "application/problem+json",
        ),
        (
            &[
                ("accept", "text/html"),
                ("content-type", "application/json"),
            ],
            401,
            "application/problem+json",
        ),
        (&[("accept", "text/html, application/json;q=0.9")], 303, ""),
        (
            &[("accept", "text/html;q=0.5, application/json")],
            401,
            "application/problem+json",
        ),
        (&[("accept", "*/*")], 401, "application/problem+json"),
        (&[], 401, "application/problem+json"),
    ] {
        let mut request = Request::get("/private");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = app
            .clone()
            .oneshot(request.body(Body::empty()).unwrap())
            .await
            .unwrap();
        assert_eq!(response.status(), status, "{headers:?}");
        assert_eq!(
            response.headers()["cache-control"],
            "no-store",
            "{headers:?}"
        );
        let found = response
            .headers()
            .get("content-type")
            .map_or("", |value| value.to_str().unwrap());
        assert_eq!(found, content_type, "{headers:?}");
        assert_eq!(
            response.headers().contains_key("hx-redirect"),
            headers.contains(&("hx-request", "true"))
        );
    }
}

#[tokio::test]
async fn the_csrf_layer_stops_a_form_of_another_site_and_lets_programs_pass() {
    let csrf = CsrfLayer::new()
        .add_trusted_origin("https://shop.example.com")
        .unwrap()
        .with_insecure_bypass(|_, uri| uri.path() == "/webhooks/payment");
    let app = Router::new()
        .route("/orders", get(page).post(page))
        .route("/webhooks/payment", post(page))
        .layer(World::default().manager().layer())
        .layer(csrf);
    let mut browser = Browser::at(app);
    for (path, name, value, status) in [
        ("/orders", "sec-fetch-site", "cross-site", 403),
        ("/orders", "sec-fetch-site", "same-site", 403),
        ("/orders", "sec-fetch-site", "same-origin", 200),
        ("/orders", "origin", "https://evil.example", 403),
        ("/orders", "origin", "https://shop.example.com", 200),
        ("/orders", "x-program", "curl", 200),
        ("/webhooks/payment", "sec-fetch-site", "cross-site", 200),
    ] {
        let request = Request::post(path)
            .header("host", "example.com")
            .header(name, value);
        let response = browser.send(request, "").await;
        assert_eq!(response.status(), status, "{path} {name}: {value}");
    }
}

#[tokio::test]
async fn what_a_visitor_set_before_logging_in_is_gone_also_that_the_session_is_permanent() {
    let app = Router::new()
        .route(
            "/cart",
            post(async |session: Session| {
                session.make_permanent()?;
                session.insert("cart", &3).map_err(Error::from)
            }),
        )
        .route("/login", post(sign_in))
        .route(
            "/look",
            get(async |session: Session| {
                format!("{} {}", session.contains("cart"), session.is_permanent())
            }),
        )
        .layer(World::default().manager().layer());
    let mut browser = Browser::at(app);
    browser.post("/cart", "").await;
    browser.post("/login", "id=1").await;
    let body = browser.get("/look").await.into_body();
    assert_eq!(
        axum::body::to_bytes(body, 100).await.unwrap(),
        "false false"
    );
}

#[tokio::test]
async fn a_session_that_flask_made_is_fresh_here_only_if_the_address_is_known() {
    // Key `deterministic`, Flask-Login 0.6.3, curl/8.0 from 127.0.0.1.
    let session = ".eJwlzjsOwjAMANC7ZGaI7SS2e5kq_kSwtnRC3J1KTG99n7KvI89n2d7HlY-yv6JsJacT1wRHjLQJJu4YFNR1dmOXGDimMjAKergkEJJCKKv6jfUMFUfuTmI8Qmw2JQiUWlmXN_JoYpWH0BhJrTlW7Cm12WrljlxnHv8NlO8P5r8u7Q.ZVPxAA.lpXc_0X7ClPD1CohjibmDweIer0";
    for (address, fresh) in [(None, 302), (Some([127, 0, 0, 1].into()), 200)] {
        let loader = |id: String| async move { Ok::<_, BoxError>(Some(Member::new(&id))) };
        let manager = LoginManager::flask(SecretKeys::flask("deterministic").unwrap(), loader)
            .login_view("/login")
            .refresh_view("/confirm")
            .client_address(move |_| address)
            .clock(Clock::default().reader())
            .build()
            .unwrap();
        let app = Router::new()
            .route("/page", get(async |_: LoginRequired<Member>| ""))
            .route("/fresh", get(async |_: FreshLoginRequired<Member>| ""))
            .layer(manager.layer());
        for (path, status) in [("/page", 200), ("/fresh", fresh)] {
            let request = Request::get(path)
                .header("user-agent", "curl/8.0")
                .header("cookie", format!("session={session}"));
            let response = app
                .clone()
                .oneshot(request.body(Body::empty()).unwrap())
                .await
                .unwrap();
            assert_eq!(response.status(), status, "{path} with {address:?}");
        }
    }
}

#[tokio::test]
async fn a_remember_token_that_does_not_verify_counts_for_nothing_and_stays_for_a_server_that_has_its_key()
 {
    let mut browser = Browser::at(account(&World::default()));
    browser.jar.put("__Host-remember_token", "x.y.z");
    let status = browser.get("/page").await.status();
    assert_eq!(status, StatusCode::SEE_OTHER);
    assert_eq!(browser.jar.value("__Host-remember_token"), Some("x.y.z"));
}

#[tokio::test]
async fn a_visitor_denied_by_hand_gets_the_message_and_one_who_may_pass_does_not() {
    async fn report(
        Path(number): Path<u32>,
        mut request: Parts,
    ) -> Result<&'static str, LoginRejection> {
        if number > 1 {
            LoginRequired::<Member>::from_request_parts(&mut request, &()).await?;
        }
        Ok("a report")
    }
    let loader = |_: String| async { Ok::<_, BoxError>(None::<Member>) };
    let manager = LoginManager::flask(SecretKeys::flask("deterministic").unwrap(), loader)
        .login_view("/login")
        .build()
        .unwrap();
    let app = Router::new()
        .route("/reports/{number}", get(report))
        .layer(manager.layer());
    for (path, status, sets_a_cookie) in [("/reports/1", 200, false), ("/reports/2", 302, true)] {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = app.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), status);
        assert_eq!(response.headers().contains_key("set-cookie"), sets_a_cookie);
    }
}
