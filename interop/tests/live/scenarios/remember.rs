//! Remember me.

use door_tests::peer;

use crate::harness::{Habit, KEY, Settings, Stage, both_ways};

both_ways!(a_login_remembered_here_survives_the_session_there);
async fn a_login_remembered_here_survives_the_session_there(stage: &Stage) {
    let (mia, browser) = (stage.person("mia").await, stage.browser());
    browser.log_in_remembered(stage.here, &mia).await;
    let who = browser.whoami(stage.there).await;
    assert!(who.fresh && who.remembered, "{who:?}");
    browser.restart();
    // The session that one side starts from the token is then the other's too.
    for side in [stage.there, stage.here] {
        let who = browser.whoami(side).await;
        assert_eq!(who.user_id, Some(mia.id.clone()));
        assert!(!who.fresh && who.remembered, "{who:?}");
    }
    assert_eq!(browser.get(stage.here, "/members").await.status, 200);
}

both_ways!(a_login_that_nobody_asked_to_remember_ends_with_the_browser);
async fn a_login_that_nobody_asked_to_remember_ends_with_the_browser(stage: &Stage) {
    let (mia, browser) = (stage.person("mia").await, stage.browser());
    browser.log_in(stage.here, &mia).await;
    browser.restart();
    assert_eq!(browser.whoami(stage.there).await.user_id, None);
}

both_ways!(a_token_has_the_same_bytes_wherever_it_is_made);
async fn a_token_has_the_same_bytes_wherever_it_is_made(stage: &Stage) {
    for id in ["mia", "佐藤", "a b", "c|d", "\"e\"; f, \\g", "Zoë\u{7f}"] {
        let mia = stage.person(id).await;
        let tokens = [stage.here, stage.there].map(|side| {
            let (browser, mia) = (stage.browser(), &mia);
            async move {
                browser.log_in_remembered(side, mia).await;
                assert_eq!(browser.remembered_id().as_ref(), Some(&mia.id));
                browser.cookie("remember_token").unwrap()
            }
        });
        let [here, there] = tokens;
        let (here, there) = (here.await, there.await);
        assert_eq!(here, there);
        if id == "mia" {
            assert_eq!(here, peer::remember_token(KEY.as_bytes(), &mia.id));
        }
    }
}

both_ways!(a_token_that_was_tampered_with_names_nobody);
async fn a_token_that_was_tampered_with_names_nobody(stage: &Stage) {
    let (mia, ben) = (stage.person("mia").await, stage.person("ben").await);
    let browser = stage.browser();
    browser.log_in_remembered(stage.here, &mia).await;
    browser.lose("session");
    let token = browser.cookie("remember_token").unwrap();
    let (_, digest) = token.rsplit_once('|').unwrap();
    browser.plant("remember_token", &format!("{}|{digest}", ben.id));
    for side in [stage.there, stage.here] {
        let who = browser.whoami(side).await;
        assert_eq!((who.user_id, who.remembered), (None, false));
    }
}

/// Days from now until the remember token's `Expires`, if the answer sets one.
fn days(answer: &door_tests::Answer) -> Option<u64> {
    let header = answer.set_cookie("remember_token")?;
    let (_, expires) = header.split_once("Expires=").unwrap();
    let time = httpdate::parse_http_date(expires.split(';').next().unwrap()).unwrap();
    let left = time.duration_since(std::time::SystemTime::now()).unwrap();
    Some((left.as_secs() + 60) / (24 * 60 * 60))
}

const WEEK: &str = "604800";

both_ways!(a_duration_chosen_here_is_known_there);
async fn a_duration_chosen_here_is_known_there(stage: &Stage) {
    let (mia, browser) = (stage.person("mia").await, stage.browser());
    let form = [("remember", "on"), ("duration", WEEK)];
    let answer = browser.log_in_with(stage.here, &mia, &form).await;
    assert_eq!(days(&answer), Some(7));
    let session = browser.session().unwrap();
    assert!(
        session.contains(r#""_remember_seconds":604800.0"#),
        "{session}"
    );
    // At a new login, Rust drops the duration of an earlier one, so that it does not apply to the new one; Flask-Login
    // gives the second login the first one's week.
    let answer = browser
        .log_in_with(stage.there, &mia, &[("remember", "on")])
        .await;
    let expected = if stage.there.has(Habit::KeepsDurations) {
        7
    } else {
        365
    };
    assert_eq!(days(&answer), Some(expected));
}

fn refreshing() -> Settings {
    Settings::new().with("REMEMBER_COOKIE_REFRESH_EACH_REQUEST", "on")
}

both_ways!(
    a_token_from_here_is_refreshed_there_for_as_long_as_it_was_meant,
    refreshing()
);
async fn a_token_from_here_is_refreshed_there_for_as_long_as_it_was_meant(stage: &Stage) {
    let (mia, browser) = (stage.person("mia").await, stage.browser());
    let form = [("remember", "on"), ("duration", WEEK)];
    browser.log_in_with(stage.here, &mia, &form).await;
    assert_eq!(days(&browser.get(stage.there, "/whoami").await), Some(7));
    assert_eq!(days(&browser.get(stage.here, "/whoami").await), Some(7));
    // The duration was in the session. Without it, both fall back to the setting.
    browser.lose("session");
    assert_eq!(days(&browser.get(stage.there, "/whoami").await), Some(365));
}

/// Flask encodes a text key as UTF-8 for sessions, Flask-Login as Latin-1 for tokens.
fn accented_key() -> Settings {
    Settings::new().with("SECRET_KEY", "gänzlich geheimer Schlüssel")
}

both_ways!(
    a_key_outside_of_ascii_signs_the_same_on_both_sides,
    accented_key()
);
async fn a_key_outside_of_ascii_signs_the_same_on_both_sides(stage: &Stage) {
    let (mia, browser) = (stage.person("mia").await, stage.browser());
    browser.log_in_remembered(stage.here, &mia).await;
    assert!(browser.whoami(stage.there).await.fresh);
    browser.lose("session");
    let who = browser.whoami(stage.there).await;
    assert_eq!((who.user_id, who.remembered), (Some(mia.id), true));
}

// Flask-Login 0.6.3 gives every logged-in user a token; Rust refreshes the one that came (0.7's rule). In a mixed site, one
// answer from Flask is enough to be remembered everywhere.
both_ways!(flask_remembers_users_who_never_asked_for_it, refreshing());
async fn flask_remembers_users_who_never_asked_for_it(stage: &Stage) {
    let (mia, browser) = (stage.person("mia").await, stage.browser());
    browser.log_in(stage.here, &mia).await;
    let by_here = browser.remembered_id();
    assert_eq!(by_here.is_some(), stage.here.has(Habit::RemembersUnasked));
    for side in [stage.here, stage.there] {
        browser.whoami(side).await;
    }
    assert_eq!(browser.remembered_id(), Some(mia.id));
}
