//! The two steps in a real browser, and what a thief can do with a copy.

#![allow(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

use std::sync::LazyLock;
use std::time::SystemTime;

use browser_tests::Engine;
use totp_rs::{Builder, Secret};

use crate::second_factor::SecondFactor;

const GUIDE: &str = include_str!("../../../docs/second-step.md");

#[test]
fn the_guide_shows_this_very_program() {
    for program in [include_str!("main.rs"), include_str!("second_factor.rs")] {
        let program = program.replace("#[cfg(test)]\nmod tests;\n", "");
        assert!(
            GUIDE.contains(&program),
            "copy src/main.rs, without its tests, and src/second_factor.rs into docs/second-step.md"
        );
    }
}

/// The site's clock stands still, so that no wait is over because a browser took its time.
fn now() -> SystemTime {
    static START: LazyLock<SystemTime> = LazyLock::new(SystemTime::now);
    *START
}

/// The code that the app with this secret shows in this many seconds.
fn code(secret: &str, from_now: i64) -> String {
    let now = now().duration_since(SystemTime::UNIX_EPOCH);
    let at = now.unwrap().as_secs().checked_add_signed(from_now).unwrap();
    let secret = Secret::try_from_base32(secret).unwrap();
    let app = Builder::new().with_secret(secret);
    let app = app.with_account_name("mia").build().unwrap();
    app.generate(at).to_string()
}

#[test]
fn a_code_counts_once_and_so_does_a_recovery_code() {
    let mut factor = SecondFactor::new("mia").unwrap();
    let (_, secret) = factor.to_show().unwrap();
    let now = now();
    let (before, right) = (code(&secret, -30), code(&secret, 0));
    assert!(factor.accept(&right, now));
    for used in [&right, &before] {
        assert!(!factor.accept(used, now));
    }
    let codes = factor.new_recovery_codes().unwrap();
    assert_eq!(codes.len(), 10);
    let spaced = codes[0].to_uppercase().replace('0', "0 ");
    assert!(factor.accept(&spaced, now));
    assert!(!factor.accept(&codes[0], now));
    factor.new_recovery_codes().unwrap();
    assert!(!factor.accept(&codes[1], now));
}

/// The site, at its own port.
async fn open() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let site = crate::site(now).await.unwrap();
    tokio::spawn(async move { axum::serve(listener, site).await });
    url
}

const MIA: [(&str, &str); 2] = [("name", "mia"), ("password", "correct horse")];

#[tokio::test(flavor = "multi_thread")]
async fn mia_sets_up_her_app_and_signs_in_with_it_and_a_copied_cookie_is_worth_nothing() {
    let site = open().await;
    let mia = Engine::Chromium.browser(&site).await;
    mia.go("/login").await;
    mia.picture("totp-login.png").await;
    mia.submit(&MIA).await;
    assert!(mia.text().await.contains("your password alone"));

    let early = Engine::Chromium.browser(&site).await;
    early.go("/login").await;
    early.submit(&MIA).await;
    assert!(early.text().await.contains("your password alone"));

    mia.go("/authenticator").await;
    mia.picture("totp-set-up.png").await;
    let secret = mia.find("main code").await.text().await.unwrap();
    mia.submit(&[("code", &code(&secret, 0))]).await;
    mia.picture("totp-recovery-codes.png").await;
    let recovery = mia.find("li code").await.text().await.unwrap();
    mia.go("/").await;
    mia.picture("totp-home.png").await;
    mia.press("main button").await;

    // One step is not a login, and leads to the second.
    mia.go("/authenticator").await;
    assert_eq!(mia.path().await, "/login?next=%2Fauthenticator");
    mia.submit(&MIA).await;
    assert_eq!(mia.path().await, "/second-step");
    mia.go("/").await;
    assert!(mia.path().await.starts_with("/login"));
    mia.go("/second-step").await;

    // A thief copies the browser's cookies, and can open the page of the second step.
    let thief = Engine::Chromium.browser(&site).await;
    thief.go("/login").await;
    thief.put_cookies(mia.cookies().await).await;
    thief.go("/second-step").await;
    assert_eq!(thief.path().await, "/second-step");

    // A code that was used is wrong; the next one is right, and leads to the page she wanted.
    mia.submit(&[("code", "000000")]).await;
    assert!(mia.text().await.contains("wrong"));
    mia.picture("totp-second-step.png").await;
    mia.submit(&[("code", &code(&secret, 30))]).await;
    assert_eq!(mia.path().await, "/authenticator");

    // A session from before the app was set up has ended with it.
    early.go("/").await;
    assert!(early.path().await.starts_with("/login"));

    // The copy is now worthless, whatever code comes with it.
    thief.submit(&[("code", &recovery)]).await;
    assert_eq!(thief.path().await, "/login");
    thief.go("/").await;
    assert!(thief.path().await.starts_with("/login"));

    // The thief did not use up the recovery code; she does.
    for (browser, leads_to) in [(&mia, "/"), (&thief, "/second-step")] {
        browser.go("/login").await;
        browser.submit(&MIA).await;
        browser.submit(&[("code", &recovery)]).await;
        assert_eq!(browser.path().await, leads_to);
    }
    // Guesses have to wait, and the right code with them; in a browser that has logged in before, it does not.
    thief.go("/login").await;
    thief.submit(&MIA).await;
    for guess in 0..12 {
        thief.go("/second-step").await;
        thief.submit(&[("code", &format!("{guess:06}"))]).await;
    }
    let refusal = thief.text().await;
    assert!(refusal.contains("Too many attempts"), "{refusal}");
    for browser in [mia, thief, early] {
        browser.close().await;
    }
}
