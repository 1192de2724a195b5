//! A program in which every route needs a login unless it is listed as open.

use housekey::PublicRoutes;
use http::Method;

use crate::plan::Extractor::{CurrentUser, LoginRequired};
use crate::plan::{ELSEWHERE, Guard, asks, fresh_login_required, login_required, says};
use crate::site::{Site, Sites};

/// Pages without extractors, so that only the guard around the program can close them.
fn site(sites: Sites, guard: Guard, public: &PublicRoutes) -> Site {
    let site = sites.safe().with([
        says("/about", "about"),
        says("/articles/drafts", "drafts"),
        says("/articles/{id}", "an article"),
        says("/hooks", "hooked"),
        says("/offers", "offers").below("/shop"),
        says("/prices", "prices").below("/shop"),
        says("/deep", "deep").below("/inner").below("/outer"),
        says("/{file}", "a picture").below("/assets"),
        says("/later", "a page that was added later"),
    ]);
    site.closed(guard, public)
}

fn public() -> PublicRoutes {
    let public = PublicRoutes::new();
    public.path("/about");
    public.get("/articles/{id}");
    public.post("/hooks");
    public.nested("/shop").path("/offers");
    public.nested("/outer").nested("/inner").path("/deep");
    public.files("/assets");
    public
}

async fn what_is_not_written_down_needs_a_login_and_what_is_does_not(sites: Sites) {
    let site = site(sites, login_required(), &public());
    let mut nobody = site.browser();
    let mut member = site.browser_of("mia").await;
    for (method, path, open, of_member) in [
        (Method::GET, "/about", true, 200),
        (Method::DELETE, "/about", true, 200),
        (Method::GET, "/articles/7", true, 200),
        (Method::HEAD, "/articles/7", true, 200),
        (Method::PUT, "/articles/7", false, 200),
        (Method::GET, "/articles/drafts", false, 200),
        (Method::POST, "/hooks", true, 200),
        (Method::GET, "/hooks", false, 200),
        (Method::GET, "/shop/offers", true, 200),
        (Method::GET, "/shop/prices", false, 200),
        (Method::GET, "/outer/inner/deep", true, 200),
        (Method::GET, "/assets/cat.png", true, 200),
        (Method::POST, "/assets/cat.png", false, 200),
        (Method::GET, "/later", false, 200),
        (Method::GET, "/", false, 200),
        (Method::GET, "/who", false, 200),
        (Method::GET, "/nowhere", false, 404),
        (Method::GET, "/shop/nowhere", false, 404),
        (Method::GET, "/about/", false, 404),
    ] {
        let answer = nobody.send(nobody.request(method.clone(), path, "")).await;
        let expected = if open { 200 } else { 303 };
        assert_eq!(answer.status, expected, "{method} {path}");
        if !open {
            assert!(answer.location().starts_with("/login"), "{method} {path}");
        }
        let answer = member.send(member.request(method.clone(), path, "")).await;
        assert_eq!(answer.status, of_member, "{method} {path} of a member");
    }
}

async fn what_no_route_is_for_is_closed_too(sites: Sites) {
    let site = sites.safe().and(says(ELSEWHERE, "elsewhere"));
    let public = PublicRoutes::new();
    public.path("/nowhere");
    let site = site.closed(login_required(), &public);
    assert_eq!(site.browser().get("/nowhere").await.status, 303);
    let mut member = site.browser_of("mia").await;
    assert_eq!(member.get("/nowhere").await.body, "elsewhere");
}

async fn the_login_page_is_open_with_what_is_posted_to_it_and_leads_back(sites: Sites) {
    let site = site(sites, login_required(), &PublicRoutes::new());
    let mut browser = site.browser();
    let denied = browser.get("/later").await;
    assert_eq!(denied.location(), "/login?next=%2Flater");
    assert_eq!(browser.get(denied.location()).await.body, "/later");
    let answer = browser.post(denied.location(), "name=mia").await;
    assert_eq!((answer.status, answer.location()), (303, "/later"));
    assert_eq!(browser.get("/later").await.status, 200);
    assert_eq!(browser.post("/logout", "").await.body, "bye");
    assert_eq!(browser.post("/logout", "").await.status, 303);
}

async fn another_login_page_of_the_guards_is_open_in_place_of_the_managers(sites: Sites) {
    let guard = login_required().login_view("/sign-in?from=here");
    let site = site(sites, guard, &PublicRoutes::new()).and(says("/sign-in", "who are you?"));
    let mut browser = site.browser();
    let denied = browser.get("/later").await;
    assert!(denied.location().starts_with("/sign-in?"));
    assert_eq!(browser.get(denied.location()).await.body, "who are you?");
    assert_eq!(browser.get("/login").await.status, 303);
}

async fn without_a_login_page_everything_is_401(sites: Sites) {
    let guard = login_required().no_login_view();
    let site = site(sites, guard, &public());
    for (path, status) in [("/later", 401), ("/login", 401), ("/about", 200)] {
        assert_eq!(site.browser().get(path).await.status, status, "{path}");
    }
}

async fn the_refresh_page_is_open_to_users_who_are_not_fresh(sites: Sites) {
    let guard = fresh_login_required().refresh_view("/again");
    let site = site(sites, guard, &public()).and(asks("/again", [LoginRequired]));
    let mut browser = site.browser_of("mia").await;
    site.clock.advance(2 * crate::site::HOUR);
    let denied = browser.get("/later").await;
    assert!(denied.location().starts_with("/again"));
    assert_eq!(browser.get(denied.location()).await.body, "mia");
    assert_eq!(browser.get("/about").await.body, "about");
    // The page itself requires a login.
    assert_eq!(site.browser().get("/again").await.status, 303);
}

async fn what_is_required_besides_holds_where_nothing_is_open(sites: Sites) {
    let guard = login_required().require(|member| member.id == "ben");
    let site = site(sites, guard, &public());
    let mut mia = site.browser_of("mia").await;
    assert_eq!(mia.get("/later").await.status, 403);
    assert_eq!(mia.get("/about").await.status, 200);
    let mut ben = site.browser_of("ben").await;
    assert_eq!(ben.get("/later").await.status, 200);
}

async fn a_guard_or_an_extractor_further_inside_still_denies(sites: Sites) {
    let public = PublicRoutes::new();
    for path in ["/guarded", "/asking", "/telling"] {
        public.path(path);
    }
    let site = sites.safe().with([
        says("/guarded", "inside").behind(login_required()),
        asks("/asking", [LoginRequired]),
        asks("/telling", [CurrentUser]),
    ]);
    let site = site.closed(login_required(), &public);
    let mut nobody = site.browser();
    for (path, status) in [("/guarded", 303), ("/asking", 303), ("/telling", 200)] {
        assert_eq!(nobody.get(path).await.status, status, "{path}");
    }
}

async fn a_preflight_goes_to_what_is_open_and_nowhere_else(sites: Sites) {
    let site = site(sites, login_required(), &public());
    for (path, status) in [("/about", 200), ("/later", 403), ("/articles/7", 403)] {
        let mut request = site.browser().request(Method::OPTIONS, path, "");
        let headers = request.headers_mut();
        headers.insert("origin", "https://other.example".parse().unwrap());
        headers.insert("access-control-request-method", "GET".parse().unwrap());
        assert_eq!(site.send(request).await.status, status, "{path}");
    }
}

async fn what_is_open_looks_at_nobody(sites: Sites) {
    let site = site(sites, login_required(), &public());
    let mut member = site.browser_of("mia").await;
    site.members.lookups();
    let answer = member.get("/about").await;
    assert_eq!(answer.header("vary"), None);
    assert_eq!(answer.header("cache-control"), None);
    assert_eq!(site.members.lookups(), [""; 0]);
}

cases! {
    behaviour_closed:
    what_is_not_written_down_needs_a_login_and_what_is_does_not,
    what_no_route_is_for_is_closed_too,
    the_login_page_is_open_with_what_is_posted_to_it_and_leads_back,
    another_login_page_of_the_guards_is_open_in_place_of_the_managers,
    without_a_login_page_everything_is_401,
    the_refresh_page_is_open_to_users_who_are_not_fresh,
    what_is_required_besides_holds_where_nothing_is_open,
    a_guard_or_an_extractor_further_inside_still_denies,
    a_preflight_goes_to_what_is_open_and_nowhere_else,
    what_is_open_looks_at_nobody,
}
