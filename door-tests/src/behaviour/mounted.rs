//! A program below a prefix that a proxy strips: people stay inside it, and end up in no program beside it.

use housekey::Event;
use http::Method;

use crate::answer::Answer;
use crate::browser::Browser;
use crate::plan::{fresh_login_required, login_required, says};
use crate::site::{Site, Sites};

/// What the proxy passes on of a public address, as nginx does for `location /app/`.
fn stripped(public: &str) -> &str {
    let own = public.strip_prefix("/app").unwrap();
    assert!(own.starts_with('/'), "{public} is in another program");
    own
}

fn site(sites: Sites) -> Site {
    sites.safe_with(|builder| builder.mounted_at("/app"))
}

/// Opens the login page with this `next`, and logs in with its form.
async fn log_in_with(site: &Site, in_query: &str, field: &str) -> Answer {
    let mut browser = site.browser();
    let form = format!("name=mia&next={field}");
    browser.post(&format!("/login{in_query}"), &form).await
}

fn encoded(text: &str) -> String {
    let byte = |byte: u8| format!("%{byte:02X}");
    text.bytes().map(byte).collect()
}

/// The first attack is the reason for all of this; the others look as if they were below the prefix.
async fn no_next_leads_out_of_the_prefix(sites: Sites) {
    let site = site(sites);
    for next in [
        "/",
        "/admin",
        "/application",
        "/application/x",
        "/app.evil",
        "/ap",
        "/App/x",
        "/APP/x",
        "//",
        "//app/x",
        "///app/x",
        "//evil.example/app/x",
        "/\\evil.example/app",
        "/app\\..\\admin",
        "/app/../admin",
        "/app/..",
        "/app/.",
        "/app/./../admin",
        "/app/x/../../admin",
        "/app/x/../y",
        "/app/%2e%2e/admin",
        "/app/%2E./admin",
        "/app/.%2e/admin",
        "/app/..%2fadmin",
        "/app/..%2Fadmin",
        "/app%2f..%2fadmin",
        "/app/%2e%2e%2fadmin",
        "/app/x%2f..%2f..%2fadmin",
        "/app/..%5cadmin",
        "/app/x%5c..%5c..%5cadmin",
        "/app/\t../admin",
        "/app/.\t./admin",
        "/app/%00",
        "/app%2fx",
        "/app%2Fx",
        "/%61pp/x",
        "/a%70p/x",
        "/app%",
        "/x/../app/page",
        "/./app/page",
        "app/page",
        "./app/page",
        "https:/app/page",
        "https://evil.example/app/page",
        "https://site.example/app/page",
        "javascript:/app/page",
        "/app/login",
        "/app/login?next=%2Fapp%2Flogin",
        "/app/prove-it",
    ] {
        for (query, field) in [
            (format!("?next={}", encoded(next)), String::new()),
            (String::new(), encoded(next)),
        ] {
            site.events.take();
            let answer = log_in_with(&site, &query, &field).await;
            assert_eq!(
                (answer.status, answer.location()),
                (303, "/app/"),
                "{next:?}"
            );
            let rejected = |event: &Event| matches!(event, Event::NextRejected);
            assert!(site.events.take().iter().any(rejected), "{next:?}");
        }
        let login = format!("/login?next={}", encoded(next));
        assert_eq!(site.browser().read(&login).await, "no next", "{next:?}");
    }
}

async fn what_is_below_the_prefix_is_gone_to_as_it_is_written(sites: Sites) {
    let site = site(sites);
    for next in [
        "/app",
        "/app/",
        "/app?a=/../b",
        "/app/page?a=..%2f..&b=//c#/../d",
        "/app/app/page",
        "/app/..x/x..",
        "/app/a//b",
        "/app/caf%C3%A9",
        "/app/login/help",
        // The program's own path, with the prefix in front.
        "/app/application",
    ] {
        let login = format!("/login?next={}", encoded(next));
        assert_eq!(site.browser().read(&login).await, next);
        let answer = log_in_with(&site, "", &encoded(next)).await;
        assert_eq!((answer.status, answer.location()), (303, next));
    }
}

/// The whole way of a browser: each address is public, and the proxy strips the prefix of each.
async fn a_person_comes_to_the_login_page_and_back_without_leaving_the_prefix(sites: Sites) {
    let site = site(sites);
    let mut browser = site.browser();
    let denied = browser.get(stripped("/app/members?page=2")).await;
    let login = "/app/login?next=%2Fapp%2Fmembers%3Fpage%3D2";
    assert_eq!((denied.status, denied.location()), (303, login));
    let next = browser.read(stripped(login)).await;
    assert_eq!(next, "/app/members?page=2");
    // In the form's address, and in a hidden field.
    let posted = browser.clone().post(stripped(login), "name=mia").await;
    assert_eq!(posted.location(), next);
    let posted = browser
        .post("/login", &format!("name=mia&next={next}"))
        .await;
    assert_eq!(posted.location(), next);
    let page = browser.get(stripped(posted.location())).await;
    assert_eq!((page.status, page.body.as_str()), (200, "hello mia"));
}

async fn a_login_that_is_not_fresh_leads_to_the_refresh_page_and_back(sites: Sites) {
    let site = site(sites);
    let mut browser = site.browser();
    browser.post("/login", "name=mia&not_fresh=true").await;
    let denied = browser.get("/fresh?a=b").await;
    let prove = "/app/prove-it?next=%2Fapp%2Ffresh%3Fa%3Db";
    assert_eq!((denied.status, denied.location()), (303, prove));
    let (_, query) = prove.split_once('?').unwrap();
    let go = browser.get(&format!("/go?{query}")).await;
    assert_eq!(go.location(), "/app/fresh?a=b");
}

async fn where_no_address_is_asked_for_people_land_on_the_programs_own_page(sites: Sites) {
    let site = site(sites);
    assert_eq!(site.browser().log_in("mia").await.location(), "/app/");
    assert_eq!(site.browser().get("/go").await.location(), "/app/");
}

async fn htmx_goes_to_the_public_login_page_and_back_to_the_page_that_it_was_on(sites: Sites) {
    let site = site(sites);
    let page = ("hx-current-url", "https://site.example/app/board?tab=1");
    let boosted = ("hx-boosted", "true");
    for (more, redirect) in [
        (&[page][..], "/app/login?next=%2Fapp%2Fboard%3Ftab%3D1"),
        (&[page, boosted], "/app/login?next=%2Fapp%2Fmembers"),
        // A page of the program beside this one.
        (
            &[("hx-current-url", "https://site.example/application/x")],
            "/app/login",
        ),
        (
            &[("hx-current-url", "https://site.example/app/../admin")],
            "/app/login",
        ),
    ] {
        let htmx = [("hx-request", "true"), ("sec-fetch-mode", "cors")];
        let headers: Vec<_> = htmx.iter().chain(more).copied().collect();
        let answer = site.browser().get_with("/members", &headers).await;
        assert_eq!(
            (answer.status, answer.header("hx-redirect").as_deref()),
            (401, Some(redirect)),
            "{more:?}"
        );
    }
}

async fn a_form_leads_back_to_the_page_that_it_was_on_if_that_is_below_the_prefix(sites: Sites) {
    let site = site(sites);
    for (referer, location) in [
        (
            "https://site.example/app/form",
            "/app/login?next=%2Fapp%2Fform",
        ),
        ("https://site.example/form", "/app/login"),
        ("https://site.example/application", "/app/login"),
        ("https://site.example/app/..%2fadmin", "/app/login"),
    ] {
        let mut request = site.browser().request(Method::POST, "/members", "");
        request
            .headers_mut()
            .insert("referer", referer.parse().unwrap());
        let answer = site.send(request).await;
        assert_eq!(
            (answer.status, answer.location()),
            (303, location),
            "{referer}"
        );
    }
}

/// Otherwise it would lead to itself without end.
async fn a_login_page_that_needs_a_login_is_known_by_its_public_address(sites: Sites) {
    let page = says("/sign-in", "").behind(login_required());
    for view in ["/sign-in", "https://site.example/app/sign-in"] {
        let site = sites.safe_with(|builder| builder.mounted_at("/app").login_view(view));
        let site = site.and(page.clone());
        assert_eq!(
            site.browser().get("/sign-in?a=b").await.status,
            401,
            "{view}"
        );
    }
    // A page outside of the prefix with a similar ending.
    let elsewhere = "https://site.example/sign-in";
    let site = sites.safe_with(|builder| builder.mounted_at("/app").login_view(elsewhere));
    let answer = site.and(page).browser().get("/sign-in").await;
    let location = format!("{elsewhere}?next=%2Fapp%2Fsign-in");
    assert_eq!((answer.status, answer.location()), (303, location.as_str()));
}

async fn absolute_login_pages_stay_as_they_are_and_get_a_public_way_back(sites: Sites) {
    let view = "https://sso.example/login?tenant=1";
    let site = sites.safe_with(|builder| builder.mounted_at("/app").login_view(view));
    let answer = site.browser().get("/members").await;
    let location = format!("{view}&next=%2Fapp%2Fmembers");
    assert_eq!(answer.location(), location);
}

async fn the_login_pages_of_some_routes_are_the_programs_own_too(sites: Sites) {
    let login = login_required().login_view("/staff/login");
    let fresh = fresh_login_required().refresh_view("/staff/again");
    let site = site(sites)
        .and(says("/desk", "").behind(login))
        .and(says("/safe", "").behind(fresh));
    let desk = site.browser().get("/desk").await;
    assert_eq!(desk.location(), "/app/staff/login?next=%2Fapp%2Fdesk");
    let mut browser = site.browser();
    browser.post("/login", "name=mia&not_fresh=true").await;
    let safe = browser.get("/safe").await;
    assert_eq!(safe.location(), "/app/staff/again?next=%2Fapp%2Fsafe");
}

async fn a_next_in_the_session_is_public(sites: Sites) {
    let site = sites.safe_with(|builder| builder.mounted_at("/app").next_in_session());
    let mut browser = site.browser();
    let denied = browser.get("/members").await;
    assert_eq!(denied.location(), "/app/login");
    assert_eq!(browser.read("/login").await, "/app/members");
    assert_eq!(browser.log_in("mia").await.location(), "/app/members");
}

/// As Flask writes it: its URLs contain `SCRIPT_NAME`, and Flask-Login takes their paths.
async fn a_flask_peer_finds_the_addresses_that_it_would_write_itself(sites: Sites) {
    let site = sites.flask_with(|builder| builder.mounted_at("/app"));
    let denied = site.browser().get("/members?a=b").await;
    let login = "/app/login?next=%2Fapp%2Fmembers%3Fa%3Db";
    assert_eq!((denied.status, denied.location()), (302, login));
    let site = sites.flask_with(|builder| {
        let builder = builder.mounted_at("/app");
        builder.force_host_for_redirects("www.example.com")
    });
    let denied = site.browser().get("/members").await;
    let login = "//www.example.com/app/login?next=%2Fapp%2Fmembers";
    assert_eq!(denied.location(), login);
}

async fn a_listed_origin_is_followed_wherever_it_leads(sites: Sites) {
    let site = sites.safe_with(|builder| {
        let builder = builder.mounted_at("/app");
        builder.allow_next_origin("https://site.example")
    });
    for next in ["https://site.example/admin", "https://site.example/app/x"] {
        let answer = log_in_with(&site, "", next).await;
        assert_eq!(answer.location(), next);
    }
    assert_eq!(log_in_with(&site, "", "/admin").await.location(), "/app/");
}

/// A client may send it, and a proxy that does not know the field passes it on.
async fn no_header_of_a_request_says_where_a_program_is_mounted(sites: Sites) {
    for prefix in ["", "/", "/app"] {
        let site = sites.safe_with(|builder| builder.mounted_at(prefix));
        let root = prefix.trim_end_matches('/');
        for name in ["x-forwarded-prefix", "x-script-name", "x-forwarded-path"] {
            let headers = [(name, "/evil")];
            let answer = site.browser().get_with("/members", &headers).await;
            let next = encoded_slashes(&format!("{root}/members"));
            assert_eq!(
                answer.location(),
                format!("{root}/login?next={next}"),
                "{name}"
            );
        }
    }
}

fn encoded_slashes(path: &str) -> String {
    path.replace('/', "%2F")
}

/// Two programs of a host may share their logins on purpose, and the prefix `__Host-` allows no other path.
async fn cookies_are_for_the_whole_host_unless_they_are_given_a_path(sites: Sites) {
    let cookies = async |site: Site| {
        let answer = site.browser().log_in_remembered("mia").await;
        let cookies = answer.set_cookies().into_iter();
        cookies.map(str::to_owned).collect::<Vec<_>>()
    };
    let safe = cookies(site(sites)).await;
    assert!(safe.iter().all(|cookie| has_path(cookie, "/")), "{safe:?}");
    let flask = sites.flask_with(|builder| {
        let builder = builder.mounted_at("/app");
        let builder = builder.session_cookie(|cookie| cookie.path("/app"));
        builder.remember_cookie(|cookie| cookie.path("/app"))
    });
    let flask = cookies(flask).await;
    assert_eq!((safe.len(), flask.len()), (2, 2), "{safe:?} {flask:?}");
    assert!(
        flask.iter().all(|cookie| has_path(cookie, "/app")),
        "{flask:?}"
    );
}

fn has_path(cookie: &str, path: &str) -> bool {
    let path = format!("Path={path}");
    cookie.split("; ").any(|attribute| attribute == path)
}

/// The cookie decides who is logged in; the prefix only concerns addresses.
async fn a_program_that_is_moved_below_a_prefix_keeps_its_logins(sites: Sites) {
    let site = sites.safe();
    let mut browser: Browser = site.browser_of("mia").await;
    let before = browser.who().await;
    let keys = housekey::SecretKeys::flask(crate::site::KEY).unwrap();
    browser.move_to(&site.restarted(keys, |builder| builder.mounted_at("/app")));
    assert_eq!(browser.who().await, before);
    assert!(before.starts_with("mia, fresh"), "{before}");
}

cases! {
    behaviour_mounted:
    no_next_leads_out_of_the_prefix,
    what_is_below_the_prefix_is_gone_to_as_it_is_written,
    a_person_comes_to_the_login_page_and_back_without_leaving_the_prefix,
    a_login_that_is_not_fresh_leads_to_the_refresh_page_and_back,
    where_no_address_is_asked_for_people_land_on_the_programs_own_page,
    htmx_goes_to_the_public_login_page_and_back_to_the_page_that_it_was_on,
    a_form_leads_back_to_the_page_that_it_was_on_if_that_is_below_the_prefix,
    a_login_page_that_needs_a_login_is_known_by_its_public_address,
    absolute_login_pages_stay_as_they_are_and_get_a_public_way_back,
    the_login_pages_of_some_routes_are_the_programs_own_too,
    a_next_in_the_session_is_public,
    a_flask_peer_finds_the_addresses_that_it_would_write_itself,
    a_listed_origin_is_followed_wherever_it_leads,
    no_header_of_a_request_says_where_a_program_is_mounted,
    cookies_are_for_the_whole_host_unless_they_are_given_a_path,
    a_program_that_is_moved_below_a_prefix_keeps_its_logins,
}
