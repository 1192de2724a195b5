//! T1 to T18: tokens, sessions, protection, sources and keys.

use housekey::{BoxError, Event, LoginManager, SecretKeys, SessionIdentifier, SessionProtection};
use http::{HeaderValue, Method, header};

use crate::peer;
use crate::people::Member;
use crate::plan::{Given, acts};
use crate::site::START;
use crate::site::{DAY, HOUR, KEY, OLD_KEY, Sites};

const SESSION: &str = "__Host-session";
const REMEMBER: &str = "__Host-remember_token";

async fn t01_a_copied_remember_token_ends_by_itself_and_with_the_users_auth_hash(sites: Sites) {
    let site = sites.safe();
    let owner = site.remembered_browser_of("mia").await;
    let copy = owner.jar.value(REMEMBER).unwrap();
    let mut thief = site.browser();

    site.clock.advance(30 * DAY);
    thief.jar.put(REMEMBER, copy);
    assert_eq!(thief.who().await, "mia, remembered, by RememberToken");

    site.clock.advance(std::time::Duration::from_secs(1));
    let mut thief = site.browser();
    thief.jar.put(REMEMBER, copy);
    assert_eq!(thief.who().await, "nobody");

    let owner = site.remembered_browser_of("mia").await;
    let newer = owner.jar.value(REMEMBER).unwrap();
    assert_ne!(newer, copy, "the same user has the same token for ever");
    site.members.set_stamp("mia", "after a new password");
    thief.jar.put(REMEMBER, newer);
    assert_eq!(thief.who().await, "nobody");
}

/// Without a store, a copy stays valid: see `t01`.
async fn t02_with_a_store_logging_out_ends_every_copy_of_both_cookies(sites: Sites) {
    let site = sites.stored();
    let mut owner = site.remembered_browser_of("mia").await;
    let mut elsewhere = site.remembered_browser_of("mia").await;
    let copy = owner.jar.clone();
    owner.post("/logout", "").await;
    for kept in [&[SESSION, REMEMBER][..], &[SESSION], &[REMEMBER]] {
        let mut thief = site.browser();
        for name in kept {
            thief.jar.put(name, copy.value(name).unwrap());
        }
        assert_eq!(thief.who().await, "nobody", "{kept:?}");
    }
    assert_eq!(elsewhere.who().await, "mia, fresh, remembered, by Session");
}

async fn t03_logging_in_leaves_nothing_of_what_an_anonymous_visitor_had_in_the_session(
    sites: Sites,
) {
    let site = sites.safe();
    let mut browser = site.browser();
    browser.post("/session/cart", "planted").await;
    browser.log_in("mia").await;
    assert_eq!(browser.read("/session/cart").await, "nothing");

    let keeps_cart = sites.safe_with(|builder| builder.keep_at_login(["cart"]));
    let mut browser = keeps_cart.browser();
    browser.post("/session/cart", "3 apples").await;
    browser.post("/session/step", "2").await;
    browser.log_in("mia").await;
    assert_eq!(browser.read("/session/cart").await, "\"3 apples\"");
    assert_eq!(browser.read("/session/step").await, "nothing");
}

async fn t04_logging_in_as_another_user_takes_the_first_ones_remember_token_away(sites: Sites) {
    for site in [sites.safe(), sites.flask()] {
        let mut browser = site.remembered_browser_of("mia").await;
        browser.log_in("ben").await;
        browser.restart();
        assert_eq!(browser.who().await, "nobody");

        let mut browser = site.remembered_browser_of("mia").await;
        browser.log_in_remembered("ben").await;
        browser.restart();
        assert_eq!(browser.who().await, "ben, remembered, by RememberToken");
    }
}

async fn t05_the_duration_of_an_earlier_login_says_nothing_about_a_later_one(sites: Sites) {
    let site = sites.flask();
    let mut browser = site.browser();
    let answer = browser.post("/login", "name=mia&remember_for=3600").await;
    let token = answer.set_cookie("remember_token").unwrap();
    assert!(
        token.contains("Expires=Tue, 14 Nov 2023 23:13:20 GMT"),
        "{token}"
    );
    let session = peer::read_session(KEY, browser.jar.value("session").unwrap()).unwrap();
    assert!(
        session.contains(r#""_remember_seconds":3600.0"#),
        "{session}"
    );

    let answer = browser.log_in_remembered("mia").await;
    let token = answer.set_cookie("remember_token").unwrap();
    assert!(
        token.contains("Expires=Wed, 13 Nov 2024 22:13:20 GMT"),
        "{token}"
    );
    let session = peer::read_session(KEY, browser.jar.value("session").unwrap()).unwrap();
    assert!(!session.contains("_remember_seconds"), "{session}");
}

async fn t06_strong_protection_does_not_log_a_remembered_browser_out_on_its_second_request(
    sites: Sites,
) {
    let strong = SessionProtection::Strong;
    for site in [
        sites.safe_with(|builder| builder.session_protection(strong)),
        sites.flask_with(|builder| builder.session_protection(strong)),
    ] {
        let mut browser = site.remembered_browser_of("mia").await;
        browser.restart();
        assert_eq!(browser.who().await, "mia, remembered, by RememberToken");
        assert_eq!(browser.who().await, "mia, remembered, by Session");
        assert_eq!(browser.who().await, "mia, remembered, by Session");
    }

    // Nor one that Flask-Login restored, without an identifier in the session.
    let site = sites.flask_with(|builder| builder.session_protection(strong));
    let mut browser = site.browser();
    let restored = peer::session(KEY, r#"{"_fresh":false,"_user_id":"mia"}"#, START);
    browser.jar.put("session", &restored);
    assert_eq!(browser.who().await, "mia, by Session");
    assert_eq!(browser.who().await, "mia, by Session");
    browser.user_agent = Some("Thief/1".to_owned());
    assert_eq!(
        browser.who().await,
        "nobody",
        "it is bound to a browser by now"
    );
}

async fn t07_protection_looks_only_at_sessions_that_hold_a_login(sites: Sites) {
    for mode in [SessionProtection::Basic, SessionProtection::Strong] {
        let site = sites.flask_with(|builder| builder.session_protection(mode));
        let mut browser = site.browser();
        let session = peer::session(KEY, r#"{"csrf":"x"}"#, START);
        browser.jar.put("session", &session);
        assert_eq!(browser.who().await, "nobody");
        assert_eq!(browser.jar.value("session"), Some(session.as_str()));
        let token = peer::remember_token(KEY.as_bytes(), "mia");
        browser.jar.put("remember_token", &token);

        assert_eq!(browser.who().await, "mia, remembered, by RememberToken");
        assert_eq!(browser.jar.value("remember_token"), Some(token.as_str()));
        assert_eq!(browser.read("/session/csrf").await, "\"x\"");
        let protected = |event: &Event| matches!(event, Event::SessionProtected { .. });
        assert!(!site.events.take().iter().any(protected));
    }
}

async fn t08_an_unknown_protection_mode_is_an_error_and_not_off(_: Sites) {
    for mode in ["", "none", "Strong", "True"] {
        let loader = |_: String| async { Ok::<_, BoxError>(None::<Member>) };
        for builder in [
            LoginManager::new(SecretKeys::generate(), loader),
            LoginManager::flask(SecretKeys::generate(), loader),
        ] {
            let error = builder.session_protection(mode).build().unwrap_err();
            assert!(error.to_string().contains("session_protection"), "{error}");
        }
    }
}

async fn t09_the_identifiers_of_both_flask_logins_count_as_a_match(sites: Sites) {
    let address = "127.0.0.1";
    for ours in [
        SessionIdentifier::FlaskLogin06,
        SessionIdentifier::FlaskLogin07,
    ] {
        let site = sites.flask_with(|builder| {
            builder
                .session_protection(SessionProtection::Strong)
                .session_identifier(ours)
                .client_address(move |_| address.parse().ok())
        });
        for (identifier, expected) in [
            (
                peer::identifier_06(address, "Firefox/1"),
                "mia, fresh, by Session",
            ),
            (
                peer::identifier_07(address, "Firefox/1"),
                "mia, fresh, by Session",
            ),
            (peer::identifier_06(address, "Firefox/2"), "nobody"),
            (peer::identifier_07("10.0.0.1", "Firefox/1"), "nobody"),
        ] {
            let json = format!(r#"{{"_fresh":true,"_id":"{identifier}","_user_id":"mia"}}"#);
            let mut browser = site.browser();
            browser
                .jar
                .put("session", &peer::session(KEY, &json, START));
            assert_eq!(browser.who().await, expected, "{ours:?} and {json}");
        }
    }
}

async fn t10_a_forwarded_address_is_believed_from_trusted_proxies_only(sites: Sites) {
    let with_proxies = |hops| {
        sites.flask_with(|builder| {
            builder
                .session_protection("strong")
                .client_address(|request| {
                    request.headers.get("x-socket")?.to_str().ok()?.parse().ok()
                })
                .trusted_proxies(hops)
        })
    };
    // Proxies, socket and header of the login, those of the thief, and whether the thief passes for the owner.
    for (hops, owner, thief, same) in [
        (0, ("1.1.1.1", ""), ("6.6.6.6", "1.1.1.1"), false),
        (0, ("1.1.1.1", "2.2.2.2"), ("1.1.1.1", "3.3.3.3"), true),
        (
            1,
            ("10.0.0.1", "1.1.1.1"),
            ("10.0.0.1", "1.1.1.1, 6.6.6.6"),
            false,
        ),
        (
            1,
            ("10.0.0.1", "1.1.1.1"),
            ("10.0.0.2", "6.6.6.6, 1.1.1.1"),
            true,
        ),
        (
            2,
            ("10.0.0.1", "1.1.1.1, 10.0.0.9"),
            ("10.0.0.1", "1.1.1.1, 6.6.6.6, 10.0.0.9"),
            false,
        ),
    ] {
        let site = with_proxies(hops);
        let mut browser = site.browser();
        for ((socket, forwarded), path, method, body) in [
            (owner, "/login", Method::POST, "name=mia"),
            (thief, "/who", Method::GET, ""),
        ] {
            let mut request = browser.request(method, path, body);
            let headers = request.headers_mut();
            headers.insert("x-socket", socket.parse().unwrap());
            if !forwarded.is_empty() {
                headers.insert("x-forwarded-for", forwarded.parse().unwrap());
            }
            let answer = browser.send(request).await;
            if path == "/who" {
                assert_eq!(
                    answer.body != "nobody",
                    same,
                    "{hops} hops, {owner:?}, {thief:?}"
                );
            }
        }
    }
}

async fn t11_nothing_that_a_cookie_holds_is_an_error(sites: Sites) {
    let site = sites.flask();
    let digest = "0".repeat(127);
    let signed = |json: &str| peer::session(KEY, json, START).into_bytes();
    let token = |id: &str| peer::remember_token(KEY.as_bytes(), id).into_bytes();
    let values: Vec<Vec<u8>> = vec![
        format!("mia|{digest}é").into_bytes(),
        format!("mia|{digest}\u{10ffff}").into_bytes(),
        token("mia").to_ascii_uppercase(),
        [&b"mia|"[..], &[0xff; 128]].concat(),
        b"\"mia|\\377\\3\\".to_vec(),
        b"|".to_vec(),
        b"\"".to_vec(),
        b"...".to_vec(),
        b".".repeat(4000),
        vec![0xff; 4000],
        signed("[1]"),
        signed("1"),
        signed("null"),
        signed("{"),
        signed(""),
        signed(&"[".repeat(2000)),
        signed(r#"{" t":[1,2]}"#),
        signed(r#"{"_user_id":null}"#),
        signed(r#"{"_user_id":true}"#),
        signed(r#"{"_user_id":{"a":1}}"#),
        signed(r#"{"_user_id":["mia"]}"#),
        signed(r#"{"_user_id":"\ud800"}"#),
        signed(r#"{"_user_id":-1e400}"#),
        signed(r#"{"_user_id":"7","_fresh":"yes","_id":7,"_fresh_at":-1,"_auth_hash":[]}"#),
        signed(r#"{"_flashes":7,"_permanent":"?","next":false,"_remember":3,"\ud800":NaN}"#),
        signed(r#"{"_flashes":[[],{},{" t":[]},{" t":[1]},{" t":["a","b","c"]},null]}"#),
        token(""),
        token("None"),
        token("nobody of this name"),
    ];
    for value in &values {
        for name in ["session", "remember_token"] {
            let header = [name.as_bytes(), b"=", value].concat();
            let header = HeaderValue::from_bytes(&header).unwrap();
            for (method, path, body) in [
                (Method::GET, "/who", ""),
                (Method::GET, "/members", ""),
                (Method::GET, "/fresh", ""),
                (Method::GET, "/flash", ""),
                (Method::GET, "/login", ""),
                (Method::POST, "/flash", "hello"),
                (Method::POST, "/session/k", "v"),
                (Method::POST, "/login", "name=ben&remember=true"),
                (Method::POST, "/confirm", ""),
                (Method::POST, "/logout", ""),
            ] {
                let mut request = site.browser().request(method.clone(), path, body);
                request.headers_mut().insert(header::COOKIE, header.clone());
                let answer = site.send(request).await;
                let shown = String::from_utf8_lossy(value);
                assert!(
                    answer.status < 500,
                    "{method} {path} with {name}={shown}: {answer:?}"
                );
                assert!(!answer.body.contains("mia"), "{path} with {name}={shown}");
            }
        }
    }
}

async fn t12_a_remember_token_that_leads_nowhere_does_not_keep_an_api_key_out(sites: Sites) {
    for (site, name) in [(sites.safe(), REMEMBER), (sites.flask(), "remember_token")] {
        let gone = site.remembered_browser_of("ben").await;
        let token_of_nobody = gone.jar.value(name).unwrap();
        site.members.remove("ben");
        for token in ["forged", token_of_nobody] {
            let mut script = site.browser();
            script.jar.put(name, token);
            let answer = script
                .get_with("/members", &[("x-api-key", "key-of-mia")])
                .await;
            assert_eq!(answer.body, "hello mia", "with {token}");
        }
    }
}

async fn t13_a_user_who_is_gone_is_forgotten_and_one_who_cannot_be_found_just_now_is_not(
    sites: Sites,
) {
    let site = sites.safe();
    let mut browser = site.remembered_browser_of("mia").await;
    let before = browser.jar.value(SESSION).unwrap().to_owned();
    site.members.go_away();
    let answer = browser.get("/who").await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.header("retry-after").as_deref(), Some("5"));
    assert_eq!(answer.set_cookies(), [""; 0]);
    site.members.come_back();
    assert_eq!(browser.jar.value(SESSION), Some(before.as_str()));
    assert_eq!(browser.who().await, "mia, fresh, remembered, by Session");

    site.members.remove("mia");
    site.members.lookups();
    assert_eq!(browser.who().await, "nobody");
    assert!(browser.jar.names().is_empty(), "{:?}", browser.jar.names());
    assert!(!site.members.lookups().is_empty());
    assert_eq!(browser.who().await, "nobody");
    assert!(site.members.lookups().is_empty());
}

async fn t14_nobody_is_called_none(sites: Sites) {
    let log_in = async |given: Given| {
        let (id, active, stamp) = (given.body.clone(), true, None);
        let nobody = Member { id, active, stamp };
        given.login.login_user(&nobody).await
    };
    let site = sites.flask().and(acts("/log-in-as", log_in));
    for id in ["", "None"] {
        let mut browser = site.browser();
        let answer = browser.post("/log-in-as", id).await;
        assert_eq!(answer.status, 500, "{id:?}");
        assert!(browser.jar.names().is_empty());
    }

    for json in [
        r#"{"_user_id":null}"#,
        r#"{"_user_id":"None"}"#,
        r#"{"_user_id":""}"#,
    ] {
        let mut browser = site.browser();
        browser.jar.put("session", &peer::session(KEY, json, START));
        for id in ["", "None"] {
            browser
                .jar
                .put("remember_token", &peer::remember_token(KEY.as_bytes(), id));
            assert_eq!(browser.who().await, "nobody");
        }
    }
    assert_eq!(site.members.lookups(), [""; 0]);
}

async fn t15_a_text_key_is_utf8_for_sessions_and_latin_1_for_remember_tokens(sites: Sites) {
    let site = sites
        .flask()
        .restarted(SecretKeys::flask("sécret").unwrap(), |builder| builder);
    let mut browser = site.browser();
    let session = "eyJfdXNlcl9pZCI6IjEifQ.ZVPxAA.Q_SKu1wRu0DAV9frnvRwI2ExzKM";
    browser.jar.put("session", session);
    assert_eq!(browser.who().await, "1, by Session");

    let mut browser = site.browser();
    let token = "1|6ba13b7638953cfd891b39de2b7ed584946ff5263d80848f5b3bfe25034e8ef3e68a2f145376bdc9bf3ea18d654d064085842a19e56d0940eed0554cc1bdf748";
    browser.jar.put("remember_token", token);
    assert_eq!(browser.who().await, "1, remembered, by RememberToken");
    assert_eq!(peer::remember_token(b"s\xe9cret", "1"), token);

    browser.log_in_remembered("1").await;
    assert_eq!(browser.jar.value("remember_token"), Some(token));
    assert!(peer::read_session("sécret", browser.jar.value("session").unwrap()).is_some());
}

async fn t16_a_fallback_key_verifies_both_cookies_and_signs_neither(sites: Sites) {
    let new_and_old = SecretKeys::flask(KEY).unwrap().fallback(OLD_KEY).unwrap();
    let site = sites.flask().restarted(new_and_old, |builder| builder);
    let mut browser = site.browser();
    browser.jar.put(
        "session",
        &peer::session(OLD_KEY, r#"{"_user_id":"mia"}"#, START),
    );
    assert_eq!(browser.who().await, "mia, by Session");
    assert!(peer::read_session(KEY, browser.jar.value("session").unwrap()).is_some());

    let mut browser = site.browser();
    let old = peer::remember_token(OLD_KEY.as_bytes(), "mia");
    browser.jar.put("remember_token", &old);
    assert_eq!(browser.who().await, "mia, remembered, by RememberToken");
    let new = peer::remember_token(KEY.as_bytes(), "mia");
    assert_eq!(browser.jar.value("remember_token"), Some(new.as_str()));

    let answer = site.browser().log_in_remembered("ben").await;
    let of_ben = peer::remember_token(KEY.as_bytes(), "ben");
    assert!(
        answer
            .set_cookie("remember_token")
            .unwrap()
            .contains(&of_ben)
    );
}

async fn t17_a_server_whose_clock_is_a_little_behind_logs_nobody_out(sites: Sites) {
    for site in [sites.safe(), sites.flask()] {
        let mut browser = site.remembered_browser_of("mia").await;
        site.clock.set(START - 60);
        assert_eq!(browser.who().await, "mia, fresh, remembered, by Session");
        browser.restart();
        assert_eq!(browser.who().await, "mia, remembered, by RememberToken");
        site.clock.set(START);

        let mut browser = site.browser_of("mia").await;
        site.clock.set(START - 61);
        assert_eq!(
            browser.who().await,
            "nobody",
            "the future is not to be believed"
        );
        site.clock.set(START);
    }
}

async fn t18_with_a_store_no_use_puts_off_the_end_of_a_login(sites: Sites) {
    let site = sites.stored();
    let mut browser = site.browser_of("mia").await;
    for _ in 0..(30 * 24 / 20) {
        assert!(browser.who().await.starts_with("mia"));
        site.clock.advance(20 * HOUR);
    }
    assert_eq!(browser.who().await, "nobody");
}

async fn t18_a_session_in_use_lives_on_and_one_that_is_not_used_ends_on_the_server(sites: Sites) {
    let site = sites.safe();
    let mut browser = site.browser_of("mia").await;
    let copy = browser.jar.value(SESSION).unwrap().to_owned();
    for _ in 0..10 {
        site.clock.advance(20 * HOUR);
        assert_eq!(browser.who().await, "mia, by Session");
    }
    let mut other = site.browser();
    other.jar.put(SESSION, &copy);
    assert_eq!(other.who().await, "nobody");
}

cases! {
    flask_login_traps_logins:
    t01_a_copied_remember_token_ends_by_itself_and_with_the_users_auth_hash,
    t02_with_a_store_logging_out_ends_every_copy_of_both_cookies,
    t03_logging_in_leaves_nothing_of_what_an_anonymous_visitor_had_in_the_session,
    t04_logging_in_as_another_user_takes_the_first_ones_remember_token_away,
    t05_the_duration_of_an_earlier_login_says_nothing_about_a_later_one,
    t06_strong_protection_does_not_log_a_remembered_browser_out_on_its_second_request,
    t07_protection_looks_only_at_sessions_that_hold_a_login,
    t08_an_unknown_protection_mode_is_an_error_and_not_off,
    t09_the_identifiers_of_both_flask_logins_count_as_a_match,
    t10_a_forwarded_address_is_believed_from_trusted_proxies_only,
    t11_nothing_that_a_cookie_holds_is_an_error,
    t12_a_remember_token_that_leads_nowhere_does_not_keep_an_api_key_out,
    t13_a_user_who_is_gone_is_forgotten_and_one_who_cannot_be_found_just_now_is_not,
    t14_nobody_is_called_none,
    t15_a_text_key_is_utf8_for_sessions_and_latin_1_for_remember_tokens,
    t16_a_fallback_key_verifies_both_cookies_and_signs_neither,
    t17_a_server_whose_clock_is_a_little_behind_logs_nobody_out,
    t18_with_a_store_no_use_puts_off_the_end_of_a_login,
    t18_a_session_in_use_lives_on_and_one_that_is_not_used_ends_on_the_server,
}
