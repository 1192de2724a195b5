//! Many requests at once, on several threads, as they come: whoever is first, the rules hold.

use std::time::Duration;

use housekey_axum::{Event, SecretKeys};
use tokio::sync::Barrier;

use std::sync::Arc;

use super::{SESSION, TOKEN};
use crate::common::answer::Answer;
use crate::common::browser::Browser;
use crate::common::store::Call;
use crate::common::{HOUR, KEY, OLD_KEY, Site};

const CROWD: usize = 24;
const ROUNDS: usize = 8;

/// Each browser sends this as a tab of its own, all at the same time.
async fn all_at_once(requests: Vec<(Browser, &'static str, &'static str)>) -> Vec<Answer> {
    let start = Arc::new(Barrier::new(requests.len()));
    let tabs: Vec<_> = requests
        .into_iter()
        .map(|(mut browser, path, body)| {
            let start = Arc::clone(&start);
            tokio::spawn(async move {
                start.wait().await;
                match path {
                    "/login" | "/logout" | "/confirm" | "/session/k" => {
                        browser.post(path, body).await
                    }
                    _ => browser.get(path).await,
                }
            })
        })
        .collect();
    let mut answers = Vec::new();
    for tab in tabs {
        answers.push(tab.await.unwrap());
    }
    answers
}

fn many(browser: &Browser, path: &'static str) -> Vec<(Browser, &'static str, &'static str)> {
    vec![(browser.clone(), path, ""); CROWD]
}

fn count(answers: &[Answer], status: u16) -> usize {
    answers
        .iter()
        .filter(|answer| answer.status == status)
        .count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_token_that_many_requests_use_at_once_is_used_once_and_all_of_them_are_logged_in() {
    let site = Site::stored();
    let mut browser = site.remembered_browser_of("mia").await;
    for round in 1..=ROUNDS {
        browser.restart();
        let answers = all_at_once(many(&browser, "/who")).await;
        for answer in &answers {
            assert_eq!(answer.body, "mia, remembered, by RememberToken");
            assert_eq!(answer.set_cookies(), answers[0].set_cookies());
        }
        let version = site.store.only("mia").await.version;
        assert_eq!(
            version,
            2 * round as u64 - 1,
            "used, and then its answer arrived"
        );
        browser.receive(&answers[round % CROWD]);
        assert_eq!(browser.who().await, "mia, remembered, by Session");
        site.clock.advance(HOUR);
    }
    let stolen = |event: &Event| matches!(event, Event::RememberTokenStolen { .. });
    assert!(!site.events.take().iter().any(stolen));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_requests_at_once_note_the_use_of_a_login_once() {
    let site = Site::stored();
    let mut browser = site.browser_of("mia").await;
    for _ in 0..ROUNDS {
        site.clock.advance(HOUR);
        let answers = all_at_once(many(&browser, "/who")).await;
        assert!(answers.iter().all(|answer| answer.body.starts_with("mia")));
        assert_eq!(site.store.touched(), 1);
        browser.receive(&answers[0]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_proofs_at_once_one_counts_and_the_browser_keeps_it() {
    let site = Site::stored();
    let mut browser = site.browser_of("mia").await;
    for round in 1..=ROUNDS {
        let answers = all_at_once(many(&browser, "/confirm")).await;
        assert_eq!((count(&answers, 200), count(&answers, 401)), (1, CROWD - 1));
        answers.iter().for_each(|answer| browser.receive(answer));
        site.clock.advance(Duration::from_secs(31));
        assert_eq!(browser.who().await, "mia, fresh, by Session");
        assert_eq!(site.store.only("mia").await.version, round as u64);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whatever_goes_on_around_a_logout_the_login_stays_over() {
    for _ in 0..ROUNDS {
        let site = Site::stored();
        let browser = site.remembered_browser_of("mia").await;
        let mut restarted = browser.clone();
        restarted.restart();
        // All kinds of use are due: a note in the record, the use of a token, a proof, a write of the session.
        site.clock.advance(HOUR);
        let mut requests = vec![(browser.clone(), "/logout", "")];
        for _ in 0..4 {
            for path in ["/who", "/confirm", "/session/k", "/members"] {
                requests.push((browser.clone(), path, "v"));
            }
            requests.push((restarted.clone(), "/who", ""));
        }
        let answers = all_at_once(requests).await;
        assert_eq!(answers[0].status, 200);
        assert_eq!(site.store.len(), 0);
        for answer in &answers {
            let mut later = browser.clone();
            later.receive(answer);
            for name in [SESSION, TOKEN] {
                if later.jar.value(name).is_some() {
                    assert_eq!(site.who_with_only(name, &later.jar).await, "nobody");
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_logins_that_are_made_while_all_are_ended_those_live_whose_record_does() {
    for _ in 0..ROUNDS {
        let site = Site::stored();
        let old = site.remembered_browser_of("mia").await;
        let requests = (0..CROWD).map(|_| (site.browser(), "/login", "name=mia"));
        let manager = site.manager().clone();
        let revoke = tokio::spawn(async move { manager.end_logins_of("mia").await.unwrap() });
        let answers = all_at_once(requests.collect()).await;
        let ended = revoke.await.unwrap();
        let mut living = 0;
        for answer in &answers {
            let mut browser = site.browser();
            browser.receive(answer);
            living += usize::from(browser.who().await.starts_with("mia"));
        }
        assert_eq!(living, site.store.len());
        assert_eq!(living + ended, CROWD + 1);
        assert_eq!(site.who_with(&old.jar).await, "nobody");
    }
}

/// Each login of one browser replaces the one before; the answer that came last is the one that it has.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_logins_of_one_browser_at_once_leave_it_logged_in() {
    for _ in 0..ROUNDS {
        let site = Site::stored();
        let mut browser = site.browser_of("mia").await;
        let before = browser.jar.clone();
        let requests = (0..CROWD).map(|_| (browser.clone(), "/login", "name=ben"));
        for answer in all_at_once(requests.collect()).await {
            assert_eq!(answer.status, 303);
            browser.receive(&answer);
        }
        assert_eq!(browser.who().await, "ben, fresh, by Session");
        assert_eq!(site.who_with(&before).await, "nobody");
        assert_eq!(site.logins("mia").await, 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_first_looks_after_a_change_of_the_key_lose_no_login() {
    let site = Site::stored();
    let old = site.restarted(SecretKeys::new(OLD_KEY).unwrap(), |builder| builder);
    let keys = SecretKeys::new(KEY).unwrap().fallback(OLD_KEY).unwrap();
    let during = site.restarted(keys, |builder| builder);
    let mut browser = old.browser_of("mia").await;
    browser.move_to(during.router());
    let answers = all_at_once(many(&browser, "/who")).await;
    for answer in &answers {
        assert_eq!(answer.body, "mia, fresh, by Session");
    }
    browser.receive(&answers[0]);
    browser.move_to(site.router());
    assert_eq!(browser.who().await, "mia, fresh, by Session");
    site.store.calls();
    browser.who().await;
    assert_eq!(site.store.calls(), [Call::Load]);
}
