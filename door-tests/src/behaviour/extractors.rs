//! Each extractor and guard: which visitors it lets pass, which users it loads, and how often.

use std::time::Duration;

use housekey::Error;
use http::Method;

use crate::browser::Browser;
use crate::people::Member;
use crate::plan::Extractor::{
    CurrentUser, Flash, FreshLoginRequired, Login, LoginRequired, NextUrl, OptionalLoginRequired,
    Session,
};
use crate::plan::{
    Given, Page, acts, asks, fresh_login_required, login_required, login_scope, says,
};
use crate::site::{HOUR, Site, Sites};
use housekey::testing::Clock;

type Answer = (u16, String);

async fn open(site: &Site, browser: Option<&str>, path: &str) -> Answer {
    let mut browser = match browser {
        Some(id) => site.browser_of(id).await,
        None => site.browser(),
    };
    let answer = browser.get(path).await;
    (answer.status, answer.body)
}

async fn extractors_let_in_the_right_users(sites: Sites) {
    let site = sites.safe();
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

async fn a_login_that_is_not_fresh_passes_one_and_not_the_other_and_is_not_ended_by_it(
    sites: Sites,
) {
    let site = sites.safe();
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

async fn an_optional_user_is_none_where_a_required_one_is_denied_and_an_error_where_nobody_knows(
    sites: Sites,
) {
    let site = sites.safe().and(asks("/optional", [OptionalLoginRequired]));
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

fn guarded() -> [Page; 6] {
    let lately = login_required().fresh_within(Duration::from_secs(60));
    let only_ben = login_required().require(|member| member.id == "ben");
    let scope_with_test = login_scope().require(|member| member.id == "ben");
    [
        says("/guarded/login", "login").behind(login_required()),
        says("/guarded/fresh", "fresh").behind(fresh_login_required()),
        says("/guarded/lately", "lately").behind(lately),
        says("/guarded/ben", "ben").behind(only_ben),
        says("/guarded/scope", "scope").behind(scope_with_test),
        says("/guarded/nothing", "nothing").behind(login_scope()),
    ]
}

async fn guards_let_in_the_right_users_and_leave_unknown_paths_alone(sites: Sites) {
    let site = sites.safe().with(guarded());
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

async fn a_guard_lets_no_request_through_while_the_loader_fails(sites: Sites) {
    let site = sites.safe().with(guarded());
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

async fn a_guard_covers_every_method_of_its_routes(sites: Sites) {
    let any = says("/any", "reached").behind(login_required());
    let site = sites.safe().and(any);
    for method in [
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND",
    ] {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let request = site.browser().request(method.clone(), "/any", "");
        assert_ne!(site.send(request).await.status, 200, "{method}");
    }
}

async fn a_request_loads_its_user_once_however_many_ask(sites: Sites) {
    let many = asks("/many", [CurrentUser, LoginRequired, FreshLoginRequired]);
    let site = sites
        .safe()
        .and(many.behind(login_required()).behind(fresh_login_required()));
    let mut browser = site.browser_of("mia").await;
    site.members.lookups();
    let answer = browser.read("/many").await;
    assert_eq!(answer, "mia, fresh, by Session; mia; mia");
    assert_eq!(site.members.lookups(), ["mia"]);
    assert_eq!(browser.read("/one-user").await, "one");
    assert_eq!(site.members.lookups(), ["mia"]);

    let mut anonymous = site.browser();
    anonymous.get("/who").await;
    assert_eq!(site.members.request_lookups(), 1);
    assert_eq!(site.members.lookups(), [""; 0]);
}

async fn two_simultaneous_questions_cause_one_look_up(sites: Sites) {
    let page = async |given: Given| -> Result<String, Error> {
        let (one, two, three) = tokio::join!(given.who(), given.who(), given.who());
        Ok(format!("{} {} {}", one?, two?, three?))
    };
    let site = sites.safe().and(acts("/at-once", page));
    let mut browser = site.browser_of("mia").await;
    site.members.lookups();
    let answer = browser.read("/at-once").await;
    assert_eq!(answer, ["mia, fresh, by Session"; 3].join(" "));
    assert_eq!(site.members.lookups(), ["mia"]);
}

async fn a_failed_look_up_is_not_remembered(sites: Sites) {
    let site = sites.safe();
    let members = site.members.clone();
    let page = async move |given: Given| {
        assert!(given.who().await.is_err());
        members.come_back();
        given.who().await.unwrap().to_string()
    };
    let site = site.and(acts("/twice", page));
    let mut browser = site.browser_of("mia").await;
    site.members.go_away();
    assert_eq!(browser.read("/twice").await, "mia, fresh, by Session");
}

async fn a_login_or_a_logout_takes_effect_in_the_same_request(sites: Sites) {
    let page = async |given: Given| {
        let mia = Member {
            id: "mia".to_owned(),
            active: true,
            stamp: Some(b"stamp of mia".into()),
        };
        let mut seen = Vec::new();
        given.login.login_user(&mia).remember(true).await.unwrap();
        seen.push(given.who().await.unwrap().to_string());
        given.login.logout_user().await.unwrap();
        seen.push(given.who().await.unwrap().to_string());
        seen.join("; ")
    };
    let site = sites.safe().and(acts("/in-and-out", page));
    let mut browser = site.browser_of("ben").await;
    assert_eq!(
        browser.read("/in-and-out").await,
        "mia, fresh, remembered, by Session; nobody"
    );
    assert_eq!(browser.jar.names(), [""; 0]);
}

async fn a_user_who_was_being_loaded_is_not_the_one_who_logged_in_meanwhile(sites: Sites) {
    let page = async |given: Given| {
        let ben = Member {
            id: "ben".to_owned(),
            active: true,
            stamp: Some(b"stamp of ben".into()),
        };
        let (first, ()) = tokio::join!(given.who(), async {
            match given.body.as_str() {
                "out" => given.login.logout_user().await.unwrap(),
                _ => given.login.login_user(&ben).await.unwrap(),
            }
        });
        let second = given.who().await.unwrap();
        format!("{}; {second}", first.unwrap())
    };
    let site = sites.safe().and(acts("/meanwhile", page));
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

async fn an_api_key_is_good_for_one_request_never_fresh_and_leaves_no_session(sites: Sites) {
    let site = sites.safe();
    let with_key = async |path: &str, method: Method| {
        let mut request = site.browser().request(method, path, "");
        request
            .headers_mut()
            .insert("x-api-key", "key-of-mia".parse().unwrap());
        site.send(request).await
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

async fn a_user_who_is_no_longer_active_is_out_at_the_next_request(sites: Sites) {
    let site = sites.safe();
    let mut browser = site.remembered_browser_of("mia").await;
    site.members.change("mia", |member| member.active = false);
    assert_eq!(browser.get("/members").await.status, 303);
    assert_eq!(browser.jar.names(), [""; 0]);

    // A forced login lasts no longer than that.
    let mut browser = site.browser();
    let answer = browser.post("/login", "name=mia&force=true").await;
    assert_eq!((answer.status, answer.set_cookies().len()), (303, 1));
    assert_eq!(browser.who().await, "nobody");
}

async fn an_extractor_without_the_layer_says_what_to_add(sites: Sites) {
    let bare = sites.without_members(
        None,
        [
            asks("/bare/current", [CurrentUser]),
            asks("/bare/required", [LoginRequired]),
            asks("/bare/fresh", [FreshLoginRequired]),
            asks("/bare/login", [Login]),
            asks("/bare/session", [Session]),
            asks("/bare/flash", [Flash]),
            asks("/bare/next", [NextUrl]),
            says("/bare/guard", "").behind(login_required()),
        ],
    );
    for path in [
        "current", "required", "fresh", "login", "session", "flash", "next", "guard",
    ] {
        let mut browser = Browser::new(bare.clone(), Clock::default());
        let answer = browser.get(&format!("/bare/{path}")).await;
        assert_eq!(answer.status, 500, "{path}");
        assert!(
            answer.body.contains(sites.advice()),
            "{path}: {}",
            answer.body
        );
        let names_the_type =
            answer.body.contains("Member") || ["session", "flash", "next"].contains(&path);
        assert!(names_the_type, "{path}: {}", answer.body);
    }
}

async fn freshness_can_be_asked_with_an_age(sites: Sites) {
    let page = async |given: Given| -> Result<String, Error> {
        Ok(given.who().await?.is_fresh_lately.to_string())
    };
    let site = sites.safe().and(acts("/lately", page));
    assert_eq!(site.browser().read("/lately").await, "false");
    let mut browser = site.browser_of("mia").await;
    site.clock.advance(Duration::from_secs(60));
    assert_eq!(browser.read("/lately").await, "true");
    site.clock.advance(HOUR);
    assert_eq!(browser.read("/lately").await, "false");
}

cases! {
    behaviour_extractors:
    extractors_let_in_the_right_users,
    a_login_that_is_not_fresh_passes_one_and_not_the_other_and_is_not_ended_by_it,
    an_optional_user_is_none_where_a_required_one_is_denied_and_an_error_where_nobody_knows,
    guards_let_in_the_right_users_and_leave_unknown_paths_alone,
    a_guard_lets_no_request_through_while_the_loader_fails,
    a_guard_covers_every_method_of_its_routes,
    a_request_loads_its_user_once_however_many_ask,
    two_simultaneous_questions_cause_one_look_up,
    a_failed_look_up_is_not_remembered,
    a_login_or_a_logout_takes_effect_in_the_same_request,
    a_user_who_was_being_loaded_is_not_the_one_who_logged_in_meanwhile,
    an_api_key_is_good_for_one_request_never_fresh_and_leaves_no_session,
    a_user_who_is_no_longer_active_is_out_at_the_next_request,
    an_extractor_without_the_layer_says_what_to_add,
    freshness_can_be_asked_with_an_age,
}
