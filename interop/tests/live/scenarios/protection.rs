//! Session protection: sessions that come from elsewhere.

use door_tests::peer;

use crate::harness::{
    Browser, Habit, KEY, Program, Settings, Side, Stage, both_ways, now, play, runs,
};

fn strong() -> Settings {
    Settings::new().with("SESSION_PROTECTION", "strong")
}

fn off() -> Settings {
    Settings::new().with("SESSION_PROTECTION", "off")
}

both_ways!(
    the_same_browser_is_the_same_on_both_sides_under_strong_protection,
    strong()
);
async fn the_same_browser_is_the_same_on_both_sides_under_strong_protection(stage: &Stage) {
    let (mia, browser) = (stage.person("mia").await, stage.browser());
    browser.move_to_address(9);
    browser.log_in(stage.here, &mia).await;
    for side in [stage.there, stage.here, stage.there, stage.here] {
        let who = browser.whoami(side).await;
        assert_eq!((who.user_id.as_ref(), who.fresh), (Some(&mia.id), true));
    }
}

both_ways!(another_user_agent_makes_the_login_stale_on_both_sides);
async fn another_user_agent_makes_the_login_stale_on_both_sides(stage: &Stage) {
    let (mia, browser) = (stage.person("mia").await, stage.browser());
    browser.log_in(stage.here, &mia).await;
    browser.set_user_agent(Some(b"Opera/2"));
    for side in [stage.there, stage.here] {
        let who = browser.whoami(side).await;
        assert_eq!((who.user_id.as_ref(), who.fresh), (Some(&mia.id), false));
        assert_eq!(browser.get(side, "/vault").await.status, 302);
    }
}

both_ways!(another_address_makes_the_login_stale_on_both_sides);
async fn another_address_makes_the_login_stale_on_both_sides(stage: &Stage) {
    let (mia, browser) = (stage.person("mia").await, stage.browser());
    browser.log_in(stage.here, &mia).await;
    browser.move_to_address(2);
    for side in [stage.there, stage.here] {
        let who = browser.whoami(side).await;
        assert_eq!((who.user_id.as_ref(), who.fresh), (Some(&mia.id), false));
    }
}

both_ways!(a_user_who_confirms_here_after_a_move_is_fresh_there);
async fn a_user_who_confirms_here_after_a_move_is_fresh_there(stage: &Stage) {
    let (mia, browser) = (stage.person("mia").await, stage.browser());
    browser.log_in(stage.here, &mia).await;
    browser.move_to_address(2);
    let form = [("password", &*mia.password)];
    assert_eq!(
        browser.post(stage.here, "/confirm", &form).await.status,
        303
    );
    for side in [stage.there, stage.here] {
        assert!(browser.whoami(side).await.fresh);
    }
}

// Flask-Login removes its own keys from the session; Rust empties it, since the rest was that user's too.
both_ways!(strong_protection_there_ends_the_login_here, strong());
async fn strong_protection_there_ends_the_login_here(stage: &Stage) {
    let (mia, browser) = (stage.person("mia").await, stage.browser());
    let changes: [fn(&Browser); 2] = [
        |browser| browser.move_to_address(2),
        |browser| browser.set_user_agent(Some(b"Opera/2")),
    ];
    for change in changes {
        browser.log_in_remembered(stage.here, &mia).await;
        browser.post(stage.here, "/cart", &[("item", "tea")]).await;
        change(&browser);
        for side in [stage.there, stage.here] {
            assert_eq!(browser.whoami(side).await.user_id, None);
        }
        assert_eq!(browser.remembered_id(), None);
        let kept = browser.session().is_some_and(|json| json.contains("tea"));
        assert_eq!(kept, stage.there.has(Habit::EndsLoginAlone));
    }
}

both_ways!(
    strong_protection_only_makes_a_permanent_session_stale,
    strong()
);
async fn strong_protection_only_makes_a_permanent_session_stale(stage: &Stage) {
    let (mia, browser) = (stage.person("mia").await, stage.browser());
    browser.log_in(stage.here, &mia).await;
    browser
        .post(stage.here, "/permanent", &[("permanent", "on")])
        .await;
    browser.set_user_agent(Some(b"Opera/2"));
    for side in [stage.there, stage.here] {
        let who = browser.whoami(side).await;
        assert_eq!((who.user_id.as_ref(), who.fresh), (Some(&mia.id), false));
    }
}

both_ways!(without_protection_a_session_may_come_from_anywhere, off());
async fn without_protection_a_session_may_come_from_anywhere(stage: &Stage) {
    let (mia, browser) = (stage.person("mia").await, stage.browser());
    browser.log_in(stage.here, &mia).await;
    browser.set_user_agent(None);
    browser.move_to_address(2);
    assert!(browser.whoami(stage.there).await.fresh);
    assert_eq!(browser.get(stage.there, "/vault").await.status, 200);
}

both_ways!(
    an_address_that_the_client_claims_is_believed_nowhere,
    strong()
);
async fn an_address_that_the_client_claims_is_believed_nowhere(stage: &Stage) {
    let (mia, browser) = (stage.person("mia").await, stage.browser());
    browser.log_in(stage.here, &mia).await;
    let (copy, thief) = (browser.jar(), stage.browser());
    thief.replay(&copy);
    thief.move_to_address(2);
    let mut request = thief.request(stage.there, http::Method::GET, "/whoami", &[]);
    let claim = http::HeaderValue::from_static("127.0.0.1");
    request.headers_mut().insert("x-forwarded-for", claim);
    let answer = thief.send(stage.there, request).await;
    assert!(answer.body.contains(r#""user_id":null"#), "{answer:?}");
}

/// As browsers, programs and attackers send them.
const ODD_USER_AGENTS: [Option<&[u8]>; 10] = [
    None,
    Some(b""),
    Some(b"it's"),
    Some(b"say \"cheese\""),
    Some(b"it's \"both\""),
    Some(b"back\\slash and \\' quote"),
    Some(b"a\ttab"),
    Some("Größe 佐藤 😀".as_bytes()),
    Some(b"not utf-8: \xe9 \xff \x80"),
    Some(b"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
];

both_ways!(an_odd_user_agent_has_one_identifier_on_both_sides, strong());
async fn an_odd_user_agent_has_one_identifier_on_both_sides(stage: &Stage) {
    let mia = stage.person("mia").await;
    for user_agent in ODD_USER_AGENTS {
        let mut identifiers = Vec::new();
        for side in [stage.here, stage.there] {
            let browser = stage.browser();
            browser.set_user_agent(user_agent);
            browser.log_in(side, &mia).await;
            let session: serde_json::Value =
                serde_json::from_str(&browser.session().unwrap()).unwrap();
            identifiers.push(session["_id"].as_str().unwrap().to_owned());
            let who = browser.whoami(side.other()).await;
            assert_eq!(who.user_id.as_ref(), Some(&mia.id), "{user_agent:?}");
        }
        assert_eq!(identifiers[0], identifiers[1], "{user_agent:?}");
    }
}

// Flask-Login restores sessions without an identifier, and in strong mode ends them at the next request. Rust binds them to
// the browser, whichever side restored them.
both_ways!(one_look_at_rust_saves_a_restored_session_at_flask, strong());
async fn one_look_at_rust_saves_a_restored_session_at_flask(stage: &Stage) {
    if !runs(Program::FlaskLogin) || !runs(Program::Rust) {
        return;
    }
    let (mia, browser) = (stage.person("mia").await, stage.browser());
    browser.log_in_remembered(stage.here, &mia).await;
    browser.lose("session");
    for side in [stage.here, stage.there, stage.here, stage.there] {
        assert_eq!(browser.whoami(side).await.user_id.as_ref(), Some(&mia.id));
    }
    // Flask alone:
    browser.lose("session");
    assert_eq!(browser.whoami(Side::Flask).await.user_id, Some(mia.id));
    assert_eq!(browser.whoami(Side::Flask).await.user_id, None);
    assert_eq!(browser.remembered_id(), None);
}

// Under strong protection, Flask-Login takes an anonymous visitor's cart for a session from elsewhere and deletes the
// remember token. Rust only checks logins.
both_ways!(a_cart_costs_the_remember_token_at_flask, strong());
async fn a_cart_costs_the_remember_token_at_flask(stage: &Stage) {
    let (mia, browser) = (stage.person("mia").await, stage.browser());
    browser.log_in_remembered(stage.here, &mia).await;
    browser.lose("session");
    browser.post(stage.here, "/cart", &[("item", "tea")]).await;
    let known = (!stage.there.has(Habit::ProtectsVisitors)).then_some(mia.id);
    for side in [stage.there, stage.here] {
        assert_eq!(browser.whoami(side).await.user_id, known);
    }
    assert_eq!(browser.remembered_id(), known);
}

// Rust accepts the identifier of either version of Flask-Login, so that upgrading Flask logs nobody out.
#[test]
fn a_session_of_flask_login_0_7_is_at_home_at_rust_only() {
    play(Settings::new(), Side::Flask, async |stage: &Stage| {
        let mia = stage.person("mia").await;
        let cases = [
            (peer::identifier_06("127.0.0.1", "Firefox/1"), [true, true]),
            (
                peer::identifier_07("127.0.0.1", "Firefox/1"),
                Side::BOTH.map(|side| !side.has(Habit::KnowsVersion06Only)),
            ),
            (peer::identifier_07("127.0.0.1", "Opera/2"), [false, false]),
        ];
        for (identifier, expected) in cases {
            for (side, fresh) in std::iter::zip(Side::BOTH, expected) {
                let browser = stage.browser();
                let json = format!(
                    r#"{{"_fresh":true,"_id":"{identifier}","_user_id":"{}"}}"#,
                    mia.id
                );
                browser.plant("session", &peer::session(KEY, &json, now()));
                let who = browser.whoami(side).await;
                assert_eq!((who.user_id.as_ref(), who.fresh), (Some(&mia.id), fresh));
            }
        }
    });
}
