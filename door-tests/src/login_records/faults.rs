//! A store that fails: no user passes for a stranger, and nothing is reported as done that was not.

use std::time::Duration;

use housekey::{ErrorKind, Event, LoginTimeouts, WhenFull};
use http::Method;

use super::{SESSION, TOKEN};
use crate::answer::Answer;
use crate::browser::Browser;
use crate::peer;
use crate::site::START;
use crate::site::{DAY, HOUR, KEY, Site, Sites};
use crate::store::{Call, Gate};

fn site(sites: Sites) -> Site {
    sites
        .stored_with(|builder| {
            builder
                .login_timeouts(LoginTimeouts::SENSITIVE)
                .max_logins(9, WhenFull::EndOldest)
        })
        .with_login_pages(&Gate::default())
}

async fn ask(browser: &mut Browser, method: &Method, path: &str, body: &str) -> Answer {
    let request = browser.request(method.clone(), path, body);
    browser.send(request).await
}

fn is_not_known(answer: &Answer) -> bool {
    answer.status == 503
        && answer.header("retry-after").as_deref() == Some("5")
        && answer.header("cache-control").as_deref() == Some("no-store")
        && answer.set_cookies().is_empty()
}

/// A visitor to a site whose store fails in one operation.
struct Case {
    name: &'static str,
    failing: Call,
    /// The page that they were on while it still worked.
    before: fn(&mut Browser, &Site),
    request: (Method, &'static str, &'static str),
}

const fn case(
    name: &'static str,
    failing: Call,
    before: fn(&mut Browser, &Site),
    request: (Method, &'static str, &'static str),
) -> Case {
    Case {
        name,
        failing,
        before,
        request,
    }
}

fn nothing(_: &mut Browser, _: &Site) {}

fn restarted(browser: &mut Browser, _: &Site) {
    browser.restart();
}

const CASES: [Case; 20] = [
    case("who", Call::Load, nothing, (Method::GET, "/who", "")),
    case(
        "members only",
        Call::Load,
        nothing,
        (Method::GET, "/members", ""),
    ),
    case(
        "fresh only",
        Call::Load,
        nothing,
        (Method::GET, "/fresh", ""),
    ),
    case("optional", Call::Load, restarted, (Method::GET, "/who", "")),
    case(
        "it is to be noted that the login was used",
        Call::Touch,
        |_, site| site.clock.advance(HOUR / 10),
        (Method::GET, "/who", ""),
    ),
    case(
        "a token is used",
        Call::Update,
        restarted,
        (Method::GET, "/who", ""),
    ),
    case(
        "the user is gone",
        Call::Delete,
        |_, site| site.members.change("mia", |member| member.active = false),
        (Method::GET, "/who", ""),
    ),
    case(
        "the user of a token is gone",
        Call::Delete,
        |browser, site| {
            browser.restart();
            site.members.change("mia", |member| member.active = false);
        },
        (Method::GET, "/who", ""),
    ),
    case(
        "logging in again, looking",
        Call::Load,
        nothing,
        (Method::POST, "/login", "name=mia"),
    ),
    case(
        "logging in again",
        Call::Create,
        nothing,
        (Method::POST, "/login", "name=mia"),
    ),
    case(
        "logging in as another",
        Call::Create,
        nothing,
        (Method::POST, "/login", "name=ben"),
    ),
    case(
        "logging out, looking",
        Call::Load,
        nothing,
        (Method::POST, "/logout", ""),
    ),
    case(
        "logging out",
        Call::Delete,
        nothing,
        (Method::POST, "/logout", ""),
    ),
    case(
        "logging out what is remembered",
        Call::Delete,
        restarted,
        (Method::POST, "/logout", ""),
    ),
    case(
        "a proof, looking",
        Call::Load,
        nothing,
        (Method::POST, "/confirm", ""),
    ),
    case(
        "a proof",
        Call::Update,
        nothing,
        (Method::POST, "/confirm", ""),
    ),
    case(
        "a new password",
        Call::Update,
        nothing,
        (Method::POST, "/new-password", "stamp of mia"),
    ),
    case(
        "the list",
        Call::ListByUser,
        nothing,
        (Method::GET, "/logins", ""),
    ),
    case(
        "ending the others",
        Call::DeleteByUser,
        nothing,
        (Method::POST, "/logins/end-others", ""),
    ),
    case(
        "ending one",
        Call::Load,
        nothing,
        (Method::POST, "/logins/AAECAwQFBgcICQoLDA0ODw/end", ""),
    ),
];

async fn a_store_that_fails_is_a_503_and_everything_is_as_it_was(sites: Sites) {
    for Case {
        name,
        failing,
        before,
        request: (method, path, body),
    } in &CASES
    {
        let site = site(sites);
        let mut browser = site.remembered_browser_of("mia").await;
        before(&mut browser, &site);
        let (jar, records) = (browser.jar.clone(), site.store.of("mia").await);
        site.store.fail(&[*failing]);
        for _ in 0..2 {
            let answer = ask(&mut browser, method, path, body).await;
            assert!(is_not_known(&answer), "{name}: {answer:?}");
        }
        assert!(
            site.store.calls().contains(failing),
            "{name} does not ask for that"
        );
        assert_eq!(browser.jar, jar, "{name}");
        assert_eq!(site.store.of("mia").await, records, "{name}");
        assert_eq!(site.store.len(), 1, "{name}");

        site.store.come_back();
        site.members.change("mia", |member| member.active = true);
        assert!(browser.who().await.starts_with("mia"), "{name}");
        let answer = ask(&mut browser, method, path, body).await;
        assert!(answer.status < 400, "{name}: {answer:?}");
    }
}

/// It stays invalid even if the store still accepts the token.
async fn a_session_that_is_over_goes_while_the_token_that_could_not_be_used_stays(sites: Sites) {
    let site = site(sites);
    let mut browser = site.remembered_browser_of("mia").await;
    site.clock.advance(HOUR);
    site.store.fail(&[Call::Update]);
    assert_eq!(browser.get("/members").await.status, 503);
    assert_eq!(browser.jar.names(), [TOKEN]);
    site.store.come_back();
    assert_eq!(browser.who().await, "mia, remembered, by RememberToken");
}

async fn a_failure_is_an_event_and_not_the_end_of_a_login(sites: Sites) {
    let site = site(sites);
    let mut browser = site.browser_of("mia").await;
    site.store.go_away();
    site.events.take();
    browser.who().await;
    assert_eq!(site.events.take(), [Event::Accessed, Event::LoadFailed]);
}

async fn a_stranger_cannot_log_in_while_the_store_is_away_and_is_told_so(sites: Sites) {
    let site = site(sites);
    let mut browser = site.browser();
    site.store.go_away();
    let answer = browser.post("/login", "name=mia&remember=true").await;
    assert!(is_not_known(&answer), "{answer:?}");
    assert_eq!(browser.jar.names(), [""; 0]);
    site.store.come_back();
    assert_eq!(browser.who().await, "nobody");
    assert_eq!(site.store.len(), 0);
}

async fn pages_that_ask_nobody_go_on_and_so_do_visitors_without_a_login(sites: Sites) {
    let site = site(sites);
    let mut browser = site.remembered_browser_of("mia").await;
    site.store.go_away();
    assert_eq!(browser.get("/").await.status, 200);
    assert_eq!(browser.get("/login").await.status, 200);
    assert_eq!(browser.post("/session/cart", "a book").await.status, 200);
    assert_eq!(browser.read("/session/cart").await, r#""a book""#);
    assert_eq!(browser.get("/who").await.status, 503);

    let mut stranger = site.browser();
    assert_eq!(stranger.who().await, "nobody");
    assert_eq!(stranger.post("/logout", "").await.status, 200);
    let answer = stranger
        .get_with("/who", &[("x-api-key", "key-of-mia")])
        .await;
    assert_eq!(answer.body, "mia, by Request");
    site.store.come_back();
    assert_eq!(browser.who().await, "mia, fresh, remembered, by Session");
}

async fn nothing_is_remembered_of_a_failure(sites: Sites) {
    let site = site(sites);
    let mut browser = site.browser_of("mia").await;
    for _ in 0..3 {
        site.store.go_away();
        assert_eq!(browser.get("/members").await.status, 503);
        site.store.come_back();
        assert_eq!(browser.read("/members").await, "hello mia");
    }
}

/// The users' database is down, and the login database is not.
async fn a_token_is_not_used_up_while_nobody_knows_its_user(sites: Sites) {
    let site = site(sites);
    let mut browser = site.remembered_browser_of("mia").await;
    browser.restart();
    site.members.go_away();
    site.store.calls();
    let answer = browser.get("/who").await;
    assert!(is_not_known(&answer), "{answer:?}");
    assert_eq!(site.store.calls(), [Call::Load]);
    site.members.come_back();
    site.clock.advance(DAY);
    assert_eq!(browser.who().await, "mia, remembered, by RememberToken");
}

async fn the_manager_passes_a_failure_on(sites: Sites) {
    let site = site(sites);
    let manager = site.manager();
    site.browser_of("mia").await;
    let id = site.store.only("mia").await.id;
    site.store.go_away();
    for result in [
        manager.logins_of("mia").await.map(|_| ()),
        manager.end_login(&id).await.map(|_| ()),
        manager.end_logins_of("mia").await.map(|_| ()),
        manager.delete_expired_logins().await.map(|_| ()),
    ] {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StoreFailed);
        assert!(error.is_temporary());
    }
    assert_eq!(site.store.len(), 1);
}

/// The password was changed before; this browser has the new secret, and the auth hash has logged the others out.
async fn a_new_password_whose_other_logins_could_not_be_deleted_ends_them_all_the_same(
    sites: Sites,
) {
    let site = site(sites);
    let mut other = site.remembered_browser_of("mia").await;
    let mut browser = site.browser_of("mia").await;
    site.store.fail(&[Call::DeleteByUser]);
    assert_eq!(
        browser.post("/new-password", "another stamp").await.status,
        503
    );
    site.store.come_back();
    assert_eq!(browser.who().await, "mia, fresh, by Session");
    assert_eq!(other.clone().who().await, "nobody");
    other.restart();
    assert_eq!(other.who().await, "nobody");
}

async fn a_login_whose_answer_was_lost_does_not_belong_to_this_browser(sites: Sites) {
    let site = site(sites);
    let mut browser = site.browser_of("ben").await;
    site.store.lose(&[Call::Create]);
    let answer = browser.post("/login", "name=mia").await;
    assert!(is_not_known(&answer), "{answer:?}");
    site.store.come_back();
    // The login to be replaced is gone, as far as is known; nobody is logged in as mia.
    assert_eq!(browser.who().await, "nobody");
    browser.log_in("mia").await;
    assert_eq!(browser.who().await, "mia, fresh, by Session");
}

async fn a_logout_whose_answer_was_lost_can_be_repeated(sites: Sites) {
    let site = site(sites);
    let mut browser = site.remembered_browser_of("mia").await;
    let copy = browser.jar.clone();
    site.store.lose(&[Call::Delete]);
    assert!(is_not_known(&browser.post("/logout", "").await));
    site.store.come_back();
    assert_eq!(site.who_with(&copy).await, "nobody", "it was done");
    assert_eq!(browser.post("/logout", "").await.status, 200);
    assert_eq!(browser.jar.names(), [""; 0]);
}

async fn a_token_whose_use_was_kept_and_whose_answer_was_lost_is_used_again_within_the_minute(
    sites: Sites,
) {
    let site = site(sites);
    let mut browser = site.remembered_browser_of("mia").await;
    browser.restart();
    site.store.lose(&[Call::Update]);
    assert!(is_not_known(&browser.get("/who").await));
    site.store.come_back();
    site.clock.advance(Duration::from_secs(60));
    assert_eq!(browser.who().await, "mia, remembered, by RememberToken");
    assert_eq!(site.store.len(), 1);
}

async fn a_proof_whose_answer_was_lost_gives_the_secret_to_nobody_and_the_old_one_reads_on_for_a_while(
    sites: Sites,
) {
    let site = site(sites);
    let mut browser = site.browser_of("mia").await;
    let before = browser.jar.clone();
    site.store.lose(&[Call::Update]);
    assert!(is_not_known(&browser.post("/confirm", "").await));
    site.store.come_back();
    assert_eq!(browser.jar, before);
    assert_eq!(browser.who().await, "mia, fresh, by Session");
    browser.log_in("mia").await;
    assert_eq!(site.logins("mia").await, 1);
}

async fn a_peers_session_that_cannot_get_a_record_is_not_lost(sites: Sites) {
    for failing in [Call::Create, Call::Load] {
        let site = sites.stored_flask_with(|builder| builder.session_protection("off"));
        let mut browser = site.browser();
        let json = r#"{"_fresh":true,"_user_id":"mia"}"#;
        browser.jar.put("session", &peer::session(KEY, json, START));
        browser.jar.put(
            "remember_token",
            &peer::remember_token(KEY.as_bytes(), "mia"),
        );
        if failing == Call::Load {
            browser.who().await;
        }
        let jar = browser.jar.clone();
        site.store.fail(&[failing]);
        assert!(is_not_known(&browser.get("/who").await), "{failing:?}");
        assert_eq!(browser.jar, jar);
        site.store.come_back();
        assert!(browser.who().await.starts_with("mia"));
        assert_eq!(site.logins("mia").await, 1);
        // An ended login does not begin again, however it got its record.
        let mut copy = site.browser();
        copy.jar.put("session", jar.value("session").unwrap());
        site.manager().end_logins_of("mia").await.unwrap();
        assert_eq!(copy.who().await, "nobody");
    }
}

async fn a_theft_is_answered_once_the_store_can_end_the_login(sites: Sites) {
    let site = site(sites);
    let mut owner = site.remembered_browser_of("mia").await;
    owner.restart();
    let mut thief = owner.clone();
    owner.who().await;
    owner.who().await;
    site.clock.advance(Duration::from_secs(121));
    site.store.fail(&[Call::Delete]);
    site.events.take();
    assert!(is_not_known(&thief.get("/who").await));
    assert_eq!(site.events.take(), [Event::Accessed, Event::LoadFailed]);
    site.store.come_back();
    assert_eq!(thief.who().await, "nobody");
    assert_eq!(owner.who().await, "nobody");
    for name in [SESSION, TOKEN] {
        assert_eq!(thief.jar.value(name), None);
    }
}

cases! {
    login_records_faults:
    a_store_that_fails_is_a_503_and_everything_is_as_it_was,
    a_session_that_is_over_goes_while_the_token_that_could_not_be_used_stays,
    a_failure_is_an_event_and_not_the_end_of_a_login,
    a_stranger_cannot_log_in_while_the_store_is_away_and_is_told_so,
    pages_that_ask_nobody_go_on_and_so_do_visitors_without_a_login,
    nothing_is_remembered_of_a_failure,
    a_token_is_not_used_up_while_nobody_knows_its_user,
    the_manager_passes_a_failure_on,
    a_new_password_whose_other_logins_could_not_be_deleted_ends_them_all_the_same,
    a_login_whose_answer_was_lost_does_not_belong_to_this_browser,
    a_logout_whose_answer_was_lost_can_be_repeated,
    a_token_whose_use_was_kept_and_whose_answer_was_lost_is_used_again_within_the_minute,
    a_proof_whose_answer_was_lost_gives_the_secret_to_nobody_and_the_old_one_reads_on_for_a_while,
    a_peers_session_that_cannot_get_a_record_is_not_lost,
    a_theft_is_answered_once_the_store_can_end_the_login,
}
