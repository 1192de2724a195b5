//! Cookies that browsers do not get from these sites: from a sibling domain, from an attacker, or too large.

use door_tests::peer;
use http::HeaderValue;
use http::header::COOKIE;

use crate::harness::{FOREIGN_KEY, Habit, KEY, Settings, Side, Stage, both_ways, now, play};

/// The status of `/members`, and whether `/whoami` names a user, with this `Cookie` header alone.
async fn answers(stage: &Stage, side: Side, cookies: &str) -> (u16, bool) {
    let (browser, mut known) = (stage.browser(), (0, false));
    for path in ["/members", "/whoami"] {
        let mut request = browser.request(side, http::Method::GET, path, &[]);
        let cookies = HeaderValue::from_bytes(cookies.as_bytes()).unwrap();
        request.headers_mut().insert(COOKIE, cookies);
        browser.lose("session");
        let answer = browser.send(side, request).await;
        match path {
            "/members" => known.0 = answer.status,
            _ => known.1 = answer.status == 200 && !answer.body.contains(r#""user_id":null"#),
        }
    }
    known
}

// Of several cookies, Flask takes the first. Rust takes the only valid one, and none if two are valid.
#[test]
fn each_side_chooses_differently_among_several_cookies_of_one_name() {
    play(Settings::new(), Side::Flask, async |stage: &Stage| {
        let (mia, ben) = (stage.person("mia").await, stage.person("ben").await);
        let session = |key, id: &str| {
            let json = format!(r#"{{"_fresh":false,"_user_id":"{id}"}}"#);
            peer::session(key, &json, now())
        };
        let token = |key: &str, id: &str| peer::remember_token(key.as_bytes(), id);
        let [mias, bens, forged] = [(KEY, &mia), (KEY, &ben), (FOREIGN_KEY, &mia)]
            .map(|(key, who)| (session(key, &who.id), token(key, &who.id)));
        let (known, unknown) = ((200, true), (302, false));
        let cases = [
            // The result at Flask-Login and at housekey.
            ([&mias, &mias], [known, known]),
            ([&mias, &forged], [known, known]),
            ([&forged, &mias], [unknown, known]),
            ([&mias, &bens], [known, unknown]),
            ([&forged, &forged], [unknown, unknown]),
        ];
        for ([first, second], [trusting, careful]) in cases {
            for side in Side::BOTH {
                let expected = match side.has(Habit::TrustsCookies) {
                    true => trusting,
                    false => careful,
                };
                let sessions = format!("session={}; session={}", first.0, second.0);
                assert_eq!(answers(stage, side, &sessions).await, expected, "{side}");
                let tokens = format!("remember_token={}; remember_token={}", first.1, second.1);
                assert_eq!(answers(stage, side, &tokens).await, expected, "{side}");
            }
        }
    });
}

// What Flask or Flask-Login cannot process is a 500 there. Rust ignores it.
#[test]
fn what_is_an_error_at_flask_counts_for_nothing_at_rust() {
    play(Settings::new(), Side::Flask, async |stage: &Stage| {
        let mia = stage.person("mia").await;
        let signed = |json: &str| format!("session={}", peer::session(KEY, json, now()));
        let tagged = signed(r#"{"a uuid":{" u":"none"}}"#);
        let cases = [
            (signed("[1]"), 500),
            (signed("7"), 500),
            (signed("{"), 500),
            (tagged.clone(), 500),
            (format!("remember_token={}|é", mia.id), 500),
            // For these, Flask has an answer.
            (signed(r#"{"_user_id":null}"#), 302),
            (format!("remember_token={}|", mia.id), 302),
            (format!("remember_token={}", mia.id), 302),
            ("session=; remember_token=".to_owned(), 302),
        ];
        for (cookies, at_flask) in cases {
            for side in Side::BOTH {
                let is_tagged = cookies == tagged;
                let status = match side.has(Habit::TrustsCookies)
                    || (is_tagged && side.has(Habit::TrustsTags))
                {
                    true => at_flask,
                    false => 302,
                };
                let found = answers(stage, side, &cookies).await;
                assert_eq!(found, (status, false), "{side}: {cookies}");
            }
        }
    });
}

/// Text that compression hardly shortens.
fn noise(length: usize) -> String {
    let mut state = 7_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        char::from(b"0123456789abcdefghijklmnopqrstuv"[(state >> 27) as usize])
    };
    (0..length).map(|_| next()).collect()
}

// Flask logs a warning and sends a cookie that browsers drop, so the change is silently lost. Rust reports an error.
both_ways!(a_value_that_fits_into_no_cookie_changes_nothing_on_either_side);
async fn a_value_that_fits_into_no_cookie_changes_nothing_on_either_side(stage: &Stage) {
    let (mia, browser) = (stage.person("mia").await, stage.browser());
    browser.log_in(stage.here, &mia).await;
    let before = browser.session();
    let large = noise(6000);
    for side in Side::BOTH {
        let status = match side.has(Habit::RefusesLargeSessions) {
            true => 500,
            false => 200,
        };
        let form = [("value", &*large)];
        let answer = browser.post(side, "/session/large", &form).await;
        assert_eq!(answer.status, status);
        assert_eq!(browser.session(), before);
    }
    // Rust passes on a session that Flask compressed to fit into a cookie.
    let packed = "Zoë ".repeat(3000);
    let form = [("value", &*packed)];
    browser.post(Side::Flask, "/session/packed", &form).await;
    browser
        .post(Side::Rust, "/session/x", &[("value", "1")])
        .await;
    let who = browser.whoami(stage.there).await;
    assert_eq!(
        (who.user_id, who.session["packed"].as_str()),
        (Some(mia.id), Some(&*packed))
    );
}
