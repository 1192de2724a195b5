//! Two tabs of one browser, one on each side, at once.

use crate::harness::{Side, Stage, both_ways};

/// How often they try: either tab may be faster each time.
const ROUNDS: usize = 10;

both_ways!(two_tabs_read_at_once_and_both_know_the_user);
async fn two_tabs_read_at_once_and_both_know_the_user(stage: &Stage) {
    let (mia, browser) = (stage.person("mia").await, stage.browser());
    browser.log_in_remembered(stage.here, &mia).await;
    let tab = browser.tab();
    for round in 0..ROUNDS {
        // Every other time there is no session, and both start one from the token.
        if round % 2 == 0 {
            browser.lose("session");
        }
        let (one, other) = tokio::join!(browser.whoami(stage.here), tab.whoami(stage.there));
        assert_eq!(
            (one.user_id.as_ref(), other.user_id.as_ref()),
            (Some(&mia.id), Some(&mia.id))
        );
        for side in Side::BOTH {
            assert_eq!(browser.whoami(side).await.user_id.as_ref(), Some(&mia.id));
        }
    }
}

// The session is in the cookie, so the later answer wins, as with two requests to Flask.
both_ways!(one_of_two_tabs_that_write_at_once_wins_and_nobody_is_logged_out);
async fn one_of_two_tabs_that_write_at_once_wins_and_nobody_is_logged_out(stage: &Stage) {
    let (mia, browser) = (stage.person("mia").await, stage.browser());
    browser.log_in(stage.here, &mia).await;
    let tab = browser.tab();
    for round in 0..ROUNDS {
        let (here, there) = (format!("here {round}"), format!("there {round}"));
        let (here, there) = ([("value", &*here)], [("value", &*there)]);
        tokio::join!(
            browser.post(stage.here, "/session/x", &here),
            tab.post(stage.there, "/session/x", &there)
        );
        for side in Side::BOTH {
            let who = browser.whoami(side).await;
            assert_eq!((who.user_id.as_ref(), who.fresh), (Some(&mia.id), true));
            let value = who.session["x"].as_str().unwrap().to_owned();
            assert!([here[0].1, there[0].1].contains(&&*value), "{value}");
        }
    }
}

both_ways!(a_tab_that_reads_does_not_undo_a_logout_in_the_other);
async fn a_tab_that_reads_does_not_undo_a_logout_in_the_other(stage: &Stage) {
    let (mia, browser) = (stage.person("mia").await, stage.browser());
    let tab = browser.tab();
    for _ in 0..ROUNDS {
        browser.log_in_remembered(stage.here, &mia).await;
        tokio::join!(browser.log_out(stage.here), tab.whoami(stage.there));
        for side in Side::BOTH {
            assert_eq!(browser.whoami(side).await.user_id, None);
        }
    }
}
