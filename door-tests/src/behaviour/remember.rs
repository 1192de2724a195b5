//! Being remembered: for how long, and what ends it.

use std::time::Duration;

use housekey::Error;

use crate::browser::Browser;
use crate::peer;
use crate::plan::{Given, acts};
use crate::site::START;
use crate::site::{DAY, ENDS_OF_MIA, HOUR, KEY, Site, Sites};

const TOKEN: &str = "__Host-remember_token";

async fn remembered_for(site: &Site, seconds: u64) -> Browser {
    let mut browser = site.browser();
    let form = format!("name=mia&remember_for={seconds}");
    assert_eq!(browser.post("/login", &form).await.status, 303);
    browser
}

async fn a_token_lives_for_as_long_as_the_login_said_on_the_server_too(sites: Sites) {
    let site = sites.safe();
    let browser = remembered_for(&site, 7200).await;
    let token = browser.jar.value(TOKEN).unwrap().to_owned();
    let mut other = site.browser();
    site.clock.advance(2 * HOUR);
    other.jar.put(TOKEN, &token);
    assert_eq!(other.who().await, "mia, remembered, by RememberToken");
    site.clock.advance(Duration::from_secs(1));
    let mut other = site.browser();
    other.jar.put(TOKEN, &token);
    assert_eq!(other.who().await, "nobody");
}

async fn a_duration_that_no_browser_keeps_is_an_error_and_logs_nobody_in(sites: Sites) {
    let site = sites.safe();
    for seconds in [0, 401 * DAY.as_secs(), u64::MAX] {
        let mut browser = site.browser();
        let form = format!("name=mia&remember_for={seconds}");
        assert_eq!(browser.post("/login", &form).await.status, 500);
        assert_eq!(browser.jar.names(), [""; 0]);
    }
    remembered_for(&site, 400 * DAY.as_secs()).await;
}

async fn the_order_in_which_a_login_is_described_does_not_matter(sites: Sites) {
    let site = sites.safe();
    let mia = site.members.find("mia").unwrap();
    let log_in = async move |given: Given| {
        let attempt = given.login.login_user(&mia).remember_for(HOUR);
        attempt.remember(given.body == "yes").await
    };
    let site = site.and(acts("/ticked", log_in));
    let answer = site.browser().post("/ticked", "yes").await;
    let token = answer.set_cookie(TOKEN).unwrap();
    assert!(
        token.contains("Expires=Tue, 14 Nov 2023 23:13:20 GMT"),
        "{token}"
    );
    assert_eq!(
        site.browser().post("/ticked", "no").await.set_cookie(TOKEN),
        None
    );
}

async fn a_token_does_not_slide_unless_asked_to(sites: Sites) {
    let site = sites.safe();
    let mut browser = remembered_for(&site, 10 * DAY.as_secs()).await;
    for _ in 0..9 {
        site.clock.advance(DAY);
        browser.restart();
        assert_eq!(browser.who().await, "mia, remembered, by RememberToken");
    }
    site.clock.advance(DAY + Duration::from_secs(1));
    browser.restart();
    assert_eq!(browser.who().await, "nobody");
}

async fn a_token_of_a_user_who_may_no_longer_log_in_is_deleted(sites: Sites) {
    for end in ENDS_OF_MIA {
        let site = sites.safe();
        let mut browser = site.remembered_browser_of("mia").await;
        browser.restart();
        end(&site);
        assert_eq!(browser.who().await, "nobody");
        assert_eq!(browser.jar.names(), [""; 0]);
    }
}

async fn a_token_is_kept_while_nobody_knows_whose_it_is(sites: Sites) {
    let site = sites.safe();
    let mut browser = site.remembered_browser_of("mia").await;
    browser.restart();
    site.members.go_away();
    assert_eq!(browser.get("/who").await.status, 503);
    site.members.come_back();
    assert_eq!(browser.who().await, "mia, remembered, by RememberToken");
}

async fn a_new_password_keeps_this_browser_in_and_ends_the_others(sites: Sites) {
    for site in [sites.safe(), sites.flask()] {
        let mut here = site.remembered_browser_of("mia").await;
        let mut there = site.browser_of("mia").await;
        assert_eq!(here.post("/new-password", "new stamp").await.status, 200);
        assert_eq!(here.who().await, "mia, fresh, remembered, by Session");
        assert_eq!(there.who().await, "nobody");
        here.restart();
        assert_eq!(here.who().await, "mia, remembered, by RememberToken");
    }

    let site = sites.safe();
    let mut here = site.browser_of("mia").await;
    let mut there = site.remembered_browser_of("mia").await;
    let mut elsewhere = site.remembered_browser_of("mia").await;
    elsewhere.restart();
    let answer = here.post("/new-password", "new stamp").await;
    assert_eq!(
        answer.set_cookie(TOKEN),
        None,
        "a browser that was not remembered is not"
    );
    assert_eq!(there.who().await, "nobody");
    assert_eq!(elsewhere.who().await, "nobody");
}

async fn a_new_password_does_not_lengthen_the_token(sites: Sites) {
    let site = sites.safe();
    let mut browser = site.remembered_browser_of("mia").await;
    site.clock.advance(HOUR);
    let answer = browser.post("/new-password", "new stamp").await;
    let token = answer.set_cookie(TOKEN).unwrap();
    assert!(
        token.contains("Expires=Thu, 14 Dec 2023 22:13:20 GMT"),
        "{token}"
    );
}

/// Setting a new password through a link in an email: log in, then carry the login over the change.
async fn a_login_and_a_new_password_may_share_a_request(sites: Sites) {
    let site = sites.safe();
    let members = site.members.clone();
    let reset = async move |given: Given| -> Result<(), Error> {
        let before = members.find("mia").unwrap();
        let attempt = given.login.login_user(&before);
        attempt.remember_for(2 * HOUR).await?;
        members.set_stamp("mia", "set by mail");
        let after = members.find("mia").unwrap();
        given.login.update_auth_hash(&after).await
    };
    let site = site.and(acts("/reset", reset));
    for mut browser in [site.browser(), site.remembered_browser_of("mia").await] {
        let answer = browser.post("/reset", "").await;
        let token = answer.set_cookie(TOKEN).unwrap();
        assert!(
            token.contains("Expires=Wed, 15 Nov 2023 00:13:20 GMT"),
            "{token}"
        );
        assert_eq!(browser.who().await, "mia, fresh, remembered, by Session");
        browser.restart();
        assert_eq!(browser.who().await, "mia, remembered, by RememberToken");
    }
}

async fn only_the_logged_in_user_is_carried_over(sites: Sites) {
    let site = sites.safe();
    let ben = site.members.find("ben").unwrap();
    let foreign = async move |given: Given| given.login.update_auth_hash(&ben).await;
    let site = site.and(acts("/foreign", foreign));
    assert_eq!(site.browser().post("/foreign", "").await.status, 401);
    let mut browser = site.browser_of("mia").await;
    assert_eq!(browser.post("/foreign", "").await.status, 401);
    assert_eq!(browser.who().await, "mia, fresh, by Session");
}

async fn logging_out_forgets_and_stays_logged_out(sites: Sites) {
    for site in [sites.safe(), sites.flask()] {
        let mut browser = site.remembered_browser_of("mia").await;
        browser.post("/logout", "").await;
        assert_eq!(browser.who().await, "nobody");

        // Even if the session had gone before.
        let mut browser = site.remembered_browser_of("mia").await;
        browser.restart();
        browser.post("/logout", "").await;
        assert_eq!(browser.who().await, "nobody");
    }
}

async fn a_session_that_no_longer_counts_gives_way_to_a_valid_token(sites: Sites) {
    let site = sites.safe();
    let mut browser = site.browser_of("ben").await;
    let of_mia = site.remembered_browser_of("mia").await;
    browser.jar.put(TOKEN, of_mia.jar.value(TOKEN).unwrap());
    browser.post("/session/diary", "of ben").await;
    site.members.remove("ben");
    assert_eq!(browser.who().await, "mia, remembered, by RememberToken");
    assert_eq!(browser.read("/session/diary").await, "nothing");
}

async fn a_login_without_the_digest_of_an_auth_hash_is_one_under_flasks_preset_only(sites: Sites) {
    for (site, expected) in [
        (sites.safe(), "nobody"),
        (sites.flask(), "mia, fresh, remembered, by Session"),
    ] {
        site.members.change("mia", |member| member.stamp = None);
        let mut browser = site.remembered_browser_of("mia").await;
        assert_eq!(browser.who().await, "mia, fresh, remembered, by Session");
        site.members.set_stamp("mia", "the first stamp");
        assert_eq!(browser.who().await, expected);
    }
}

async fn a_peers_login_gets_the_digest_with_the_next_write_and_ends_with_the_auth_hash_from_then_on(
    sites: Sites,
) {
    let site = sites.flask();
    let of_ben = site.browser_of("ben").await;
    let of_ben = peer::read_session(KEY, of_ben.jar.value("session").unwrap()).unwrap();
    // Flask-Login's login leaves the digest of the previous one.
    let after_ben = of_ben.replace(r#""_user_id":"ben""#, r#""_user_id":"mia""#);
    for json in [r#"{"_fresh":false,"_id":"x","_user_id":"mia"}"#, &after_ben] {
        let mut browser = site.browser();
        browser.jar.put("session", &peer::session(KEY, json, START));
        let answer = browser.get("/who").await;
        assert!(answer.body.starts_with("mia"), "{json}: {}", answer.body);
        assert_eq!(
            answer.set_cookies(),
            [""; 0],
            "it is not worth a write of its own"
        );
        // Only when a request that has loaded the user writes the session.
        browser.post("/new-password", "stamp of mia").await;
        assert!(browser.who().await.starts_with("mia"));
        site.members.set_stamp("mia", "after a new password");
        assert_eq!(browser.who().await, "nobody");
        site.members.set_stamp("mia", "stamp of mia");
    }
}

async fn what_a_peers_response_hook_left_undone_is_done_here(sites: Sites) {
    let site = sites.flask();
    let token = peer::remember_token(KEY.as_bytes(), "mia");
    let mut browser = site.browser();
    browser.jar.put(
        "session",
        &peer::session(KEY, r#"{"_remember":"clear","k":1}"#, START),
    );
    browser.jar.put("remember_token", &token);
    assert_eq!(browser.who().await, "nobody");
    assert_eq!(browser.jar.names(), ["session"]);
    let session = peer::read_session(KEY, browser.jar.value("session").unwrap());
    assert_eq!(session.as_deref(), Some(r#"{"k":1}"#));

    let mut browser = site.browser();
    let json = r#"{"_fresh":false,"_remember":"set","_user_id":"mia"}"#;
    browser.jar.put("session", &peer::session(KEY, json, START));
    assert_eq!(browser.who().await, "mia, by Session");
    assert_eq!(browser.jar.names(), ["session"], "nobody ticked a box here");
}

async fn a_duration_that_a_peer_kept_is_believed_up_to_what_browsers_keep(sites: Sites) {
    let site = sites.flask_with(|builder| builder.remember_refresh_each_request());
    for (seconds, expires) in [
        ("3600.0", "Tue, 14 Nov 2023 23:13:20 GMT"),
        ("1e+18", "Wed, 18 Dec 2024 22:13:20 GMT"),
        ("-1.0", "Wed, 13 Nov 2024 22:13:20 GMT"),
        ("NaN", "Wed, 13 Nov 2024 22:13:20 GMT"),
    ] {
        let json = format!(r#"{{"_fresh":false,"_remember_seconds":{seconds},"_user_id":"mia"}}"#);
        let mut browser = site.browser();
        let token = peer::remember_token(KEY.as_bytes(), "mia");
        browser.jar.put("remember_token", &token);
        browser
            .jar
            .put("session", &peer::session(KEY, &json, START));
        let answer = browser.get("/who").await;
        let token = answer.set_cookie("remember_token").unwrap();
        assert!(token.contains(expires), "{seconds}: {token}");
    }
}

async fn a_stamp_that_is_taken_away_ends_every_login_that_was_made_with_it(sites: Sites) {
    for site in [
        sites.safe(),
        sites.flask(),
        sites.stored(),
        sites.stored_flask(),
    ] {
        let mut browser = site.remembered_browser_of("mia").await;
        let mut closed = browser.clone();
        closed.restart();
        site.members.change("mia", |member| member.stamp = None);
        // Flask-Login's token is not bound to anything.
        let by_token = browser.jar.names().contains(&"remember_token");
        let expected = if by_token {
            "mia, remembered, by RememberToken"
        } else {
            "nobody"
        };
        assert_eq!(closed.who().await, expected);
        assert_eq!(browser.who().await, expected);
        // A login made without one is valid without one, and ends when there is one.
        let mut browser = site.browser_of("mia").await;
        assert_eq!(browser.who().await, "mia, fresh, by Session");
    }
}

cases! {
    behaviour_remember:
    a_token_lives_for_as_long_as_the_login_said_on_the_server_too,
    a_duration_that_no_browser_keeps_is_an_error_and_logs_nobody_in,
    the_order_in_which_a_login_is_described_does_not_matter,
    a_token_does_not_slide_unless_asked_to,
    a_token_of_a_user_who_may_no_longer_log_in_is_deleted,
    a_token_is_kept_while_nobody_knows_whose_it_is,
    a_new_password_keeps_this_browser_in_and_ends_the_others,
    a_new_password_does_not_lengthen_the_token,
    a_login_and_a_new_password_may_share_a_request,
    only_the_logged_in_user_is_carried_over,
    logging_out_forgets_and_stays_logged_out,
    a_session_that_no_longer_counts_gives_way_to_a_valid_token,
    a_login_without_the_digest_of_an_auth_hash_is_one_under_flasks_preset_only,
    a_peers_login_gets_the_digest_with_the_next_write_and_ends_with_the_auth_hash_from_then_on,
    what_a_peers_response_hook_left_undone_is_done_here,
    a_duration_that_a_peer_kept_is_believed_up_to_what_browsers_keep,
    a_stamp_that_is_taken_away_ends_every_login_that_was_made_with_it,
}
