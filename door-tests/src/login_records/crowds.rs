//! Many requests at once, on several threads, in any order: the rules hold whichever is first.

use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use futures_lite::future::block_on;
use housekey::{Event, SecretKeys};

use super::{SESSION, TOKEN};
use crate::answer::Answer;
use crate::browser::Browser;
use crate::door::Local;
use crate::site::{HOUR, KEY, OLD_KEY, Sites, all};
use crate::store::Call;

const CROWD: usize = 24;
const ROUNDS: usize = 8;

/// The number of threads.
const WORKERS: usize = 4;

type Tab = (Browser, &'static str, &'static str);

/// Each browser sends this as a separate tab, all at the same time, each to one of a few workers.
fn all_at_once(sites: Sites, requests: Vec<Tab>) -> Vec<Answer> {
    let start = Arc::new(Barrier::new(WORKERS));
    let count = requests.len();
    let mut shares: [Vec<(usize, Tab)>; WORKERS] = Default::default();
    for (number, tab) in requests.into_iter().enumerate() {
        shares[number % WORKERS].push((number, tab));
    }
    let (sender, answers) = mpsc::channel();
    let workers = shares.map(|share| {
        let (start, sender) = (Arc::clone(&start), sender.clone());
        thread::spawn(move || sites.block_on(work(share, start, sender)))
    });
    for worker in workers {
        worker.join().unwrap();
    }
    let mut answers: Vec<_> = answers.try_iter().collect();
    assert_eq!(answers.len(), count);
    answers.sort_by_key(|(number, _)| *number);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

async fn work(share: Vec<(usize, Tab)>, start: Arc<Barrier>, sender: Sender<(usize, Answer)>) {
    for (_, (browser, ..)) in &share {
        browser.server().open().await;
    }
    start.wait();
    let tabs = share
        .into_iter()
        .map(|(number, (mut browser, path, body))| {
            let sender = sender.clone();
            let tab: Local<()> = Box::pin(async move {
                let answer = match path {
                    "/login" | "/logout" | "/confirm" | "/session/k" => {
                        browser.post(path, body).await
                    }
                    _ => browser.get(path).await,
                };
                sender.send((number, answer)).unwrap();
            });
            tab
        });
    all(tabs).await;
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

async fn a_token_that_many_requests_use_at_once_is_used_once_and_all_of_them_are_logged_in(
    sites: Sites,
) {
    let site = sites.stored();
    let mut browser = site.remembered_browser_of("mia").await;
    for round in 1..=ROUNDS {
        browser.restart();
        let answers = all_at_once(sites, many(&browser, "/who"));
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

async fn many_requests_at_once_note_the_use_of_a_login_once(sites: Sites) {
    let site = sites.stored();
    let mut browser = site.browser_of("mia").await;
    for _ in 0..ROUNDS {
        site.clock.advance(HOUR);
        let answers = all_at_once(sites, many(&browser, "/who"));
        assert!(answers.iter().all(|answer| answer.body.starts_with("mia")));
        assert_eq!(site.store.touched(), 1);
        browser.receive(&answers[0]);
    }
}

async fn only_one_of_many_simultaneous_proofs_counts_and_the_browser_keeps_it(sites: Sites) {
    let site = sites.stored();
    let mut browser = site.browser_of("mia").await;
    for round in 1..=ROUNDS {
        let answers = all_at_once(sites, many(&browser, "/confirm"));
        assert_eq!((count(&answers, 200), count(&answers, 401)), (1, CROWD - 1));
        answers.iter().for_each(|answer| browser.receive(answer));
        site.clock.advance(Duration::from_secs(31));
        assert_eq!(browser.who().await, "mia, fresh, by Session");
        assert_eq!(site.store.only("mia").await.version, round as u64);
    }
}

async fn nothing_that_happens_around_a_logout_revives_the_login(sites: Sites) {
    for _ in 0..ROUNDS {
        let site = sites.stored();
        let browser = site.remembered_browser_of("mia").await;
        let mut restarted = browser.clone();
        restarted.restart();
        // Every kind of use is due: a note in the record, the use of a token, a confirmation, a write of the session.
        site.clock.advance(HOUR);
        let mut requests = vec![(browser.clone(), "/logout", "")];
        for _ in 0..4 {
            for path in ["/who", "/confirm", "/session/k", "/members"] {
                requests.push((browser.clone(), path, "v"));
            }
            requests.push((restarted.clone(), "/who", ""));
        }
        let answers = all_at_once(sites, requests);
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

async fn a_login_made_while_all_are_ended_lives_exactly_if_its_record_does(sites: Sites) {
    for _ in 0..ROUNDS {
        let site = sites.stored();
        let old = site.remembered_browser_of("mia").await;
        let requests = (0..CROWD).map(|_| (site.browser(), "/login", "name=mia"));
        let manager = site.manager().clone();
        let revoke = thread::spawn(move || block_on(manager.end_logins_of("mia")).unwrap());
        let answers = all_at_once(sites, requests.collect());
        let ended = revoke.join().unwrap();
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

/// Each login in a browser replaces the previous one; the browser keeps the answer that came last.
async fn many_logins_of_one_browser_at_once_leave_it_logged_in(sites: Sites) {
    for _ in 0..ROUNDS {
        let site = sites.stored();
        let mut browser = site.browser_of("mia").await;
        let before = browser.jar.clone();
        let requests = (0..CROWD).map(|_| (browser.clone(), "/login", "name=ben"));
        for answer in all_at_once(sites, requests.collect()) {
            assert_eq!(answer.status, 303);
            browser.receive(&answer);
        }
        assert_eq!(browser.who().await, "ben, fresh, by Session");
        assert_eq!(site.who_with(&before).await, "nobody");
        assert_eq!(site.logins("mia").await, 0);
    }
}

async fn the_first_looks_after_a_change_of_the_key_lose_no_login(sites: Sites) {
    let site = sites.stored();
    let old = site.restarted(SecretKeys::new(OLD_KEY).unwrap(), |builder| builder);
    let keys = SecretKeys::new(KEY).unwrap().fallback(OLD_KEY).unwrap();
    let during = site.restarted(keys, |builder| builder);
    let mut browser = old.browser_of("mia").await;
    browser.move_to(&during);
    let answers = all_at_once(sites, many(&browser, "/who"));
    for answer in &answers {
        assert_eq!(answer.body, "mia, fresh, by Session");
    }
    browser.receive(&answers[0]);
    browser.move_to(&site);
    assert_eq!(browser.who().await, "mia, fresh, by Session");
    site.store.calls();
    browser.who().await;
    assert_eq!(site.store.calls(), [Call::Load]);
}

cases! {
    login_records_crowds:
    a_token_that_many_requests_use_at_once_is_used_once_and_all_of_them_are_logged_in,
    many_requests_at_once_note_the_use_of_a_login_once,
    only_one_of_many_simultaneous_proofs_counts_and_the_browser_keeps_it,
    nothing_that_happens_around_a_logout_revives_the_login,
    a_login_made_while_all_are_ended_lives_exactly_if_its_record_does,
    many_logins_of_one_browser_at_once_leave_it_logged_in,
    the_first_looks_after_a_change_of_the_key_lose_no_login,
}
