//! What people do at a site, over and over, and the right answers.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use bench_report::BoxError;
use fastrand::Rng;

use crate::client::{Answer, Connection, Cookies, credentials};
use crate::site::{ACCOUNT, IDLE, LOGIN, LOGOUT, PASSWORD, name};

/// The longest pause between two requests of a browser.
const PAUSE: Duration = Duration::from_millis(100);
/// How many people use a browser, one after the other. Nobody uses two browsers, so no login ends because of another
/// browser.
const PEOPLE: u64 = 10;
/// One in this many browsers only has visits that mostly sleep. If their number varied, so would the number of requests.
const SLEEPERS: u64 = 10;
/// Longer than the idle timeout, which counts in whole seconds.
const TOO_LONG: Duration = IDLE.saturating_add(Duration::from_secs(2));
/// How many wrong answers are kept in full.
const KEPT: usize = 10;

/// A kind of visit.
#[derive(Clone, Copy, Debug)]
enum Visit {
    /// Signs in, reads, signs out. After that the cookie is worthless.
    SignsOut,
    /// Signs in, reads, and is not seen again.
    GoesAway,
    /// Is remembered, and comes back without the session. Then continues like one of the two above.
    ComesBack,
    /// Mistypes the password, and the name.
    Mistypes,
    /// A thief has copied the remember token, and uses it after the owner. The login ends for both.
    IsRobbed,
    /// Stays away for longer than the idle timeout.
    FallsAsleep,
    /// The same, but remembered.
    WakesUp,
}

impl Visit {
    /// The share of each short visit, of a hundred.
    const SHORT: [(Self, u32); 5] = [
        (Self::SignsOut, 31),
        (Self::GoesAway, 20),
        (Self::ComesBack, 31),
        (Self::Mistypes, 14),
        (Self::IsRobbed, 4),
    ];

    fn short(random: &mut Rng) -> Self {
        let together: u32 = Self::SHORT.iter().map(|(_, often)| often).sum();
        let mut left = random.u32(..together);
        for (visit, often) in Self::SHORT {
            match left.checked_sub(often) {
                Some(less) => left = less,
                None => return visit,
            }
        }
        unreachable!("it is less than all of them together")
    }
}

/// The totals of all visitors.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) requests: AtomicU64,
    /// The number of right answers of each kind.
    right: Mutex<BTreeMap<&'static str, u64>>,
    wrong: AtomicU64,
    first_wrong: Mutex<Vec<String>>,
    enough: AtomicBool,
}

impl Tally {
    fn requested(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    fn was_right(&self, what: &'static str) {
        *lock(&self.right).entry(what).or_default() += 1;
    }

    fn was_wrong(&self, text: String) {
        self.wrong.fetch_add(1, Ordering::Relaxed);
        let mut first = lock(&self.first_wrong);
        if first.len() < KEPT {
            first.push(text);
        }
    }

    pub(crate) fn right(&self) -> Vec<(&'static str, u64)> {
        let right = lock(&self.right);
        right.iter().map(|(what, count)| (*what, *count)).collect()
    }

    pub(crate) fn wrong(&self) -> u64 {
        self.wrong.load(Ordering::Relaxed)
    }

    pub(crate) fn first_wrong(&self) -> Vec<String> {
        lock(&self.first_wrong).clone()
    }

    /// No visit begins after this.
    pub(crate) fn enough(&self) {
        self.enough.store(true, Ordering::Relaxed);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One visit after the other, by the people of one browser, until the end.
pub(crate) async fn browse(address: SocketAddr, browser: u64, tally: Arc<Tally>) {
    let mut random = Rng::with_seed(browser);
    for visit in 0.. {
        if tally.enough.load(Ordering::Relaxed) {
            return;
        }
        let name = name(browser * PEOPLE + visit % PEOPLE);
        let kind = match (browser % SLEEPERS, visit % 2) {
            (0, 0) => Visit::FallsAsleep,
            (0, _) => Visit::WakesUp,
            _ => Visit::short(&mut random),
        };
        let visited = Visitor::visit(address, &name, kind, &mut random, &tally).await;
        if let Err(error) = visited {
            tally.was_wrong(format!("{kind:?}, {name}: {error}"));
        }
    }
}

struct Visitor<'a> {
    address: SocketAddr,
    name: &'a str,
    connection: Connection,
    cookies: Cookies,
    random: &'a mut Rng,
    tally: &'a Tally,
}

impl<'a> Visitor<'a> {
    async fn visit(
        address: SocketAddr,
        name: &'a str,
        kind: Visit,
        random: &'a mut Rng,
        tally: &'a Tally,
    ) -> Result<(), BoxError> {
        let mut visitor = Self {
            address,
            name,
            connection: Connection::open(address).await?,
            cookies: Cookies::default(),
            random,
            tally,
        };
        visitor.is_stopped("pages refused to strangers").await?;
        match kind {
            Visit::SignsOut => {
                visitor.sign_in(false).await?;
                visitor.read().await?;
                visitor.sign_out().await
            }
            Visit::GoesAway => {
                visitor.sign_in(false).await?;
                visitor.read().await
            }
            Visit::ComesBack => visitor.come_back().await,
            Visit::Mistypes => visitor.mistype().await,
            Visit::IsRobbed => visitor.be_robbed().await,
            Visit::FallsAsleep => {
                visitor.sign_in(false).await?;
                visitor.stay_away().await?;
                visitor.is_stopped("logins that timed out").await
            }
            Visit::WakesUp => {
                visitor.sign_in(true).await?;
                visitor.read().await?;
                visitor.stay_away().await?;
                visitor.return_by_token().await?;
                visitor.read().await
            }
        }
    }

    async fn come_back(&mut self) -> Result<(), BoxError> {
        self.sign_in(true).await?;
        for _ in 0..self.random.u32(1..=4) {
            self.read().await?;
            let left_behind = self.cookies.session.take();
            self.return_by_token().await?;
            let old = Cookies {
                session: left_behind,
                remember: None,
            };
            self.is_worthless(&old).await?;
        }
        match self.random.bool() {
            true => self.sign_out().await,
            false => self.read().await,
        }
    }

    async fn mistype(&mut self) -> Result<(), BoxError> {
        for (name, password) in [(self.name, "correct hose"), ("nobody", PASSWORD)] {
            self.pause().await;
            self.tally.requested();
            let form = credentials(name, password, true);
            let answer = self.connection.post(LOGIN, &self.cookies, form).await?;
            answer.must_be(StatusCode::UNAUTHORIZED)?;
            self.cookies.take(&answer);
            self.tally.was_right("wrong passwords refused");
        }
        self.is_stopped("pages refused to strangers").await
    }

    async fn be_robbed(&mut self) -> Result<(), BoxError> {
        self.sign_in(true).await?;
        let copied = Cookies {
            session: None,
            remember: self.cookies.remember.clone(),
        };
        for _ in 0..2 {
            self.cookies.session = None;
            self.return_by_token().await?;
        }
        self.is_worthless(&copied).await?;
        self.is_stopped("logins that a theft has ended").await
    }

    async fn sign_in(&mut self, remember: bool) -> Result<(), BoxError> {
        self.pause().await;
        self.tally.requested();
        let form = credentials(self.name, PASSWORD, remember);
        let answer = self.connection.post(LOGIN, &self.cookies, form).await?;
        answer.must_have_signed_in()?;
        self.cookies.take(&answer);
        if self.cookies.session.is_none() || self.cookies.remember.is_some() != remember {
            return Err(format!("a login gave the cookies {:?}", self.cookies).into());
        }
        self.tally.was_right("logins");
        Ok(())
    }

    async fn read(&mut self) -> Result<(), BoxError> {
        for _ in 0..self.random.u32(2..=8) {
            self.sees_their_page("pages").await?;
        }
        Ok(())
    }

    async fn return_by_token(&mut self) -> Result<(), BoxError> {
        let used = self.cookies.remember.clone();
        self.sees_their_page("returns by a remember token").await?;
        if self.cookies.session.is_none() || self.cookies.remember == used {
            return Err("a remember token was used, and gave no session or no next token".into());
        }
        Ok(())
    }

    async fn sign_out(&mut self) -> Result<(), BoxError> {
        self.pause().await;
        let old = self.cookies.clone();
        self.tally.requested();
        let answer = self
            .connection
            .post(LOGOUT, &self.cookies, String::new())
            .await?;
        answer.must_be(StatusCode::SEE_OTHER)?;
        self.cookies.take(&answer);
        if self.cookies.remember.is_some() {
            return Err("a remember token outlives the login".into());
        }
        self.tally.was_right("logouts");
        self.is_stopped("pages refused to strangers").await?;
        self.is_worthless(&old).await
    }

    /// Waits until the login has ended. The connection is closed meanwhile.
    async fn stay_away(&mut self) -> Result<(), BoxError> {
        tokio::time::sleep(TOO_LONG).await;
        self.connection = Connection::open(self.address).await?;
        Ok(())
    }

    async fn sees_their_page(&mut self, what: &'static str) -> Result<(), BoxError> {
        let name = self.name;
        self.ask_for_page(what, |answer| answer.must_be_page_of(name))
            .await
    }

    /// Expects a redirect to the login page.
    async fn is_stopped(&mut self, what: &'static str) -> Result<(), BoxError> {
        self.ask_for_page(what, Answer::must_be_anonymous).await
    }

    async fn ask_for_page(
        &mut self,
        what: &'static str,
        must_be: impl FnOnce(&Answer) -> Result<(), BoxError>,
    ) -> Result<(), BoxError> {
        self.pause().await;
        self.tally.requested();
        let answer = self.connection.get(ACCOUNT, &self.cookies).await?;
        must_be(&answer).map_err(|error| format!("{what}: {error}"))?;
        self.cookies.take(&answer);
        self.tally.was_right(what);
        Ok(())
    }

    /// Expects these cookies to be worthless.
    async fn is_worthless(&mut self, old: &Cookies) -> Result<(), BoxError> {
        let own = std::mem::replace(&mut self.cookies, old.clone());
        let stopped = self.is_stopped("worthless cookies refused").await;
        self.cookies = own;
        stopped
    }

    async fn pause(&mut self) {
        tokio::time::sleep(PAUSE.mul_f64(self.random.f64())).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_visit_comes_as_often_as_it_should() {
        let mut random = Rng::with_seed(1);
        let mut came = BTreeMap::new();
        for _ in 0..100_000 {
            *came
                .entry(format!("{:?}", Visit::short(&mut random)))
                .or_insert(0_u32) += 1;
        }
        for (visit, often) in Visit::SHORT {
            let came = came[&format!("{visit:?}")];
            assert!(
                came.abs_diff(often * 1000) < often * 200,
                "{visit:?}: {came}"
            );
        }
    }

    #[test]
    fn all_wrong_answers_are_counted_and_the_first_are_kept() {
        let tally = Tally::default();
        for number in 0..100 {
            tally.was_wrong(number.to_string());
        }
        assert_eq!(tally.wrong(), 100);
        assert_eq!(tally.first_wrong().len(), KEPT);
        assert_eq!(tally.first_wrong()[0], "0");
    }
}
