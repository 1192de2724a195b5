//! Each extractor and guard: whom it lets in, whom it asks for, and how often.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::FromRequestParts as _;
use axum::routing::{any, get, post};
use housekey_axum::{
    CurrentUser, Error, Flash, FreshLoginRequired, Login, LoginRequired, NextUrl, Session,
    fresh_login_required, login_required, login_scope,
};
use http::Method;
use http::request::Parts;

use crate::common::browser::send;
use crate::common::{HOUR, Member, Site, describe};

type Answer = (u16, String);

async fn open(site: &Site, browser: Option<&str>, path: &str) -> Answer {
    let mut browser = match browser {
        Some(id) => site.browser_of(id).await,
        None => site.browser(),
    };
    let answer = browser.get(path).await;
    (answer.status, answer.body)
}

#[tokio::test]
async fn extractors_let_in_whom_they_say() {
    let site = Site::safe();
    let answer = |status: u16, body: &str| (status, body.to_owned());
    assert_eq!(open(&site, None, "/who").await, answer(200, "nobody"));
    assert_eq!(open(&site, None, "/members").await, answer(303, ""));
    assert_eq!(open(&site, None, "/fresh").await, answer(303, ""));
    assert_eq!(
        open(&site, Some("mia"), "/who").await,
        answer(200, "mia, fresh, by Session")
    );
    assert_eq!(
        open(&site, Some("mia"), "/members").await,
        answer(200, "hello mia")
    );
    assert_eq!(
        open(&site, Some("mia"), "/fresh").await,
        answer(200, "hello mia, it is really you")
    );
}

#[tokio::test]
async fn a_login_that_is_not_fresh_passes_one_and_not_the_other_and_is_not_ended_by_it() {
    let site = Site::safe();
    let mut browser = site.browser();
    browser.post("/login", "name=mia&not_fresh=true").await;
    assert_eq!(browser.who().await, "mia, by Session");
    assert_eq!(browser.read("/members").await, "hello mia");
    let answer = browser.get("/fresh?x=1").await;
    assert_eq!(
        (answer.status, answer.location()),
        (303, "/prove-it?next=%2Ffresh%3Fx%3D1")
    );
    assert_eq!(browser.who().await, "mia, by Session");
    browser.post("/confirm", "").await;
    assert_eq!(browser.get("/fresh").await.status, 200);
}

#[tokio::test]
async fn an_optional_user_is_none_where_a_required_one_is_denied_and_an_error_where_nobody_knows() {
    let optional = async |user: Option<LoginRequired<Member>>| match user {
        Some(user) => user.id.clone(),
        None => "nobody".to_owned(),
    };
    let site = Site::safe().and(Router::new().route("/optional", get(optional)));
    assert_eq!(
        open(&site, None, "/optional").await,
        (200, "nobody".to_owned())
    );
    assert_eq!(
        open(&site, Some("mia"), "/optional").await,
        (200, "mia".to_owned())
    );
    let mut browser = site.browser_of("mia").await;
    site.members.go_away();
    assert_eq!(browser.get("/optional").await.status, 503);
}

fn guarded() -> Router {
    let page = |text: &'static str| get(async move || text);
    let login = Router::new()
        .route("/guarded/login", page("login"))
        .route_layer(login_required::<Member>());
    let fresh = Router::new()
        .route("/guarded/fresh", page("fresh"))
        .route_layer(fresh_login_required::<Member>());
    let lately = Router::new()
        .route("/guarded/lately", page("lately"))
        .route_layer(login_required::<Member>().fresh_within(Duration::from_secs(60)));
    let only_ben = Router::new()
        .route("/guarded/ben", page("ben"))
        .route_layer(login_required::<Member>().require(|member| member.id == "ben"));
    let scope_with_test = Router::new()
        .route("/guarded/scope", page("scope"))
        .route_layer(login_scope::<Member>().require(|member| member.id == "ben"));
    let nothing = Router::new()
        .route("/guarded/nothing", page("nothing"))
        .route_layer(login_scope::<Member>());
    login
        .merge(fresh)
        .merge(lately)
        .merge(only_ben)
        .merge(scope_with_test)
        .merge(nothing)
}

#[tokio::test]
async fn guards_let_in_whom_they_say_and_leave_unknown_paths_alone() {
    let site = Site::safe().and(guarded());
    for (path, anonymous, mia, ben, ben_later) in [
        ("/guarded/login", 303, 200, 200, 200),
        ("/guarded/fresh", 303, 200, 200, 200),
        ("/guarded/lately", 303, 200, 200, 303),
        ("/guarded/ben", 303, 403, 200, 200),
        ("/guarded/scope", 303, 403, 200, 200),
        ("/guarded/nothing", 200, 200, 200, 200),
        ("/guarded/missing", 404, 404, 404, 404),
    ] {
        assert_eq!(open(&site, None, path).await.0, anonymous, "{path}");
        assert_eq!(open(&site, Some("mia"), path).await.0, mia, "{path}");
        let mut browser = site.browser_of("ben").await;
        assert_eq!(browser.get(path).await.status, ben, "{path}");
        site.clock.advance(Duration::from_secs(61));
        assert_eq!(browser.get(path).await.status, ben_later, "{path}");
    }
}

#[tokio::test]
async fn a_guard_lets_no_request_through_while_the_loader_fails() {
    let site = Site::safe().and(guarded());
    let mut browser = site.browser_of("ben").await;
    site.members.go_away();
    for path in ["login", "fresh", "lately", "ben", "scope"] {
        assert_eq!(
            browser.get(&format!("/guarded/{path}")).await.status,
            503,
            "{path}"
        );
    }
    assert_eq!(browser.get("/guarded/nothing").await.status, 200);
}

#[tokio::test]
async fn a_guard_covers_every_method_of_its_routes() {
    let site = Site::safe().and(
        Router::new()
            .route("/any", any(async || "reached"))
            .route_layer(login_required::<Member>()),
    );
    for method in [
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND",
    ] {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let request = site.browser().request(method.clone(), "/any", "");
        assert_ne!(send(&site.router(), request).await.status, 200, "{method}");
    }
}

#[tokio::test]
async fn a_request_loads_its_user_once_however_many_ask() {
    let page = async |one: CurrentUser<Member>,
                      two: LoginRequired<Member>,
                      three: FreshLoginRequired<Member>| {
        assert!(
            Arc::ptr_eq(one.user().unwrap(), &two.0),
            "not the same user"
        );
        assert!(Arc::ptr_eq(&two.0, &three.0), "not the same user");
        "once"
    };
    let site = Site::safe().and(
        Router::new()
            .route("/many", get(page))
            .route_layer(login_required::<Member>())
            .route_layer(fresh_login_required::<Member>()),
    );
    let mut browser = site.browser_of("mia").await;
    site.members.lookups();
    assert_eq!(browser.read("/many").await, "once");
    assert_eq!(site.members.lookups(), ["mia"]);

    let mut anonymous = site.browser();
    anonymous.get("/who").await;
    assert_eq!(site.members.request_lookups(), 1);
    assert_eq!(site.members.lookups(), [""; 0]);
}

#[tokio::test]
async fn two_who_ask_at_the_same_time_cause_one_look_up() {
    let page = async |parts: Parts| -> Result<String, Error> {
        let mut copies = [parts.clone(), parts.clone(), parts];
        let [one, two, three] = &mut copies;
        let (one, two, three) = tokio::join!(
            CurrentUser::<Member>::from_request_parts(one, &()),
            CurrentUser::<Member>::from_request_parts(two, &()),
            CurrentUser::<Member>::from_request_parts(three, &()),
        );
        Ok(format!(
            "{} {} {}",
            describe(&one?),
            describe(&two?),
            describe(&three?)
        ))
    };
    let site = Site::safe().and(Router::new().route("/at-once", get(page)));
    let mut browser = site.browser_of("mia").await;
    site.members.lookups();
    let answer = browser.read("/at-once").await;
    assert_eq!(answer, ["mia, fresh, by Session"; 3].join(" "));
    assert_eq!(site.members.lookups(), ["mia"]);
}

#[tokio::test]
async fn a_failed_look_up_is_not_remembered() {
    let site = Site::safe();
    let members = site.members.clone();
    let page = async move |mut parts: Parts| {
        let first = CurrentUser::<Member>::from_request_parts(&mut parts, &()).await;
        assert!(first.is_err());
        members.come_back();
        describe(
            &CurrentUser::from_request_parts(&mut parts, &())
                .await
                .unwrap(),
        )
    };
    let site = site.and(Router::new().route("/twice", get(page)));
    let mut browser = site.browser_of("mia").await;
    site.members.go_away();
    assert_eq!(browser.read("/twice").await, "mia, fresh, by Session");
}

#[tokio::test]
async fn who_has_just_logged_in_or_out_is_so_in_the_same_request() {
    let page = async |login: Login<Member>, mut parts: Parts| {
        let mia = Member {
            id: "mia".to_owned(),
            active: true,
            stamp: Some(b"stamp of mia".into()),
        };
        let mut seen = Vec::new();
        login.login_user(&mia).remember(true).await.unwrap();
        seen.push(describe(
            &CurrentUser::from_request_parts(&mut parts, &())
                .await
                .unwrap(),
        ));
        login.logout_user().await.unwrap();
        seen.push(describe(
            &CurrentUser::from_request_parts(&mut parts, &())
                .await
                .unwrap(),
        ));
        seen.join("; ")
    };
    let site = Site::safe().and(Router::new().route("/in-and-out", get(page)));
    let mut browser = site.browser_of("ben").await;
    assert_eq!(
        browser.read("/in-and-out").await,
        "mia, fresh, remembered, by Session; nobody"
    );
    assert_eq!(browser.jar.names(), [""; 0]);
}

#[tokio::test]
async fn a_user_who_was_being_loaded_is_not_the_one_who_logged_in_meanwhile() {
    let page = async |login: Login<Member>, mut parts: Parts, act: String| {
        let ben = Member {
            id: "ben".to_owned(),
            active: true,
            stamp: Some(b"stamp of ben".into()),
        };
        let mut same = parts.clone();
        let (first, ()) = tokio::join!(
            CurrentUser::<Member>::from_request_parts(&mut parts, &()),
            async {
                match act.as_str() {
                    "out" => login.logout_user().await.unwrap(),
                    _ => login.login_user(&ben).await.unwrap(),
                }
            }
        );
        let second = CurrentUser::from_request_parts(&mut same, &())
            .await
            .unwrap();
        format!("{}; {}", describe(&first.unwrap()), describe(&second))
    };
    let site = Site::safe().and(Router::new().route("/meanwhile", post(page)));
    let mut browser = site.browser_of("mia").await;
    assert_eq!(
        browser.post("/meanwhile", "out").await.body,
        "nobody; nobody"
    );
    assert_eq!(browser.jar.names(), [""; 0]);

    let mut browser = site.browser_of("mia").await;
    let ben = "ben, fresh, by Session";
    assert_eq!(
        browser.post("/meanwhile", "in").await.body,
        format!("{ben}; {ben}")
    );
    assert_eq!(browser.who().await, ben);
}

#[tokio::test]
async fn an_api_key_is_good_for_one_request_never_fresh_and_leaves_no_session() {
    let site = Site::safe();
    let with_key = async |path: &str, method: Method| {
        let mut request = site.browser().request(method, path, "");
        request
            .headers_mut()
            .insert("x-api-key", "key-of-mia".parse().unwrap());
        send(&site.router(), request).await
    };
    let answer = with_key("/who", Method::GET).await;
    assert_eq!(answer.body, "mia, by Request");
    assert_eq!(answer.set_cookies(), [""; 0]);
    assert_eq!(
        answer.header("vary").as_deref(),
        Some("Cookie, Authorization")
    );
    assert_eq!(
        answer.header("cache-control").as_deref(),
        Some("private, no-store")
    );
    assert_eq!(with_key("/members", Method::GET).await.status, 200);
    assert_eq!(with_key("/fresh", Method::GET).await.status, 303);
    assert_eq!(with_key("/confirm", Method::POST).await.status, 401);

    // The session's user comes first.
    let mut browser = site.browser_of("ben").await;
    let mut request = browser.request(Method::GET, "/who", "");
    request
        .headers_mut()
        .insert("x-api-key", "key-of-mia".parse().unwrap());
    assert_eq!(browser.send(request).await.body, "ben, fresh, by Session");

    site.members.change("mia", |member| member.active = false);
    assert_eq!(with_key("/who", Method::GET).await.body, "nobody");
    site.members.go_away();
    assert_eq!(with_key("/who", Method::GET).await.status, 503);
}

#[tokio::test]
async fn a_user_who_is_not_active_any_more_is_out_at_the_next_request() {
    let site = Site::safe();
    let mut browser = site.remembered_browser_of("mia").await;
    site.members.change("mia", |member| member.active = false);
    assert_eq!(browser.get("/members").await.status, 303);
    assert_eq!(browser.jar.names(), [""; 0]);

    // Forcing a login lasts no longer than that.
    let mut browser = site.browser();
    let answer = browser.post("/login", "name=mia&force=true").await;
    assert_eq!((answer.status, answer.set_cookies().len()), (303, 1));
    assert_eq!(browser.who().await, "nobody");
}

#[tokio::test]
async fn an_extractor_without_the_layer_says_what_to_add() {
    let bare = Router::new()
        .route("/current", get(async |_: CurrentUser<Member>| ""))
        .route("/required", get(async |_: LoginRequired<Member>| ""))
        .route("/fresh", get(async |_: FreshLoginRequired<Member>| ""))
        .route("/login", get(async |_: Login<Member>| ""))
        .route("/session", get(async |_: Session| ""))
        .route("/flash", get(async |_: Flash| ""))
        .route("/next", get(async |_: NextUrl| ""))
        .merge(
            Router::new()
                .route("/guard", get(async || ""))
                .route_layer(login_required::<Member>()),
        );
    for path in [
        "current", "required", "fresh", "login", "session", "flash", "next", "guard",
    ] {
        let request = Site::safe()
            .browser()
            .request(Method::GET, &format!("/{path}"), "");
        let answer = send(&bare, request).await;
        assert_eq!(answer.status, 500, "{path}");
        assert!(
            answer.body.contains("add `.layer(manager.layer())`"),
            "{path}: {}",
            answer.body
        );
        let names_the_type =
            answer.body.contains("Member") || ["session", "flash", "next"].contains(&path);
        assert!(names_the_type, "{path}: {}", answer.body);
    }
}

#[tokio::test]
async fn freshness_can_be_asked_with_an_age() {
    let page =
        async |user: CurrentUser<Member>| user.is_fresh_within(Duration::from_secs(60)).to_string();
    let site = Site::safe().and(Router::new().route("/lately", get(page)));
    assert_eq!(site.browser().read("/lately").await, "false");
    let mut browser = site.browser_of("mia").await;
    site.clock.advance(Duration::from_secs(60));
    assert_eq!(browser.read("/lately").await, "true");
    site.clock.advance(HOUR);
    assert_eq!(browser.read("/lately").await, "false");
}
