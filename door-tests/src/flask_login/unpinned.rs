//! What Flask-Login and Flask do without a test in Flask-Login, where no other module here covers it.

use std::sync::{Arc, Mutex};

use housekey::{Error, Event, Login};
use http::{Method, header};

use super::{KEY_OF_MIA, protected, session_of};
use crate::peer;
use crate::people::Member;
use crate::plan::Extractor::LoginRequired;
use crate::plan::{Given, acts, asks};
use crate::site::START;
use crate::site::{Builder, DAY, KEY, Site, Sites};

const ADDRESS: &str = "127.0.0.1";

/// A site that knows its visitors' addresses, with members who have no auth hash: what it writes is Flask-Login's alone.
fn site(sites: Sites) -> Site {
    site_with(sites, |builder| builder)
}

fn site_with(sites: Sites, set: fn(Builder) -> Builder) -> Site {
    let site = sites.flask_with(|builder| set(builder.client_address(|_| ADDRESS.parse().ok())));
    site.members.change("mia", |member| member.stamp = None);
    site
}

fn token_of_mia() -> String {
    peer::remember_token(KEY.as_bytes(), "mia")
}

async fn a_session_that_a_token_restores_is_stale_and_made_for_this_browser(sites: Sites) {
    let mut browser = site(sites).browser();
    browser.jar.put("remember_token", &token_of_mia());
    browser.who().await;
    let identifier = peer::identifier_06(ADDRESS, "Firefox/1");
    assert_eq!(
        session_of(&browser),
        format!(r#"{{"_fresh":false,"_id":"{identifier}","_user_id":"mia"}}"#)
    );
}

async fn a_login_keeps_what_an_anonymous_visitor_had_and_nothing_that_another_user_had(
    sites: Sites,
) {
    let mut browser = site(sites).browser();
    browser.post("/session/cart", "3 apples").await;
    browser.log_in("mia").await;
    assert_eq!(browser.read("/session/cart").await, "\"3 apples\"");
    browser.log_in("mia").await;
    assert_eq!(browser.read("/session/cart").await, "\"3 apples\"");
    browser.log_in("ben").await;
    assert_eq!(browser.read("/session/cart").await, "nothing");
}

async fn a_logout_leaves_nothing_in_the_session(sites: Sites) {
    let mut browser = site(sites).browser();
    browser.post("/login", "name=mia&remember_for=3600").await;
    browser.post("/session/diary", "dear diary").await;
    browser.post("/flash", "for mia").await;
    browser.post("/logout", "").await;
    assert_eq!(browser.jar.names(), [""; 0]);
}

async fn clearing_the_session_after_a_logout_keeps_no_token(sites: Sites) {
    let log_out = async |given: Given| -> Result<(), Error> {
        given.login.logout_user().await?;
        given.session.clear()
    };
    let site = site(sites).and(acts("/log-out-and-clear", log_out));
    let mut browser = site.remembered_browser_of("mia").await;
    browser.post("/log-out-and-clear", "").await;
    assert_eq!(browser.jar.names(), [""; 0]);
    assert_eq!(browser.who().await, "nobody");
}

/// The price of Flask's format. The safe preset's tokens end, and with an auth hash every copy does.
async fn copies_outlive_the_logout_a_session_for_its_lifetime_and_a_token_for_ever(sites: Sites) {
    let site = site(sites);
    let mut browser = site.remembered_browser_of("mia").await;
    let copy = browser.jar.clone();
    browser.post("/logout", "").await;

    let replayed = async |name: &str| {
        let mut thief = site.browser();
        thief.jar.put(name, copy.value(name).unwrap());
        thief.who().await
    };
    site.clock.advance(31 * DAY);
    assert_eq!(replayed("session").await, "mia, fresh, by Session");
    site.clock.advance(10 * 365 * DAY);
    assert_eq!(replayed("session").await, "nobody");
    assert_eq!(
        replayed("remember_token").await,
        "mia, remembered, by RememberToken"
    );
}

async fn a_digest_in_capital_letters_does_not_count(sites: Sites) {
    let token = token_of_mia();
    let (id, digest) = token.split_once('|').unwrap();
    let mut browser = site(sites).browser();
    for (digest, expected) in [
        (digest.to_ascii_uppercase(), "nobody"),
        (digest.to_owned(), "mia, remembered, by RememberToken"),
    ] {
        browser.jar.put("remember_token", &format!("{id}|{digest}"));
        assert_eq!(browser.who().await, expected);
    }
}

async fn the_cookies_are_flasks_to_the_byte_and_the_token_goes_first(sites: Sites) {
    let site = site(sites);
    let mut browser = site.browser();
    let token = token_of_mia();
    let identifier = peer::identifier_06(ADDRESS, "Firefox/1");
    let login =
        format!(r#""_fresh":true,"_fresh_at":{START},"_id":"{identifier}","_user_id":"mia"}}"#);
    let session = |json: &str| peer::session(KEY, json, START);

    let answer = browser.log_in_remembered("mia").await;
    let value = session(&format!("{{{login}"));
    assert_eq!(
        answer.set_cookies(),
        [
            format!(
                "remember_token={token}; Expires=Wed, 13 Nov 2024 22:13:20 GMT; HttpOnly; Path=/"
            ),
            format!("session={value}; HttpOnly; Path=/"),
        ]
    );
    let answer = browser.post("/permanent", "").await;
    let value = session(&format!(
        r#"{{"_fresh":true,"_fresh_at":{START},"_id":"{identifier}","_permanent":true,"_user_id":"mia"}}"#
    ));
    assert_eq!(
        answer.set_cookies(),
        [format!(
            "session={value}; Expires=Fri, 15 Dec 2023 22:13:20 GMT; HttpOnly; Path=/"
        )]
    );
    let answer = browser.post("/logout", "").await;
    let deletion = "Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; HttpOnly; Path=/";
    assert_eq!(
        answer.set_cookies(),
        [
            // Only housekey deletes what an earlier SESSION_COOKIE_DOMAIN may have left.
            "remember_token=; Max-Age=0; Path=/; Domain=site.example".to_owned(),
            format!("remember_token=; {deletion}"),
            "session=; Max-Age=0; Path=/; Domain=site.example".to_owned(),
            format!("session=; {deletion}"),
        ]
    );
}

async fn vary_names_what_was_looked_at(sites: Sites) {
    let site = site(sites);
    let mut browser = site.browser_of("mia").await;
    for (path, expected) in [
        ("/", None),
        ("/no/such/page", None),
        ("/session/k", Some("Cookie")),
        ("/who", Some("Cookie")),
    ] {
        assert_eq!(browser.get(path).await.header("vary").as_deref(), expected);
    }
    // A visitor without a session may have a key.
    let mut nobody = site.browser();
    for headers in [&[][..], &KEY_OF_MIA] {
        let answer = nobody.get_with("/who", headers).await;
        assert_eq!(
            answer.header("vary").as_deref(),
            Some("Cookie, Authorization")
        );
    }
}

/// Computed with Flask-Login 0.6.3.
async fn the_identifier_is_flask_logins(sites: Sites) {
    for (address, user_agent, expected) in [
        (
            "127.0.0.1",
            Some("curl/8.0"),
            "eac370e1c22deba1b8cc2d3d359a5b7c8d626a9717282cdc8e132391d9799c1d9b5ed98c275c38b76d8ba4931d280079fc43cd48b0768366e344c2025e804bf4",
        ),
        (
            "127.0.0.1",
            None,
            "656d8f867997c2a40397700861e67a333b935d82576d85577e2da5109fbf90ba7d035f50908ba54969f8b60c156c4a762615d025942cb19ae24d329b88d388db",
        ),
        (
            "::1",
            Some("it's \"q\" \\ \t"),
            "5053532fac7397f2a018242502f7cae4e3920ec63ae87ad7b2dc40eb9b74e74b3848e9a7f2cf0daaf839b705a371744b52edcc223207710956ab549ee0b6976f",
        ),
        (
            "",
            Some("curl/8.0"),
            "1770fa345cf5e73e7fda237adffe27bab2ff5c0bae94185591b6da0fe0532b5d877ffb2df050b3d3e282d3e87de9177d614da8017b5c57e770ef723891dee6d2",
        ),
    ] {
        let site = sites.flask_with(|builder| builder.client_address(|_| address.parse().ok()));
        let mut browser = site.browser();
        let mut request = browser.request(Method::POST, "/login", "name=mia");
        let headers = request.headers_mut();
        headers.remove(header::USER_AGENT);
        if let Some(user_agent) = user_agent {
            headers.insert(header::USER_AGENT, user_agent.parse().unwrap());
        }
        browser.send(request).await;
        let session = session_of(&browser);
        assert!(
            session.contains(&format!(r#""_id":"{expected}""#)),
            "{address} and {user_agent:?}: {session}"
        );
    }
}

async fn protection_says_once_that_a_session_came_from_elsewhere(sites: Sites) {
    let site = site(sites);
    let mut browser = site.browser_of("mia").await;
    browser.user_agent = Some("different".to_owned());
    site.events.take();
    browser.who().await;
    assert_eq!(site.events.take(), [Event::Accessed, protected(false)]);
    browser.who().await;
    assert_eq!(site.events.take(), [Event::Accessed]);
}

async fn the_way_back_has_the_prefix_of_a_nested_router_and_the_login_page_has_not(sites: Sites) {
    let sub = asks("/p", [LoginRequired]).below("/sub");
    let answer = site(sites).and(sub).browser().get("/sub/p?x=1").await;
    assert_eq!(answer.location(), "/login?next=%2Fsub%2Fp%3Fx%3D1");
}

async fn a_user_who_is_no_longer_active_is_out_at_the_next_request(sites: Sites) {
    let site = site(sites);
    let mut browser = site.remembered_browser_of("mia").await;
    assert_eq!(browser.get("/members").await.status, 200);
    site.members.change("mia", |member| member.active = false);
    assert_eq!(browser.get("/members").await.status, 302);
    site.members.change("mia", |member| member.active = true);
    assert_eq!(browser.get("/members").await.status, 302, "for good");
}

/// `user_accessed` and `user_loaded_from_…`, whose handlers may not use `current_user` in Flask-Login.
async fn a_hook_may_look_at_the_login_while_the_user_is_being_loaded(sites: Sites) {
    let login: Arc<Mutex<Option<Login<Member>>>> = Arc::default();
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let (in_hook, in_route, log) = (Arc::clone(&login), login, Arc::clone(&seen));
    let site = sites.flask_with(|builder| {
        builder.on_event(move |event, _| {
            if let Some(login) = in_hook.lock().unwrap().as_ref() {
                let line = format!("{event:?} of {:?}", login.user_id());
                log.lock().unwrap().push(line);
            }
        })
    });
    let page = async move |given: Given| -> Result<String, Error> {
        *in_route.lock().unwrap() = Some(given.login.clone());
        Ok(given.who().await?.to_string())
    };
    let site = site.and(acts("/page", page));
    let mut remembered = site.remembered_browser_of("mia").await;
    remembered.restart();
    remembered.get("/page").await;
    let answer = site.browser().get_with("/page", &KEY_OF_MIA).await;
    assert_eq!(answer.body, "mia, by Request");
    assert_eq!(
        *seen.lock().unwrap(),
        [
            "Accessed of None",
            r#"LoadedFromCookie { user_id: "mia" } of Some("mia")"#,
            "Accessed of None",
            r#"LoadedFromRequest { user_id: "mia" } of None"#,
        ]
    );
}

cases! {
    flask_login_unpinned:
    a_session_that_a_token_restores_is_stale_and_made_for_this_browser,
    a_login_keeps_what_an_anonymous_visitor_had_and_nothing_that_another_user_had,
    a_logout_leaves_nothing_in_the_session,
    clearing_the_session_after_a_logout_keeps_no_token,
    copies_outlive_the_logout_a_session_for_its_lifetime_and_a_token_for_ever,
    a_digest_in_capital_letters_does_not_count,
    the_cookies_are_flasks_to_the_byte_and_the_token_goes_first,
    vary_names_what_was_looked_at,
    the_identifier_is_flask_logins,
    protection_says_once_that_a_session_came_from_elsewhere,
    the_way_back_has_the_prefix_of_a_nested_router_and_the_login_page_has_not,
    a_user_who_is_no_longer_active_is_out_at_the_next_request,
    a_hook_may_look_at_the_login_while_the_user_is_being_loaded,
}
