//! Remember tokens that are used twice: there is a copy.

use std::time::Duration;

use housekey::Event;

use super::TOKEN;
use crate::browser::Browser;
use crate::site::{DAY, Site, Sites};
use crate::store::Call;

/// A minute, plus another for clocks that differ.
const BEYOND_THE_WINDOW: Duration = Duration::from_secs(121);

fn stolen() -> Event {
    Event::RememberTokenStolen {
        user_id: "mia".to_owned(),
    }
}

/// The first with the token, the second with its replacement, so that the site knows that its answer arrived.
async fn opens_two_pages(browser: &mut Browser) {
    assert_eq!(browser.who().await, "mia, remembered, by RememberToken");
    assert_eq!(browser.who().await, "mia, remembered, by Session");
}

/// Mia's browser after it was closed, and a thief's copy of it.
async fn owner_and_thief(site: &Site) -> (Browser, Browser) {
    let mut owner = site.remembered_browser_of("mia").await;
    owner.restart();
    let thief = owner.clone();
    (owner, thief)
}

async fn a_thief_who_comes_second_is_noticed_and_the_login_ends_for_both(sites: Sites) {
    let site = sites.stored();
    let (mut owner, mut thief) = owner_and_thief(&site).await;
    let mut other = site.remembered_browser_of("mia").await;
    opens_two_pages(&mut owner).await;
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

async fn a_thief_who_comes_first_is_noticed_when_the_owner_comes(sites: Sites) {
    let site = sites.stored();
    let (mut owner, mut thief) = owner_and_thief(&site).await;
    opens_two_pages(&mut thief).await;
    site.clock.advance(BEYOND_THE_WINDOW);
    site.events.take();
    assert_eq!(owner.who().await, "nobody");
    assert_eq!(site.events.take(), [Event::Accessed, stolen()]);
    assert_eq!(thief.who().await, "nobody", "what the token gave him");
    thief.restart();
    assert_eq!(thief.who().await, "nobody", "and what came after it");
}

/// The owner has never closed the browser: the thief's use of the token replaced the secret of the session too.
async fn a_thief_is_noticed_also_while_the_owners_session_lives(sites: Sites) {
    let site = sites.stored();
    let mut owner = site.remembered_browser_of("mia").await;
    let mut thief = site.browser();
    thief.jar.put(TOKEN, owner.jar.value(TOKEN).unwrap());
    opens_two_pages(&mut thief).await;
    site.clock.advance(BEYOND_THE_WINDOW);
    site.events.take();
    assert_eq!(owner.who().await, "nobody");
    assert!(site.events.take().contains(&stolen()));
    assert_eq!(thief.who().await, "nobody");
}

async fn every_token_but_the_last_gives_the_thief_away_however_old_it_is(sites: Sites) {
    for uses_since in 2..5 {
        let site = sites.stored();
        let (mut owner, mut thief) = owner_and_thief(&site).await;
        for _ in 0..uses_since {
            owner.restart();
            owner.who().await;
        }
        // At once: the window applies only to the last token.
        site.events.take();
        assert_eq!(thief.who().await, "nobody");
        assert!(site.events.take().contains(&stolen()));
        assert_eq!(site.store.len(), 0);
    }
}

async fn theft_is_told_once(sites: Sites) {
    let site = sites.stored();
    let (mut owner, thief) = owner_and_thief(&site).await;
    opens_two_pages(&mut owner).await;
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

/// A phone in a tunnel, an aborted prefetch: the replacement never arrived, so the old token does not prove a theft.
async fn a_browser_that_never_got_the_answer_is_let_in_however_much_later_and_again(sites: Sites) {
    let site = sites.stored();
    let (mut owner, _) = owner_and_thief(&site).await;
    for _ in 0..3 {
        let lost = owner.clone().who().await;
        assert_eq!(lost, "mia, remembered, by RememberToken");
        site.clock.advance(DAY);
    }
    site.events.take();
    opens_two_pages(&mut owner).await;
    assert!(!site.events.take().contains(&stolen()));
    assert_eq!(site.store.len(), 1);
    owner.restart();
    opens_two_pages(&mut owner).await;
}

/// The thief came first and waited, so the owner's old token looked like one whose answer was lost.
async fn what_was_given_out_and_replaced_as_lost_gives_a_thief_away_when_it_is_used(sites: Sites) {
    for with_session in [true, false] {
        let site = sites.stored();
        let (mut owner, mut thief) = owner_and_thief(&site).await;
        assert_eq!(thief.who().await, "mia, remembered, by RememberToken");
        site.clock.advance(BEYOND_THE_WINDOW);
        opens_two_pages(&mut owner).await;
        if !with_session {
            thief.restart();
        }
        site.events.take();
        assert_eq!(thief.who().await, "nobody");
        assert!(site.events.take().contains(&stolen()), "{with_session}");
        assert_eq!(owner.who().await, "nobody");
        assert_eq!(site.store.len(), 0);
    }
}

/// The owner logs out, or in, at a page that does not ask for the current user.
async fn an_owner_who_logs_out_or_in_after_a_theft_ends_the_thiefs_login_and_that_is_an_event(
    sites: Sites,
) {
    for (path, body, left) in [("/logout", "", 0), ("/login", "name=mia&remember=true", 1)] {
        for was_open in [true, false] {
            let site = sites.stored();
            let mut owner = site.remembered_browser_of("mia").await;
            let mut thief = site.browser();
            thief.jar.put(TOKEN, owner.jar.value(TOKEN).unwrap());
            if !was_open {
                owner.restart();
            }
            opens_two_pages(&mut thief).await;
            site.clock.advance(BEYOND_THE_WINDOW);
            site.events.take();
            assert!(owner.post(path, body).await.status < 400);
            assert!(site.events.take().contains(&stolen()), "{path}");
            assert_eq!(site.store.len(), left, "{path}");
            assert_eq!(thief.who().await, "nobody", "{path}");
            thief.restart();
            assert_eq!(thief.who().await, "nobody", "{path}");
        }
    }
}

/// It is not yet known that there are two, and the login ends anyway.
async fn logging_out_with_a_token_whose_successors_nobody_used_ends_the_login(sites: Sites) {
    let site = sites.stored();
    let (mut owner, mut thief) = owner_and_thief(&site).await;
    thief.who().await;
    site.clock.advance(BEYOND_THE_WINDOW);
    assert_eq!(owner.post("/logout", "").await.status, 200);
    assert_eq!(site.store.len(), 0);
    assert_eq!(thief.who().await, "nobody");
}

async fn a_theft_that_the_store_cannot_end_keeps_the_owner_in_and_is_told_of_later(sites: Sites) {
    let site = sites.stored();
    let (mut owner, mut thief) = owner_and_thief(&site).await;
    opens_two_pages(&mut thief).await;
    site.clock.advance(BEYOND_THE_WINDOW);
    site.events.take();
    site.store.fail(&[Call::Delete]);
    assert_eq!(owner.post("/logout", "").await.status, 503);
    assert!(!site.events.take().contains(&stolen()));
    site.store.come_back();
    assert_eq!(owner.post("/logout", "").await.status, 200);
    assert!(site.events.take().contains(&stolen()));
    assert_eq!(thief.who().await, "nobody");
}

async fn a_used_token_beside_a_session_that_counts_is_not_looked_at(sites: Sites) {
    let site = sites.stored();
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

async fn logging_out_and_in_again_is_how_the_owner_gets_rid_of_the_thief(sites: Sites) {
    let site = sites.stored();
    let (mut owner, mut thief) = owner_and_thief(&site).await;
    thief.who().await;
    // Within the minute, both have the thief's replacement.
    assert_eq!(owner.who().await, "mia, remembered, by RememberToken");
    owner.log_in_remembered("mia").await;
    assert_eq!(thief.who().await, "nobody");
    thief.restart();
    assert_eq!(thief.who().await, "nobody");
    assert_eq!(owner.who().await, "mia, fresh, remembered, by Session");
}

cases! {
    login_records_theft:
    a_thief_who_comes_second_is_noticed_and_the_login_ends_for_both,
    a_thief_who_comes_first_is_noticed_when_the_owner_comes,
    a_thief_is_noticed_also_while_the_owners_session_lives,
    every_token_but_the_last_gives_the_thief_away_however_old_it_is,
    theft_is_told_once,
    a_browser_that_never_got_the_answer_is_let_in_however_much_later_and_again,
    what_was_given_out_and_replaced_as_lost_gives_a_thief_away_when_it_is_used,
    an_owner_who_logs_out_or_in_after_a_theft_ends_the_thiefs_login_and_that_is_an_event,
    logging_out_with_a_token_whose_successors_nobody_used_ends_the_login,
    a_theft_that_the_store_cannot_end_keeps_the_owner_in_and_is_told_of_later,
    a_used_token_beside_a_session_that_counts_is_not_looked_at,
    logging_out_and_in_again_is_how_the_owner_gets_rid_of_the_thief,
}
