//! Flashed messages, and that Flask reads them.

use axum::Router;
use axum::routing::{get, post};
use housekey_axum::{Error, Flash, Login};

use http::Method;

use crate::common::{Answer, Browser, Builder, KEY, Member, START, Site, noise, peer};

#[tokio::test]
async fn a_message_is_shown_once() {
    let site = Site::safe();
    let mut browser = site.browser();
    browser.post("/flash", "one").await;
    browser.post("/flash", "two").await;
    assert_eq!(browser.read("/flash").await, "message: one\nmessage: two");
    assert_eq!(browser.read("/flash").await, "");
    assert_eq!(browser.jar.names(), [""; 0], "nothing is left to be kept");
}

/// What is sent when no person may ever see the answer.
const UNSEEN: [(&str, &str); 13] = [
    ("sec-purpose", "prefetch"),
    ("sec-purpose", "prefetch;prerender"),
    ("sec-purpose", "prefetch;anonymous-client-ip"),
    ("sec-purpose", "prerender"),
    ("x-sec-purpose", "prefetch"),
    ("x-sec-purpose", "Prefetch"),
    ("purpose", "prefetch"),
    ("purpose", "preview"),
    ("x-purpose", "preview"),
    ("x-purpose", "instant, prefetch"),
    ("x-moz", "prefetch"),
    ("hx-preloaded", "true"),
    ("", "HEAD"),
];

async fn ask_unseen(browser: &mut Browser, path: &str, (name, value): (&str, &str)) -> Answer {
    match name {
        "" => {
            let request = browser.request(Method::HEAD, path, "");
            browser.send(request).await
        }
        name => browser.get_with(path, &[(name, value)]).await,
    }
}

#[tokio::test]
async fn a_page_that_nobody_may_ever_see_takes_no_message() {
    for site in [Site::safe(), Site::flask(), Site::stored()] {
        for unseen in UNSEEN {
            let mut browser = site.browser_of("mia").await;
            browser.post("/flash", "hello").await;
            let answer = ask_unseen(&mut browser, "/flash", unseen).await;
            assert_eq!(
                (answer.status, answer.body.as_str()),
                (200, ""),
                "{unseen:?}"
            );
            assert_eq!(browser.read("/flash").await, "message: hello", "{unseen:?}");
            assert_eq!(browser.read("/flash").await, "");
        }
        for (name, value) in [
            ("purpose", "navigation"),
            ("sec-purpose", ""),
            ("x-moz", "microsummary"),
            ("hx-preloaded", "false"),
            ("x-sec-purpose", "prefetched"),
        ] {
            let mut browser = site.browser();
            browser.post("/flash", "hello").await;
            let answer = browser.get_with("/flash", &[(name, value)]).await;
            assert_eq!(answer.body, "message: hello", "{name}: {value}");
        }
    }
}

#[tokio::test]
async fn a_message_of_an_unseen_request_waits_for_one_that_is_seen() {
    let both = async |flash: Flash| -> Result<String, Error> {
        flash.message("from here")?;
        Ok(flash.take()?.len().to_string())
    };
    let site = Site::safe().and(Router::new().route("/both", get(both)));
    let mut browser = site.browser();
    let answer = browser
        .get_with("/both", &[("sec-purpose", "prefetch")])
        .await;
    assert_eq!(answer.body, "0");
    assert_eq!(browser.read("/flash").await, "message: from here");
}

#[tokio::test]
async fn a_denial_that_nobody_sees_leaves_neither_a_message_nor_a_way_back() {
    let set = |builder: Builder| builder.login_message("Please log in.").next_in_session();
    for site in [Site::safe_with(set), Site::flask_with(set)] {
        for unseen in UNSEEN {
            let mut browser = site.browser();
            let answer = ask_unseen(&mut browser, "/members", unseen).await;
            assert_eq!(answer.location(), "/login", "{unseen:?}");
            assert_eq!(answer.set_cookies(), [""; 0], "{unseen:?}");
            browser.get("/members").await;
            assert_eq!(browser.read("/flash").await, "message: Please log in.");
            assert_eq!(browser.read("/login").await, "/members");
        }
    }
}

#[tokio::test]
async fn the_same_message_is_kept_once() {
    let site = Site::safe();
    let mut browser = site.browser();
    for text in ["a", "b", "a", "a"] {
        browser.post("/flash", text).await;
    }
    assert_eq!(browser.read("/flash").await, "message: a\nmessage: b");
}

#[tokio::test]
async fn flask_reads_ours_and_we_read_flasks() {
    let site = Site::flask();
    let mut browser = site.browser();
    browser.post("/flash", "Nö, \"<b>\" \u{1f600}").await;
    let session = peer::read_session(KEY, browser.jar.value("session").unwrap()).unwrap();
    let expected = r#"{"_flashes":[{" t":["message","N\u00f6, \"<b>\" \ud83d\ude00"]}]}"#;
    assert_eq!(session, expected);

    let theirs = r#"{"_flashes":[{" t":["info",{" m":"<b>hi</b>"}]},{" t":["message","x"]}],"other":{" t":[1]}}"#;
    browser
        .jar
        .put("session", &peer::session(KEY, theirs, START));
    browser.post("/flash", "ours").await;
    let session = peer::read_session(KEY, browser.jar.value("session").unwrap()).unwrap();
    assert!(
        session.starts_with(
            r#"{"_flashes":[{" t":["info",{" m":"<b>hi</b>"}]},{" t":["message","x"]},"#
        ),
        "{session}"
    );
    assert!(session.ends_with(r#""other":{" t":[1]}}"#), "{session}");
    let messages = browser.read("/flash").await;
    assert_eq!(messages, "info: <b>hi</b>\nmessage: x\nmessage: ours");
}

#[tokio::test]
async fn a_message_outlives_the_login_or_logout_of_its_own_request() {
    let bye = async |flash: Flash, login: Login<Member>| -> Result<(), Error> {
        flash.push("success", "You are signed out.")?;
        login.logout_user().await?;
        Ok(())
    };
    let welcome = async |flash: Flash, login: Login<Member>| -> Result<(), Error> {
        flash.push("success", "Welcome.")?;
        let mia = Member {
            id: "mia".to_owned(),
            active: true,
            stamp: Some(b"stamp of mia".into()),
        };
        Ok(login.login_user(&mia).await?)
    };
    let routes = Router::new()
        .route("/bye", post(bye))
        .route("/welcome", post(welcome));
    let site = Site::safe().and(routes);
    let mut browser = site.browser_of("ben").await;
    browser.post("/flash", "for ben only").await;
    browser.post("/bye", "").await;
    assert_eq!(browser.who().await, "nobody");
    assert_eq!(browser.read("/flash").await, "success: You are signed out.");
    browser.post("/welcome", "").await;
    assert_eq!(browser.who().await, "mia, fresh, by Session");
    assert_eq!(browser.read("/flash").await, "success: Welcome.");
}

#[tokio::test]
async fn a_denial_flashes_what_the_settings_say_in_the_visitors_language() {
    assert_eq!(
        Site::safe().browser().get("/members").await.set_cookies(),
        [""; 0]
    );

    let site = Site::safe_with(|builder| {
        builder
            .login_message_in("warning", "Please log in.")
            .needs_refresh_message("Is it you?")
            .localize_messages(|text| match text {
                "Please log in." => "Bitte anmelden.".to_owned(),
                other => other.to_owned(),
            })
    });
    let mut browser = site.browser();
    browser.get("/members").await;
    assert_eq!(browser.read("/flash").await, "warning: Bitte anmelden.");
    browser.post("/login", "name=mia&not_fresh=true").await;
    browser.get("/fresh").await;
    assert_eq!(browser.read("/flash").await, "message: Is it you?");

    let site = Site::flask();
    let mut browser = site.browser();
    browser.get("/members").await;
    assert_eq!(
        browser.read("/flash").await,
        "message: Please log in to access this page."
    );
    let site = Site::flask_with(|builder| builder.no_login_message());
    assert_eq!(site.browser().get("/members").await.set_cookies(), [""; 0]);
}

#[tokio::test]
async fn a_message_that_does_not_fit_is_an_error_and_takes_no_other_with_it() {
    let site = Site::safe();
    let mut browser = site.browser();
    browser.post("/flash", "short").await;
    let long: String = noise(6000);
    assert_eq!(browser.post("/flash", &long).await.status, 500);
    assert_eq!(browser.read("/flash").await, "message: short");
}

#[tokio::test]
async fn a_message_or_a_next_for_which_there_is_no_room_is_left_out_of_the_denial() {
    let site = Site::flask_with(|builder| builder.next_in_session());
    let mut browser = site.browser();
    let mut len = 5000;
    while browser.post("/session/k", &noise(len)).await.status != 200 {
        len -= 1;
    }
    let answer = browser.get("/members").await;
    assert_eq!((answer.status, answer.location()), (302, "/login"));
    assert_eq!(answer.set_cookies(), [""; 0]);
    assert_eq!(browser.read("/session/k").await.len(), len + 2);
}
