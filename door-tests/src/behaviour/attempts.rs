//! Attempts to guess a password are limited by account and by address, and keep nobody out of their own browser.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures_lite::future::yield_now;
use housekey::attempts::{
    AttemptKey, AttemptSchedule, AttemptStanding, AttemptStore, Attempts, Counted,
};
use housekey::records::MemoryLoginStore;
use housekey::{AnswerAs, AttemptsOf, BoxError, Error, ErrorKind, Event, LoginManager, SecretKeys};
use http::{Method, Response};

use crate::answer::Answer;
use crate::browser::Browser;
use crate::door::Local;
use crate::log::Log;
use crate::people::Staff;
use crate::plan::{Given, acts};
use crate::site::{Builder, HOUR, KEY, OLD_KEY, Site, Sites, all};

/// Strangers have three attempts at an account, addresses six, known browsers four, and all of these together eight. Then
/// come waits of 10, 20, 40 and 60 seconds.
const STRANGERS: AttemptSchedule = AttemptSchedule {
    free: 3,
    first_delay: Duration::from_secs(10),
    longest_delay: Duration::from_secs(60),
    forgets_one_every: Duration::from_secs(600),
};
const ADDRESSES: AttemptSchedule = AttemptSchedule {
    free: 6,
    ..STRANGERS
};
const BROWSERS: AttemptSchedule = AttemptSchedule {
    free: 4,
    ..STRANGERS
};
const TOGETHER: AttemptSchedule = AttemptSchedule {
    free: 8,
    ..STRANGERS
};

const COOKIE: &str = "__Host-remember_token-browser";

fn limits(store: impl AttemptStore) -> Attempts {
    Attempts::new(store)
        .by_account(STRANGERS)
        .by_address(ADDRESSES)
        .by_known_browser(BROWSERS)
        .by_known_browsers_together(TOGETHER)
}

/// The number of verified passwords.
#[derive(Clone, Default)]
struct Verified(Arc<AtomicUsize>);

impl Verified {
    fn take(&self) -> usize {
        self.0.swap(0, Ordering::SeqCst)
    }
}

/// A site with mia and ben, whose page at `/sign-in/FORM` takes a name and a password. Everybody's password is `right`.
fn site_with(sites: Sites, set: impl FnOnce(Builder) -> Builder) -> (Site, Verified) {
    let verified = Verified::default();
    let (count, site) = (verified.clone(), sites.safe_with(set));
    let members = site.members.clone();
    let sign_in = async move |given: Given| -> Result<Response<String>, Error> {
        let (name, password) = given.body.split_once('/').unwrap();
        let attempt = given.login.attempt(given.key(), name).await?;
        count.0.fetch_add(1, Ordering::SeqCst);
        yield_now().await;
        let found = members.find(&name.trim().to_lowercase());
        let Some(member) = found.filter(|_| password == "right") else {
            let wrong = Response::builder().status(401);
            return Ok(wrong.body("wrong".to_owned()).unwrap());
        };
        attempt.succeeded().await?;
        given.login.login_user(&member).await?;
        Ok(Response::new(format!("hello {}", member.id)))
    };
    let reset = async |given: Given| given.login.forgive_attempts("password", &given.body).await;
    let site = site
        .and(acts("/sign-in/password", sign_in.clone()))
        .and(acts("/sign-in/code", sign_in))
        .and(acts("/reset", reset));
    (site, verified)
}

fn site(sites: Sites) -> (Site, Verified) {
    site_with(sites, |builder| {
        builder.limit_attempts(limits(MemoryLoginStore::new()))
    })
}

/// A site that gets its clients' addresses from a proxy.
fn site_behind_a_proxy(sites: Sites) -> Site {
    let (site, _) = site_with(sites, |builder| {
        builder
            .trusted_proxies(1)
            .limit_attempts(limits(MemoryLoginStore::new()))
    });
    site
}

async fn type_in(browser: &mut Browser, name: &str, password: &str) -> Answer {
    let body = format!("{name}/{password}");
    browser.post("/sign-in/password", &body).await
}

/// The request as the proxy passes it on.
async fn type_in_from(browser: &mut Browser, address: &str, name: &str, password: &str) -> u16 {
    let body = format!("{name}/{password}");
    let mut request = browser.request(Method::POST, "/sign-in/password", &body);
    let address = address.parse().unwrap();
    request.headers_mut().insert("x-forwarded-for", address);
    browser.send(request).await.status
}

/// A browser that has logged in here before, and out again.
async fn known_browser(site: &Site, name: &str) -> Browser {
    let mut browser = site.browser();
    assert_eq!(type_in(&mut browser, name, "right").await.status, 200);
    browser.post("/logout", "").await;
    browser
}

/// Guesses at an account as a stranger until there is a wait.
async fn hammer(site: &Site, name: &str) {
    while type_in(&mut site.browser(), name, "guess").await.status != 429 {}
}

fn wait(answer: &Answer) -> Option<u64> {
    let seconds = answer.header("retry-after")?;
    Some(seconds.parse().unwrap())
}

async fn after_those_that_are_free_each_attempt_has_to_wait_twice_as_long(sites: Sites) {
    let (site, verified) = site(sites);
    for _ in 0..3 {
        let answer = type_in(&mut site.browser(), "mia", "guess").await;
        assert_eq!((answer.status, wait(&answer)), (401, None));
    }
    for seconds in [10, 20, 40, 60, 60] {
        let answer = type_in(&mut site.browser(), "mia", "right").await;
        assert_eq!((answer.status, wait(&answer)), (429, Some(seconds)));
        site.clock.advance(Duration::from_secs(seconds - 1));
        let answer = type_in(&mut site.browser(), "mia", "right").await;
        assert_eq!((answer.status, wait(&answer)), (429, Some(1)));
        site.clock.advance(Duration::from_secs(1));
        let answer = type_in(&mut site.browser(), "mia", "guess").await;
        assert_eq!(answer.status, 401);
    }
    assert_eq!(verified.take(), 8, "nothing is verified that is refused");
    // Nobody is locked out for good, and in the end everything is forgotten.
    site.clock.advance(Duration::from_secs(60));
    let answer = type_in(&mut site.browser(), "mia", "right").await;
    assert_eq!(answer.body, "hello mia");
}

async fn only_the_free_ones_of_a_thousand_simultaneous_attempts_are_verified(sites: Sites) {
    let (site, verified) = site(sites);
    let tabs = (0..1000).map(|_| -> Local<u16> {
        let mut browser = site.browser();
        Box::pin(async move { type_in(&mut browser, "mia", "guess").await.status })
    });
    let answers = all(tabs).await;
    assert_eq!(verified.take(), 3);
    let refused = answers.iter().filter(|status| **status == 429).count();
    assert_eq!(refused, 997);
}

async fn an_unknown_name_is_treated_like_a_known_one(sites: Sites) {
    let mut told = Vec::new();
    for name in ["mia", "nobody"] {
        let (site, _) = site(sites);
        let mut answers = Vec::new();
        for _ in 0..8 {
            let answer = type_in(&mut site.browser(), name, "guess").await;
            site.clock.advance(Duration::from_secs(7));
            answers.push((answer.status, answer.headers, answer.body));
        }
        told.push(answers);
    }
    assert_eq!(told[0], told[1]);
}

async fn other_spellings_of_a_name_give_no_more_attempts(sites: Sites) {
    let (site, verified) = site(sites);
    for name in ["mia", "MIA", " Mia ", "mIa\t", "\u{3000}mia"] {
        type_in(&mut site.browser(), name, "guess").await;
    }
    assert_eq!(verified.take(), 3);
    let other = type_in(&mut site.browser(), "ben", "guess").await;
    assert_eq!(other.status, 401, "another account has its own");
}

async fn what_succeeds_is_forgiven_with_what_had_failed(sites: Sites) {
    let (site, verified) = site(sites);
    for _ in 0..10 {
        for password in ["guess", "guess", "right"] {
            type_in(&mut site.browser(), "mia", password).await;
        }
    }
    assert_eq!(verified.take(), 30);
}

async fn strangers_keep_nobody_out_of_a_browser_that_has_logged_in_before(sites: Sites) {
    let (site, _) = site(sites);
    let mut owner = known_browser(&site, "mia").await;
    for _ in 0..20 {
        hammer(&site, "mia").await;
        let answer = type_in(&mut owner, "mia", "guess").await;
        assert_eq!(answer.status, 401, "mia mistypes it");
        let answer = type_in(&mut owner, "mia", "right").await;
        assert_eq!(answer.body, "hello mia");
        site.clock.advance(Duration::from_secs(1));
    }
    let answer = type_in(&mut site.browser(), "mia", "right").await;
    assert_eq!(answer.status, 429, "strangers have to wait all the same");
    let answer = type_in(&mut owner, "ben", "guess").await;
    assert_eq!(answer.status, 401);
    hammer(&site, "ben").await;
    let answer = type_in(&mut owner, "ben", "guess").await;
    assert_eq!(answer.status, 429, "it is known at one account alone");
}

async fn a_known_browser_that_fails_too_often_is_a_stranger(sites: Sites) {
    let (site, verified) = site(sites);
    let mut browser = known_browser(&site, "mia").await;
    let mut copy = browser.clone();
    verified.take();
    while type_in(&mut browser, "mia", "guess").await.status != 429 {}
    assert_eq!(verified.take(), 4 + 3, "its own, and those of strangers");
    let answer = type_in(&mut copy, "mia", "right").await;
    assert_eq!(answer.status, 429, "a copy has no attempts of its own");

    // The owner waits once. From then on they have another number, which the copy does not know.
    site.clock.advance(Duration::from_secs(10));
    let answer = type_in(&mut browser, "mia", "right").await;
    assert_eq!(answer.body, "hello mia");
    while type_in(&mut copy, "mia", "guess").await.status != 429 {}
    let answer = type_in(&mut browser, "mia", "right").await;
    assert_eq!(answer.body, "hello mia");
}

async fn any_number_of_known_browsers_has_no_more_attempts_together(sites: Sites) {
    let (site, verified) = site(sites);
    let mut kept = Vec::new();
    for _ in 0..10 {
        kept.push(known_browser(&site, "mia").await);
    }
    let mut owner = known_browser(&site, "mia").await;
    verified.take();
    for browser in &mut kept {
        while type_in(browser, "mia", "guess").await.status != 429 {}
    }
    assert_eq!(verified.take(), 8 + 3, "together, and those of strangers");

    // The owner waits once. That forgives the failures, also for the owner's other browsers.
    let answer = type_in(&mut owner, "mia", "right").await;
    assert_eq!((answer.status, wait(&answer)), (429, Some(10)));
    site.clock.advance(Duration::from_secs(10));
    let answer = type_in(&mut owner, "mia", "right").await;
    assert_eq!(answer.body, "hello mia");
    for browser in &mut kept[5..7] {
        let answer = type_in(browser, "mia", "right").await;
        assert_eq!(answer.body, "hello mia");
    }
}

async fn a_reset_lets_in_an_owner_kept_waiting_by_known_browsers(sites: Sites) {
    let (site, _) = site(sites);
    let mut kept = Vec::new();
    for _ in 0..4 {
        kept.push(known_browser(&site, "mia").await);
    }
    let mut owner = site.browser();
    for browser in &mut kept {
        while type_in(browser, "mia", "guess").await.status != 429 {}
    }
    assert_eq!(owner.post("/reset", "mia").await.status, 200);
    hammer(&site, "mia").await;
    assert_eq!(type_in(&mut owner, "mia", "right").await.body, "hello mia");
}

async fn a_shared_browser_gives_nobody_more_attempts_at_somebody_elses_account(sites: Sites) {
    let (site, verified) = site(sites);
    let mut shared = known_browser(&site, "mia").await;
    verified.take();
    let mut guesses = 0;
    // Ben logs in to his own account after each guess.
    for _ in 0..20 {
        let answer = type_in(&mut shared, "mia", "guess").await;
        guesses += usize::from(answer.status == 401);
        let answer = type_in(&mut shared, "ben", "right").await;
        assert_eq!(answer.status, 200);
    }
    assert_eq!(guesses, 4 + 3);
}

async fn the_cookie_of_a_known_browser_is_the_servers_alone_and_a_logout_leaves_it(sites: Sites) {
    let (site, _) = site(sites);
    let mut browser = site.browser();
    let answer = type_in(&mut browser, "mia", "guess").await;
    assert_eq!(answer.set_cookies(), [""; 0], "nothing is proved");
    let answer = type_in(&mut browser, "mia", "right").await;
    let set = answer.set_cookies();
    let set = set.iter().find(|it| it.starts_with(COOKIE)).unwrap();
    for attribute in [
        "; Secure",
        "; HttpOnly",
        "; SameSite=Lax",
        "; Path=/",
        "; Expires=",
    ] {
        assert!(set.contains(attribute), "{set}");
    }
    let value = browser.jar.value(COOKIE).unwrap().to_owned();
    assert!(!value.contains("mia"));
    let cache = answer.header("cache-control").unwrap();
    assert!(cache.contains("no-store"), "{cache}");
    browser.post("/logout", "").await;
    browser.restart();
    assert_eq!(browser.jar.value(COOKIE), Some(&*value));

    hammer(&site, "mia").await;
    for forged in [
        value.replace('.', "x"),
        value[1..].to_owned(),
        "x".repeat(4000),
    ] {
        let mut forger = site.browser();
        forger.jar.put(COOKIE, &forged);
        let answer = type_in(&mut forger, "mia", "right").await;
        assert_eq!(answer.status, 429, "{forged}");
    }
    // Signed, but with other contents.
    let mut other = site.browser_of("mia").await;
    let session = other.jar.value("__Host-session").unwrap().to_owned();
    other.jar.put(COOKIE, &session);
    let answer = type_in(&mut other, "mia", "right").await;
    assert_eq!(answer.status, 429);
}

async fn a_known_browser_is_known_after_the_keys_were_changed(sites: Sites) {
    let store = MemoryLoginStore::new();
    let (site, _) = site_with(sites, |builder| {
        builder.limit_attempts(limits(store.clone()))
    });
    let mut owner = known_browser(&site, "mia").await;
    let keys = SecretKeys::new(OLD_KEY).unwrap().fallback(KEY).unwrap();
    let site = site.restarted(keys, |builder| builder.limit_attempts(limits(store)));
    owner.move_to(&site);
    hammer(&site, "mia").await;
    let answer = type_in(&mut owner, "mia", "right").await;
    assert_eq!(answer.body, "hello mia");
}

async fn what_is_proved_at_one_form_counts_at_no_other(sites: Sites) {
    let (site, verified) = site(sites);
    let code = async |browser: &mut Browser, code: &str| {
        let body = format!("mia/{code}");
        browser.post("/sign-in/code", &body).await.status
    };
    hammer(&site, "mia").await;
    assert_eq!(code(&mut site.browser(), "guess").await, 401);
    // A thief with the password can make any number of browsers known, but gets no more codes by that.
    site.clock.advance(HOUR);
    verified.take();
    let mut codes = 0;
    for _ in 0..20 {
        let mut thief = site.browser();
        assert_eq!(type_in(&mut thief, "mia", "right").await.status, 200);
        codes += usize::from(code(&mut thief, "guess").await == 401);
    }
    assert_eq!(codes, 3);
}

async fn an_address_is_limited_at_all_names_together_and_no_success_makes_up_for_it(sites: Sites) {
    let site = site_behind_a_proxy(sites);
    let from = async |address: &str, name: &str, password: &str| {
        type_in_from(&mut site.browser(), address, name, password).await
    };
    for number in 0..6 {
        let name = format!("name-{number}");
        assert_eq!(from("192.0.2.7", "ben", "right").await, 200);
        assert_eq!(from("192.0.2.7", &name, "guess").await, 401);
    }
    assert_eq!(from("192.0.2.7", "ben", "right").await, 429);
    assert_eq!(from("192.0.2.8", "ben", "right").await, 200);
    // An attempt that is refused for its address uses up nothing at the account.
    for _ in 0..20 {
        assert_eq!(from("192.0.2.7", "mia", "guess").await, 429);
    }
    assert_eq!(from("192.0.2.8", "mia", "right").await, 200);
    // A known browser at that address is not kept out.
    let mut mia = site.browser();
    type_in_from(&mut mia, "192.0.2.8", "mia", "right").await;
    let status = type_in_from(&mut mia, "192.0.2.7", "mia", "right").await;
    assert_eq!(status, 200);
}

async fn all_addresses_of_an_ipv6_network_count_as_one(sites: Sites) {
    let site = site_behind_a_proxy(sites);
    let mut passed = 0;
    for number in 0..100 {
        let (address, name) = (format!("2001:db8:1:2::{number:x}"), number.to_string());
        let status = type_in_from(&mut site.browser(), &address, &name, "guess").await;
        passed += usize::from(status == 401);
    }
    assert_eq!(passed, 6);
    let next = "2001:db8:1:3::1";
    let status = type_in_from(&mut site.browser(), next, "mia", "guess").await;
    assert_eq!(status, 401);
}

async fn an_address_that_the_client_claims_is_not_taken_for_its_own(sites: Sites) {
    let site = site_behind_a_proxy(sites);
    let mut passed = 0;
    for number in 0..100 {
        let (forged, name) = (format!("10.0.0.{number}, 192.0.2.7"), number.to_string());
        let status = type_in_from(&mut site.browser(), &forged, &name, "guess").await;
        passed += usize::from(status == 401);
    }
    assert_eq!(passed, 6);
}

async fn addresses_that_anybody_can_make_up_can_be_left_out(sites: Sites) {
    let (site, _) = site_with(sites, |builder| {
        let limits = limits(MemoryLoginStore::new()).not_by_address();
        builder.trusted_proxies(1).limit_attempts(limits)
    });
    for number in 0..20 {
        let name = number.to_string();
        let status = type_in_from(&mut site.browser(), "192.0.2.7", &name, "guess").await;
        assert_eq!(status, 401);
    }
}

async fn a_refusal_is_in_the_form_that_suits_the_client(sites: Sites) {
    let (site, _) = site(sites);
    hammer(&site, "mia").await;
    let ask = async |site: &Site, headers: &[(&str, &str)]| {
        let mut request = site
            .browser()
            .request(Method::POST, "/sign-in/password", "mia/right");
        request.headers_mut().remove("accept");
        for (name, value) in headers {
            let name: http::HeaderName = name.parse().unwrap();
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        let answer = site.send(request).await;
        assert_eq!((answer.status, wait(&answer)), (429, Some(10)));
        assert_eq!(answer.header("cache-control").as_deref(), Some("no-store"));
        answer
    };
    for (headers, is_page) in [
        (&[("sec-fetch-mode", "navigate")][..], true),
        (&[("accept", "text/html")], true),
        (&[("hx-request", "true")], true),
        (&[("accept", "*/*"), ("sec-fetch-mode", "cors")], false),
        (&[("accept", "application/json")], false),
        (&[], false),
    ] {
        let answer = ask(&site, headers).await;
        let vary = answer.header("vary").unwrap();
        for name in ["Cookie", "Accept", "Sec-Fetch-Mode", "HX-Request"] {
            assert!(vary.contains(name), "{vary}");
        }
        let content_type = answer.header("content-type").unwrap();
        if is_page {
            assert_eq!(content_type, "text/html; charset=utf-8", "{headers:?}");
            assert!(answer.body.contains("try again in 10 seconds"));
            continue;
        }
        assert_eq!(content_type, "application/problem+json", "{headers:?}");
        let problem: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(problem["type"], "urn:housekey:problem:too-many-attempts");
        assert_eq!(problem["status"], 429);
        assert_eq!(problem["retry_after"], 10);
    }
    for (answer_as, expected) in [
        (AnswerAs::Api, "application/problem+json"),
        (AnswerAs::Page, "text/html; charset=utf-8"),
    ] {
        let (site, _) = site_with(sites, |builder| {
            let limits = limits(MemoryLoginStore::new());
            builder.limit_attempts(limits).answer_as(answer_as)
        });
        hammer(&site, "mia").await;
        for accept in ["text/html", "application/json"] {
            let answer = ask(&site, &[("accept", accept)]).await;
            assert_eq!(answer.header("content-type").as_deref(), Some(expected));
        }
    }
}

async fn a_handler_can_say_it_in_its_own_words(sites: Sites) {
    let (site, _) = site(sites);
    hammer(&site, "mia").await;
    let site = site.and(acts("/own", async |given: Given| {
        let refused = given.login.attempt("password", "mia").await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::TooManyAttempts);
        assert!(!refused.is_temporary(), "nothing is broken");
        format!("wait {} s", refused.retry_after().unwrap().as_secs())
    }));
    assert_eq!(site.browser().post("/own", "").await.body, "wait 10 s");
}

/// A store that can be away.
#[derive(Clone, Default)]
struct Flaky {
    store: MemoryLoginStore,
    away: Arc<AtomicBool>,
    purged: Arc<AtomicUsize>,
}

impl Flaky {
    fn answer(&self) -> Result<&MemoryLoginStore, BoxError> {
        match self.away.load(Ordering::SeqCst) {
            true => Err("the store of attempts is away".into()),
            false => Ok(&self.store),
        }
    }
}

impl AttemptStore for Flaky {
    async fn count_attempt(
        &self,
        key: &AttemptKey,
        schedule: &AttemptSchedule,
        now: u64,
    ) -> Result<Counted, BoxError> {
        self.answer()?.count_attempt(key, schedule, now).await
    }

    async fn take_attempt_back(
        &self,
        key: &AttemptKey,
        schedule: &AttemptSchedule,
        counted: AttemptStanding,
        now: u64,
    ) -> Result<(), BoxError> {
        let store = self.answer()?;
        store.take_attempt_back(key, schedule, counted, now).await
    }

    async fn forgive_attempts(&self, key: &AttemptKey) -> Result<(), BoxError> {
        self.answer()?.forgive_attempts(key).await
    }

    async fn delete_expired_attempts(&self, now: u64, limit: usize) -> Result<usize, BoxError> {
        let deleted = self.answer()?.delete_expired_attempts(now, limit).await?;
        self.purged.fetch_add(deleted, Ordering::SeqCst);
        Ok(deleted)
    }
}

async fn a_store_that_fails_lets_nobody_pass_and_is_a_503(sites: Sites) {
    let store = Flaky::default();
    let (site, verified) = site_with(sites, |builder| {
        builder.limit_attempts(limits(store.clone()))
    });
    let mut browser = known_browser(&site, "mia").await;
    verified.take();
    store.away.store(true, Ordering::SeqCst);
    for browser in [&mut browser, &mut site.browser()] {
        let answer = type_in(browser, "mia", "right").await;
        assert_eq!((answer.status, verified.take()), (503, 0));
        assert!(answer.header("retry-after").is_some());
        assert_eq!(browser.who().await, "nobody");
    }
    assert_eq!(site.browser().post("/reset", "mia").await.status, 503);
    store.away.store(false, Ordering::SeqCst);
    assert_eq!(type_in(&mut browser, "mia", "right").await.status, 200);
}

async fn what_is_forgotten_is_purged_with_the_logins_that_have_expired(sites: Sites) {
    let store = Flaky::default();
    let site = sites.stored_with(|builder| builder.limit_attempts(limits(store.clone())));
    what_is_forgotten_is_purged_at(site, &store).await;
}

async fn what_is_forgotten_is_purged_without_a_login_store(sites: Sites) {
    let store = Flaky::default();
    let site = sites.safe_with(|builder| builder.limit_attempts(limits(store.clone())));
    what_is_forgotten_is_purged_at(site, &store).await;
}

async fn what_is_forgotten_is_purged_at(site: Site, store: &Flaky) {
    let site = site.and(acts("/guess", async |given: Given| {
        drop(given.login.attempt("password", &given.body).await?);
        Ok::<_, Error>(())
    }));
    for name in ["mia", "ben", "nobody"] {
        site.browser().post("/guess", name).await;
    }
    for (later, purged) in [(0, 0), (599, 0), (1, 3), (600, 0)] {
        site.clock.advance(Duration::from_secs(later));
        site.manager().delete_expired_logins().await.unwrap();
        assert_eq!(store.purged.swap(0, Ordering::SeqCst), purged, "{later}");
    }
}

async fn without_a_store_asking_is_an_error_that_says_what_to_set(sites: Sites) {
    let (site, verified) = site_with(sites, |builder| builder);
    for path in ["/sign-in/password", "/reset"] {
        let answer = site.browser().post(path, "mia/right").await;
        assert_eq!((answer.status, verified.take()), (500, 0));
        assert!(answer.body.contains("limit_attempts"), "{}", answer.body);
    }
    let error = site.manager().forgive_attempts("password", "mia").await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Setting);
}

async fn after_a_reset_the_account_is_open_and_the_owners_browser_is_known(sites: Sites) {
    let (site, _) = site(sites);
    let mut owner = site.browser();
    hammer(&site, "mia").await;
    assert_eq!(type_in(&mut owner, "mia", "right").await.status, 429);
    // The link in the mail was right.
    assert_eq!(owner.post("/reset", " Mia").await.status, 200);
    hammer(&site, "mia").await;
    assert_eq!(type_in(&mut owner, "mia", "right").await.body, "hello mia");

    let mut other = site.browser();
    assert_eq!(type_in(&mut other, "mia", "right").await.status, 429);
    site.manager()
        .forgive_attempts("password", "mia")
        .await
        .unwrap();
    assert_eq!(type_in(&mut other, "mia", "right").await.body, "hello mia");
}

async fn two_kinds_of_users_with_one_store_have_attempts_of_their_own(sites: Sites) {
    let store = MemoryLoginStore::new();
    let (site, _) = site_with(sites, |builder| {
        builder.limit_attempts(limits(store.clone()))
    });
    hammer(&site, "7").await;
    let keys = SecretKeys::flask(KEY).unwrap();
    let staff = LoginManager::<Staff>::new(keys, Staff::load)
        .realm("staff")
        .limit_attempts(limits(store))
        .clock(site.clock.reader())
        .build()
        .unwrap();
    let request = http::Request::post("/staff").body(()).unwrap();
    let (request, ()) = request.into_parts();
    let visit = staff.visit(&request.uri).open(&request).unwrap();
    let login = housekey::Login::<Staff>::new(visit);
    assert!(login.attempt("password", "7").await.is_ok());
}

async fn attempts_are_told_without_names(sites: Sites) {
    let log = Log::of_all_threads();
    let (site, _) = site(sites);
    let name = "somebody-whose-name-is-in-no-other-test";
    let form = || "password".to_owned();
    let failed = Event::AttemptFailed { form: form() };
    site.events.take();
    for _ in 0..3 {
        type_in(&mut site.browser(), name, "guess").await;
        assert_eq!(site.events.take(), std::slice::from_ref(&failed));
    }
    type_in(&mut site.browser(), name, "guess").await;
    let of = AttemptsOf::Account;
    let refused = Event::AttemptRefused { form: form(), of };
    assert_eq!(site.events.take(), std::slice::from_ref(&refused));
    assert_eq!(
        (refused.name(), refused.reason()),
        ("attempt_refused", Some("account"))
    );

    type_in(&mut site.browser(), "mia", "right").await;
    let forgiven = Event::AttemptsForgiven { form: form() };
    let logged_in = Event::LoggedIn {
        user_id: "mia".to_owned(),
        remember: false,
    };
    assert_eq!(site.events.take(), [forgiven.clone(), logged_in]);
    site.browser().post("/reset", name).await;
    assert_eq!(site.events.take(), [forgiven]);
    let text = log.text();
    assert!(text.contains("attempt_refused"));
    assert!(!text.contains(name));
}

cases! {
    behaviour_attempts:
    after_those_that_are_free_each_attempt_has_to_wait_twice_as_long,
    only_the_free_ones_of_a_thousand_simultaneous_attempts_are_verified,
    an_unknown_name_is_treated_like_a_known_one,
    other_spellings_of_a_name_give_no_more_attempts,
    what_succeeds_is_forgiven_with_what_had_failed,
    strangers_keep_nobody_out_of_a_browser_that_has_logged_in_before,
    a_known_browser_that_fails_too_often_is_a_stranger,
    any_number_of_known_browsers_has_no_more_attempts_together,
    a_reset_lets_in_an_owner_kept_waiting_by_known_browsers,
    a_shared_browser_gives_nobody_more_attempts_at_somebody_elses_account,
    the_cookie_of_a_known_browser_is_the_servers_alone_and_a_logout_leaves_it,
    a_known_browser_is_known_after_the_keys_were_changed,
    what_is_proved_at_one_form_counts_at_no_other,
    an_address_is_limited_at_all_names_together_and_no_success_makes_up_for_it,
    all_addresses_of_an_ipv6_network_count_as_one,
    an_address_that_the_client_claims_is_not_taken_for_its_own,
    addresses_that_anybody_can_make_up_can_be_left_out,
    a_refusal_is_in_the_form_that_suits_the_client,
    a_handler_can_say_it_in_its_own_words,
    a_store_that_fails_lets_nobody_pass_and_is_a_503,
    what_is_forgotten_is_purged_with_the_logins_that_have_expired,
    what_is_forgotten_is_purged_without_a_login_store,
    without_a_store_asking_is_an_error_that_says_what_to_set,
    after_a_reset_the_account_is_open_and_the_owners_browser_is_known,
    two_kinds_of_users_with_one_store_have_attempts_of_their_own,
    attempts_are_told_without_names,
}
