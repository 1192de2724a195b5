//! A real provider and real browsers: what an answer of the provider is worth, and to which browser.

#![allow(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{Html, IntoResponse as _, Response};
use browser_tests::{Browser, Engine};
use openidconnect::url::Url;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::provider::Provider;

#[test]
fn the_guide_shows_parts_of_this_very_program() {
    let guide = include_str!("../../../docs/openid-connect.md");
    let program = [include_str!("main.rs"), include_str!("provider.rs")];
    let shown = guide.split("```rust,ignore\n").skip(1);
    let shown: Vec<_> = shown.filter_map(|part| part.split("```").next()).collect();
    assert_eq!(shown.len(), 3);
    for part in shown {
        let is_there = program.iter().any(|file| file.contains(part));
        assert!(is_there, "not in examples/oidc/src: {part}");
    }
}

/// The site beside a provider of its own, and what a test sees of it without a browser.
struct World {
    site: String,
    provider: Child,
    seen: Seen,
    /// How many seconds the site's clock is ahead.
    ahead: Arc<AtomicU64>,
}

#[derive(Clone, Default)]
struct Seen {
    /// The last answer of the provider that a browser brought: its path and query.
    answer: Arc<Mutex<String>>,
    /// The site's answer to that.
    status: Arc<Mutex<StatusCode>>,
    /// The state of the last login that began.
    state: Arc<Mutex<String>>,
    /// Answers of the provider do not reach the site, so that an attacker can keep them for somebody else.
    holds: Arc<AtomicBool>,
}

impl Seen {
    async fn watch(self, request: Request, next: Next) -> Response {
        let is_answer = request.uri().path() == "/callback";
        if is_answer {
            *self.answer.lock().unwrap() = request.uri().to_string();
            if self.holds.load(Ordering::SeqCst) {
                return Html("<main>Held</main>").into_response();
            }
        }
        let response = next.run(request).await;
        if is_answer {
            *self.status.lock().unwrap() = response.status();
        }
        if let Some(to) = response.headers().get(header::LOCATION)
            && let Ok(to) = Url::parse(to.to_str().unwrap())
            && let Some((_, state)) = to.query_pairs().find(|(name, _)| name == "state")
        {
            *self.state.lock().unwrap() = state.into_owned();
        }
        response
    }
}

impl World {
    async fn open() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let site = format!("http://localhost:{}", listener.local_addr().unwrap().port());
        let (provider, issuer) = provider(&site).await;
        let (seen, ahead) = (Seen::default(), Arc::new(AtomicU64::new(0)));
        let (secret, seconds) = ("not a secret: for development", ahead.clone());
        let client = Provider::new(&issuer, "housekey", secret, &site).unwrap();
        let now = move || SystemTime::now() + Duration::from_secs(seconds.load(Ordering::SeqCst));
        let watcher = seen.clone();
        let watch = from_fn(move |request, next| watcher.clone().watch(request, next));
        let app = crate::site(client, now).unwrap().layer(watch);
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self {
            site,
            provider,
            seen,
            ahead,
        }
    }

    fn answer(&self) -> String {
        self.seen.answer.lock().unwrap().clone()
    }

    fn state(&self) -> String {
        self.seen.state.lock().unwrap().clone()
    }

    fn status(&self) -> StatusCode {
        *self.seen.status.lock().unwrap()
    }

    fn hold(&self, holds: bool) {
        self.seen.holds.store(holds, Ordering::SeqCst);
    }

    fn set_ahead(&self, minutes: u64) {
        self.ahead.store(minutes * 60, Ordering::SeqCst);
    }
}

/// A provider on a port of its own, and its address. It ends with this process, even if the process is killed.
async fn provider(site: &str) -> (Child, String) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("provider");
    let install = "scripts/test installs the provider. By hand: install Node.js 18 or later with npm, then \
                   `npm ci` in examples/oidc/provider";
    assert!(folder.join("node_modules").exists(), "{install}");
    let mut child = Command::new("node")
        .arg(folder.join("provider.js"))
        .envs([("SITE", site), ("PORT", "0"), ("UNTIL_STDIN_ENDS", "1")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect(install);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    while let Some(line) = lines.next_line().await.unwrap() {
        if let Some((_, issuer)) = line.split_once("The provider is at ") {
            return (child, issuer.to_owned());
        }
    }
    panic!("the provider starts: try `node provider.js` in examples/oidc/provider");
}

/// From the site's login page to the provider's.
async fn begin(browser: &Browser) {
    browser.go("/login").await;
    browser.press("main button").await;
    assert!(browser.text().await.contains("The provider"));
}

async fn is_logged_in(browser: &Browser) -> bool {
    browser.go("/").await;
    browser.text().await.contains("Hello")
}

#[tokio::test(flavor = "multi_thread")]
async fn mia_logs_in_by_the_provider_and_its_answer_counts_once_and_in_her_browser() {
    let world = World::open().await;
    let mia = Engine::Chromium.browser(&world.site).await;
    mia.go("/account?tab=2").await;
    assert!(
        mia.path().await.starts_with("/login"),
        "{}",
        mia.path().await
    );
    mia.picture("oidc-login.png").await;
    mia.press("main button").await;
    mia.picture("oidc-provider.png").await;
    mia.submit(&[("name", "mia <b>")]).await;
    assert_eq!(mia.path().await, "/account?tab=2", "where she was going");
    assert!(
        mia.text()
            .await
            .contains("You are mia <b> of http://127.0.0.1:")
    );
    mia.picture("oidc-account.png").await;

    // Once more: refused, and she is in as before.
    let answer = world.answer();
    mia.go(&answer).await;
    assert_eq!(world.status(), StatusCode::BAD_REQUEST);
    mia.picture("oidc-refused.png").await;
    assert!(is_logged_in(&mia).await);
    mia.picture("oidc-home.png").await;

    // In another browser that began nothing, and in one that began something else.
    let other = Engine::Chromium.browser(&world.site).await;
    other.go(&answer).await;
    assert_eq!(world.status(), StatusCode::BAD_REQUEST);
    begin(&other).await;
    other.go(&answer).await;
    assert_eq!(world.status(), StatusCode::BAD_REQUEST);
    assert!(!is_logged_in(&other).await);

    // Out: here, and by a link at the provider.
    mia.press("main button").await;
    assert!(!is_logged_in(&mia).await);
    mia.go("/logged-out").await;
    mia.picture("oidc-logged-out.png").await;
    mia.press("main a").await;
    mia.press("main button").await;
    assert_eq!(mia.path().await, "/login");
    begin(&mia).await; // the provider asks
    mia.close().await;
    other.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_logged_in_by_an_answer_that_somebody_else_has_kept_for_them() {
    let world = World::open().await;
    let attacker = Engine::Chromium.browser(&world.site).await;
    begin(&attacker).await;
    world.hold(true);
    attacker.submit(&[("name", "attacker")]).await;
    let (answer, state) = (world.answer(), world.state());
    assert!(answer.contains(&state), "{answer}");
    world.hold(false);

    let mia = Engine::Chromium.browser(&world.site).await;
    mia.go(&answer).await;
    assert_eq!(world.status(), StatusCode::BAD_REQUEST);
    assert!(!is_logged_in(&mia).await);
    // Nor while a login of her own is under way, which goes on.
    begin(&mia).await;
    let page = mia.client.current_url().await.unwrap();
    mia.go(&answer).await;
    assert_eq!(world.status(), StatusCode::BAD_REQUEST);
    // Nor if the attacker's code comes with her state: it needs the attacker's verifier.
    mia.go(&answer.replace(&state, &world.state())).await;
    assert_eq!(world.status(), StatusCode::UNAUTHORIZED);
    assert!(!is_logged_in(&mia).await);
    // That has used up her values.
    mia.client.goto(page.as_str()).await.unwrap();
    mia.submit(&[("name", "mia")]).await;
    assert_eq!(world.status(), StatusCode::BAD_REQUEST);
    assert!(!is_logged_in(&mia).await);
    mia.close().await;
    attacker.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copied_session_does_not_make_an_answer_count_twice() {
    let world = World::open().await;
    let mia = Engine::Chromium.browser(&world.site).await;
    begin(&mia).await;
    let page = mia.client.current_url().await.unwrap();
    mia.go("/logged-out").await;
    let cookies = mia.cookies().await;
    mia.client.goto(page.as_str()).await.unwrap();
    mia.submit(&[("name", "mia")]).await;
    assert!(is_logged_in(&mia).await);

    // The copy still has the values of her session. The provider accepts a code once.
    let thief = Engine::Chromium.browser(&world.site).await;
    thief.go("/logged-out").await;
    thief.put_cookies(cookies).await;
    thief.go(&world.answer()).await;
    assert_eq!(world.status(), StatusCode::UNAUTHORIZED);
    assert!(!is_logged_in(&thief).await);
    mia.close().await;
    thief.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_told_and_logs_nobody_in() {
    let mut world = World::open().await;
    let mia = Engine::Chromium.browser(&world.site).await;
    let (not_begun, is_no_proof) = ("didn’t begin in this browser", "doesn’t prove who you are");
    let (away, denied) = ("The provider doesn’t answer", "didn’t let you in");
    for (query, status, says) in [
        ("code=forged", 400, not_begun),
        ("code=forged&state=", 400, not_begun),
        ("code=forged&state=wrong", 400, not_begun),
        ("code=forged&state=STATE&state=STATE", 400, not_begun),
        ("error=access_denied&state=wrong", 400, not_begun),
        ("code=forged&state=STATE", 401, is_no_proof),
        ("code=%00%F0%9F%94%91&state=STATE", 401, is_no_proof),
        ("state=STATE", 401, is_no_proof),
        ("error=access_denied&state=STATE", 401, denied),
        ("error=%3Cb%3E&code=forged&state=STATE", 401, denied),
        ("error=temporarily_unavailable&state=STATE", 503, away),
    ] {
        begin(&mia).await;
        let query = query.replace("STATE", &world.state());
        mia.go(&format!("/callback?{query}")).await;
        assert_eq!(world.status(), status, "{query}");
        assert!(
            mia.text().await.contains(says),
            "{query}: {}",
            mia.text().await
        );
        assert!(!is_logged_in(&mia).await, "{query}");
    }
    // She presses Cancel there.
    begin(&mia).await;
    mia.press("[name=cancel]").await;
    assert_eq!(world.status(), StatusCode::UNAUTHORIZED);
    assert!(mia.text().await.contains(denied));
    // She takes her time.
    begin(&mia).await;
    world.set_ahead(11);
    mia.submit(&[("name", "mia")]).await;
    assert!(mia.text().await.contains(not_begun));
    assert!(!is_logged_in(&mia).await);
    // The provider goes away while somebody is there.
    world.set_ahead(0);
    let ben = Engine::Chromium.browser(&world.site).await;
    begin(&ben).await;
    world.provider.kill().await.unwrap();
    let state = world.state();
    ben.go(&format!("/callback?code=forged&state={state}"))
        .await;
    assert_eq!(world.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(ben.text().await.contains(away));
    assert!(!is_logged_in(&ben).await);
    mia.close().await;
    ben.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_too_long_to_wait_in_the_session_is_forgotten() {
    let world = World::open().await;
    let mia = Engine::Chromium.browser(&world.site).await;
    for (length, is_kept) in [(1000, true), (1001, false), (6000, false)] {
        let next = format!(
            "/?{}",
            "&\\".repeat(length / 2 - 1) + &"x".repeat(length % 2)
        );
        let encoded = next.replace('&', "%26").replace('\\', "%5C");
        mia.go(&format!("/login?next={encoded}")).await;
        mia.press("main button").await;
        if length == 1000 {
            mia.submit(&[("name", "mia")]).await;
        }
        assert!(mia.text().await.contains("Hello, mia"), "{length}");
        assert_eq!(mia.path().await.len() > 1, is_kept, "{length}");
    }
    mia.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_whose_provider_is_away_from_the_start_says_so() {
    let mut world = World::open().await;
    world.provider.kill().await.unwrap();
    let mia = Engine::Chromium.browser(&world.site).await;
    mia.go("/login").await;
    mia.press("main button").await;
    assert!(mia.text().await.contains("The provider doesn’t answer"));
    assert!(!is_logged_in(&mia).await);
    mia.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_is_as_fresh_as_the_proof_at_the_provider() {
    let world = World::open().await;
    let mia = Engine::Chromium.browser(&world.site).await;
    begin(&mia).await;
    mia.submit(&[("name", "mia")]).await;
    mia.go("/account").await;
    assert_eq!(mia.path().await, "/account");

    // An hour later she logs in again. The provider still knows her, and does not ask.
    world.set_ahead(61);
    mia.go("/").await;
    mia.press("main button").await;
    mia.go("/login").await;
    mia.press("main button").await;
    assert_eq!(mia.path().await, "/");
    // That is not a new proof.
    mia.go("/account").await;
    assert!(
        mia.path().await.starts_with("/confirm"),
        "{}",
        mia.path().await
    );
    mia.picture("oidc-confirm.png").await;
    // The provider has to ask for this. By its clock she proves herself an hour before it was asked, as if it had not
    // asked.
    mia.press("main button").await;
    assert!(mia.text().await.contains("The provider"));
    mia.submit(&[("name", "mia")]).await;
    assert_eq!(world.status(), StatusCode::UNAUTHORIZED);
    assert!(is_logged_in(&mia).await, "as before");

    // With clocks that agree.
    world.set_ahead(0);
    mia.go("/confirm?next=/account").await;
    mia.press("main button").await;
    mia.submit(&[("name", "mia")]).await;
    assert_eq!(mia.path().await, "/account");
    mia.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_ends_when_the_provider_vouches_no_longer() {
    let world = World::open().await;
    let mia = Engine::Chromium.browser(&world.site).await;
    begin(&mia).await;
    mia.submit(&[("name", "mia")]).await;
    // The provider says four hours, and the site eight.
    for (minutes, is_in) in [(0, true), (238, true), (241, false)] {
        world.set_ahead(minutes);
        assert_eq!(is_logged_in(&mia).await, is_in, "after {minutes} minutes");
    }
    mia.close().await;
}
