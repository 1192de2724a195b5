//! Permanent sessions, and how long sessions live.

use door_tests::peer;

use crate::harness::{Habit, KEY, Settings, Side, Stage, both_ways, now, play};

both_ways!(a_session_made_permanent_here_survives_the_browser_there);
async fn a_session_made_permanent_here_survives_the_browser_there(stage: &Stage) {
    let (mia, browser) = (stage.person("mia").await, stage.browser());
    browser.log_in(stage.here, &mia).await;
    browser
        .post(stage.here, "/permanent", &[("permanent", "on")])
        .await;
    for side in [stage.there, stage.here, stage.there] {
        browser.restart();
        let who = browser.whoami(side).await;
        assert_eq!(who.user_id.as_ref(), Some(&mia.id));
        assert!(who.fresh && who.permanent && !who.remembered, "{who:?}");
        // Both send it again with each answer that has read it, which extends it.
        let answer = browser.get(side, "/whoami").await;
        let cookie = answer.set_cookie("session").unwrap();
        assert!(cookie.contains("; Expires="), "{cookie}");
    }
}

both_ways!(a_session_made_temporary_there_ends_with_the_browser);
async fn a_session_made_temporary_there_ends_with_the_browser(stage: &Stage) {
    let (mia, browser) = (stage.person("mia").await, stage.browser());
    browser.log_in(stage.here, &mia).await;
    for (side, permanent) in [(stage.here, "on"), (stage.there, "off")] {
        let form = [("permanent", permanent)];
        browser.post(side, "/permanent", &form).await;
    }
    let who = browser.whoami(stage.here).await;
    assert_eq!((who.user_id, who.permanent), (Some(mia.id), false));
    browser.restart();
    assert_eq!(browser.whoami(stage.there).await.user_id, None);
}

fn an_hour() -> Settings {
    Settings::new().with("PERMANENT_SESSION_LIFETIME", "3600")
}

// Rust accepts signatures from a clock up to a minute ahead; Flask accepts none from the future.
#[test]
fn a_session_is_as_old_on_both_sides() {
    play(an_hour(), Side::Flask, async |stage: &Stage| {
        let mia = stage.person("mia").await;
        let json = format!(r#"{{"_fresh":false,"_user_id":"{}"}}"#, mia.id);
        let cases: [(i64, [bool; 2]); 5] = [
            (-3700, [false, false]),
            (-3500, [true, true]),
            (0, [true, true]),
            (
                40,
                Side::BOTH.map(|side| !side.has(Habit::KnowsVersion06Only)),
            ),
            (120, [false, false]),
        ];
        for (age, expected) in cases {
            for (side, counts) in std::iter::zip(Side::BOTH, expected) {
                let browser = stage.browser();
                let signed = peer::session(KEY, &json, now().strict_add_signed(age));
                browser.plant("session", &signed);
                let who = browser.whoami(side).await;
                assert_eq!(who.user_id.is_some(), counts, "{age} s at {side}");
                // An invalid cookie is left alone: it may be another site's.
                assert!(counts || browser.cookie("session") == Some(signed));
            }
        }
    });
}
