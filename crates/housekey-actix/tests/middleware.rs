//! The middleware, the extractors and the guards in an application of actix-web's, without a socket.
#![allow(clippy::unwrap_used)]

mod common;

use std::cell::Cell;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::http::{StatusCode, header};
use actix_web::middleware::{Next, from_fn};
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, HttpResponse, Responder, error, web};
use common::*;
use housekey_actix::*;

async fn sign_in(login: Login<Member>) -> Result<&'static str, Error> {
    login.login_user(&mia()).remember(true).await?;
    Ok("in")
}

async fn sign_out(login: Login<Member>) -> Result<&'static str, Error> {
    login.logout_user().await?;
    Ok("out")
}

async fn home(member: LoginRequired<Member>) -> String {
    format!("Hello {}", member.0.0)
}

async fn who(current_user: CurrentUser<Member>) -> String {
    match current_user.user() {
        Some(member) => member.0.clone(),
        None => "nobody".to_owned(),
    }
}

async fn page() -> &'static str {
    "a page"
}

fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/sign-in", web::post().to(sign_in))
        .route("/sign-out", web::post().to(sign_out))
        .route("/home", web::get().to(home))
        .route("/who", web::get().to(who))
        .route("/public", web::get().to(page));
}

#[actix_web::test]
async fn people_sign_in_come_back_are_remembered_and_sign_out_in_both_presets() {
    for (builder, session, token) in [
        (
            safe(Members::default()),
            "__Host-session",
            "__Host-remember_token",
        ),
        (flask(Members::default()), "session", "remember_token"),
    ] {
        let manager = builder.build().unwrap();
        let app = init_service(App::new().configure(routes).wrap(manager.middleware())).await;
        let mut browser = Browser::new();

        let denied = browser.get(&app, "/home?tab=2").await;
        let location = denied.header("location").unwrap();
        assert!(
            location.starts_with("/login?next=%2Fhome%3Ftab%3D2"),
            "{location}"
        );
        assert_eq!(denied.body, "");

        assert_eq!(browser.post(&app, "/sign-in").await.body, "in");
        assert!(browser.cookie(session).is_some() && browser.cookie(token).is_some());
        assert_eq!(browser.get(&app, "/home").await.body, "Hello mia");

        browser.forget(session);
        assert_eq!(browser.get(&app, "/who").await.body, "mia");
        assert!(browser.cookie(session).is_some(), "a new session");

        assert_eq!(browser.post(&app, "/sign-out").await.body, "out");
        assert_eq!(browser.get(&app, "/who").await.body, "nobody");
    }
}

#[actix_web::test]
async fn a_response_without_a_look_up_of_the_user_is_left_alone() {
    let manager = safe(Members::default()).build().unwrap();
    let app = init_service(App::new().configure(routes).wrap(manager.middleware())).await;
    let mut browser = Browser::new();
    browser.post(&app, "/sign-in").await;
    let public = browser.get(&app, "/public").await;
    let names: Vec<_> = public.headers.keys().map(|name| name.as_str()).collect();
    assert_eq!(names, ["content-type"]);
    let private = browser.get(&app, "/home").await;
    assert_eq!(private.header("vary"), Some("Cookie"));
    assert_eq!(private.header("cache-control"), Some("private, no-store"));
}

#[actix_web::test]
async fn what_the_handler_says_in_its_headers_survives_and_is_taken_into_account() {
    const BYTES: &[u8] = b"caf\xe9 \xff";
    async fn sign_in_with_headers(login: Login<Member>) -> Result<HttpResponse, Error> {
        login.login_user(&mia()).await?;
        let bytes = HeaderValue::from_bytes(BYTES).unwrap();
        Ok(HttpResponse::Ok()
            .append_header(("set-cookie", "theme=dark; Path=/"))
            .append_header(("x-bytes", bytes.clone()))
            .append_header(("x-bytes", "second"))
            .append_header(("set-cookie", "a=1"))
            .append_header((header::SET_COOKIE, bytes))
            .insert_header(("vary", "Accept-Encoding"))
            .insert_header(("cache-control", "public, max-age=60"))
            .insert_header(("surrogate-control", "max-age=60"))
            .finish())
    }
    let manager = safe(Members::default()).build().unwrap();
    let app = init_service(
        App::new()
            .route("/sign-in", web::post().to(sign_in_with_headers))
            .wrap(manager.middleware()),
    )
    .await;
    let answer = send(&app, TestRequest::post().uri("/sign-in")).await;
    let all = |name: &str| -> Vec<Vec<u8>> {
        let fields = answer.headers.get_all(name);
        fields.map(|field| field.as_bytes().to_vec()).collect()
    };
    let cookies = all("set-cookie");
    assert_eq!(
        cookies[..3],
        [
            b"theme=dark; Path=/".to_vec(),
            b"a=1".to_vec(),
            BYTES.to_vec()
        ]
    );
    assert!(
        cookies[3..]
            .iter()
            .any(|it| it.starts_with(b"__Host-session="))
    );
    assert_eq!(all("x-bytes"), [BYTES.to_vec(), b"second".to_vec()]);
    assert_eq!(
        all("vary"),
        [b"Accept-Encoding".to_vec(), b"Cookie".to_vec()]
    );
    assert_eq!(answer.header("cache-control"), Some("private, max-age=60"));
    assert_eq!(answer.header("surrogate-control"), Some("no-store"));
}

#[actix_web::test]
async fn a_session_that_does_not_fit_any_more_is_an_empty_500_and_nothing_of_the_handlers() {
    async fn fill(session: Session) -> Result<HttpResponse, Error> {
        // Text that cannot be compressed.
        let numbers: Vec<u64> = (1..100_u64)
            .map(|it| it.wrapping_mul(0x9e37_79b9_7f4a_7c15))
            .collect();
        session.insert("long", &numbers)?;
        session.insert("short", &1)?;
        Ok(HttpResponse::Ok().finish())
    }
    // A change that makes the session smaller is not refused.
    async fn empty(session: Session) -> Result<HttpResponse, Error> {
        session.remove("short")?;
        Ok(HttpResponse::Ok().insert_header(("x-own", "1")).body("ok"))
    }
    async fn empty_and_fail(session: Session) -> actix_web::Result<HttpResponse> {
        session.remove("short").map_err(Error::from)?;
        Ok(HttpResponse::Ok().finish())
    }
    let app = async |builder: LoginManagerBuilder<Member>| {
        let manager = builder.build().unwrap();
        let app = App::new()
            .route("/fill", web::post().to(fill))
            .route("/empty", web::post().to(empty))
            .service(
                web::resource("/fail")
                    .post(empty_and_fail)
                    .wrap(from_fn(fail)),
            )
            .wrap(manager.middleware());
        init_service(app).await
    };
    let mut browser = Browser::new();
    let large = app(safe(Members::default())).await;
    browser.post(&large, "/fill").await;
    let small = app(safe(Members::default()).max_cookie_size(512)).await;
    for path in ["/empty", "/fail"] {
        let answer = browser.clone().post(&small, path).await;
        assert_eq!(
            (answer.status, answer.body.as_str(), answer.headers.len()),
            (500, "", 0),
            "{path}"
        );
        assert_ne!(
            browser.clone().post(&large, path).await.status,
            500,
            "{path}"
        );
    }
}

#[actix_web::test]
async fn a_loader_that_fails_is_503_for_everybody_and_never_makes_an_anonymous_visitor() {
    async fn sign_in_again(_: FreshLoginRequired<Member>) -> &'static str {
        "fresh"
    }
    let members = Members::default();
    let manager = safe(members.clone()).build().unwrap();
    let app = init_service(
        App::new()
            .configure(routes)
            .route("/fresh", web::get().to(sign_in_again))
            .service(
                web::scope("/guarded")
                    .route("", web::get().to(page))
                    .wrap(login_required::<Member>()),
            )
            .wrap(manager.middleware()),
    )
    .await;
    let mut browser = Browser::new();
    browser.post(&app, "/sign-in").await;
    members.is_away.store(true, Ordering::SeqCst);
    for path in ["/who", "/home", "/fresh", "/guarded"] {
        let answer = browser.get(&app, path).await;
        assert_eq!(
            (answer.status, answer.header("retry-after")),
            (503, Some("5")),
            "{path}"
        );
        assert_eq!(answer.cookies(), [""; 0], "{path}");
    }
    assert_eq!(Browser::new().get(&app, "/who").await.body, "nobody");
    members.is_away.store(false, Ordering::SeqCst);
    assert_eq!(browser.get(&app, "/who").await.body, "mia");
}

/// As the documentation of `CurrentUser` says, actix-web turns an error into `None`.
#[actix_web::test]
async fn an_option_of_an_extractor_takes_an_error_for_nobody_and_current_user_does_not() {
    async fn option(member: Option<LoginRequired<Member>>) -> String {
        member.is_some().to_string()
    }
    let members = Members::default();
    let manager = safe(members.clone()).build().unwrap();
    let app = init_service(
        App::new()
            .configure(routes)
            .route("/option", web::get().to(option))
            .wrap(manager.middleware()),
    )
    .await;
    let mut browser = Browser::new();
    browser.post(&app, "/sign-in").await;
    assert_eq!(browser.get(&app, "/option").await.body, "true");
    members.is_away.store(true, Ordering::SeqCst);
    assert_eq!(browser.get(&app, "/option").await.body, "false");
    assert_eq!(browser.get(&app, "/who").await.status, 503);
}

#[actix_web::test]
async fn without_the_middleware_every_extractor_and_guard_answers_500_and_says_what_to_do() {
    let app = init_service(
        App::new()
            .route("/current", web::get().to(async |_: CurrentUser<Member>| ""))
            .route(
                "/required",
                web::get().to(async |_: LoginRequired<Member>| ""),
            )
            .route(
                "/fresh",
                web::get().to(async |_: FreshLoginRequired<Member>| ""),
            )
            .route("/login", web::get().to(async |_: Login<Member>| ""))
            .route("/session", web::get().to(async |_: Session| ""))
            .route("/typed", web::get().to(async |_: Session<Member>| ""))
            .route("/flash", web::get().to(async |_: Flash| ""))
            .route("/next", web::get().to(async |_: NextUrl| ""))
            .route(
                "/polled",
                web::get().to(async |_: WithoutUse<CurrentUser<Member>>| ""),
            )
            .service(
                web::resource("/guard")
                    .get(page)
                    .wrap(login_required::<Member>()),
            )
            .service(
                web::resource("/scope")
                    .get(page)
                    .wrap(login_scope::<Member>()),
            ),
    )
    .await;
    for path in [
        "/current",
        "/required",
        "/fresh",
        "/login",
        "/session",
        "/typed",
        "/flash",
        "/next",
        "/polled",
        "/guard",
    ] {
        let answer = send(&app, TestRequest::get().uri(path)).await;
        assert_eq!(answer.status, 500, "{path}");
        assert!(
            answer
                .body
                .contains("add `.wrap(manager.middleware())` to the App"),
            "{path}: {}",
            answer.body
        );
    }
    assert_eq!(
        send(&app, TestRequest::get().uri("/scope")).await.status,
        200
    );
}

#[actix_web::test]
async fn a_guard_covers_scopes_resources_and_unknown_paths_and_nothing_beside_them() {
    let manager = safe(Members::default()).build().unwrap();
    let app = init_service(
        App::new()
            .configure(routes)
            .service(
                web::scope("/members")
                    .route("/page", web::get().to(page))
                    .service(web::scope("/inner").route("/page", web::get().to(page)))
                    .wrap(login_required::<Member>()),
            )
            .service(
                web::resource("/one")
                    .get(page)
                    .wrap(login_required::<Member>()),
            )
            .wrap(manager.middleware()),
    )
    .await;
    let mut browser = Browser::new();
    let guarded = ["/members/page", "/members/inner/page", "/one"];
    for path in guarded.into_iter().chain(["/members/unknown"]) {
        assert_eq!(browser.get(&app, path).await.status, 303, "{path}");
    }
    assert_eq!(browser.get(&app, "/public").await.status, 200);
    assert_eq!(browser.get(&app, "/unknown").await.status, 404);
    browser.post(&app, "/sign-in").await;
    for path in guarded {
        assert_eq!(browser.get(&app, path).await.body, "a page", "{path}");
    }
    assert_eq!(browser.get(&app, "/members/unknown").await.status, 404);
}

#[actix_web::test]
async fn each_setting_of_a_guard_says_how_those_below_it_are_answered() {
    let guard = login_required::<Member>;
    let wrapped = |path: &str, guard: Guard<Member>| web::resource(path).get(page).wrap(guard);
    let manager = safe(Members::default()).build().unwrap();
    let app = init_service(
        App::new()
            .configure(routes)
            .service(wrapped("/view", guard().login_view("/other")))
            .service(wrapped("/none", guard().no_login_view()))
            .service(wrapped("/api", guard().answer_as(AnswerAs::Api)))
            .service(wrapped("/flask", guard().answer_as(AnswerAs::Flask)))
            .service(
                web::scope("/outer")
                    .service(web::resource("/extractor").get(home))
                    .service(wrapped("/inner", guard().login_view("/innermost")))
                    .wrap(login_scope::<Member>().login_view("/scoped")),
            )
            .wrap(manager.middleware()),
    )
    .await;
    for (path, status, location) in [
        ("/view", 303, Some("/other?next=%2Fview")),
        ("/none", 401, None),
        ("/api", 401, None),
        ("/flask", 302, Some("/login?next=%2Fflask")),
        (
            "/outer/extractor",
            303,
            Some("/scoped?next=%2Fouter%2Fextractor"),
        ),
        (
            "/outer/inner",
            303,
            Some("/innermost?next=%2Fouter%2Finner"),
        ),
    ] {
        let answer = Browser::new().get(&app, path).await;
        assert_eq!(
            (answer.status, answer.header("location")),
            (status, location),
            "{path}"
        );
    }
}

#[actix_web::test]
async fn a_guard_asks_for_a_fresh_login_of_an_age_and_for_what_must_hold_of_the_user() {
    let (clock, hour) = (Clock::default(), Duration::from_secs(3600));
    let fresh = fresh_login_required::<Member>;
    let wrapped = |path: &str, guard: Guard<Member>| web::resource(path).get(page).wrap(guard);
    let manager = safe(Members::default())
        .fresh_within(2 * hour)
        .refresh_view("/again")
        .clock({
            let clock = clock.clone();
            move || clock.now()
        })
        .build()
        .unwrap();
    let app = init_service(
        App::new()
            .configure(routes)
            .service(wrapped("/fresh", fresh()))
            .service(wrapped(
                "/minute",
                fresh().fresh_within(Duration::from_secs(60)),
            ))
            .service(wrapped("/view", fresh().refresh_view("/prove")))
            .service(wrapped(
                "/mia",
                login_required().require(|it: &Member| it.0 == "mia"),
            ))
            .service(wrapped(
                "/admin",
                login_required()
                    .require(|it: &Member| it.0 == "mia")
                    .require(|_| false),
            ))
            .wrap(manager.middleware()),
    )
    .await;
    let mut browser = Browser::new();
    browser.post(&app, "/sign-in").await;
    let mut check = async |expected: [(&str, u16, Option<&str>); 5]| {
        for (path, status, location) in expected {
            let answer = browser.get(&app, path).await;
            assert_eq!(
                (answer.status, answer.header("location")),
                (status, location),
                "{path}"
            );
        }
    };
    check([
        ("/fresh", 200, None),
        ("/minute", 200, None),
        ("/view", 200, None),
        ("/mia", 200, None),
        ("/admin", 403, None),
    ])
    .await;
    clock.advance(hour);
    check([
        ("/fresh", 200, None),
        ("/minute", 303, Some("/again?next=%2Fminute")),
        ("/view", 200, None),
        ("/mia", 200, None),
        ("/admin", 403, None),
    ])
    .await;
    clock.advance(2 * hour);
    check([
        ("/fresh", 303, Some("/again?next=%2Ffresh")),
        ("/minute", 303, Some("/again?next=%2Fminute")),
        ("/view", 303, Some("/prove?next=%2Fview")),
        ("/mia", 200, None),
        ("/admin", 403, None),
    ])
    .await;
}

#[actix_web::test]
async fn a_preflight_is_refused_by_a_guard_unless_a_scope_lets_it_pass() {
    let manager = safe(Members::default()).build().unwrap();
    let any = |path: &str| web::resource(path).to(page);
    let app = init_service(
        App::new()
            .service(any("/closed").wrap(login_required::<Member>()))
            .service(any("/open").wrap(login_required::<Member>().let_preflights_pass()))
            .service(
                web::scope("/scope")
                    .service(any("/below").wrap(login_required::<Member>()))
                    .wrap(login_scope::<Member>().let_preflights_pass()),
            )
            .wrap(manager.middleware()),
    )
    .await;
    for (path, status) in [("/closed", 403), ("/open", 200), ("/scope/below", 200)] {
        let preflight = TestRequest::default()
            .method(actix_web::http::Method::OPTIONS)
            .uri(path)
            .insert_header(("origin", "https://other.example"))
            .insert_header(("access-control-request-method", "DELETE"));
        assert_eq!(send(&app, preflight).await.status, status, "{path}");
        assert_eq!(
            send(&app, TestRequest::post().uri(path)).await.status,
            401,
            "{path}"
        );
    }
}

/// Use of the login extends the timeout, and nothing else does.
#[actix_web::test]
async fn a_page_that_polls_keeps_nobody_logged_in_and_an_extractor_beside_it_does() {
    async fn beside(
        WithoutUse(polled): WithoutUse<CurrentUser<Member>>,
        _: LoginRequired<Member>,
    ) -> &'static str {
        assert!(polled.is_authenticated());
        "used"
    }
    async fn before(
        _: LoginRequired<Member>,
        WithoutUse(polled): WithoutUse<CurrentUser<Member>>,
    ) -> &'static str {
        assert!(polled.is_authenticated());
        "used"
    }
    async fn polled(WithoutUse(user): WithoutUse<CurrentUser<Member>>) -> String {
        user.is_authenticated().to_string()
    }
    let (clock, minutes) = (Clock::default(), |count: u64| {
        Duration::from_secs(60 * count)
    });
    let manager = safe(Members::default())
        .login_store(records::MemoryLoginStore::new())
        .login_timeouts(LoginTimeouts::new(minutes(30), minutes(600)))
        .clock({
            let clock = clock.clone();
            move || clock.now()
        })
        .build()
        .unwrap();
    let app = init_service(
        App::new()
            .configure(routes)
            .route("/polled", web::get().to(polled))
            .route("/beside", web::get().to(beside))
            .route("/before", web::get().to(before))
            .service(
                web::resource("/guarded")
                    .get(who)
                    .wrap(login_required::<Member>().without_use()),
            )
            .wrap(manager.middleware()),
    )
    .await;
    for (path, is_use) in [
        ("/polled", false),
        ("/guarded", false),
        ("/beside", true),
        ("/before", true),
        ("/who", true),
    ] {
        let mut browser = Browser::new();
        browser.post(&app, "/sign-in").await;
        let token = browser.cookie("__Host-remember_token").unwrap().len();
        assert!(token > 0);
        browser.forget("__Host-remember_token");
        for _ in 0..3 {
            clock.advance(minutes(14));
            browser.get(&app, path).await;
        }
        let who = browser.get(&app, "/who").await.body;
        assert_eq!(who == "mia", is_use, "{path}");
    }
}

#[actix_web::test]
async fn two_managers_have_separate_logins_and_an_extractor_without_a_type_is_500() {
    async fn sign_in_staff(login: Login<Staff>) -> Result<&'static str, Error> {
        login.login_user(&Staff("eve".to_owned())).await?;
        Ok("in")
    }
    let (manager, staff) = (
        safe(Members::default()).build().unwrap(),
        staff().build().unwrap(),
    );
    let app = init_service(
        App::new()
            .configure(routes)
            .route("/staff/sign-in", web::post().to(sign_in_staff))
            .route(
                "/staff",
                web::get().to(async |it: LoginRequired<Staff>| it.0.0.clone()),
            )
            .route("/untyped", web::get().to(async |_: Session| ""))
            .route(
                "/typed",
                web::get()
                    .to(async |_: Session<Staff>, _: Flash<Member>, _: NextUrl<Staff>| "typed"),
            )
            .wrap(manager.middleware())
            .wrap(staff.middleware()),
    )
    .await;
    let mut browser = Browser::new();
    browser.post(&app, "/staff/sign-in").await;
    assert_eq!(browser.get(&app, "/staff").await.body, "eve");
    assert_eq!(browser.get(&app, "/who").await.body, "nobody");
    browser.post(&app, "/sign-in").await;
    browser.post(&app, "/sign-out").await;
    assert_eq!(browser.get(&app, "/staff").await.body, "eve");
    assert_eq!(browser.get(&app, "/typed").await.body, "typed");
    let untyped = browser.get(&app, "/untyped").await;
    assert_eq!(untyped.status, 500);
    assert!(
        untyped.body.contains("for instance Session<Member>"),
        "{}",
        untyped.body
    );
}

#[actix_web::test]
async fn two_managers_that_would_take_each_others_logins_answer_500() {
    let manager = safe(Members::default()).build().unwrap();
    let staff = LoginManager::new(SecretKeys::generate(), load_staff)
        .build()
        .unwrap();
    let app = init_service(
        App::new()
            .configure(routes)
            .wrap(manager.middleware())
            .wrap(staff.middleware()),
    )
    .await;
    let answer = Browser::new().get(&app, "/who").await;
    assert_eq!(answer.status, 500);
    assert!(
        answer.body.contains("a cookie of the same name"),
        "{}",
        answer.body
    );
    assert_eq!(Browser::new().get(&app, "/public").await.status, 200);
}

#[actix_web::test]
async fn a_logout_below_two_middlewares_of_one_manager_is_one() {
    let manager = flask(Members::default())
        .session_refresh(SessionRefresh::OlderThan(Duration::ZERO))
        .build()
        .unwrap();
    let app = init_service(
        App::new()
            .configure(routes)
            .service(
                web::scope("/inner")
                    .configure(routes)
                    .wrap(login_required::<Member>())
                    .wrap(manager.middleware()),
            )
            .wrap(manager.middleware()),
    )
    .await;
    let mut browser = Browser::new();
    browser.post(&app, "/sign-in").await;
    let left = browser.post(&app, "/inner/sign-out").await;
    let sessions = left
        .cookies()
        .into_iter()
        .filter(|it| it.starts_with("session="));
    assert_eq!(sessions.collect::<Vec<_>>(), ["session="]);
}

#[actix_web::test]
async fn what_holds_for_one_thread_only_works_in_a_handler_beside_a_login() {
    async fn count(_: LoginRequired<Member>, counter: web::Data<Rc<Cell<u32>>>) -> String {
        let counter = Rc::clone(&counter);
        actix_web::rt::task::yield_now().await;
        counter.set(counter.get() + 1);
        counter.get().to_string()
    }
    let manager = safe(Members::default()).build().unwrap();
    let app = init_service(
        App::new()
            .configure(routes)
            .app_data(web::Data::new(Rc::new(Cell::new(0_u32))))
            .route("/count", web::get().to(count))
            .wrap(manager.middleware()),
    )
    .await;
    let mut browser = Browser::new();
    browser.post(&app, "/sign-in").await;
    for expected in ["1", "2"] {
        assert_eq!(browser.get(&app, "/count").await.body, expected);
    }
}

/// Runs the handler, and then fails.
async fn fail(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse, actix_web::Error> {
    next.call(request).await?;
    Err(error::ErrorImATeapot("no coffee"))
}

#[actix_web::test]
async fn the_cookies_of_a_login_go_out_with_an_error_too_wherever_it_comes_from() {
    async fn sign_in_and_fail(login: Login<Member>) -> actix_web::Result<&'static str> {
        login.login_user(&mia()).await.map_err(Error::from)?;
        Err(error::ErrorImATeapot("no coffee"))
    }
    let manager = safe(Members::default()).build().unwrap();
    let app = init_service(
        App::new()
            .configure(routes)
            .route("/handler", web::post().to(sign_in_and_fail))
            .service(
                web::scope("/middleware")
                    .configure(routes)
                    .wrap(from_fn(fail)),
            )
            .service(
                web::scope("/guard")
                    .service(web::scope("").configure(routes).wrap(from_fn(fail)))
                    .wrap(login_scope::<Member>()),
            )
            .wrap(manager.middleware()),
    )
    .await;
    for path in ["/handler", "/middleware/sign-in", "/guard/sign-in"] {
        let mut browser = Browser::new();
        let answer = browser.post(&app, path).await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (418, "no coffee"),
            "{path}"
        );
        assert_eq!(
            answer.header("cache-control"),
            Some("private, no-store"),
            "{path}"
        );
        assert_eq!(browser.get(&app, "/who").await.body, "mia", "{path}");
    }
}

#[actix_web::test]
async fn a_middleware_outside_sees_the_rejection_as_the_error_of_the_response() {
    async fn note(
        request: ServiceRequest,
        next: Next<impl MessageBody + 'static>,
    ) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
        let mut response = next.call(request).await?;
        let error = response.response().error();
        let text = match error.and_then(|it| it.as_error::<LoginRejection>()) {
            Some(rejection) => format!("{rejection}, {:?}", rejection.error().map(|it| it.kind())),
            None => "none".to_owned(),
        };
        let value = HeaderValue::from_str(&text).unwrap();
        response
            .headers_mut()
            .insert(HeaderName::from_static("x-seen"), value);
        Ok(response)
    }
    let members = Members::default();
    let manager = safe(members.clone()).build().unwrap();
    let app = init_service(
        App::new()
            .configure(routes)
            .service(
                web::resource("/guarded")
                    .get(page)
                    .wrap(login_required::<Member>()),
            )
            .wrap(manager.middleware())
            .wrap(from_fn(note)),
    )
    .await;
    let mut browser = Browser::new();
    for path in ["/home", "/guarded"] {
        let seen = browser.get(&app, path).await;
        assert_eq!(
            seen.header("x-seen"),
            Some("denied with 303 See Other, None"),
            "{path}"
        );
    }
    browser.post(&app, "/sign-in").await;
    assert_eq!(
        browser.get(&app, "/home").await.header("x-seen"),
        Some("none")
    );
    members.is_away.store(true, Ordering::SeqCst);
    for path in ["/home", "/guarded"] {
        let seen = browser.get(&app, path).await;
        let seen = seen.header("x-seen").unwrap();
        assert!(seen.ends_with("Some(LoaderFailed)"), "{path}: {seen}");
    }
}

#[actix_web::test]
async fn an_error_has_the_status_of_its_kind_and_a_redirect_is_a_response() {
    async fn refresh(login: Login<Member>) -> Result<&'static str, Error> {
        login.confirm_login(&mia()).await?;
        Ok("fresh")
    }
    async fn go(next: NextUrl) -> Result<impl Responder, Error> {
        next.or("/start")
    }
    async fn go_as_response(next: NextUrl) -> Result<HttpResponse, Error> {
        Ok(next.or("/start")?.into())
    }
    let manager = safe(Members::default()).build().unwrap();
    let app = init_service(
        App::new()
            .route("/refresh", web::get().to(refresh))
            .route("/go", web::get().to(go))
            .route("/response", web::get().to(go_as_response))
            .wrap(manager.middleware()),
    )
    .await;
    let answer = Browser::new().get(&app, "/refresh").await;
    assert_eq!(
        (answer.status, answer.header("www-authenticate")),
        (401, Some("Cookie realm=\"login\""))
    );
    for path in ["/go", "/response"] {
        for (query, location) in [
            ("", "/start"),
            ("?next=%2Fmembers%3Ftab%3D2", "/members?tab=2"),
            ("?next=https%3A%2F%2Fevil.example", "/start"),
        ] {
            let answer = Browser::new().get(&app, &format!("{path}{query}")).await;
            assert_eq!(
                (answer.status, answer.header("location")),
                (303, Some(location)),
                "{path}{query}"
            );
        }
    }
    let error = Error::from(SecretKeys::new("dev").unwrap_err());
    assert!(
        format!("{error:?}").starts_with("the secret key has 3 bytes"),
        "{error:?}"
    );
    assert_eq!(
        actix_web::ResponseError::status_code(&error),
        StatusCode::INTERNAL_SERVER_ERROR
    );
}

/// A request's head is read once, and again if a middleware has changed it.
#[actix_web::test]
async fn a_loader_and_a_denial_see_the_head_as_the_middlewares_above_have_left_it() {
    struct Keys;
    impl UserLoader<Member> for Keys {
        async fn load_user(&self, id: &str) -> Result<Option<Member>, BoxError> {
            Ok(Some(Member(id.to_owned())))
        }
        async fn load_from_request(
            &self,
            request: &http::request::Parts,
        ) -> Result<Option<Member>, BoxError> {
            let address = request.extensions.get::<std::net::SocketAddr>();
            let key = request.headers.get("x-api-key").map(|key| key.as_bytes());
            Ok((key == Some(b"k\xe9y")).then(|| Member(format!("{} {address:?}", request.method))))
        }
    }
    async fn add_key(
        mut request: ServiceRequest,
        next: Next<impl MessageBody>,
    ) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
        let value = HeaderValue::from_bytes(b"k\xe9y").unwrap();
        request
            .headers_mut()
            .insert(HeaderName::from_static("x-api-key"), value);
        next.call(request).await
    }
    /// Somebody asks before the change.
    async fn ask(
        mut request: ServiceRequest,
        next: Next<impl MessageBody>,
    ) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
        request.extract::<Session>().await?;
        next.call(request).await
    }
    async fn no_html(
        mut request: ServiceRequest,
        next: Next<impl MessageBody>,
    ) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
        request.headers_mut().remove("accept");
        next.call(request).await
    }
    let manager = LoginManager::new(SecretKeys::generate(), Keys)
        .login_view("/login")
        .build()
        .unwrap();
    let app = init_service(
        App::new()
            .service(
                web::resource("/key")
                    .get(who)
                    .wrap(from_fn(add_key))
                    .wrap(from_fn(ask)),
            )
            .service(
                web::resource("/page")
                    .get(home)
                    .wrap(from_fn(no_html))
                    .wrap(from_fn(ask)),
            )
            .wrap(manager.middleware()),
    )
    .await;
    let address = "192.0.2.7:4321".parse().unwrap();
    let request = TestRequest::get().uri("/key").peer_addr(address);
    assert_eq!(send(&app, request).await.body, "GET Some(192.0.2.7:4321)");
    assert_eq!(Browser::new().get(&app, "/page").await.status, 401);
}

#[actix_web::test]
async fn what_is_open_is_known_by_the_pattern_of_its_route_whatever_the_order() {
    let public = PublicRoutes::new();
    let manager = flask(Members::default())
        .login_view("/login")
        .build()
        .unwrap();
    let files = web::scope(public.files("/assets")).default_service(web::to(page));
    let shop = {
        let public = public.nested("/shop");
        web::scope("/shop")
            .route(public.get(""), web::get().to(page))
            .route("/till", web::get().to(page))
    };
    let app = App::new()
        .wrap(login_required::<Member>().except(&public))
        .wrap(manager.middleware())
        .route(public.path("/one"), web::to(page))
        .route(public.get("/articles/{id:\\d+}"), web::to(page))
        .route(public.get("/wild/{rest:.*}"), web::get().to(page))
        .service(files)
        .service(web::scope("/secrets").default_service(web::to(page)))
        .service(shop)
        .route("/{anything}", web::to(page))
        .default_service(web::to(page));
    let app = init_service(app).await;
    for (path, is_open) in [
        ("/one", true),
        ("/articles/7", true),
        ("/articles/drafts", false),
        ("/wild/a/b", true),
        ("/assets/css/site.css", true),
        ("/assets/../secrets/key", false),
        ("/assetsandmore", false),
        ("/secrets/key", false),
        ("/shop", true),
        ("/shop/till", false),
        ("/shop/else", false),
        ("/two", false),
        ("/", false),
        ("//one", false),
        ("/one/", false),
        ("/nowhere/at/all", false),
    ] {
        let mut browser = Browser::new();
        let expected = if is_open { 200 } else { 302 };
        let answer = browser.get(&app, path).await;
        assert_eq!(answer.status, expected, "{path}");
    }
}
