//! Changing the key while users are logged in.

use std::sync::Arc;

use door_tests::peer;

use crate::harness::{
    Habit, KEY, NEW_KEY, RUNTIME, Settings, Side, Site, Stage, both_ways, play_on,
};

fn keys(key: &str, fallbacks: &str) -> Settings {
    let settings = Settings::new().with("SECRET_KEY", key);
    match fallbacks {
        "" => settings,
        _ => settings.with("SECRET_KEY_FALLBACKS", fallbacks),
    }
}

/// On a separate site, since the servers are restarted.
fn play_with_restarts(here: Side, scenario: impl AsyncFnOnce(&Stage)) {
    let site = RUNTIME.block_on(async {
        let site = Site::empty().await;
        for side in Side::BOTH {
            site.start(side, &keys(KEY, "")).await;
        }
        Arc::new(site)
    });
    play_on(site, here, scenario);
}

// The order that works: both sides first learn the new key, then sign with it, then forget the old one.
both_ways!(
    nobody_notices_a_change_of_the_key_in_three_steps,
    by = play_with_restarts
);
async fn nobody_notices_a_change_of_the_key_in_three_steps(stage: &Stage) {
    let (mia, browser) = (stage.person("mia").await, stage.browser());
    browser.log_in_remembered(stage.here, &mia).await;
    for settings in [keys(KEY, NEW_KEY), keys(NEW_KEY, KEY), keys(NEW_KEY, "")] {
        for side in [stage.here, stage.there] {
            stage.site.start(side, &settings).await;
            for side in [stage.here, stage.there, stage.here] {
                let who = browser.whoami(side).await;
                assert_eq!((who.user_id.as_ref(), who.fresh), (Some(&mia.id), true));
            }
        }
    }
    let session = browser.cookie("session").unwrap();
    assert!(peer::read_session(NEW_KEY, &session).is_some());
}

// Flask-Login ignores fallback keys for its tokens; Rust accepts them, and replaces the token when it starts a session.
both_ways!(
    a_token_of_the_old_key_counts_at_flask_after_it_was_used_at_rust,
    by = play_with_restarts
);
async fn a_token_of_the_old_key_counts_at_flask_after_it_was_used_at_rust(stage: &Stage) {
    let (mia, browser) = (stage.person("mia").await, stage.browser());
    browser.log_in_remembered(stage.here, &mia).await;
    for side in [stage.here, stage.there] {
        stage.site.start(side, &keys(NEW_KEY, KEY)).await;
    }
    browser.restart();
    let known = (!Side::Flask.has(Habit::ForgetsOldTokens)).then(|| mia.id.clone());
    assert_eq!(browser.whoami(Side::Flask).await.user_id, known);
    assert_eq!(
        browser.whoami(Side::Rust).await.user_id.as_ref(),
        Some(&mia.id)
    );
    let token = browser.cookie("remember_token").unwrap();
    assert_eq!(token, peer::remember_token(NEW_KEY.as_bytes(), &mia.id));
    browser.restart();
    assert_eq!(browser.whoami(Side::Flask).await.user_id, Some(mia.id));
}

// Without the first of the three steps, the side with the new key signs what the other cannot read. Rust immediately signs
// what it reads again with the new key; Flask does so when the session changes.
both_ways!(
    one_side_with_a_new_key_is_not_understood_by_the_other,
    by = play_with_restarts
);
async fn one_side_with_a_new_key_is_not_understood_by_the_other(stage: &Stage) {
    let (mia, browser) = (stage.person("mia").await, stage.browser());
    browser.log_in(stage.there, &mia).await;
    stage.site.start(stage.here, &keys(NEW_KEY, KEY)).await;
    assert_eq!(
        browser.whoami(stage.here).await.user_id.as_ref(),
        Some(&mia.id)
    );
    let known_there = browser.whoami(stage.there).await.user_id.is_some();
    assert_eq!(known_there, stage.here.has(Habit::SignsLate));
    browser
        .post(stage.here, "/session/x", &[("value", "1")])
        .await;
    assert_eq!(browser.whoami(stage.there).await.user_id, None);
    // A cookie that the side could not read was left alone.
    assert_eq!(
        browser.whoami(stage.here).await.user_id.as_ref(),
        Some(&mia.id)
    );
    stage.site.start(stage.there, &keys(NEW_KEY, KEY)).await;
    assert_eq!(browser.whoami(stage.there).await.user_id, Some(mia.id));
}
