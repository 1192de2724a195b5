//! Passkeys in a real browser with a virtual authenticator, and what a copy of a cookie or of an answer can do.

#![allow(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

use browser_tests::{Browser, Engine};
use serde_json::{Value, json};

use crate::challenges::{Challenges, MOST, MOST_OF_ONE};

#[test]
fn a_challenge_is_taken_once_and_the_last_one_counts() {
    let challenges = Challenges::default();
    assert!(challenges.keep("mia", "this login", 1) && challenges.keep("mia", "this login", 2));
    assert_eq!(challenges.take("another login"), None);
    assert_eq!(challenges.take("this login"), Some(2));
    assert_eq!(challenges.take("this login"), None);
}

#[test]
fn there_are_no_more_challenges_than_there_is_room_for() {
    let challenges = Challenges::default();
    for number in 0..MOST {
        let number = number.to_string();
        assert!(challenges.keep(&number, &number, ()));
    }
    assert!(!challenges.keep("one more", "a login", ()));
    assert_eq!(challenges.take("a login"), None);
    assert!(
        challenges.keep("17", "another login", ()),
        "in place of 17's own"
    );
    assert_eq!(
        (challenges.take("17"), challenges.take("another login")),
        (None, Some(()))
    );

    let answer = crate::crowded();
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.headers()["retry-after"], "60");
}

#[test]
fn a_member_who_asks_a_thousand_times_takes_the_room_of_nobody_else() {
    let challenges = Challenges::default();
    assert!(challenges.keep("mia", "before", 0));
    for number in 0..1000 {
        assert!(challenges.keep("ben", &number.to_string(), number));
    }
    assert!(challenges.keep("mia", "after", 1));
    assert_eq!(
        (challenges.take("before"), challenges.take("after")),
        (Some(0), Some(1))
    );
    let left: Vec<_> = (0..1000)
        .filter_map(|it| challenges.take(&it.to_string()))
        .collect();
    assert_eq!(
        left,
        (1000 - MOST_OF_ONE..1000).collect::<Vec<_>>(),
        "ben's newest"
    );
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
    let thief = Engine::Chromium.browser(&site).await;
    for browser in [&mia, &thief] {
        browser.go("/login").await;
        browser.submit(&MIA).await;
        assert_eq!(browser.path().await, "/");
    }
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

    // Logins that took the password alone are over.
    thief.go("/").await;
    assert!(thief.path().await.starts_with("/login"));

    // One step is not a login.
    mia.go("/passkeys").await;
    mia.submit(&MIA).await;
    assert_eq!(mia.path().await, "/second-step");
    mia.picture("passkeys-second-step.png").await;

    // A thief copies the cookies. The thief's browser has no passkey, and the answer belongs to another user.
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

    // Each begun login has challenges of its own: a thousand for the thief's replace none of mia's.
    mia.press("main button").await;
    mia.go("/login").await;
    mia.submit(&MIA).await;
    let right = answer(&mia).await;
    let script = "const done = arguments[0];
        const ask = () => fetch('/second-step/challenge', { method: 'POST' }).then(answer => answer.ok);
        Promise.all(Array.from({ length: 1000 }, ask)).then(
            given => done(given.filter(Boolean).length), error => done(String(error)));";
    let given = thief.client.execute_async(script, vec![]).await.unwrap();
    assert_eq!(given, 1000);
    assert_eq!(send(&mia, "/second-step", &right).await, 200);
    mia.go("/").await;

    // With the page itself, and on to the page she wanted.
    mia.press("main button").await;
    mia.go("/passkeys").await;
    mia.submit(&MIA).await;
    mia.press("main button").await;
    assert_eq!(mia.path().await, "/passkeys");
    mia.close().await;
    thief.close().await;
}
