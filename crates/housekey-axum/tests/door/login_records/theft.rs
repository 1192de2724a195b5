//! Remember tokens that are used twice: somebody has a copy.

use std::time::Duration;

use housekey_axum::Event;

use super::TOKEN;
use crate::common::browser::Browser;
use crate::common::{DAY, Site};

const BEYOND_THE_WINDOW: Duration = Duration::from_secs(61);

fn stolen() -> Event {
    Event::RememberTokenStolen {
        user_id: "mia".to_owned(),
    }
}

/// Mia's browser after it was closed, and a thief's copy of it.
async fn owner_and_thief(site: &Site) -> (Browser, Browser) {
    let mut owner = site.remembered_browser_of("mia").await;
    owner.restart();
    let thief = owner.clone();
    (owner, thief)
}

#[tokio::test]
async fn a_thief_who_comes_second_is_noticed_and_the_login_ends_for_both() {
    let site = Site::stored();
    let (mut owner, mut thief) = owner_and_thief(&site).await;
    let mut other = site.remembered_browser_of("mia").await;
    owner.who().await;
    site.clock.advance(BEYOND_THE_WINDOW);
    site.events.take();
    assert_eq!(thief.who().await, "nobody");
    assert_eq!(site.events.take(), [Event::Accessed, stolen()]);
    assert_eq!(thief.jar.names(), [""; 0]);

    assert_eq!(
        owner.who().await,
        "nobody",
        "the session that the token began"
    );
    assert_eq!(owner.jar.names(), [""; 0]);
    assert_eq!(other.who().await, "mia, fresh, remembered, by Session");
}

#[tokio::test]
async fn a_thief_who_comes_first_is_noticed_when_the_owner_comes() {
    let site = Site::stored();
    let (mut owner, mut thief) = owner_and_thief(&site).await;
    assert_eq!(thief.who().await, "mia, remembered, by RememberToken");
    site.clock.advance(BEYOND_THE_WINDOW);
    site.events.take();
    assert_eq!(owner.who().await, "nobody");
    assert_eq!(site.events.take(), [Event::Accessed, stolen()]);
    assert_eq!(thief.who().await, "nobody", "what the token gave him");
    thief.restart();
    assert_eq!(thief.who().await, "nobody", "and what came after it");
}

/// The owner has never closed the browser: the thief's use of the token replaced the secret of the session too.
#[tokio::test]
async fn a_thief_is_noticed_also_while_the_owners_session_lives() {
    let site = Site::stored();
    let mut owner = site.remembered_browser_of("mia").await;
    let mut thief = site.browser();
    thief.jar.put(TOKEN, owner.jar.value(TOKEN).unwrap());
    assert_eq!(thief.who().await, "mia, remembered, by RememberToken");
    site.clock.advance(BEYOND_THE_WINDOW);
    site.events.take();
    assert_eq!(owner.who().await, "nobody");
    assert!(site.events.take().contains(&stolen()));
    assert_eq!(thief.who().await, "nobody");
}

#[tokio::test]
async fn every_token_but_the_last_gives_the_thief_away_however_old_it_is() {
    for uses_since in 2..5 {
        let site = Site::stored();
        let (mut owner, mut thief) = owner_and_thief(&site).await;
        for _ in 0..uses_since {
            owner.restart();
            owner.who().await;
        }
        // At once: the window is for the last token alone.
        site.events.take();
        assert_eq!(thief.who().await, "nobody");
        assert!(site.events.take().contains(&stolen()));
        assert_eq!(site.store.len(), 0);
    }
}

#[tokio::test]
async fn theft_is_told_once() {
    let site = Site::stored();
    let (mut owner, thief) = owner_and_thief(&site).await;
    owner.who().await;
    site.clock.advance(BEYOND_THE_WINDOW);
    site.events.take();
    for _ in 0..3 {
        thief.clone().who().await;
    }
    let told = site.events.take();
    assert_eq!(
        told.iter().filter(|event| **event == stolen()).count(),
        1,
        "{told:?}"
    );
}

/// Nobody can tell it from theft: the guide says so.
#[tokio::test]
async fn a_browser_that_never_got_the_answer_is_taken_for_a_thief_after_a_minute() {
    let site = Site::stored();
    let (mut owner, _) = owner_and_thief(&site).await;
    owner.clone().who().await;
    site.clock.advance(BEYOND_THE_WINDOW);
    assert_eq!(owner.who().await, "nobody");
    assert_eq!(site.store.len(), 0);
}

#[tokio::test]
async fn a_used_token_beside_a_session_that_counts_is_not_looked_at() {
    let site = Site::stored();
    let (mut owner, mut thief) = owner_and_thief(&site).await;
    owner.who().await;
    site.clock.advance(DAY / 2);
    let ben = site.browser_of("ben").await;
    thief.jar = {
        let mut jar = ben.jar.clone();
        jar.put(TOKEN, thief.jar.value(TOKEN).unwrap());
        jar
    };
    assert_eq!(thief.who().await, "ben, fresh, by Session");
    assert_eq!(owner.who().await, "mia, remembered, by Session");
}

#[tokio::test]
async fn logging_out_and_in_again_is_how_the_owner_gets_rid_of_the_thief() {
    let site = Site::stored();
    let (mut owner, mut thief) = owner_and_thief(&site).await;
    thief.who().await;
    // Within the minute both have what the thief was given.
    assert_eq!(owner.who().await, "mia, remembered, by RememberToken");
    owner.log_in_remembered("mia").await;
    assert_eq!(thief.who().await, "nobody");
    thief.restart();
    assert_eq!(thief.who().await, "nobody");
    assert_eq!(owner.who().await, "mia, fresh, remembered, by Session");
}
