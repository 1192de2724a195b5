//! Passkeys in a real browser with a virtual authenticator, and what a copy of a cookie or of an answer can do.

#![allow(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

use browser_tests::{Browser, Engine};
use serde_json::{Value, json};

use crate::challenges::Challenges;

#[test]
fn a_challenge_is_taken_once_and_the_last_one_counts() {
    let challenges = Challenges::default();
    assert!(challenges.keep("mia's", 1) && challenges.keep("mia's", 2));
    assert_eq!(challenges.take("ben's"), None);
    assert_eq!(challenges.take("mia's"), Some(2));
    assert_eq!(challenges.take("mia's"), None);
}

#[test]
fn there_are_no_more_challenges_than_there_is_room_for() {
    let challenges = Challenges::default();
    for number in 0..10_000 {
        assert!(challenges.keep(&number.to_string(), ()));
    }
    assert!(!challenges.keep("one more", ()));
    assert!(challenges.keep("17", ()), "in place of another");
}

/// The site, at its own port.
async fn open() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://localhost:{}", listener.local_addr().unwrap().port());
    let site = crate::site(&url).await.unwrap();
    tokio::spawn(async move { axum::serve(listener, site).await });
    url
}

const MIA: [(&str, &str); 2] = [("name", "mia"), ("password", "correct horse")];

/// The status of the server's answer to this browser's script.
async fn send(browser: &Browser, path: &str, body: &str) -> i64 {
    let script = "const [path, body, done] = arguments;
        fetch(path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body })
            .then(answer => done(answer.status), error => done(String(error)));";
    let answer = browser
        .client
        .execute_async(script, vec![path.into(), body.into()]);
    answer.await.unwrap().as_i64().unwrap()
}

/// The browser's passkey's answer to a challenge, not yet sent.
async fn answer(browser: &Browser) -> String {
    let script = "const done = arguments[0];
        (async () => {
            const { publicKey } = await post('/second-step/challenge');
            const options = PublicKeyCredential.parseRequestOptionsFromJSON(publicKey);
            return JSON.stringify((await navigator.credentials.get({ publicKey: options })).toJSON());
        })().then(done, error => done(String(error)));";
    let answer: Value = browser.client.execute_async(script, vec![]).await.unwrap();
    answer.as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn mia_signs_in_by_her_passkey_and_neither_a_cookie_nor_an_answer_counts_twice() {
    let site = open().await;
    let mia = Engine::Chromium.browser(&site).await;
    let authenticator = json!({
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": true,
        "hasUserVerification": true,
        "isUserVerified": true,
    });
    mia.command("webauthn/authenticator", authenticator).await;
    mia.go("/login").await;
    mia.submit(&MIA).await;
    mia.go("/passkeys").await;
    mia.picture("passkeys-register.png").await;
    mia.press("main button").await;
    assert!(
        mia.text().await.contains("Your passkeys: 1"),
        "{}",
        mia.text().await
    );
    mia.picture("passkeys-home.png").await;
    mia.press("main button").await;

    // One step is not a login.
    mia.go("/passkeys").await;
    mia.submit(&MIA).await;
    assert_eq!(mia.path().await, "/second-step");
    mia.picture("passkeys-second-step.png").await;

    // A thief copies the cookies. The thief's browser has no passkey, and the answer belongs to another user.
    let thief = Engine::Chromium.browser(&site).await;
    thief.go("/login").await;
    thief.put_cookies(mia.cookies().await).await;
    thief.go("/second-step").await;
    assert_eq!(thief.path().await, "/second-step");

    // An answer is for one challenge, and another challenge replaces that one.
    let stale = answer(&mia).await;
    let right = answer(&mia).await;
    assert_eq!(send(&mia, "/second-step", &stale).await, 401);
    assert_eq!(
        send(&mia, "/second-step", &right).await,
        401,
        "the challenge was used up"
    );
    let right = answer(&mia).await;
    assert_eq!(send(&mia, "/second-step", &right).await, 200);
    mia.go("/").await;
    assert_eq!(mia.path().await, "/");

    // Afterwards neither the copy nor the answer is worth anything, even with another first step.
    assert_eq!(send(&thief, "/second-step", &right).await, 401);
    assert_eq!(send(&thief, "/second-step/challenge", "{}").await, 401);
    thief.go("/login").await;
    thief.submit(&MIA).await;
    assert_eq!(thief.path().await, "/second-step");
    assert_eq!(send(&thief, "/second-step/challenge", "{}").await, 200);
    assert_eq!(send(&thief, "/second-step", &right).await, 401);
    thief.go("/").await;
    assert!(thief.path().await.starts_with("/login"));

    // With the page itself, and on to the page she wanted.
    mia.press("main button").await;
    mia.go("/passkeys").await;
    mia.submit(&MIA).await;
    mia.press("main button").await;
    assert_eq!(mia.path().await, "/passkeys");
    mia.close().await;
    thief.close().await;
}
