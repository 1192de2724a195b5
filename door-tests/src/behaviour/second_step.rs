//! A login in two steps: after the first step alone, the visitor is still anonymous.

use std::time::Duration;

use housekey::testing::Jar;
use housekey::{Event, PendingRefusal};

use crate::answer::Answer;
use crate::browser::Browser;
use crate::door::Local;
use crate::peer;
use crate::plan::Extractor::{CurrentUser, PendingLogin};
use crate::plan::{Given, acts, asks, pending_login_required, says};
use crate::site::{HOUR, KEY, START, Site, Sites, all};

const MINUTE: Duration = Duration::from_secs(60);
const HALF: u16 = 200;
const DENIED: u16 = 303;

impl Site {
    /// The same site with a login in two steps. `/begin` takes a name, and further options as a query.
    fn in_two_steps(self) -> Self {
        let (members, others) = (self.members.clone(), self.members.clone());
        let begin = async move |given: Given| {
            let words: Vec<_> = given.body.split('&').collect();
            let member = members.find(words[0]).unwrap();
            let next = words.iter().find_map(|word| word.strip_prefix("next="));
            let begin = given.login.begin(&member).next(next);
            match words.get(1) {
                Some(&"remember") => begin.remember(true).await,
                Some(&"brief") => begin.expires_in(MINUTE).await,
                Some(&"endless") => begin.expires_in(2 * HOUR).await,
                _ => begin.await,
            }
        };
        let begin_to_confirm = async move |given: Given| {
            let member = others.find(&given.body).unwrap();
            given.login.begin_confirmation(&member).await
        };
        let finish = async |given: Given| {
            let user = given.login.finish().await?;
            Ok::<_, housekey::Error>(user.id.clone())
        };
        let again = async |given: Given| {
            given.login.finish().await?;
            given.login.finish().await.map(drop)
        };
        let second = says("/second", "a code, please").behind(pending_login_required());
        self.with([
            acts("/begin", begin),
            acts("/begin-to-confirm", begin_to_confirm),
            acts("/finish", finish),
            acts("/finish-twice", again),
            acts("/cancel", async |given: Given| given.login.cancel().await),
            asks("/pending", [PendingLogin]),
            asks("/both", [CurrentUser, PendingLogin]),
            second,
        ])
    }

    /// A new visitor who has taken the first step.
    async fn half(&self, form: &str) -> Browser {
        let mut browser = self.browser();
        assert_eq!(browser.post("/begin", form).await.status, 200);
        browser
    }

    /// Why pending logins were refused since the last call.
    fn refusals(&self) -> Vec<PendingRefusal> {
        let events = self.events.take().into_iter();
        let reason = |event| match event {
            Event::PendingLoginRefused { reason, .. } => Some(reason),
            _ => None,
        };
        events.filter_map(reason).collect()
    }
}

fn with_and_without_records(sites: Sites) -> [Site; 4] {
    [
        sites.safe(),
        sites.stored(),
        sites.flask(),
        sites.stored_flask(),
    ]
    .map(Site::in_two_steps)
}

/// A refusal by `/finish`, and the reason.
async fn refused(site: &Site, browser: &mut Browser) -> Option<PendingRefusal> {
    site.events.take();
    let answer = browser.post("/finish", "").await;
    assert_eq!(answer.status, 401, "{answer:?}");
    assert_eq!(browser.who().await.split(',').next(), Some("nobody"));
    site.refusals().first().copied()
}

async fn a_user_who_has_taken_one_step_is_nobody_until_the_second(sites: Sites) {
    for site in with_and_without_records(sites) {
        let mut browser = site.half("mia").await;
        assert_eq!(browser.who().await, "nobody");
        for (path, denied) in [("/members", true), ("/fresh", true), ("/second", false)] {
            let is_denied = browser.get(path).await.status != HALF;
            assert_eq!(is_denied, denied, "{path}");
        }
        assert_eq!(browser.read("/both").await, "nobody; mia");
        assert_eq!(site.logins_if_any("mia").await, 0);

        assert_eq!(browser.post("/finish", "").await.body, "mia");
        assert_eq!(browser.who().await, "mia, fresh, by Session");
        assert_eq!(browser.get("/fresh").await.status, 200);
        assert_ne!(browser.get("/second").await.status, HALF);
    }
}

impl Site {
    /// How many logins this user has, if that is known.
    async fn logins_if_any(&self, user_id: &str) -> usize {
        let logins = self.manager().logins_of(user_id).await;
        logins.map_or(0, |logins| logins.len())
    }
}

async fn a_second_step_without_a_first_is_denied_and_leads_to_the_login_page_and_not_back(
    sites: Sites,
) {
    let site = sites.safe().in_two_steps();
    for path in ["/second", "/pending"] {
        let answer = site.browser().get(path).await;
        assert_eq!((answer.status, answer.location()), (DENIED, "/login"));
        let mut member = site.browser_of("mia").await;
        assert_eq!(member.get(path).await.location(), "/login");
    }
    let program = [("accept", "application/json")];
    let answer = site.browser().get_with("/second", &program).await;
    assert_eq!(answer.status, 401);
    assert!(answer.body.contains("login-not-begun"), "{answer:?}");
    assert_eq!(site.browser().post("/finish", "").await.status, 401);
}

async fn what_has_begun_is_finished_once_where_there_is_a_store(sites: Sites) {
    for site in [sites.stored(), sites.stored_flask()].map(Site::in_two_steps) {
        let mut browser = site.half("mia").await;
        let mut copy = browser.clone();
        assert_eq!(browser.post("/finish", "").await.status, 200);
        assert_ne!(copy.clone().get("/second").await.status, HALF);
        assert_eq!(refused(&site, &mut copy).await, Some(PendingRefusal::Used));
        assert_eq!(site.logins("mia").await, 1);
        assert_eq!(browser.who().await, "mia, fresh, by Session");
    }
}

async fn without_a_store_a_copy_can_be_finished_too_until_it_expires(sites: Sites) {
    let site = sites.safe().in_two_steps();
    let mut browser = site.half("mia").await;
    let mut copy = browser.clone();
    browser.post("/finish", "").await;
    assert_eq!(copy.clone().post("/finish", "").await.status, 200);
    site.clock.advance(10 * MINUTE);
    assert_eq!(
        refused(&site, &mut copy).await,
        Some(PendingRefusal::Expired)
    );
}

async fn one_request_finishes_it_once(sites: Sites) {
    for site in with_and_without_records(sites) {
        let mut browser = site.half("mia").await;
        assert_eq!(browser.post("/finish-twice", "").await.status, 401);
        assert_eq!(browser.who().await, "mia, fresh, by Session");
    }
}

async fn only_one_of_many_simultaneous_requests_finishes_it(sites: Sites) {
    let site = sites.stored().in_two_steps();
    let browser = site.half("mia").await;
    let attempts = (0..8).map(|_| -> Local<Answer> {
        let mut copy = browser.clone();
        Box::pin(async move { copy.post("/finish", "").await })
    });
    let answers = all(attempts).await;
    let mut statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401, 401, 401, 401, 401, 401, 401]);
    assert_eq!(site.logins("mia").await, 1);
}

async fn it_expires_in_minutes(sites: Sites) {
    for site in with_and_without_records(sites) {
        for (form, seconds) in [("mia", 600), ("mia&brief", 60)] {
            let mut browser = site.half(form).await;
            site.clock.advance(Duration::from_secs(seconds - 1));
            assert_eq!(browser.clone().get("/second").await.status, HALF);
            site.clock.advance(Duration::from_secs(1));
            assert_eq!(
                refused(&site, &mut browser).await,
                Some(PendingRefusal::Expired)
            );
            assert!(site.refusals().is_empty(), "it is told once");
        }
        assert_eq!(
            site.browser().post("/begin", "mia&endless").await.status,
            500
        );
    }
}

async fn it_is_bound_to_the_browser_as_session_protection_is(sites: Sites) {
    for (mode, refusal) in [
        ("basic", Some(PendingRefusal::AnotherBrowser)),
        ("strong", Some(PendingRefusal::AnotherBrowser)),
        ("off", None),
    ] {
        let site = sites.stored_with(|builder| match mode {
            "off" => builder.session_protection(housekey::SessionProtection::Off),
            mode => builder.session_protection(mode),
        });
        let site = site.in_two_steps();
        let mut thief = site.half("mia").await;
        thief.user_agent = Some("another browser".to_owned());
        match refusal {
            Some(reason) => assert_eq!(refused(&site, &mut thief).await, Some(reason), "{mode}"),
            None => assert_eq!(thief.post("/finish", "").await.status, 200),
        }
    }
}

async fn it_ends_with_the_user_and_with_their_auth_hash(sites: Sites) {
    let reasons = [
        PendingRefusal::UserGone,
        PendingRefusal::UserInactive,
        PendingRefusal::AuthHashChanged,
        PendingRefusal::AuthHashChanged,
    ];
    for (end, reason) in crate::site::ENDS_OF_MIA.into_iter().zip(reasons) {
        for site in with_and_without_records(sites) {
            let mut browser = site.half("mia").await;
            end(&site);
            assert_eq!(refused(&site, &mut browser).await, Some(reason));
        }
    }
}

async fn a_loader_that_fails_refuses_and_forgets_nothing(sites: Sites) {
    for site in with_and_without_records(sites) {
        let mut browser = site.half("mia").await;
        site.members.go_away();
        for path in ["/second", "/pending", "/finish"] {
            assert_eq!(browser.post(path, "").await.status, 503, "{path}");
        }
        site.members.come_back();
        assert_eq!(browser.post("/finish", "").await.status, 200);
    }
}

async fn a_login_that_begins_ends_the_one_that_was_there(sites: Sites) {
    for site in with_and_without_records(sites) {
        for id in ["mia", "ben"] {
            let mut browser = site.remembered_browser_of("ben").await;
            browser.post("/session/secret", "of ben").await;
            browser.post("/begin", id).await;
            assert_eq!(browser.who().await, "nobody");
            assert_eq!(browser.read("/session/secret").await, "nothing");
            browser.post("/finish", "").await;
            assert_eq!(browser.who().await, format!("{id}, fresh, by Session"));
            assert_eq!(
                site.logins_if_any("ben").await,
                usize::from(id == "ben" && site.keeps_records)
            );
            browser.post("/logout", "").await;
        }
    }
}

async fn another_user_who_logs_in_meanwhile_ends_what_was_begun(sites: Sites) {
    for site in with_and_without_records(sites) {
        let mut browser = site.half("mia").await;
        browser.log_in("ben").await;
        assert_eq!(browser.post("/finish", "").await.status, 401);
        assert_eq!(browser.who().await, "ben, fresh, by Session");
    }
}

async fn a_peer_that_logs_somebody_in_over_it_leaves_nothing_to_finish(sites: Sites) {
    let site = sites.flask().in_two_steps();
    let mut browser = site.half("mia").await;
    let cookie = browser.jar.value("session").unwrap().to_owned();
    let begun = peer::read_session(KEY, &cookie).unwrap();
    let both = begun.replacen('{', r#"{"_user_id":"ben","_fresh":true,"#, 1);
    browser
        .jar
        .put("session", &peer::session(KEY, &both, START));
    site.events.take();
    assert_eq!(browser.post("/finish", "").await.status, 401);
    assert_eq!(site.refusals(), [PendingRefusal::AnotherLogin]);
    assert!(browser.who().await.starts_with("ben"));
}

async fn a_logout_or_a_cancellation_ends_what_has_begun(sites: Sites) {
    for site in with_and_without_records(sites) {
        for path in ["/logout", "/cancel"] {
            let mut browser = site.half("mia").await;
            let mut copy = browser.clone();
            assert_eq!(browser.post(path, "").await.status, 200);
            assert_ne!(browser.get("/second").await.status, HALF);
            assert_eq!(browser.post("/finish", "").await.status, 401);
            if site.keeps_records {
                assert_eq!(refused(&site, &mut copy).await, Some(PendingRefusal::Used));
            }
            assert_eq!(browser.post("/cancel", "").await.status, 200);
        }
        // The rest of the session stays when a login is only cancelled.
        let mut browser = site.browser();
        browser.post("/session/cart", "milk").await;
        browser.post("/begin", "mia").await;
        browser.post("/cancel", "").await;
        assert_eq!(browser.read("/session/cart").await, "\"milk\"");
    }
}

async fn a_first_step_that_is_taken_again_is_the_one_that_counts(sites: Sites) {
    let site = sites.stored().in_two_steps();
    let mut browser = site.half("mia").await;
    let mut copy = browser.clone();
    browser.post("/begin", "ben").await;
    assert_eq!(browser.read("/pending").await, "ben");
    assert_eq!(refused(&site, &mut copy).await, Some(PendingRefusal::Used));
    assert_eq!(browser.post("/finish", "").await.body, "ben");
}

async fn its_cookie_is_nothing_under_another_name(sites: Sites) {
    let site = sites.safe().in_two_steps();
    let browser = site.half("mia").await;
    let begun = browser.jar.names().into_iter();
    let begun: Vec<_> = begun.filter_map(|name| browser.jar.value(name)).collect();
    assert_eq!(begun.len(), 1);
    for name in [
        "__Host-session",
        "__Host-session-data",
        "__Host-remember_token",
        "session",
    ] {
        let mut jar = Jar::default();
        jar.put(name, begun[0]);
        assert_eq!(site.who_with(&jar).await, "nobody", "{name}");
    }
    // Nor does it make the cookie of another user's login theirs.
    let mut ben = site.browser_of("ben").await;
    for name in browser.jar.names() {
        ben.jar.put(name, browser.jar.value(name).unwrap());
    }
    let who = ben.who().await;
    assert!(!who.starts_with("mia"), "{who}");
    assert_ne!(ben.post("/finish", "").await.body, "ben");
}

async fn the_options_of_the_first_step_are_those_of_the_login(sites: Sites) {
    for site in with_and_without_records(sites) {
        let mut browser = site.half("mia&remember").await;
        assert_eq!(browser.get("/go").await.location(), "/");
        browser.restart();
        assert_ne!(
            browser.get("/second").await.status,
            HALF,
            "it ends with the browser"
        );
        assert_eq!(browser.who().await, "nobody");

        let mut browser = site.half("mia&remember").await;
        browser.post("/finish", "").await;
        browser.restart();
        assert_eq!(browser.who().await, "mia, remembered, by RememberToken");
    }
}

async fn the_way_back_is_kept_if_it_is_safe_and_used_up_by_the_login(sites: Sites) {
    for site in with_and_without_records(sites) {
        for (next, expected) in [("/members", "/members"), ("https://evil.example/", "/")] {
            let mut browser = site.half(&format!("mia&&next={next}")).await;
            assert_eq!(browser.get("/go").await.location(), expected);
            browser.post("/finish", "").await;
            assert_eq!(browser.get("/go").await.location(), "/");
        }
        let long = format!(
            "mia&&next=/{}",
            crate::site::noise(4000).replace(['&', '%'], "a")
        );
        let mut browser = site.half(&long).await;
        assert_eq!(browser.post("/finish", "").await.status, 200);
    }
}

async fn two_steps_make_a_login_fresh_that_goes_on_meanwhile(sites: Sites) {
    for site in with_and_without_records(sites) {
        let mut browser = site.browser();
        browser.post("/login", "name=mia&not_fresh=true").await;
        assert_eq!(browser.post("/begin-to-confirm", "ben").await.status, 401);
        assert_eq!(browser.post("/begin-to-confirm", "mia").await.status, 200);
        assert_eq!(browser.who().await, "mia, by Session");
        assert_eq!(browser.read("/pending").await, "mia to confirm");
        assert_ne!(browser.get("/fresh").await.status, 200);

        let copy = browser.clone();
        assert_eq!(browser.post("/finish", "").await.body, "mia");
        assert_eq!(browser.who().await, "mia, fresh, by Session");
        assert_ne!(browser.get("/second").await.status, HALF);
        if site.keeps_records {
            assert_eq!(copy.clone().post("/finish", "").await.status, 401);
        }
        assert_eq!(
            site.browser().post("/begin-to-confirm", "mia").await.status,
            401
        );
    }
}

async fn a_proof_is_nothing_without_the_login_that_it_is_of(sites: Sites) {
    let site = sites.stored().in_two_steps();
    let mut browser = site.browser_of("mia").await;
    browser.post("/begin-to-confirm", "mia").await;
    let mut thief = browser.clone();
    browser.post("/logout", "").await;
    assert_ne!(thief.clone().get("/second").await.status, HALF);
    assert_eq!(thief.post("/finish", "").await.status, 401);
    assert_eq!(thief.who().await, "nobody");
}

async fn a_store_that_fails_finishes_nothing_and_it_can_be_tried_again(sites: Sites) {
    let site = sites.stored().in_two_steps();
    let mut browser = site.half("mia").await;
    site.store.go_away();
    assert_eq!(browser.post("/finish", "").await.status, 503);
    assert_eq!(browser.get("/second").await.status, 503);
    site.store.come_back();
    assert_eq!(browser.post("/finish", "").await.status, 200);
}

async fn it_is_told_when_a_login_begins_and_when_it_is_finished(sites: Sites) {
    for site in with_and_without_records(sites) {
        let mut browser = site.half("mia").await;
        let user_id = || "mia".to_owned();
        assert_eq!(
            site.events.take(),
            [Event::LoginBegun { user_id: user_id() }]
        );
        browser.post("/finish", "").await;
        let logged_in = Event::LoggedIn {
            user_id: user_id(),
            remember: false,
        };
        assert_eq!(site.events.take(), [logged_in]);
    }
}

async fn the_application_cannot_touch_what_has_begun(sites: Sites) {
    let site = sites.safe().in_two_steps();
    let mut browser = site.half("mia").await;
    let answer = browser.post("/session/_pending_login", "x").await;
    assert_eq!(answer.status, 500);
    assert_eq!(browser.read("/pending").await, "mia");
}

cases! {
    behaviour_second_step:
    a_user_who_has_taken_one_step_is_nobody_until_the_second,
    a_second_step_without_a_first_is_denied_and_leads_to_the_login_page_and_not_back,
    what_has_begun_is_finished_once_where_there_is_a_store,
    without_a_store_a_copy_can_be_finished_too_until_it_expires,
    one_request_finishes_it_once,
    only_one_of_many_simultaneous_requests_finishes_it,
    it_expires_in_minutes,
    it_is_bound_to_the_browser_as_session_protection_is,
    it_ends_with_the_user_and_with_their_auth_hash,
    a_loader_that_fails_refuses_and_forgets_nothing,
    a_login_that_begins_ends_the_one_that_was_there,
    another_user_who_logs_in_meanwhile_ends_what_was_begun,
    a_peer_that_logs_somebody_in_over_it_leaves_nothing_to_finish,
    a_logout_or_a_cancellation_ends_what_has_begun,
    a_first_step_that_is_taken_again_is_the_one_that_counts,
    its_cookie_is_nothing_under_another_name,
    the_options_of_the_first_step_are_those_of_the_login,
    the_way_back_is_kept_if_it_is_safe_and_used_up_by_the_login,
    two_steps_make_a_login_fresh_that_goes_on_meanwhile,
    a_proof_is_nothing_without_the_login_that_it_is_of,
    a_store_that_fails_finishes_nothing_and_it_can_be_tried_again,
    it_is_told_when_a_login_begins_and_when_it_is_finished,
    the_application_cannot_touch_what_has_begun,
}
