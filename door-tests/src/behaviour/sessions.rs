//! The session: how long it lives, what fits into it, and what does not belong to the application.

use std::time::Duration;

use housekey::{ErrorKind, SecretKeys, SessionRefresh};

use crate::peer;
use crate::people::Member;
use crate::plan::{Given, acts};
use crate::site::START;
use crate::site::{DAY, HOUR, KEY, Sites, noise};

const SESSION: &str = "__Host-session";
const VALUES: &str = "__Host-session-values";

async fn a_session_ends_after_its_lifetime_whatever_the_browser_keeps(sites: Sites) {
    for (site, name, lifetime) in [
        (sites.safe(), SESSION, DAY),
        (sites.flask(), "session", 31 * DAY),
        (
            sites.safe_with(|builder| builder.session_lifetime(2 * HOUR)),
            SESSION,
            2 * HOUR,
        ),
    ] {
        let browser = site.browser_of("mia").await;
        let copy = browser.jar.value(name).unwrap().to_owned();
        site.clock.advance(lifetime);
        let mut other = site.browser();
        other.jar.put(name, &copy);
        assert!(other.who().await.starts_with("mia"));
        site.clock.advance(Duration::from_secs(1));
        other.jar.put(name, &copy);
        assert_eq!(other.who().await, "nobody");
    }
}

async fn a_session_is_sent_again_when_the_settings_say_so(sites: Sites) {
    // The refresh setting, whether the session is permanent, the seconds passed, and whether it is sent.
    for (refresh, permanent, later, sent) in [
        (SessionRefresh::Never, false, 86_400, false),
        (SessionRefresh::Never, true, 86_400, false),
        (SessionRefresh::PermanentEachRequest, false, 86_400, false),
        (SessionRefresh::PermanentEachRequest, true, 0, true),
        (SessionRefresh::OlderThan(HOUR), false, 3_599, false),
        (SessionRefresh::OlderThan(HOUR), false, 3_600, true),
        (SessionRefresh::OlderThan(HOUR), true, 3_600, true),
        (SessionRefresh::OlderThan(Duration::ZERO), false, 0, true),
    ] {
        let site = sites.safe_with(|builder| builder.session_refresh(refresh));
        let mut browser = site.browser_of("mia").await;
        if permanent {
            browser.post("/permanent", "").await;
        }
        site.clock.advance(Duration::from_secs(later));
        let answer = browser.get("/session/k").await;
        let what = format!("{refresh:?}, permanent: {permanent}, after {later}");
        assert_eq!(answer.set_cookie(SESSION).is_some(), sent, "{what}");
        assert!(browser.get("/").await.is_untouched());
    }
}

async fn an_anonymous_visitor_has_no_session_until_something_is_kept_in_it(sites: Sites) {
    let site = sites.safe();
    let mut browser = site.browser();
    for path in [
        "/who",
        "/members",
        "/fresh",
        "/session/k",
        "/flash",
        "/login",
    ] {
        assert_eq!(browser.get(path).await.set_cookies(), [""; 0], "{path}");
    }
    browser.post("/session/k", "v").await;
    assert_eq!(browser.jar.names(), [VALUES]);
    assert_eq!(browser.read("/session/k").await, "\"v\"");
}

async fn a_permanent_session_survives_the_browser_and_a_temporary_one_does_not(sites: Sites) {
    let make_temporary = async |given: Given| {
        assert!(given.session.is_permanent());
        given.session.make_temporary().unwrap();
    };
    let site = sites.safe().and(acts("/temporary", make_temporary));
    let mut browser = site.browser_of("mia").await;
    let answer = browser.post("/permanent", "").await;
    let session = answer.set_cookie(SESSION).unwrap();
    assert!(
        session.contains("; Expires=Wed, 15 Nov 2023 22:13:20 GMT;"),
        "{session}"
    );
    browser.restart();
    assert_eq!(browser.who().await, "mia, fresh, by Session");
    assert!(
        !browser
            .post("/temporary", "")
            .await
            .set_cookie(SESSION)
            .unwrap()
            .contains("Expires")
    );
    browser.restart();
    assert_eq!(browser.who().await, "nobody");
}

async fn storing_an_equal_value_is_not_a_change(sites: Sites) {
    let site = sites.safe();
    let mut browser = site.browser();
    browser.post("/session/k", "v").await;
    assert_eq!(browser.post("/session/k", "v").await.set_cookies(), [""; 0]);
    let mut request = browser.request(http::Method::DELETE, "/session/other", "");
    request.headers_mut().remove("content-type");
    assert_eq!(browser.send(request).await.set_cookies(), [""; 0]);
}

async fn the_keys_of_the_login_are_not_the_applications(sites: Sites) {
    let site = sites.safe();
    let mut browser = site.browser_of("mia").await;
    let keys = [
        "_user_id",
        "_fresh",
        "_id",
        "_remember",
        "_remember_seconds",
        "next",
        "_fresh_at",
        "_auth_hash",
        "_permanent",
        "_flashes",
    ];
    for key in keys {
        let path = format!("/session/{key}");
        assert_eq!(browser.post(&path, "ben").await.status, 500, "{key}");
        let delete = browser.request(http::Method::DELETE, &path, "");
        assert_eq!(browser.send(delete).await.status, 500, "{key}");
    }
    assert_eq!(browser.who().await, "mia, fresh, by Session");

    let clear = async |given: Given| {
        given.session.insert("a", &1).unwrap();
        assert_eq!(given.session.keys(), ["a"]);
        given.session.clear().unwrap();
        assert_eq!(given.session.keys(), [""; 0]);
    };
    let site = site.and(acts("/clear", clear));
    let mut browser = site.browser_of("mia").await;
    browser.post("/clear", "").await;
    assert_eq!(browser.who().await, "mia, fresh, by Session");
}

async fn a_session_that_no_browser_would_keep_is_an_error_and_stays_as_it_was(sites: Sites) {
    let site = sites.safe();
    let mut browser = site.browser_of("mia").await;
    browser.post("/session/k", "small").await;
    let answer = browser.post("/session/k", &noise(6000)).await;
    assert_eq!(answer.status, 500);
    assert_eq!(answer.set_cookies(), [""; 0]);
    assert_eq!(browser.read("/session/k").await, "\"small\"");
    assert_eq!(browser.who().await, "mia, fresh, by Session");

    // What compresses well fits.
    assert_eq!(
        browser.post("/session/k", &"a".repeat(20_000)).await.status,
        200
    );
    assert_eq!(browser.read("/session/k").await.len(), 20_002);
}

async fn what_fits_by_itself_and_not_together_is_refused_while_the_handler_can_still_know(
    sites: Sites,
) {
    let fill = async |given: Given| {
        let Given {
            session,
            flash,
            login,
            ..
        } = &given;
        let mia = Member {
            id: "mia".to_owned(),
            active: true,
            stamp: Some(b"stamp of mia".into()),
        };
        let mut results = Vec::new();
        for step in given.body.split(' ') {
            results.push(match step {
                "flash" => flash.message(&noise(2500).chars().rev().collect::<String>()),
                "insert" => session.insert("k", &noise(2500)),
                "login" => login.login_user(&mia).await,
                _ => panic!("{step}"),
            });
        }
        let kinds: Vec<_> = results
            .iter()
            .map(|result| result.as_ref().err().map(|error| error.kind()))
            .collect();
        format!("{kinds:?}")
    };
    let site = sites
        .safe_with(|builder| builder.keep_at_login(["k"]))
        .and(acts("/fill", fill));
    let too_large = Some(ErrorKind::SessionTooLarge);
    for order in [
        "flash insert",
        "insert flash",
        "insert flash login",
        "flash insert login",
    ] {
        let mut browser = site.browser();
        let answer = browser.post("/fill", order).await;
        assert_eq!(answer.status, 200, "{order}");
        let expected = [None, too_large, None];
        assert_eq!(
            answer.body,
            format!("{:?}", &expected[..order.split(' ').count()]),
            "{order}"
        );
        let kept = [
            browser.read("/session/k").await.len(),
            browser.read("/flash").await.len(),
        ];
        assert_eq!(
            kept.iter().filter(|len| **len > 2500).count(),
            1,
            "{order}: {kept:?}"
        );
    }
}

/// An anonymous visitor's values had filled the room that a login needs.
async fn a_full_session_keeps_nobody_from_being_remembered(sites: Sites) {
    for site in [sites.safe(), sites.flask()] {
        let mut browser = site.remembered_browser_of("mia").await;
        browser.restart();
        let mut len = 4000;
        while browser.post("/session/cart", &noise(len)).await.status != 200 {
            len -= 10;
        }
        assert_eq!(browser.who().await, "mia, remembered, by RememberToken");
        assert_eq!(browser.who().await, "mia, remembered, by Session");
    }
}

/// Flask's values may leave no room for ours.
async fn a_full_session_of_a_peer_is_not_an_error(sites: Sites) {
    let site = sites.flask();
    let of = |len: usize| {
        let json = format!(
            r#"{{"_fresh":false,"_user_id":"mia","k":"{}"}}"#,
            noise(len)
        );
        peer::compressed_session(KEY, &json, START)
    };
    let fits = |len: &usize| "session".len() + of(*len).len() <= 4093;
    let session = of((0..6000).rev().find(fits).unwrap());
    let mut browser = site.browser();
    browser.jar.put("session", &session);
    assert_eq!(browser.who().await, "mia, by Session");
    assert_eq!(browser.jar.value("session"), Some(session.as_str()));
    let answer = browser.post("/session/more", "than fits").await;
    assert_eq!((answer.status, answer.set_cookies().len()), (500, 0));
    assert_eq!(browser.who().await, "mia, by Session");

    let delete = browser.request(http::Method::DELETE, "/session/k", "");
    assert_eq!(browser.send(delete).await.status, 200);
    assert_eq!(browser.who().await, "mia, by Session");
    let session = peer::read_session(KEY, browser.jar.value("session").unwrap()).unwrap();
    assert!(
        session.contains("_auth_hash") && session.contains("_id"),
        "{session}"
    );
}

/// As when the limit was lowered, or when a peer compressed it better.
async fn a_session_that_cannot_be_sent_again_is_kept_as_it_is(sites: Sites) {
    let site = sites.safe();
    let mut browser = site.browser_of("mia").await;
    browser.post("/session/k", &noise(2000)).await;
    let keys = SecretKeys::new(KEY).unwrap();
    let tighter = site.restarted(keys, |builder| builder.max_cookie_size(1024));
    browser.move_to(&tighter);
    site.clock.advance(2 * HOUR);
    let answer = browser.get("/who").await;
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (200, "mia, by Session")
    );
    assert_eq!(
        answer.set_cookie(VALUES),
        None,
        "the browser keeps what it has"
    );
    assert_eq!(browser.read("/session/k").await.len(), 2002);
}

async fn a_clock_at_either_end_of_time_causes_no_panic_and_no_eternal_session(sites: Sites) {
    let site = sites.safe();
    for now in [0, 1, 253_402_300_799, i64::MAX as u64 - 1] {
        site.clock.set(now);
        let mut browser = site.remembered_browser_of("mia").await;
        assert_eq!(browser.post("/permanent", "").await.status, 200, "at {now}");
    }
    site.clock.set(0);
    let mut browser = site.remembered_browser_of("mia").await;
    site.clock.set(i64::MAX as u64 - 1);
    assert_eq!(browser.who().await, "nobody");
}

async fn a_value_is_either_refused_or_there_at_the_next_request(sites: Sites) {
    let store = async |given: Given| {
        let depth: usize = given.body.parse().unwrap();
        let mut value = serde_json::json!(1);
        for _ in 0..depth {
            value = serde_json::json!([value]);
        }
        given.session.insert("deep", &value).is_ok().to_string()
    };
    let site = sites.safe().and(acts("/store", store));
    let mut kept = Vec::new();
    for depth in [1, 100, 120, 125, 126, 127, 128, 129, 130, 200] {
        let mut browser = site.browser_of("mia").await;
        let stored = browser.post("/store", &depth.to_string()).await.body;
        assert_eq!(
            browser.who().await,
            "mia, fresh, by Session",
            "at depth {depth}"
        );
        let read = browser.get("/session/deep").await;
        assert_eq!(read.status, 200, "at depth {depth}");
        assert_eq!(read.body != "nothing", stored == "true", "at depth {depth}");
        kept.push(stored == "true");
    }
    assert!(kept[0] && kept[1] && !kept[9], "{kept:?}");
}

async fn a_number_as_a_user_id_stays_one(sites: Sites) {
    let site = sites.flask();
    let mut browser = site.browser();
    let json = r#"{"_fresh":false,"_user_id":7}"#;
    browser.jar.put("session", &peer::session(KEY, json, START));
    assert_eq!(browser.who().await, "7, by Session");
    browser.post("/session/k", "v").await;
    let session = peer::read_session(KEY, browser.jar.value("session").unwrap()).unwrap();
    assert!(
        session.contains(r#""_user_id":7,"#) || session.contains(r#""_user_id":7}"#),
        "{session}"
    );
    assert_eq!(browser.who().await, "7, by Session");
    browser.log_in("7").await;
    assert_eq!(
        browser.read("/session/k").await,
        "\"v\"",
        "it is the same user"
    );
}

/// The rules may change anything in it.
async fn a_full_session_of_a_peer_from_another_browser_is_not_an_error(sites: Sites) {
    for stored in [false, true] {
        for json in [
            r#"{"_fresh":true,"_id":"of another","_user_id":"mia","k":"NOISE"}"#,
            r#"{"_fresh":true,"_user_id":"mia","k":"NOISE"}"#,
            r#"{"_fresh":true,"_remember":"clear","_user_id":"mia","k":"NOISE"}"#,
            r#"{"_auth_hash":"old.ben","_fresh":true,"_user_id":"mia","k":"NOISE"}"#,
            r#"{"_fresh_at":1,"_login":"x","k":"NOISE"}"#,
            r#"{"_flashes":[{" t":["message","hello"]}],"_fresh":true,"_id":"x","_user_id":"mia","k":"NOISE"}"#,
        ] {
            let site = match stored {
                true => sites.stored_flask(),
                false => sites.flask(),
            };
            let most = 4096 - "session".len();
            let fits = |session: &String| (4070..=most).contains(&session.len());
            let full = (3800..4110).map(|len| {
                peer::compressed_session(KEY, &json.replace("NOISE", &noise(len)), START)
            });
            let full: Vec<_> = full.filter(fits).collect();
            assert!(full.len() > 5, "{}", full.len());
            for session in full {
                let size = session.len();
                for path in ["/who", "/flash", "/members"] {
                    let mut browser = site.browser();
                    browser.jar.put("session", &session);
                    let answer = browser.get(path).await;
                    assert_ne!(answer.status, 500, "{size} {path} {stored} {json}");
                }
            }
        }
    }
}

/// Where the server keeps nothing, an old copy of the values does not become part of a new login.
async fn values_of_one_login_are_none_of_the_same_users_next_one(sites: Sites) {
    for site in [sites.safe(), sites.stored()] {
        let mut browser = site.browser_of("mia").await;
        browser.post("/session/second_step", "done").await;
        let name = "__Host-session-values";
        let copy = browser.jar.value(name).unwrap().to_owned();
        browser.post("/logout", "").await;
        site.clock.advance(HOUR);
        browser.log_in("mia").await;
        browser.jar.put(name, &copy);
        assert_eq!(browser.read("/session/second_step").await, "nothing");
    }
}

cases! {
    behaviour_sessions:
    a_session_ends_after_its_lifetime_whatever_the_browser_keeps,
    a_session_is_sent_again_when_the_settings_say_so,
    an_anonymous_visitor_has_no_session_until_something_is_kept_in_it,
    a_permanent_session_survives_the_browser_and_a_temporary_one_does_not,
    storing_an_equal_value_is_not_a_change,
    the_keys_of_the_login_are_not_the_applications,
    a_session_that_no_browser_would_keep_is_an_error_and_stays_as_it_was,
    what_fits_by_itself_and_not_together_is_refused_while_the_handler_can_still_know,
    a_full_session_keeps_nobody_from_being_remembered,
    a_full_session_of_a_peer_is_not_an_error,
    a_session_that_cannot_be_sent_again_is_kept_as_it_is,
    a_clock_at_either_end_of_time_causes_no_panic_and_no_eternal_session,
    a_value_is_either_refused_or_there_at_the_next_request,
    a_number_as_a_user_id_stays_one,
    a_full_session_of_a_peer_from_another_browser_is_not_an_error,
    values_of_one_login_are_none_of_the_same_users_next_one,
}
