//! Fresh logins, and confirming a login.

use crate::harness::{Side, Stage, both_ways};

both_ways!(a_login_that_is_not_fresh_here_opens_no_vault_there);
async fn a_login_that_is_not_fresh_here_opens_no_vault_there(stage: &Stage) {
    let (mia, browser) = (stage.person("mia").await, stage.browser());
    browser
        .log_in_with(stage.here, &mia, &[("stale", "on")])
        .await;
    for side in [stage.there, stage.here] {
        let who = browser.whoami(side).await;
        assert_eq!((who.user_id.as_ref(), who.fresh), (Some(&mia.id), false));
        assert_eq!(browser.get(side, "/members").await.status, 200);
        let denied = browser.get(side, "/vault").await;
        assert_eq!(denied.status, 302);
        assert_eq!(denied.location(), "/confirm?next=%2Fvault");
    }
}

both_ways!(a_login_that_is_fresh_here_opens_the_vault_there);
async fn a_login_that_is_fresh_here_opens_the_vault_there(stage: &Stage) {
    let (mia, browser) = (stage.person("mia").await, stage.browser());
    browser.log_in(stage.here, &mia).await;
    assert_eq!(browser.get(stage.there, "/vault").await.status, 200);
}

both_ways!(a_user_who_confirms_here_is_fresh_there);
async fn a_user_who_confirms_here_is_fresh_there(stage: &Stage) {
    let (mia, browser) = (stage.person("mia").await, stage.browser());
    browser.log_in_remembered(stage.here, &mia).await;
    browser.restart();
    let denied = browser.get(stage.there, "/vault").await;
    assert_eq!(denied.location(), "/confirm?next=%2Fvault");

    let wrong = [("password", "a guess")];
    assert_eq!(
        browser.post(stage.here, "/confirm", &wrong).await.status,
        401
    );
    assert!(!browser.whoami(stage.there).await.fresh);

    let right = [("password", &*mia.password)];
    let confirmed = browser
        .post(stage.here, "/confirm?next=%2Fvault", &right)
        .await;
    assert_eq!((confirmed.status, confirmed.location()), (303, "/vault"));
    for side in Side::BOTH {
        assert_eq!(browser.get(side, "/vault").await.status, 200);
    }
}

both_ways!(a_token_alone_confirms_nobody);
async fn a_token_alone_confirms_nobody(stage: &Stage) {
    let (mia, ben) = (stage.person("mia").await, stage.person("ben").await);
    let browser = stage.browser();
    browser.log_in_remembered(stage.here, &mia).await;
    browser.lose("session");
    let form = [("password", &*ben.password)];
    assert_eq!(
        browser.post(stage.there, "/confirm", &form).await.status,
        401
    );
    let who = browser.whoami(stage.here).await;
    assert_eq!((who.user_id, who.fresh), (Some(mia.id), false));
}
