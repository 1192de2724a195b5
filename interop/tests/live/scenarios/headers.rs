//! The headers with which both sides set their cookies.

use std::time::SystemTime;

use door_tests::Answer;

use crate::harness::{Habit, Settings, Side, Stage, both_ways};

/// The answer's `Set-Cookie`s in order, with normalised values and times (which differ by a second).
fn set_cookies(answer: &Answer) -> Vec<String> {
    let cookies = answer.set_cookies().into_iter();
    cookies
        .map(|cookie| {
            let (pair, attributes) = cookie.split_once("; ").unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            let value = if value.is_empty() { "" } else { "…" };
            let attributes: Vec<_> = attributes.split("; ").map(without_time).collect();
            format!("{name}={value}; {}", attributes.join("; "))
        })
        .collect()
}

/// `Expires=` with the minutes from now, unless it is in the past.
fn without_time(attribute: &str) -> String {
    let Some(time) = attribute.strip_prefix("Expires=") else {
        return attribute.to_owned();
    };
    let time = httpdate::parse_http_date(time).unwrap();
    match time.duration_since(SystemTime::now()) {
        Ok(left) => format!("Expires in {} minutes", (left.as_secs() + 30) / 60),
        Err(_) => attribute.to_owned(),
    }
}

/// Logs in with "remember me" and makes the session permanent: returns what these two set, at one side.
async fn cookies_of(stage: &Stage, side: Side) -> [Vec<String>; 2] {
    let (mia, browser) = (stage.person("mia").await, stage.browser());
    let remember = [("remember", "on")];
    let login = browser.log_in_with(side, &mia, &remember).await;
    let form = [("permanent", "on")];
    let permanent = browser.post(side, "/permanent", &form).await;
    [login, permanent].map(|answer| set_cookies(&answer))
}

async fn compare(stage: &Stage, login: [&str; 2], permanent: &str) {
    let here = cookies_of(stage, stage.here).await;
    assert_eq!(here, cookies_of(stage, stage.there).await);
    assert_eq!(here, [login.to_vec(), vec![permanent]]);
}

both_ways!(both_set_cookies_with_the_same_attributes);
async fn both_set_cookies_with_the_same_attributes(stage: &Stage) {
    let login = [
        "remember_token=…; Expires in 525600 minutes; HttpOnly; Path=/",
        "session=…; HttpOnly; Path=/",
    ];
    let permanent = "session=…; Expires in 44640 minutes; HttpOnly; Path=/";
    compare(stage, login, permanent).await;
}

/// Every attribute of a cookie.
fn everything() -> Settings {
    Settings::new()
        .with("SESSION_COOKIE_NAME", "sid")
        .with("SESSION_COOKIE_DOMAIN", ".site.example")
        .with("SESSION_COOKIE_SECURE", "on")
        .with("SESSION_COOKIE_HTTPONLY", "off")
        .with("SESSION_COOKIE_SAMESITE", "Lax")
        .with("PERMANENT_SESSION_LIFETIME", "7200")
        .with("REMEMBER_COOKIE_NAME", "rt")
        .with("REMEMBER_COOKIE_DOMAIN", "site.example")
        .with("REMEMBER_COOKIE_PATH", "/")
        .with("REMEMBER_COOKIE_SECURE", "on")
        .with("REMEMBER_COOKIE_SAMESITE", "Strict")
        .with("REMEMBER_COOKIE_DURATION", "3600")
}

both_ways!(both_set_cookies_by_the_same_settings, everything());
async fn both_set_cookies_by_the_same_settings(stage: &Stage) {
    let login = [
        "rt=…; Domain=site.example; Expires in 60 minutes; Secure; HttpOnly; Path=/; SameSite=Strict",
        "sid=…; Domain=site.example; Secure; Path=/; SameSite=Lax",
    ];
    let permanent =
        "sid=…; Domain=site.example; Expires in 120 minutes; Secure; Path=/; SameSite=Lax";
    compare(stage, login, permanent).await;
}

// Rust deletes a token with the attributes that it was set with, or some browsers would keep it.
both_ways!(a_token_set_here_is_deleted_there, everything());
async fn a_token_set_here_is_deleted_there(stage: &Stage) {
    let (mia, browser) = (stage.person("mia").await, stage.browser());
    let remember = [("remember", "on")];
    browser.log_in_with(stage.here, &mia, &remember).await;
    let answer = browser.post(stage.there, "/logout", &[]).await;
    let token = match stage.there {
        _ if stage.there.has(Habit::DeletesPlainly) => "Path=/",
        _ => "Secure; HttpOnly; Path=/; SameSite=Strict",
    };
    let gone = "Domain=site.example; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0";
    let mut expected = vec![format!("rt=; {gone}; {token}")];
    // With Flask-Login, what Rust wrote stays behind, and so does the cookie.
    let is_left = stage.there.has(Habit::HandsSessionsOn) && stage.here.has(Habit::KeepsFreshAt);
    expected.push(match is_left {
        true => "sid=…; Domain=site.example; Secure; Path=/; SameSite=Lax".to_owned(),
        false => format!("sid=; {gone}; Secure; Path=/; SameSite=Lax"),
    });
    let mut sent = set_cookies(&answer);
    if !stage.there.has(Habit::DeletesPlainly) {
        // First it deletes what other settings may have left.
        let deletes = |set: &String| set.contains("=; ") && set.contains("Max-Age=0");
        assert!(sent.iter().all(deletes), "{sent:?}");
        sent.retain(|set| expected.contains(set));
    }
    assert_eq!(sent, expected);
    assert_eq!(browser.cookie("rt"), None);
}

// With Flask-Login, every answer from Flask varies with the cookie; Rust's do only after reading it.
both_ways!(a_page_that_asks_nobody_varies_with_the_cookie_at_flask_only);
async fn a_page_that_asks_nobody_varies_with_the_cookie_at_flask_only(stage: &Stage) {
    let (mia, browser) = (stage.person("mia").await, stage.browser());
    browser.log_in(stage.here, &mia).await;
    for side in Side::BOTH {
        let page = browser.get(side, "/").await;
        assert_eq!(
            page.is_untouched(),
            !side.has(Habit::VariesAlways),
            "{page:?}"
        );
        let page = browser.get(side, "/members").await;
        assert_eq!(page.header("vary").as_deref(), Some("Cookie"));
        let private = page.header("cache-control");
        let expected = (!side.has(Habit::VariesAlways)).then_some("private, no-store");
        assert_eq!(private.as_deref(), expected);
    }
}
