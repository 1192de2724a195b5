//! Flashed messages, and that Flask can read them.

use housekey::Error;
use http::Method;

use crate::answer::Answer;
use crate::browser::Browser;
use crate::peer;
use crate::people::Member;
use crate::plan::{Given, acts};
use crate::site::START;
use crate::site::{Builder, KEY, Sites, noise};

async fn a_message_is_shown_once(sites: Sites) {
    let site = sites.safe();
    let mut browser = site.browser();
    browser.post("/flash", "one").await;
    browser.post("/flash", "two").await;
    assert_eq!(browser.read("/flash").await, "message: one\nmessage: two");
    assert_eq!(browser.read("/flash").await, "");
    assert_eq!(browser.jar.names(), [""; 0], "nothing is left to be kept");
}

/// What a browser sends when nobody may ever see the answer.
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

async fn a_page_that_nobody_may_ever_see_takes_no_message(sites: Sites) {
    for site in [sites.safe(), sites.flask(), sites.stored()] {
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

async fn a_message_of_an_unseen_request_waits_for_one_that_is_seen(sites: Sites) {
    let both = async |given: Given| -> Result<String, Error> {
        given.flash.message("from here")?;
        Ok(given.flash.take()?.len().to_string())
    };
    let site = sites.safe().and(acts("/both", both));
    let mut browser = site.browser();
    let answer = browser
        .get_with("/both", &[("sec-purpose", "prefetch")])
        .await;
    assert_eq!(answer.body, "0");
    assert_eq!(browser.read("/flash").await, "message: from here");
}

async fn a_denial_that_nobody_sees_leaves_neither_a_message_nor_a_way_back(sites: Sites) {
    let set = |builder: Builder| builder.login_message("Please log in.").next_in_session();
    for site in [sites.safe_with(set), sites.flask_with(set)] {
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

async fn the_same_message_is_kept_once(sites: Sites) {
    let site = sites.safe();
    let mut browser = site.browser();
    for text in ["a", "b", "a", "a"] {
        browser.post("/flash", text).await;
    }
    assert_eq!(browser.read("/flash").await, "message: a\nmessage: b");
}

async fn flask_reads_ours_and_we_read_flasks(sites: Sites) {
    let site = sites.flask();
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

async fn a_message_outlives_the_login_or_logout_of_its_own_request(sites: Sites) {
    let bye = async |given: Given| -> Result<(), Error> {
        given.flash.push("success", "You are signed out.")?;
        given.login.logout_user().await
    };
    let welcome = async |given: Given| -> Result<(), Error> {
        given.flash.push("success", "Welcome.")?;
        let mia = Member {
            id: "mia".to_owned(),
            active: true,
            stamp: Some(b"stamp of mia".into()),
        };
        given.login.login_user(&mia).await
    };
    let site = sites
        .safe()
        .with([acts("/bye", bye), acts("/welcome", welcome)]);
    let mut browser = site.browser_of("ben").await;
    browser.post("/flash", "for ben only").await;
    browser.post("/bye", "").await;
    assert_eq!(browser.who().await, "nobody");
    assert_eq!(browser.read("/flash").await, "success: You are signed out.");
    browser.post("/welcome", "").await;
    assert_eq!(browser.who().await, "mia, fresh, by Session");
    assert_eq!(browser.read("/flash").await, "success: Welcome.");
}

async fn a_denial_flashes_what_the_settings_say_in_the_visitors_language(sites: Sites) {
    assert_eq!(
        sites.safe().browser().get("/members").await.set_cookies(),
        [""; 0]
    );

    let site = sites.safe_with(|builder| {
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

    let site = sites.flask();
    let mut browser = site.browser();
    browser.get("/members").await;
    assert_eq!(
        browser.read("/flash").await,
        "message: Please log in to access this page."
    );
    let site = sites.flask_with(|builder| builder.no_login_message());
    assert_eq!(site.browser().get("/members").await.set_cookies(), [""; 0]);
}

async fn a_message_that_does_not_fit_is_an_error_and_takes_no_other_with_it(sites: Sites) {
    let site = sites.safe();
    let mut browser = site.browser();
    browser.post("/flash", "short").await;
    let long: String = noise(6000);
    assert_eq!(browser.post("/flash", &long).await.status, 500);
    assert_eq!(browser.read("/flash").await, "message: short");
}

async fn a_message_or_a_next_without_room_is_left_out_of_the_denial(sites: Sites) {
    let site = sites.flask_with(|builder| builder.next_in_session());
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

cases! {
    behaviour_flash:
    a_message_is_shown_once,
    a_page_that_nobody_may_ever_see_takes_no_message,
    a_message_of_an_unseen_request_waits_for_one_that_is_seen,
    a_denial_that_nobody_sees_leaves_neither_a_message_nor_a_way_back,
    the_same_message_is_kept_once,
    flask_reads_ours_and_we_read_flasks,
    a_message_outlives_the_login_or_logout_of_its_own_request,
    a_denial_flashes_what_the_settings_say_in_the_visitors_language,
    a_message_that_does_not_fit_is_an_error_and_takes_no_other_with_it,
    a_message_or_a_next_without_room_is_left_out_of_the_denial,
}
