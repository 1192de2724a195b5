//! What the cache may answer, step by step, with the steps in any order.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::prelude::*;

use super::clock::Moment;
use super::*;
use crate::records::LoginRecord;

const NOW: u64 = 1_700_000_000;
const LEASE: Duration = RecordCache::DEFAULT_LEASE;

/// Two clocks that stand still unless a test moves them.
#[derive(Clone)]
struct Clocks(Arc<Mutex<Moment>>);

impl Clocks {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(Moment {
            running: Duration::from_secs(100),
            wall: Duration::from_secs(NOW),
        })))
    }

    fn now(&self) -> Moment {
        *self.0.lock().unwrap()
    }

    fn pass(&self, time: Duration) {
        let mut moment = self.0.lock().unwrap();
        moment.running += time;
        moment.wall += time;
    }

    /// The machine sleeps, and one of the clocks stops meanwhile.
    fn sleep(&self, time: Duration) {
        self.0.lock().unwrap().wall += time;
    }

    fn set_back(&self, time: Duration) {
        self.0.lock().unwrap().wall -= time;
    }

    fn cache(&self, settings: RecordCache) -> CachedRecords {
        let clocks = self.clone();
        settings.with_clock(Box::new(move || clocks.now())).unwrap()
    }
}

fn record(number: u8) -> SharedRecord {
    SharedRecord::new(LoginRecord {
        id: LoginId::from_bytes([number; 16]),
        user_id: format!("user {}", number / 2),
        version: 0,
        created_at: NOW,
        last_seen_at: NOW,
        expires_at: NOW + 60,
        data: "{}".to_owned(),
    })
}

fn answer(feed: &Feed) {
    feed.answered(feed.ask());
}

/// A cache with a live feed, and a record.
fn filled() -> (Clocks, CachedRecords, Feed, SharedRecord) {
    let clocks = Clocks::new();
    let cache = clocks.cache(RecordCache::new());
    let feed = cache.feed();
    answer(&feed);
    let record = record(1);
    cache.loading().keep(&record, &feed);
    assert!(cache.get(&record.id, NOW).is_some_and(|it| it.is_cached()));
    (clocks, cache, feed, record)
}

#[test]
fn what_was_kept_is_answered_until_the_lease_is_over_and_not_after_a_late_answer_either() {
    let (clocks, cache, feed, record) = filled();
    clocks.pass(LEASE - Duration::from_nanos(1));
    assert!(cache.get(&record.id, NOW).is_some());
    clocks.pass(Duration::from_nanos(1));
    answer(&feed);
    assert!(cache.get(&record.id, NOW).is_none());
    assert!(cache.is_empty());
    cache.loading().keep(&record, &feed);
    assert!(cache.get(&record.id, NOW).is_some(), "it goes on anew");
}

#[test]
fn the_lease_counts_from_the_question() {
    let (clocks, cache, feed, record) = filled();
    let asked = feed.ask();
    clocks.pass(LEASE / 2);
    feed.answered(asked);
    clocks.pass(LEASE / 2);
    assert!(cache.get(&record.id, NOW).is_none());
    let asked = feed.ask();
    clocks.pass(LEASE);
    feed.answered(asked);
    assert!(
        !feed.is_live(),
        "an answer that came too late is worth nothing"
    );
}

#[test]
fn an_older_answer_that_comes_later_shortens_nothing() {
    let (clocks, cache, feed, record) = filled();
    let first = feed.ask();
    clocks.pass(LEASE / 2);
    answer(&feed);
    feed.answered(first);
    clocks.pass(LEASE * 3 / 4);
    assert!(cache.get(&record.id, NOW).is_some());
}

#[test]
fn a_machine_that_slept_has_lost_the_lease_and_so_has_one_whose_clock_was_set() {
    let (clocks, cache, _feed, record) = filled();
    clocks.sleep(LEASE);
    assert!(cache.get(&record.id, NOW).is_none());
    let (clocks, cache, _feed, record) = filled();
    clocks.set_back(Duration::from_nanos(1));
    assert!(cache.get(&record.id, NOW).is_none());
}

#[test]
fn nothing_is_kept_before_the_first_answer() {
    let cache = Clocks::new().cache(RecordCache::new());
    let (feed, record) = (cache.feed(), record(1));
    cache.loading().keep(&record, &feed);
    assert!(cache.is_empty());
}

#[test]
fn a_feed_that_is_lost_takes_its_records_with_it_and_no_others() {
    let (_clocks, cache, feed, lost) = filled();
    let (other, kept) = (cache.feed(), record(9));
    answer(&other);
    cache.loading().keep(&kept, &other);
    feed.lose();
    answer(&feed);
    assert!(cache.get(&lost.id, NOW).is_none());
    assert!(!feed.is_live());
    assert!(cache.get(&kept.id, NOW).is_some());
    drop(other);
    assert!(cache.get(&kept.id, NOW).is_none());
    assert!(cache.is_empty());
}

#[test]
fn what_a_push_names_is_gone() {
    for (what, left) in [
        (Changed::Login(record(2).id), 4),
        (Changed::User("user 1"), 3),
        (Changed::Everything, 0),
        (Changed::Login(record(200).id), 5),
        (Changed::User("nobody"), 5),
    ] {
        let cache = Clocks::new().cache(RecordCache::new());
        let feed = cache.feed();
        answer(&feed);
        for number in 1..=5 {
            cache.loading().keep(&record(number), &feed);
        }
        feed.changed(what);
        assert_eq!(cache.len(), left, "{what:?}");
        let is_gone = |id| cache.get(&id, NOW).is_none();
        assert_eq!(is_gone(record(2).id), left < 5, "{what:?}");
    }
}

/// The server has read the record for the load, and then the record is deleted.
#[test]
fn a_load_that_a_change_has_crossed_is_not_kept() {
    let changes: [fn(&CachedRecords, &Feed); 5] = [
        |_, feed| feed.changed(Changed::Login(record(1).id)),
        |_, feed| feed.changed(Changed::User("user 0")),
        |_, feed| feed.changed(Changed::Everything),
        |cache, _| drop(cache.changing([record(1).id])),
        |cache, _| drop(cache.changing_those_of("user 0")),
    ];
    for change in changes {
        let (_clocks, cache, feed, record) = filled();
        let loading = cache.loading();
        change(&cache, &feed);
        loading.keep(&record, &feed);
        assert!(cache.get(&record.id, NOW).is_none());
        cache.loading().keep(&record, &feed);
        assert!(cache.get(&record.id, NOW).is_some(), "a load after it is");
    }
}

#[test]
fn a_load_that_another_change_has_crossed_is_kept_unless_there_were_too_many_to_know() {
    let (_clocks, cache, feed, record) = filled();
    let other = Changed::Login(LoginId::from_bytes([9; 16]));
    for (count, is_kept) in [(1, true), (1024, true), (1025, false)] {
        feed.changed(Changed::Login(record.id));
        let loading = cache.loading();
        (0..count).for_each(|_| feed.changed(other));
        loading.keep(&record, &feed);
        assert_eq!(cache.get(&record.id, NOW).is_some(), is_kept, "{count}");
    }
}

#[test]
fn a_load_over_a_connection_that_was_lost_meanwhile_is_not_kept() {
    let (_clocks, cache, feed, record) = filled();
    feed.changed(Changed::Everything);
    let loading = cache.loading();
    feed.lose();
    let next = cache.feed();
    answer(&next);
    loading.keep(&record, &feed);
    assert!(cache.is_empty());
}

#[test]
fn ones_own_change_forgets_before_it_and_after_it_and_whatever_was_loaded_in_between() {
    let (_clocks, cache, feed, record) = filled();
    let changing = cache.changing([record.id]);
    assert!(cache.get(&record.id, NOW).is_none(), "before");
    cache.loading().keep(&record, &feed);
    let under_way = cache.loading();
    drop(changing);
    under_way.keep(&record, &feed);
    assert!(cache.get(&record.id, NOW).is_none(), "after");

    cache.loading().keep(&record, &feed);
    let mut changing = cache.changing([]);
    changing.also(&[record.id]);
    drop(changing);
    assert!(cache.get(&record.id, NOW).is_none(), "what ended beside it");
}

#[test]
fn an_expired_record_is_not_answered() {
    let (_clocks, cache, _feed, record) = filled();
    assert!(cache.get(&record.id, record.expires_at - 1).is_some());
    assert!(cache.get(&record.id, record.expires_at).is_none());
    assert!(cache.is_empty());
}

#[test]
fn there_are_never_more_than_there_may_be_and_those_in_use_stay() {
    let cache = Clocks::new().cache(RecordCache::new().max_records(20));
    let feed = cache.feed();
    answer(&feed);
    for number in 0..=255 {
        cache.loading().keep(&record(number), &feed);
        cache.loading().keep(&record(number), &feed);
        assert!(cache.get(&record(0).id, NOW).is_some(), "{number}");
        assert!(cache.len() <= 20);
    }
    assert!(cache.len() >= 10);
    (0..=255).for_each(|number| feed.changed(Changed::User(&record(number).user_id)));
    assert!(cache.is_empty(), "each was found by its user");
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let new = RecordCache::new;
    for refused in [
        new().lease(Duration::ZERO),
        new().lease(Duration::from_millis(99)),
        new().lease(Duration::from_secs(61)),
        new().max_records(1),
        new().max_records(1_000_001),
    ] {
        let error = refused.build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Setting, "{refused:?}");
    }
    assert!(new().lease(Duration::from_secs(60)).build().is_ok());
}

/// The steps, in any order.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// A login is asked for.
    Get(u8),
    /// The cache begins to load. Later the server reads the record, and later still the answer comes.
    Begin(u8),
    Read,
    Keep,
    /// Another process ends a login, or all logins of a user, and the server pushes that.
    EndElsewhere(u8),
    /// This process does it, and hears that it is done.
    BeginOwn(u8),
    FinishOwn,
    /// The next message from the server arrives.
    Arrive,
    /// The server is asked something.
    Ping,
    /// Time passes, in tenths of a lease; the machine sleeps for as long.
    Pass(u8),
    Sleep(u8),
    /// The cable is cut: nothing arrives any more, without an error.
    Cut,
    /// There is a new connection.
    Reconnect,
    /// The server forgets everything, and reports that.
    Flush,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let login = 0..4_u8;
    let event = prop_oneof![
        6 => login.clone().prop_map(Event::Get),
        4 => login.clone().prop_map(Event::Begin),
        4 => Just(Event::Read),
        4 => Just(Event::Keep),
        2 => login.clone().prop_map(Event::EndElsewhere),
        2 => login.prop_map(Event::BeginOwn),
        2 => Just(Event::FinishOwn),
        6 => Just(Event::Arrive),
        4 => Just(Event::Ping),
        2 => (0..12_u8).prop_map(Event::Pass),
        1 => (0..12_u8).prop_map(Event::Sleep),
        1 => Just(Event::Cut),
        2 => Just(Event::Reconnect),
        1 => Just(Event::Flush),
    ];
    prop::collection::vec(event, 0..200)
}

/// A message from the server.
enum Sent {
    Push(u8),
    Flush,
    Pong(Asked),
}

/// A login at the server.
#[derive(Clone, Copy, Default)]
struct Truth {
    /// How often it was ended and began again: the version of what is there.
    version: u64,
    /// The latest version whose end is known here, by a push or because this process ended it.
    known: u64,
    /// When another process last ended it.
    ended: Option<Moment>,
}

struct Load {
    login: u8,
    loading: Loading,
    /// What the server has answered, and over which connection.
    read: Option<(u64, Arc<Feed>)>,
}

struct World {
    clocks: Clocks,
    cache: CachedRecords,
    logins: [Truth; 4],
    feed: Arc<Feed>,
    sent: VecDeque<Sent>,
    is_cut: bool,
    loads: VecDeque<Load>,
    own: Option<(u8, Changing)>,
}

impl World {
    fn new() -> Self {
        let clocks = Clocks::new();
        let cache = clocks.cache(RecordCache::new());
        Self {
            feed: Arc::new(cache.feed()),
            clocks,
            cache,
            logins: Default::default(),
            sent: VecDeque::new(),
            is_cut: false,
            loads: VecDeque::new(),
            own: None,
        }
    }

    fn of(&mut self, login: u8) -> &mut Truth {
        &mut self.logins[usize::from(login)]
    }

    /// The server's record of a login. Its version says how often the login was ended.
    fn record(login: u8, version: u64) -> SharedRecord {
        let there = record(login);
        SharedRecord::new(LoginRecord {
            version,
            ..LoginRecord::clone(&there)
        })
    }

    fn send(&mut self, sent: Sent) {
        if !self.is_cut {
            self.sent.push_back(sent);
        }
    }

    fn happens(&mut self, event: Event) {
        let tenth = LEASE / 10;
        match event {
            Event::Get(login) => self.get(login),
            Event::Begin(login) => self.loads.push_back(Load {
                login,
                loading: self.cache.loading(),
                read: None,
            }),
            Event::Read => {
                let (logins, feed, is_cut) = (&self.logins, &self.feed, self.is_cut);
                let load = self.loads.iter_mut().find(|load| load.read.is_none());
                if let Some(load) = load
                    && !is_cut
                {
                    let version = logins[usize::from(load.login)].version;
                    load.read = Some((version, Arc::clone(feed)));
                }
            }
            Event::Keep => {
                let Some(load) = self.loads.pop_front() else {
                    return;
                };
                if let Some((version, feed)) = load.read {
                    load.loading.keep(&Self::record(load.login, version), &feed);
                }
            }
            Event::EndElsewhere(login) => {
                let now = self.clocks.now();
                let truth = self.of(login);
                truth.version += 1;
                truth.ended = Some(now);
                self.send(Sent::Push(login));
            }
            Event::BeginOwn(login) => {
                let changing = self.cache.changing([record(login).id]);
                self.own = Some((login, changing));
                self.of(login).version += 1;
                self.send(Sent::Push(login));
            }
            Event::FinishOwn => {
                if let Some((login, changing)) = self.own.take() {
                    drop(changing);
                    let truth = self.of(login);
                    truth.known = truth.version;
                }
            }
            Event::Arrive => match self.sent.pop_front().filter(|_| !self.is_cut) {
                Some(Sent::Push(login)) => {
                    // As either kind of server reports it.
                    let record = record(login);
                    match login % 2 {
                        0 => self.feed.changed(Changed::Login(record.id)),
                        _ => self.feed.changed(Changed::User(&record.user_id)),
                    }
                    let pushes = self.sent.iter();
                    let later = pushes.filter(|it| matches!(it, Sent::Push(it) if *it == login));
                    let later = later.count() as u64;
                    let truth = self.of(login);
                    truth.known = truth.known.max(truth.version.saturating_sub(later));
                }
                Some(Sent::Flush) => {
                    self.feed.changed(Changed::Everything);
                    assert!(self.cache.is_empty());
                }
                Some(Sent::Pong(asked)) => self.feed.answered(asked),
                None => {}
            },
            Event::Ping => {
                let asked = self.feed.ask();
                self.send(Sent::Pong(asked));
            }
            Event::Pass(tenths) => self.clocks.pass(tenth * u32::from(tenths)),
            Event::Sleep(tenths) => self.clocks.sleep(tenth * u32::from(tenths)),
            Event::Cut => {
                self.is_cut = true;
                self.sent.clear();
            }
            Event::Reconnect => {
                self.feed.lose();
                self.feed = Arc::new(self.cache.feed());
                self.sent.clear();
                self.is_cut = false;
            }
            Event::Flush => self.send(Sent::Flush),
        }
        assert!(self.cache.len() <= self.logins.len());
    }

    fn get(&mut self, login: u8) {
        let Some(found) = self.cache.get(&record(login).id, NOW) else {
            return;
        };
        let (truth, now) = (*self.of(login), self.clocks.now());
        assert!(
            found.version >= truth.known,
            "login {login} has ended, as is known here"
        );
        if found.version < truth.version
            && let Some(ended) = truth.ended
        {
            assert!(
                now.is_within(LEASE, ended) || self.is_own(login),
                "login {login} has ended longer ago than a lease"
            );
        }
    }

    /// Whether this process was the last to end it, and has not heard yet that it is done.
    fn is_own(&self, login: u8) -> bool {
        self.own.as_ref().is_some_and(|(own, _)| *own == login)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_order_of_events_lets_a_login_go_on_that_is_known_to_have_ended(
        events in events()
    ) {
        let mut world = World::new();
        for event in events {
            world.happens(event);
        }
    }
}
