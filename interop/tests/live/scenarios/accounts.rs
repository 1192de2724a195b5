//! The users table: signing up, new passwords, closed accounts.

use std::sync::Arc;

use crate::harness::{
    Habit, Person, Program, RUNTIME, Settings, Side, Site, Stage, both_ways, play_on, runs,
};

both_ways!(a_name_outside_of_ascii_is_the_same_on_both_sides);
async fn a_name_outside_of_ascii_is_the_same_on_both_sides(stage: &Stage) {
    for id in [
        "佐藤 太郎",
        "Zoë",
        "\"q\"; a, \\b|c",
        "mia@example.com",
        "7",
    ] {
        let name = format!("{id} 😀 <b>");
        let person = stage.person_from(stage.here, id, &name).await;
        let browser = stage.browser();
        browser.log_in_remembered(stage.there, &person).await;
        for side in [stage.here, stage.there] {
            let who = browser.whoami(side).await;
            assert_eq!(who.user_id.as_ref(), Some(&person.id));
            assert_eq!(who.name.as_ref(), Some(&name));
        }
        browser.lose("session");
        for side in [stage.here, stage.there] {
            let who = browser.whoami(side).await;
            assert_eq!(
                (who.user_id.as_ref(), who.remembered),
                (Some(&person.id), true)
            );
        }
    }
}

/// Werkzeug's default hashes, which are slow.
fn scrypt() -> Settings {
    Settings::new().with("PASSWORD_METHOD", "scrypt")
}

both_ways!(a_user_who_signed_up_here_signs_in_there, scrypt());
async fn a_user_who_signed_up_here_signs_in_there(stage: &Stage) {
    let (mia, browser) = (stage.person("mia").await, stage.browser());
    let guess = [("id", &*mia.id), ("password", "a guess")];
    assert_eq!(
        browser.post(stage.there, "/login", &guess).await.status,
        401
    );
    browser.log_in(stage.there, &mia).await;
    // A password that was changed there is valid here.
    let mia = new_password(stage, &mia, stage.there, &browser, "neues Paßwort").await;
    let elsewhere = stage.browser();
    elsewhere.log_in(stage.here, &mia).await;
    let taken = [("id", &*mia.id), ("password", "another")];
    assert_eq!(
        browser.post(stage.there, "/signup", &taken).await.status,
        409
    );
}

/// Changes the password in this browser, which stays logged in.
async fn new_password(
    stage: &Stage,
    person: &Person,
    side: Side,
    browser: &crate::harness::Browser,
    password: &str,
) -> Person {
    let form = [("password", &*person.password), ("new", password)];
    let answer = browser.post(side, "/password", &form).await;
    assert_eq!(answer.status, 303, "{answer:?}");
    for side in [stage.here, stage.there] {
        let who = browser.whoami(side).await;
        assert_eq!(who.user_id.as_ref(), Some(&person.id));
    }
    Person {
        password: password.to_owned(),
        ..person.clone()
    }
}

#[test]
fn either_side_makes_the_table_that_both_use() {
    for first in Side::BOTH {
        let site = RUNTIME.block_on(async {
            let site = Site::empty().await;
            site.start(first, &Settings::new()).await;
            Arc::new(site)
        });
        play_on(site, first, async |stage: &Stage| {
            let mia = stage.person("mia").await;
            stage.site.start(stage.there, &Settings::new()).await;
            stage.browser().log_in(stage.there, &mia).await;
            let ben = stage.person_from(stage.there, "ben", "Ben").await;
            stage.browser().log_in(stage.here, &ben).await;
        });
    }
}

/// The user's id in sessions and tokens ends with a fragment of the password's hash.
fn fragment() -> Settings {
    Settings::new().with("USER_IDS", "fragment")
}

both_ways!(a_password_changed_here_logs_out_there, fragment());
async fn a_password_changed_here_logs_out_there(stage: &Stage) {
    let mia = stage.person("mia").await;
    let (desk, phone) = (stage.browser(), stage.browser());
    desk.log_in_remembered(stage.here, &mia).await;
    phone.log_in_remembered(stage.there, &mia).await;
    let copy = phone.jar();
    let new = new_password(stage, &mia, stage.here, &desk, "a better one").await;
    for side in [stage.there, stage.here] {
        phone.replay(&copy);
        assert_eq!(phone.whoami(side).await.user_id, None);
        phone.lose("session");
        // The token names the old login too.
        assert_eq!(phone.whoami(side).await.user_id, None);
    }
    let old = mia.credentials();
    assert_eq!(phone.post(stage.there, "/login", &old).await.status, 401);
    phone.log_in(stage.there, &new).await;
    // The browser that changed it is still remembered.
    desk.restart();
    for side in [stage.there, stage.here] {
        assert_eq!(desk.whoami(side).await.user_id.as_ref(), Some(&mia.id));
    }
}

// With the fragment, the id differs after the change, and Rust empties a session for the next user.
both_ways!(
    what_the_session_keeps_when_the_id_changes_with_the_password,
    fragment()
);
async fn what_the_session_keeps_when_the_id_changes_with_the_password(stage: &Stage) {
    let (mia, browser) = (stage.person("mia").await, stage.browser());
    browser.log_in(stage.there, &mia).await;
    browser.post(stage.there, "/cart", &[("item", "tea")]).await;
    new_password(stage, &mia, stage.here, &browser, "a better one").await;
    let kept = browser.session().unwrap().contains("tea");
    assert_eq!(kept, stage.here.has(Habit::HandsSessionsOn));
}

/// At Rust, the password's hash is the users' auth hash. Flask-Login has nothing like it.
fn auth_hash() -> Settings {
    Settings::new().with("SESSION_AUTH_HASH", "on")
}

// Rust ends the logins that have a digest, which Rust wrote. A login made at Flask gets one when Rust next writes its
// session; Flask itself goes only by the id.
both_ways!(
    a_new_password_ends_the_logins_that_have_a_digest_at_rust,
    auth_hash()
);
async fn a_new_password_ends_the_logins_that_have_a_digest_at_rust(stage: &Stage) {
    if !runs(Program::FlaskLogin) || !runs(Program::Rust) {
        return;
    }
    let mia = stage.person("mia").await;
    let (desk, phone, tablet) = (stage.browser(), stage.browser(), stage.browser());
    phone.log_in(Side::Rust, &mia).await;
    tablet.log_in(Side::Flask, &mia).await;
    desk.log_in(Side::Rust, &mia).await;
    let form = [("password", &*mia.password), ("new", "a better one")];
    assert_eq!(desk.post(stage.here, "/password", &form).await.status, 303);

    assert_eq!(
        tablet.whoami(Side::Rust).await.user_id.as_ref(),
        Some(&mia.id)
    );
    assert_eq!(
        phone.whoami(Side::Flask).await.user_id.as_ref(),
        Some(&mia.id)
    );
    assert_eq!(phone.whoami(Side::Rust).await.user_id, None);
    assert_eq!(phone.whoami(Side::Flask).await.user_id, None);
    // Flask leaves Rust's digest unchanged, even in the browser where the password was changed.
    let known = (stage.here == Side::Rust).then_some(mia.id);
    assert_eq!(desk.whoami(Side::Rust).await.user_id, known);
}

// The same happens after a new login at Flask in a session that Rust wrote: the old digest belongs to the same user. Rust
// ends that login, and the next one at Flask starts with an empty session.
both_ways!(a_digest_of_before_outlives_a_login_at_flask, auth_hash());
async fn a_digest_of_before_outlives_a_login_at_flask(stage: &Stage) {
    if !runs(Program::FlaskLogin) || !runs(Program::Rust) {
        return;
    }
    let mia = stage.person("mia").await;
    let (desk, phone) = (stage.browser(), stage.browser());
    phone.log_in(Side::Rust, &mia).await;
    desk.log_in(stage.here, &mia).await;
    let form = [("password", &*mia.password), ("new", "a better one")];
    assert_eq!(desk.post(stage.here, "/password", &form).await.status, 303);
    let mia = Person {
        password: "a better one".to_owned(),
        ..mia
    };
    let copy = phone.jar();
    for known in [None, Some(mia.id.clone())] {
        phone.log_in(Side::Flask, &mia).await;
        assert_eq!(phone.whoami(Side::Rust).await.user_id, known);
    }
    // Unless the Flask application takes the digest out at a login.
    phone.replay(&copy);
    phone.log_in(Side::Flask, &mia).await;
    let remove = "/session/_auth_hash/remove";
    phone.post(Side::Flask, remove, &[]).await;
    assert_eq!(phone.whoami(Side::Rust).await.user_id, Some(mia.id));
}

both_ways!(an_account_closed_here_is_closed_there);
async fn an_account_closed_here_is_closed_there(stage: &Stage) {
    let (mia, browser) = (stage.person("mia").await, stage.browser());
    browser.log_in_remembered(stage.here, &mia).await;
    stage.set_active(stage.here, &mia, false).await;
    for side in [stage.there, stage.here] {
        assert_eq!(browser.whoami(side).await.user_id, None);
        assert_eq!(browser.get(side, "/members").await.status, 302);
        let refused = stage.browser();
        let answer = refused.post(side, "/login", &mia.credentials()).await;
        assert_eq!((answer.status, answer.set_cookies().len()), (403, 0));
    }
}

// Rust ends the login and deletes the cookies. Flask-Login asks again at every request, so the login is back when the
// account is.
both_ways!(what_is_left_of_a_login_when_the_account_is_open_again);
async fn what_is_left_of_a_login_when_the_account_is_open_again(stage: &Stage) {
    let (mia, browser) = (stage.person("mia").await, stage.browser());
    browser.log_in_remembered(stage.here, &mia).await;
    stage.set_active(stage.here, &mia, false).await;
    assert_eq!(browser.whoami(stage.there).await.user_id, None);
    stage.set_active(stage.here, &mia, true).await;
    let back = stage.there.has(Habit::AsksAgain).then_some(mia.id);
    for side in Side::BOTH {
        assert_eq!(browser.whoami(side).await.user_id, back);
    }
    assert_eq!(browser.remembered_id(), back);
}

// Rust ends a forced login of a closed account as soon as the user is asked for. At Flask the user is present but not
// authenticated, which is what `UserMixin` does.
both_ways!(a_login_forced_for_a_closed_account_opens_no_door);
async fn a_login_forced_for_a_closed_account_opens_no_door(stage: &Stage) {
    let (mia, browser) = (stage.person("mia").await, stage.browser());
    stage.set_active(stage.here, &mia, false).await;
    browser
        .log_in_with(stage.here, &mia, &[("force", "on")])
        .await;
    for side in [stage.there, stage.here] {
        assert_eq!(browser.get(side, "/members").await.status, 302);
    }
    let session = browser.session().unwrap();
    assert!(!session.contains("_user_id"), "{session}");
}
