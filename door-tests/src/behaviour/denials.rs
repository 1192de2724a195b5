//! Denials suit the client: visitors who may not pass get an answer that they can use.

use std::panic::AssertUnwindSafe;

use futures_lite::FutureExt as _;
use housekey::AnswerAs;
use http::{Method, Response};

use crate::answer::Answer;
use crate::plan::Extractor::LoginRequired;
use crate::plan::{Given, acts, asks, fresh_login_required, login_required, login_scope, says};
use crate::site::{Builder, Site, Sites};

/// Sends what this program sends, with exactly these headers.
async fn ask(site: &Site, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = site.browser().request(method, path, "");
    request.headers_mut().clear();
    for (name, value) in [("host", "site.example")].iter().chain(headers) {
        let name: http::HeaderName = name.parse().unwrap();
        request.headers_mut().append(name, value.parse().unwrap());
    }
    site.send(request).await
}

const CHROMIUM: [(&str, &str); 5] = [
    (
        "accept",
        "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7",
    ),
    ("sec-fetch-site", "none"),
    ("sec-fetch-mode", "navigate"),
    ("sec-fetch-user", "?1"),
    ("sec-fetch-dest", "document"),
];

async fn a_browser_is_sent_to_the_login_page_with_the_way_back(sites: Sites) {
    let site = sites.safe();
    let old_safari = [(
        "accept",
        "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    )];
    for headers in [&CHROMIUM[..], &old_safari] {
        let answer = ask(&site, Method::GET, "/members?page=2", headers).await;
        assert_eq!(
            (answer.status, answer.location()),
            (303, "/login?next=%2Fmembers%3Fpage%3D2")
        );
        let answer = ask(&site, Method::HEAD, "/members", headers).await;
        assert_eq!(
            (answer.status, answer.location()),
            (303, "/login?next=%2Fmembers")
        );
        let vary = answer.header("vary").unwrap();
        for name in ["Cookie", "Accept", "Sec-Fetch-Mode", "HX-Request"] {
            assert!(vary.contains(name), "{vary}");
        }
    }
}

async fn a_program_gets_401_with_a_problem_that_it_can_read(sites: Sites) {
    let site = sites.safe();
    let fetch = [
        ("accept", "*/*"),
        ("sec-fetch-mode", "cors"),
        ("sec-fetch-dest", "empty"),
    ];
    let picture = [
        ("accept", "image/avif,*/*;q=0.8"),
        ("sec-fetch-mode", "no-cors"),
        ("sec-fetch-dest", "image"),
    ];
    let curl = [("accept", "*/*"), ("user-agent", "curl/8.0")];
    let json = [("accept", "application/json, text/html;q=0.9")];
    let posts_json = [
        ("accept", "*/*"),
        ("content-type", "application/json; charset=utf-8"),
    ];
    let xhr = [
        ("accept", "text/html, */*; q=0.01"),
        ("x-requested-with", "XMLHttpRequest"),
    ];
    let websocket = [
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("accept", "text/html"),
    ];
    for headers in [
        &fetch[..],
        &picture,
        &curl,
        &json,
        &posts_json,
        &xhr,
        &websocket,
        &[],
    ] {
        let answer = ask(&site, Method::GET, "/members", headers).await;
        assert_eq!(answer.status, 401, "{headers:?}");
        assert_eq!(
            answer.header("www-authenticate").as_deref(),
            Some(r#"Cookie realm="login""#)
        );
        assert_eq!(
            answer.header("content-type").as_deref(),
            Some("application/problem+json")
        );
        assert_eq!(answer.header("location"), None);
        assert_eq!(answer.header("cache-control").as_deref(), Some("no-store"));
        let problem: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(problem["type"], "urn:housekey:problem:login-required");
        assert_eq!(problem["status"], 401);
    }
}

async fn htmx_is_told_to_take_the_whole_page_to_the_login(sites: Sites) {
    let site = sites.safe();
    let htmx = |url: &'static str| {
        [
            ("hx-request", "true"),
            ("hx-current-url", url),
            ("sec-fetch-mode", "cors"),
            ("accept", "*/*"),
        ]
    };
    for (url, redirect) in [
        (
            "https://site.example/board?tab=1#top",
            "/login?next=%2Fboard%3Ftab%3D1",
        ),
        ("https://evil.example/board", "/login"),
        ("https://site.example//evil.example", "/login"),
        ("nonsense", "/login"),
    ] {
        for method in [Method::GET, Method::POST] {
            let answer = ask(&site, method, "/members", &htmx(url)).await;
            assert_eq!(answer.status, 401);
            assert_eq!(
                answer.header("hx-redirect").as_deref(),
                Some(redirect),
                "{url}"
            );
            assert_eq!(answer.header("location"), None);
        }
    }
    let answer = ask(&site, Method::GET, "/members", &[("hx-request", "true")]).await;
    assert_eq!(answer.header("hx-redirect").as_deref(), Some("/login"));
}

/// What a page's scripts send when a user follows a link or posts a form, and which of them are sent to the login page.
/// Headers that are not named here (`HX-Target`, `HX-Trigger`, `HX-Source`, `HX-Prompt`, `HX-Request-Type`) do not matter.
async fn a_link_or_form_that_a_script_follows_leads_back_to_where_the_person_was_going(
    sites: Sites,
) {
    const HTMX: &[(&str, &str)] = &[
        ("hx-request", "true"),
        ("hx-current-url", "https://site.example/start?tab=1"),
        ("hx-target", "board"),
        ("hx-trigger", "link"),
        ("hx-trigger-name", "link"),
        ("hx-source", "a#link"),
        ("hx-request-type", "full"),
        ("sec-fetch-mode", "cors"),
        ("accept", "*/*"),
    ];
    const TURBO: &[(&str, &str)] = &[
        ("x-turbo-request-id", "a5f3"),
        ("accept", "text/html, application/xhtml+xml"),
        ("sec-fetch-mode", "cors"),
        ("referer", "https://site.example/start?tab=1"),
    ];
    const STREAM: &[(&str, &str)] = &[
        (
            "accept",
            "text/vnd.turbo-stream.html, text/html, application/xhtml+xml",
        ),
        ("sec-fetch-mode", "cors"),
        ("referer", "https://site.example/start?tab=1"),
    ];
    const TARGET: &str = "/login?next=%2Fmembers%3Fpage%3D2";
    const PAGE: &str = "/login?next=%2Fstart%3Ftab%3D1";
    let boosted = ("hx-boosted", "true");
    let restores = ("hx-history-restore-request", "true");
    let frame = ("turbo-frame", "cart");
    let script = ("x-requested-with", "XMLHttpRequest");
    let json = ("content-type", "application/json");
    let likes_json = ("accept", "application/json");
    let (get, post) = (Method::GET, Method::POST);
    let site = sites.safe();
    for (method, base, more, status, redirect) in [
        (&get, HTMX, None, 401, Some(PAGE)),
        (&post, HTMX, None, 401, Some(PAGE)),
        (&get, HTMX, Some(("hx-boosted", "false")), 401, Some(PAGE)),
        (&get, HTMX, Some(boosted), 401, Some(TARGET)),
        (&Method::HEAD, HTMX, Some(boosted), 401, Some(TARGET)),
        (&post, HTMX, Some(boosted), 401, Some(PAGE)),
        (&get, HTMX, Some(restores), 303, Some(TARGET)),
        (&get, &HTMX[1..], Some(restores), 303, Some(TARGET)),
        (&get, TURBO, None, 303, Some(TARGET)),
        (&post, TURBO, None, 303, Some(PAGE)),
        (
            &get,
            TURBO,
            Some(("x-sec-purpose", "prefetch")),
            303,
            Some(TARGET),
        ),
        (&get, TURBO, Some(frame), 401, None),
        (&get, TURBO, Some(script), 401, None),
        (&post, TURBO, Some(json), 401, None),
        (&get, TURBO, Some(likes_json), 303, Some(TARGET)),
        (
            &get,
            &[("x-turbo-request-id", "a5f3")],
            Some(likes_json),
            401,
            None,
        ),
        (&post, STREAM, None, 303, Some(PAGE)),
        (&post, STREAM, Some(frame), 401, None),
        (&get, &TURBO[1..], None, 401, None),
    ] {
        let headers: Vec<_> = base.iter().copied().chain(more).collect();
        let answer = ask(&site, method.clone(), "/members?page=2", &headers).await;
        let place = match status {
            303 => "location",
            _ => "hx-redirect",
        };
        assert_eq!(
            (answer.status, answer.header(place).as_deref()),
            (status, redirect),
            "{method} {headers:?}"
        );
    }
}

async fn the_way_back_is_found_however_the_host_and_the_page_are_spelled(sites: Sites) {
    let site = sites.safe();
    for (host, page, next) in [
        ("site.example:443", "https://site.example/x", "%2Fx"),
        ("site.example", "https://site.example:443/x", "%2Fx"),
        ("site.example:80", "http://site.example/x", "%2Fx"),
        ("SITE.example", "https://site.EXAMPLE/x", "%2Fx"),
        ("site.example:8443", "https://site.example:8443/x", "%2Fx"),
        ("[::1]:3000", "http://[::1]:3000/x", "%2Fx"),
        ("site.example", "https://site.example", "%2F"),
        ("site.example", "https://site.example?a=1", "%2F%3Fa%3D1"),
        ("site.example", "https://site.example/x#top", "%2Fx"),
        (
            "site.example",
            r"https://site.example/x?a=\b",
            "%2Fx%3Fa%3D%5Cb",
        ),
        ("site.example", r"https://site.example/x\y", ""),
        ("site.example:443", "http://site.example/x", ""),
        ("site.example:8443", "https://site.example/x", ""),
        ("site.example", "https://site.example:8443/x", ""),
        ("site.example", "https://site.example@evil.example/x", ""),
        ("site.example", "https://evil.example/x", ""),
        ("site.example", "https://site.example//evil.example", ""),
        ("site.example", "ftp://site.example/x", ""),
    ] {
        let expected = match next {
            "" => "/login".to_owned(),
            next => format!("/login?next={next}"),
        };
        for (name, place) in [("referer", "location"), ("hx-current-url", "hx-redirect")] {
            let mut request = site.browser().request(Method::POST, "/members", "");
            let headers = request.headers_mut();
            headers.insert("host", host.parse().unwrap());
            headers.insert(name, page.parse().unwrap());
            if name == "hx-current-url" {
                headers.insert("hx-request", "true".parse().unwrap());
            }
            let answer = site.send(request).await;
            assert_eq!(
                answer.header(place).as_deref(),
                Some(expected.as_str()),
                "{page} at {host}"
            );
        }
    }
    let answer = ask(&site, Method::GET, r"/members?a=\b", &CHROMIUM).await;
    assert_eq!(answer.location(), "/login?next=%2Fmembers%3Fa%3D%5Cb");
}

async fn a_turbo_frame_is_not_filled_with_the_login_page(sites: Sites) {
    let site = sites.safe();
    let frame = [
        ("turbo-frame", "cart"),
        ("accept", "text/html"),
        ("sec-fetch-mode", "cors"),
    ];
    let answer = ask(&site, Method::GET, "/members", &frame).await;
    assert_eq!((answer.status, answer.header("location")), (401, None));
    assert_eq!(
        answer.header("content-type").as_deref(),
        Some("text/html; charset=utf-8")
    );
}

async fn a_program_whose_login_is_not_fresh_is_told_how_fresh_it_must_be(sites: Sites) {
    let guard = fresh_login_required().fresh_within(std::time::Duration::from_secs(300));
    let site = sites.safe().and(says("/safe", "").behind(guard));
    let mut browser = site.browser();
    browser.post("/login", "name=mia&not_fresh=true").await;
    let mut request = browser.request(Method::GET, "/safe", "");
    request
        .headers_mut()
        .insert("accept", "application/json".parse().unwrap());
    let answer = browser.send(request).await;
    let problem: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(
        problem["type"],
        "urn:housekey:problem:reauthentication-required"
    );
    assert_eq!(
        (&problem["status"], &problem["max_age"]),
        (&401.into(), &300.into())
    );
}

async fn a_user_without_the_right_gets_403_and_is_not_sent_to_the_login_page(sites: Sites) {
    let guard = login_required().require(|member| member.id == "ben");
    let site = sites.safe().and(says("/ben", "").behind(guard));
    let mut browser = site.browser_of("mia").await;
    for (accept, content_type) in [
        ("text/html", "text/html; charset=utf-8"),
        ("application/json", "application/problem+json"),
    ] {
        let mut request = browser.request(Method::GET, "/ben", "");
        request
            .headers_mut()
            .insert("accept", accept.parse().unwrap());
        let answer = browser.send(request).await;
        assert_eq!((answer.status, answer.header("location")), (403, None));
        assert_eq!(answer.header("content-type").as_deref(), Some(content_type));
        assert_eq!(answer.header("www-authenticate"), None);
    }
    assert_eq!(browser.who().await, "mia, fresh, by Session");
}

async fn a_permission_that_is_asked_for_lets_pass_denies_or_is_an_error(sites: Sites) {
    let guard = login_required().require_async(|member| match member.id.as_str() {
        "ben" => Ok(true),
        "mia" => Ok(false),
        _ => Err("the table of permissions is away"),
    });
    let site = sites.safe().and(says("/ben", "hello").behind(guard));
    for (who, status) in [("ben", 200), ("mia", 403), ("1", 503)] {
        let mut browser = site.browser_of(who).await;
        let answer = browser.get("/ben").await;
        assert_eq!(answer.status, status, "{who}");
        assert!(!answer.body.contains("permissions"), "{}", answer.body);
        assert_eq!(answer.header("location"), None, "{who}");
    }
    assert_eq!(site.browser().get("/ben").await.status, 303);
}

async fn what_the_routes_say_beats_what_the_headers_say(sites: Sites) {
    let api = login_scope().answer_as(AnswerAs::Api);
    let pages = login_required().answer_as(AnswerAs::Page);
    let site = sites.safe().with([
        asks("/api/things", [LoginRequired]).behind(api),
        asks("/pages/things", [LoginRequired]).behind(pages),
    ]);
    assert_eq!(
        ask(&site, Method::GET, "/api/things", &CHROMIUM)
            .await
            .status,
        401
    );
    let answer = ask(
        &site,
        Method::GET,
        "/pages/things",
        &[("accept", "application/json")],
    )
    .await;
    assert_eq!(
        (answer.status, answer.location()),
        (303, "/login?next=%2Fpages%2Fthings")
    );

    let site = sites.safe_with(|builder| builder.answer_as(AnswerAs::Api));
    assert_eq!(
        ask(&site, Method::GET, "/members", &CHROMIUM).await.status,
        401
    );
}

async fn flasks_answer_is_302_for_every_client_and_method(sites: Sites) {
    let site = sites.flask();
    for method in [Method::GET, Method::HEAD, Method::POST] {
        for headers in [
            &CHROMIUM[..],
            &[
                ("accept", "application/json"),
                ("x-requested-with", "XMLHttpRequest"),
            ],
        ] {
            let answer = ask(&site, method.clone(), "/members?a=1", headers).await;
            assert_eq!(
                (answer.status, answer.location()),
                (302, "/login?next=%2Fmembers%3Fa%3D1")
            );
        }
    }
}

async fn without_a_login_page_and_on_the_login_page_itself_there_is_no_redirect(sites: Sites) {
    let oneself = asks("/locked", [LoginRequired]);
    let site = sites
        .safe_with(|builder| builder.login_view("/locked?lang=de"))
        .and(oneself);
    let answer = site.browser().get("/locked").await;
    assert_eq!((answer.status, answer.header("location")), (401, None));
    assert_eq!(
        answer.header("content-type").as_deref(),
        Some("text/html; charset=utf-8")
    );

    let nowhere = login_scope().no_login_view();
    let site = sites
        .safe()
        .and(asks("/none", [LoginRequired]).behind(nowhere));
    assert_eq!(site.browser().get("/none").await.status, 401);
    let answer = ask(&site, Method::GET, "/none", &[("hx-request", "true")]).await;
    assert_eq!((answer.status, answer.header("hx-redirect")), (401, None));
}

async fn a_login_page_that_is_the_guarded_page_but_for_query_fragment_or_host_makes_no_loop(
    sites: Sites,
) {
    for view in [
        "/locked#sign-in",
        "/locked?a=1#sign-in",
        "/locked#?x",
        "https://site.example/locked",
        "https://site.example:443/locked?a=1#b",
    ] {
        let site = sites
            .safe_with(|builder| builder.login_view(view))
            .and(asks("/locked", [LoginRequired]));
        let answer = site.browser().get("/locked").await;
        assert_eq!(
            (answer.status, answer.header("location")),
            (401, None),
            "{view}"
        );
        let next = "next=%2Fmembers";
        let elsewhere = site.browser().get("/members").await;
        assert_eq!(elsewhere.status, 303);
        assert!(elsewhere.location().contains(next), "{view}");
    }
    for view in [
        "https://other.example/locked",
        "https://site.example:8443/locked",
        "/#/locked",
    ] {
        let site = sites
            .safe_with(|builder| builder.login_view(view))
            .and(asks("/locked", [LoginRequired]));
        assert_eq!(site.browser().get("/locked").await.status, 303, "{view}");
    }
    let site = sites
        .safe_with(|builder| builder.login_view("https://site.example"))
        .and(asks("/home", [LoginRequired]));
    assert_eq!(site.browser().get("/home").await.status, 303);
    let site = sites
        .safe_with(|builder| builder.login_view("/#/login"))
        .and(asks("/", [LoginRequired]).below("/app"));
    assert_eq!(
        site.browser().get("/app").await.location(),
        "/?next=%2Fapp#/login"
    );
}

async fn the_way_back_is_outside_of_the_prefix_that_a_nested_router_takes_off(sites: Sites) {
    let inner = asks("/page", [LoginRequired]);
    let site = sites.safe().and(inner.below("/deep/er"));
    let answer = site.browser().get("/deep/er/page?x").await;
    assert_eq!(answer.location(), "/login?next=%2Fdeep%2Fer%2Fpage%3Fx");
}

async fn a_handler_of_the_application_answers_in_place_of_everything_else(sites: Sites) {
    let site = sites.safe_with(|builder| {
        let answer = |status: u16, text: &str| {
            Response::builder()
                .status(status)
                .body(text.to_owned())
                .unwrap()
        };
        builder
            .login_message("Please log in.")
            .unauthorized_handler(move |request| answer(418, request.uri.path()))
            .needs_refresh_handler(move |_| answer(420, "prove it"))
    });
    let mut browser = site.browser();
    let answer = browser.get("/members").await;
    assert_eq!((answer.status, answer.body.as_str()), (418, "/members"));
    assert_eq!(answer.set_cookies(), [""; 0], "nothing is flashed");
    browser.post("/login", "name=mia&not_fresh=true").await;
    assert_eq!(browser.get("/fresh").await.status, 420);
}

async fn next_in_the_session_is_checked_used_once_and_gone_after_a_login(sites: Sites) {
    for site in [
        sites.safe_with(|builder| builder.next_in_session()),
        sites.flask_with(|builder| builder.next_in_session()),
    ] {
        let mut browser = site.browser();
        assert_eq!(browser.get("/members?page=2").await.location(), "/login");
        assert_eq!(browser.read("/login").await, "/members?page=2");
        assert_eq!(browser.log_in("mia").await.location(), "/members?page=2");
        assert_eq!(browser.read("/login").await, "no next");
        assert_eq!(browser.log_in("mia").await.location(), "/");

        let mut browser = site.browser();
        browser.get("/members").await;
        browser.post("/logout", "").await;
        assert_eq!(
            browser.log_in("ben").await.location(),
            "/",
            "it was another visitor's"
        );
    }
}

async fn next_in_the_session_is_used_up_by_going_there(sites: Sites) {
    let site = sites.safe_with(|builder| builder.next_in_session());
    let mut browser = site.browser();
    browser.get("/members").await;
    assert_eq!(browser.get("/go").await.location(), "/members");
    assert_eq!(browser.get("/go").await.location(), "/");
}

async fn the_name_of_the_parameter_and_the_origins_can_be_chosen(sites: Sites) {
    let set = |builder: Builder| {
        builder
            .next_field("return_to")
            .allow_next_origin("https://shop.example")
    };
    let site = sites.safe_with(set);
    assert_eq!(
        site.browser().get("/members").await.location(),
        "/login?return_to=%2Fmembers"
    );
    for (next, expected) in [
        ("/members", "/members"),
        ("https://shop.example/cart", "https://shop.example/cart"),
        (
            "https://SHOP.example:443/cart",
            "https://SHOP.example:443/cart",
        ),
        ("http://shop.example/cart", "/"),
        ("https://shop.example:8443/cart", "/"),
        ("https://shop.example.evil.example/", "/"),
        ("https://shop.example@evil.example/", "/"),
        ("//shop.example/cart", "/"),
    ] {
        let answer = site
            .browser()
            .post(&format!("/login?return_to={next}"), "name=mia")
            .await;
        assert_eq!(answer.location(), expected);
    }
    let answer = site
        .browser()
        .post("/login?next=%2Fmembers", "name=mia")
        .await;
    assert_eq!(answer.location(), "/");
}

async fn a_denied_form_does_not_reach_the_handler(sites: Sites) {
    let delete = async |_: Given| panic!("reached");
    let site = sites
        .safe()
        .and(acts::<()>("/delete", delete).behind(login_required()));
    assert_eq!(site.browser().post("/delete", "all=true").await.status, 303);
}

async fn a_scope_refuses_its_login_page_at_once(sites: Sites) {
    let scope = login_scope().login_view("//evil.example");
    let site = sites.safe().and(says("/scoped", "").behind(scope));
    let opening = AssertUnwindSafe(site.server().open()).catch_unwind();
    let panic = opening.await.unwrap_err();
    let message = panic.downcast_ref::<String>().unwrap();
    assert!(message.starts_with("login_view: "), "{message}");
}

cases! {
    behaviour_denials:
    a_browser_is_sent_to_the_login_page_with_the_way_back,
    a_program_gets_401_with_a_problem_that_it_can_read,
    htmx_is_told_to_take_the_whole_page_to_the_login,
    a_link_or_form_that_a_script_follows_leads_back_to_where_the_person_was_going,
    the_way_back_is_found_however_the_host_and_the_page_are_spelled,
    a_turbo_frame_is_not_filled_with_the_login_page,
    a_program_whose_login_is_not_fresh_is_told_how_fresh_it_must_be,
    a_user_without_the_right_gets_403_and_is_not_sent_to_the_login_page,
    a_permission_that_is_asked_for_lets_pass_denies_or_is_an_error,
    what_the_routes_say_beats_what_the_headers_say,
    flasks_answer_is_302_for_every_client_and_method,
    without_a_login_page_and_on_the_login_page_itself_there_is_no_redirect,
    a_login_page_that_is_the_guarded_page_but_for_query_fragment_or_host_makes_no_loop,
    the_way_back_is_outside_of_the_prefix_that_a_nested_router_takes_off,
    a_handler_of_the_application_answers_in_place_of_everything_else,
    next_in_the_session_is_checked_used_once_and_gone_after_a_login,
    next_in_the_session_is_used_up_by_going_there,
    the_name_of_the_parameter_and_the_origins_can_be_chosen,
    a_denied_form_does_not_reach_the_handler,
    a_scope_refuses_its_login_page_at_once,
}
