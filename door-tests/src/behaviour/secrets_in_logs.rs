//! A person who can read the logs cannot log in as anybody.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use housekey::{Event, SecretKeys, password::Passwords};
use tracing::Level;

use crate::log::Log;
use crate::site::{HOUR, KEY, OLD_KEY, Site, Sites};
use housekey::testing::Jar;

/// Everything that must stay secret, in every form in which part of a log could show it.
#[derive(Default)]
struct Secrets(Vec<String>);

impl Secrets {
    fn add(&mut self, secret: &str) {
        self.0.push(secret.to_owned());
        // A signature alone would be enough, or a token without its end.
        for part in secret.split(['.', '|', '~', ';', ' ', '=']) {
            if part.len() >= 16 {
                self.0.push(part.to_owned());
            }
        }
    }

    /// The cookies of a browser, and the secret of the login that its session holds.
    fn add_jar(&mut self, jar: &Jar) {
        for name in jar.names() {
            let value = jar.value(name).unwrap();
            self.add(value);
            let payload = value.split('.').next().unwrap();
            let json = URL_SAFE_NO_PAD.decode(payload).unwrap_or_default();
            let session: Option<serde_json::Value> = serde_json::from_slice(&json).ok();
            if let Some(login) = session
                .as_ref()
                .and_then(|session| session["_login"].as_str())
            {
                self.0.push(login.split('.').nth(1).unwrap().to_owned());
            }
        }
    }

    fn is_in(&self, text: &str) -> Option<&String> {
        self.0.iter().find(|secret| text.contains(*secret))
    }
}

async fn run(site: &Site, secrets: &mut Secrets) {
    let mut browser = site.browser();
    for (path, body) in [
        ("/login", "name=mia&remember=true"),
        ("/session/secret-note", "the-note-in-the-session"),
        ("/flash", "the-flashed-message-of-mia"),
        ("/new-password", "the-new-stamp-of-mia"),
        ("/confirm", ""),
    ] {
        browser.post(path, body).await;
        secrets.add_jar(&browser.jar);
    }
    let mut copy = browser.clone();
    copy.restart();
    browser.restart();
    for path in ["/who", "/fresh", "/members"] {
        browser.get(path).await;
    }
    secrets.add_jar(&browser.jar);
    for record in site.store.of("mia").await {
        secrets.add(&record.data.replace('"', " "));
    }

    let mut thief = site.browser();
    for (session, token) in [
        (
            "forged-session-cookie.with.a-signature-of-some-length",
            "forged-remember-token-value",
        ),
        (
            "one-planted-value; __Host-session=another-planted-value",
            "also-planted; __Host-remember_token=twice-planted",
        ),
    ] {
        for (name, value) in [("session", session), ("remember_token", token)] {
            thief.jar.put(&format!("__Host-{name}"), value);
            thief.jar.put(name, value.split(';').next().unwrap());
            secrets.add(value);
        }
        thief.get("/who").await;
        thief.get("/members?token=a-token-in-a-query").await;
        thief
            .post(
                "/login?next=//evil.example/the-next-that-was-refused",
                "name=ben",
            )
            .await;
        thief.post("/logout", "").await;
    }
    secrets.add("a-token-in-a-query");
    secrets.add("the-next-that-was-refused");

    // A look-up that fails, with the key in the header; a session that does not fit.
    let mut request = browser.request(http::Method::GET, "/who", "");
    request
        .headers_mut()
        .insert("x-api-key", "key-of-a-script".parse().unwrap());
    secrets.add("key-of-a-script");
    site.members.go_away();
    thief.send(request).await;
    browser.get("/who").await;
    site.members.come_back();
    // A store that fails, and a token that comes a second time.
    site.store.go_away();
    browser.get("/who").await;
    site.store.come_back();
    site.clock.advance(HOUR);
    copy.get("/who").await;
    browser
        .post("/session/large", &"the-note-in-the-session".repeat(999))
        .await;
    browser.post("/logout", "").await;
    for text in [
        "the-note-in-the-session",
        "the-flashed-message-of-mia",
        "the-new-stamp-of-mia",
        "stamp of mia",
    ] {
        secrets.add(text);
    }
}

async fn neither_tracing_nor_the_events_show_a_cookie_a_token_a_password_or_a_key(sites: Sites) {
    // Other tests write to it too, and must not show secrets either.
    let log = Log::of_all_threads();
    let mut secrets = Secrets::default();
    secrets.add(KEY);
    secrets.add(OLD_KEY);
    let mut told = Vec::new();

    // A weak key warns, and the warning does not show it.
    let weak = "the-weak-key-of-flask";
    secrets.add(weak);
    for (site, keys) in [
        (sites.safe(), SecretKeys::new(KEY).unwrap()),
        (
            sites.safe(),
            SecretKeys::new(OLD_KEY).unwrap().fallback(KEY).unwrap(),
        ),
        (sites.flask(), SecretKeys::flask(weak).unwrap()),
        (sites.stored(), SecretKeys::new(KEY).unwrap()),
        (sites.stored_flask(), SecretKeys::flask(weak).unwrap()),
    ] {
        let site = site.restarted(keys, |builder| builder.login_message("Please log in."));
        run(&site, &mut secrets).await;
        told.extend(site.events.take());
    }
    let passwords = Passwords::new().argon2id(8, 1, 1).unwrap();
    let stored = passwords.hash("a password that is typed").await.unwrap();
    passwords
        .verify("another that is typed", Some(&stored))
        .await
        .unwrap();
    let _ = passwords
        .verify(
            "a password that is typed",
            Some("scrypt:1099511627776:8:1$the-salt-that-was-used$00"),
        )
        .await;
    for secret in [
        "a password that is typed",
        "another that is typed",
        &stored,
        "the-salt-that-was-used",
    ] {
        secrets.add(secret);
    }
    let stolen = |event: &Event| matches!(event, Event::RememberTokenStolen { .. });
    assert!(told.iter().any(stolen), "no token was used twice");
    let text = log.text();
    for level in [
        Level::TRACE,
        Level::DEBUG,
        Level::INFO,
        Level::WARN,
        Level::ERROR,
    ] {
        assert!(
            text.contains(&format!("{level} housekey")),
            "nothing was logged at {level}:\n{text}"
        );
    }
    assert_eq!(secrets.is_in(&text), None, "in the log:\n{text}");
    assert_eq!(
        secrets.is_in(&format!("{told:?}")),
        None,
        "in the events:\n{told:#?}"
    );
}

async fn an_answer_shows_nothing_of_an_error_but_what_a_visitor_may_know(sites: Sites) {
    let site = sites.safe();
    let mut browser = site.browser_of("mia").await;
    site.members.go_away();
    let answer = browser.get("/members").await;
    assert!(!answer.body.contains("database"), "{}", answer.body);
    site.members.come_back();
    let answer = browser.post("/session/_user_id", "ben").await;
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (500, "something went wrong on this side")
    );
}

cases! {
    behaviour_secrets_in_logs:
    neither_tracing_nor_the_events_show_a_cookie_a_token_a_password_or_a_key,
    an_answer_shows_nothing_of_an_error_but_what_a_visitor_may_know,
}
