//! Logging in and out.

use crate::harness::{Habit, Side, Stage, both_ways};

both_ways!(a_login_here_is_a_login_there);
async fn a_login_here_is_a_login_there(stage: &Stage) {
    let (mia, browser) = (stage.person("mia").await, stage.browser());
    assert_eq!(browser.whoami(stage.there).await.user_id, None);
    browser.log_in(stage.here, &mia).await;
    for side in [stage.there, stage.here] {
        let who = browser.whoami(side).await;
        assert_eq!(who.user_id, Some(mia.id.clone()));
        assert!(who.fresh && !who.remembered, "{who:?}");
        let page = browser.get(side, "/members").await;
        assert_eq!(page.status, 200, "{page:?}");
    }
}

both_ways!(a_logout_here_is_a_logout_there);
async fn a_logout_here_is_a_logout_there(stage: &Stage) {
    let (mia, browser) = (stage.person("mia").await, stage.browser());
    browser.log_in(stage.there, &mia).await;
    browser.log_out(stage.here).await;
    for side in Side::BOTH {
        assert_eq!(browser.whoami(side).await.user_id, None);
        assert_eq!(browser.get(side, "/members").await.status, 302);
    }
}

both_ways!(a_logout_here_ends_remembering_there);
async fn a_logout_here_ends_remembering_there(stage: &Stage) {
    let (mia, browser) = (stage.person("mia").await, stage.browser());
    browser.log_in_remembered(stage.there, &mia).await;
    browser.log_out(stage.here).await;
    assert_eq!(browser.remembered_id(), None);
    browser.restart();
    for side in Side::BOTH {
        assert_eq!(browser.whoami(side).await.user_id, None);
    }
}

both_ways!(a_wrong_password_here_changes_nothing_there);
async fn a_wrong_password_here_changes_nothing_there(stage: &Stage) {
    let (mia, browser) = (stage.person("mia").await, stage.browser());
    let ben = stage.person("ben").await;
    browser.log_in(stage.there, &mia).await;
    let before = browser.session();
    let form = [("id", &*ben.id), ("password", "a guess")];
    assert_eq!(browser.post(stage.here, "/login", &form).await.status, 401);
    assert_eq!(browser.session(), before);
    assert_eq!(browser.whoami(stage.there).await.user_id, Some(mia.id));
}

// Rust empties the session at logout: one user's data must not reach the next. Flask-Login removes its three keys, and
// leaves those that it does not know.
both_ways!(what_a_logout_there_leaves_of_the_session);
async fn what_a_logout_there_leaves_of_the_session(stage: &Stage) {
    let (mia, browser) = (stage.person("mia").await, stage.browser());
    browser.log_in(stage.here, &mia).await;
    browser
        .post(stage.here, "/session/plan", &[("value", "secret")])
        .await;
    browser.log_out(stage.there).await;
    if !stage.there.has(Habit::HandsSessionsOn) {
        assert_eq!(browser.session(), None);
        return;
    }
    let left = browser.session().unwrap();
    let has_more = left.contains(r#""_fresh_at":"#);
    assert_eq!(has_more, stage.here.has(Habit::KeepsFreshAt), "{left}");
    assert!(left.contains(r#""plan":"secret""#), "{left}");
    // Rust removes its own key as soon as the current user is asked for.
    assert_eq!(browser.whoami(stage.here).await.user_id, None);
    assert_eq!(browser.session().unwrap(), r#"{"plan":"secret"}"#);
}

// Rust empties the session for the next user; Flask-Login passes it on.
both_ways!(somebody_else_who_logs_in_there_is_the_user_here);
async fn somebody_else_who_logs_in_there_is_the_user_here(stage: &Stage) {
    let (mia, ben) = (stage.person("mia").await, stage.person("ben").await);
    let browser = stage.browser();
    browser.log_in(stage.here, &mia).await;
    browser
        .post(stage.here, "/cart", &[("item", "a gift for ben")])
        .await;
    browser.log_in(stage.there, &ben).await;
    for side in Side::BOTH {
        assert_eq!(browser.whoami(side).await.user_id.as_ref(), Some(&ben.id));
    }
    let kept = browser.session().unwrap().contains("a gift for ben");
    assert_eq!(kept, stage.there.has(Habit::HandsSessionsOn));
}

// A login at Rust without "remember me" deletes the previous user's remember token. Flask-Login leaves it, and that user is
// back when the session has gone: on both sides, since only the token is left then.
both_ways!(a_user_comes_back_after_somebody_else_has_logged_in);
async fn a_user_comes_back_after_somebody_else_has_logged_in(stage: &Stage) {
    let (mia, ben) = (stage.person("mia").await, stage.person("ben").await);
    let browser = stage.browser();
    browser.log_in_remembered(stage.here, &mia).await;
    browser.log_in(stage.there, &ben).await;
    browser.restart();
    let back = stage.there.has(Habit::LeavesTokens).then_some(mia.id);
    for side in Side::BOTH {
        assert_eq!(browser.whoami(side).await.user_id, back);
    }
}

// "Remembered" is about the current user at Rust, and about the cookie alone at Flask-Login.
both_ways!(somebody_elses_token_is_a_remembered_login_at_flask_only);
async fn somebody_elses_token_is_a_remembered_login_at_flask_only(stage: &Stage) {
    let (mia, ben) = (stage.person("mia").await, stage.person("ben").await);
    let (browser, other) = (stage.browser(), stage.browser());
    other.log_in_remembered(stage.here, &mia).await;
    browser.log_in(stage.here, &ben).await;
    browser.plant("remember_token", &other.cookie("remember_token").unwrap());
    for side in Side::BOTH {
        let who = browser.whoami(side).await;
        assert_eq!(who.user_id.as_ref(), Some(&ben.id));
        assert_eq!(who.remembered, side.has(Habit::RemembersAnybody));
    }
}
