//! Changing the secret key logs nobody out, and nothing signed with an old key remains.

use std::time::Duration;

use housekey::{RememberFormat, SecretKeys};

use crate::browser::Browser;
use crate::peer;
use crate::site::{DAY, KEY, OLD_KEY, Site, Sites};

/// One site before, during and after the change of its key.
struct Rotation {
    before: Site,
    during: Site,
    after: Site,
}

fn rotation(site: Site) -> Rotation {
    let keys = |key: &str| SecretKeys::flask(key).unwrap();
    Rotation {
        before: site.restarted(keys(OLD_KEY), |builder| builder),
        during: site.restarted(keys(KEY).fallback(OLD_KEY).unwrap(), |builder| builder),
        after: site.restarted(keys(KEY), |builder| builder),
    }
}

fn all(sites: Sites) -> [Site; 4] {
    [
        sites.safe(),
        sites.flask(),
        sites.stored(),
        sites.stored_flask(),
    ]
}

impl Rotation {
    /// Logs in before, does this during, and reports the current user after.
    async fn who_after(&self, during: impl AsyncFnOnce(&mut Browser)) -> String {
        let mut browser = self.before.remembered_browser_of("mia").await;
        browser.move_to(&self.during);
        during(&mut browser).await;
        browser.move_to(&self.after);
        browser.who().await
    }
}

async fn a_session_is_signed_anew_by_any_request_that_reads_it(sites: Sites) {
    for site in all(sites) {
        let rotation = rotation(site);
        let read = async |browser: &mut Browser| drop(browser.who().await);
        assert!(rotation.who_after(read).await.ends_with("by Session"));
        let nothing = async |browser: &mut Browser| drop(browser.get("/").await);
        assert_eq!(rotation.who_after(nothing).await, "nobody");
    }
}

async fn a_session_is_signed_anew_without_its_user_being_loaded(sites: Sites) {
    let rotation = rotation(sites.safe());
    // Without an auth hash there is only the signature.
    rotation
        .before
        .members
        .change("mia", |member| member.stamp = None);
    let read = async |browser: &mut Browser| drop(browser.get("/session/k").await);
    assert!(rotation.who_after(read).await.ends_with("by Session"));
}

/// The digest of the auth hash was made with the old key as well.
async fn a_session_that_was_signed_anew_before_its_user_was_loaded_is_not_lost_afterwards(
    sites: Sites,
) {
    for site in all(sites) {
        let rotation = rotation(site);
        let first_a_page_and_then_the_user = async |browser: &mut Browser| {
            browser.get("/session/k").await;
            browser.who().await;
            browser.jar.remove("__Host-remember_token");
            browser.jar.remove("remember_token");
        };
        let who = rotation.who_after(first_a_page_and_then_the_user).await;
        assert_eq!(who, "mia, fresh, by Session");
    }
}

async fn a_remember_token_is_signed_anew_when_it_is_used_and_keeps_its_end(sites: Sites) {
    for site in [sites.safe(), sites.stored()] {
        let rotation = rotation(site);
        let who = rotation
            .who_after(async |browser| {
                rotation.during.clock.advance(10 * DAY);
                browser.restart();
                let answer = browser.get("/who").await;
                assert_eq!(answer.body, "mia, remembered, by RememberToken");
                let token = answer.set_cookie("__Host-remember_token").unwrap();
                assert!(
                    token.contains("Expires=Thu, 14 Dec 2023 22:13:20 GMT"),
                    "{token}"
                );
                browser.restart();
            })
            .await;
        assert_eq!(who, "mia, remembered, by RememberToken");
    }
}

/// Dropping the old key must not make browsers look like thieves if they sent no request during the change.
async fn a_token_that_missed_the_change_of_the_key_is_a_strangers_and_ends_nothing(sites: Sites) {
    let rotation = rotation(sites.stored());
    let who = rotation.who_after(async |browser| browser.restart()).await;
    assert_eq!(who, "nobody");
    assert_eq!(rotation.after.store.len(), 1);
}

/// After one look, both the signature and the record's digest use the new key.
async fn one_look_during_the_change_is_enough_for_a_login_with_a_record(sites: Sites) {
    let rotation = rotation(sites.stored());
    let before = rotation.before.store.clone();
    let who = rotation
        .who_after(async |browser| {
            let digests = before.only("mia").await.data;
            browser.who().await;
            assert_ne!(before.only("mia").await.data, digests);
            browser.jar.remove("__Host-remember_token");
        })
        .await;
    assert_eq!(who, "mia, fresh, by Session");
}

async fn a_token_that_is_refreshed_during_the_change_outlives_the_old_key(sites: Sites) {
    let site = sites.safe();
    let keys = |key: &str| SecretKeys::flask(key).unwrap();
    let refreshing = |keys| site.restarted(keys, |builder| builder.remember_refresh_each_request());
    let rotation = Rotation {
        before: refreshing(keys(OLD_KEY)),
        during: refreshing(keys(KEY).fallback(OLD_KEY).unwrap()),
        after: refreshing(keys(KEY)),
    };
    let who = rotation
        .who_after(async |browser| {
            browser.who().await;
            browser.restart();
        })
        .await;
    assert_eq!(who, "mia, remembered, by RememberToken");
}

async fn every_new_value_verifies_under_the_new_key_alone(sites: Sites) {
    for site in all(sites) {
        let rotation = rotation(site);
        let mut browser = rotation.during.remembered_browser_of("mia").await;
        browser.move_to(&rotation.after);
        assert_eq!(browser.who().await, "mia, fresh, remembered, by Session");
        browser.restart();
        assert_eq!(browser.who().await, "mia, remembered, by RememberToken");

        let mut browser = rotation.during.remembered_browser_of("mia").await;
        browser.move_to(&rotation.before);
        assert_eq!(
            browser.who().await,
            "nobody",
            "the old key signs nothing any more"
        );
    }
}

async fn flask_logins_tokens_are_replaced_when_they_are_used_and_not_accepted_by_the_safe_preset(
    sites: Sites,
) {
    let token = peer::remember_token(KEY.as_bytes(), "mia");
    let site = sites.safe();
    let mut browser = site.browser();
    browser.jar.put("__Host-remember_token", &token);
    assert_eq!(browser.who().await, "nobody");

    let format = RememberFormat::TimedReplacingFlaskLogin;
    let site = sites.safe_with(|builder| builder.remember_format(format));
    let mut browser = site.browser();
    browser.jar.put("__Host-remember_token", &token);
    assert_eq!(browser.who().await, "mia, remembered, by RememberToken");
    assert!(
        !browser
            .jar
            .value("__Host-remember_token")
            .unwrap()
            .contains('|')
    );
    browser.restart();
    assert_eq!(browser.who().await, "mia, remembered, by RememberToken");
    site.clock.advance(30 * DAY + Duration::from_secs(1));
    assert_eq!(browser.who().await, "nobody");
}

cases! {
    behaviour_key_rotation:
    a_session_is_signed_anew_by_any_request_that_reads_it,
    a_session_is_signed_anew_without_its_user_being_loaded,
    a_session_that_was_signed_anew_before_its_user_was_loaded_is_not_lost_afterwards,
    a_remember_token_is_signed_anew_when_it_is_used_and_keeps_its_end,
    a_token_that_missed_the_change_of_the_key_is_a_strangers_and_ends_nothing,
    one_look_during_the_change_is_enough_for_a_login_with_a_record,
    a_token_that_is_refreshed_during_the_change_outlives_the_old_key,
    every_new_value_verifies_under_the_new_key_alone,
    flask_logins_tokens_are_replaced_when_they_are_used_and_not_accepted_by_the_safe_preset,
}
