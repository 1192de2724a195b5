//! What a manager says about a cookie, and that a visit says the same.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use futures_lite::future::block_on;
use housekey::records::{LoginStore as _, MemoryLoginStore};
use housekey::testing::{Browser, Clock};
use housekey::{
    BoxError, CookieKind, CookieReading, CookieVerdict, EndReason, LoginManager,
    LoginManagerBuilder, Rejection, RememberFormat, SecretKeys, User,
};
use http::Request;

const KEY: &str = "9f2c8d54b61e4bd9a1f0c7d35e8b2a64";
const NEW_KEY: &str = "2b7e151628aed2a6abf7158809cf4f3c";
const HOUR: u64 = 60 * 60;
const DAY: u64 = 24 * HOUR;

struct Member(String);

impl User for Member {
    fn id(&self) -> String {
        self.0.clone()
    }
}

type Manager = LoginManager<Member>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Preset {
    Safe,
    Flask,
}

use Preset::{Flask, Safe};

fn builder(preset: Preset, keys: SecretKeys, clock: &Clock) -> LoginManagerBuilder<Member> {
    let loader = |id: String| async move { Ok::<_, BoxError>(Some(Member(id))) };
    match preset {
        Safe => LoginManager::new(keys, loader),
        Flask => LoginManager::flask(keys, loader),
    }
    .session_protection("off")
    .clock(clock.reader())
}

fn manager(preset: Preset, store: Option<&MemoryLoginStore>, clock: &Clock) -> Manager {
    let builder = builder(preset, SecretKeys::new(KEY).unwrap(), clock);
    match store {
        Some(store) => builder.login_store(store.clone()),
        None => builder,
    }
    .build()
    .unwrap()
}

/// A browser of mia's that is remembered.
fn remembered(manager: &Manager) -> Browser<Member> {
    let mut browser = Browser::of(manager);
    let mia = Member("mia".to_owned());
    block_on(browser.log_in_with(&mia, |login| login.remember(true))).unwrap();
    browser
}

fn names(preset: Preset) -> [&'static str; 2] {
    match preset {
        Safe => ["__Host-session", "__Host-remember_token"],
        Flask => ["session", "remember_token"],
    }
}

fn read(manager: &Manager, browser: &mut Browser<Member>, name: &str) -> CookieReading {
    let value = browser.jar().value(name).unwrap().to_owned();
    let found = block_on(manager.read_cookie(Some(name), &value)).unwrap();
    assert_eq!(found, block_on(manager.read_cookie(None, &value)).unwrap());
    found.unwrap()
}

/// Whether a request with only this cookie has a user. It may use up the cookie.
fn counts(manager: &Manager, browser: &mut Browser<Member>, name: &str) -> bool {
    let cookie = format!("{name}={}", browser.jar().value(name).unwrap());
    let request = Request::get("/").header("cookie", cookie).body(()).unwrap();
    let (request, ()) = request.into_parts();
    let visit = manager.visit(&request.uri);
    let open = visit.open(&request).unwrap();
    block_on(open.current_user::<Member>(&request))
        .unwrap()
        .is_some()
}

type Meanwhile = fn(&Manager, &mut Browser<Member>, &Clock);

/// What may happen after a login, each with its name.
const MEANWHILE: [(&str, Meanwhile); 7] = [
    ("nothing", |_, _, _| {}),
    ("two hours", |_, _, clock| {
        clock.advance(Duration::from_secs(2 * HOUR));
    }),
    ("two days", |_, _, clock| {
        clock.advance(Duration::from_secs(2 * DAY));
    }),
    ("forty days", |_, _, clock| {
        clock.advance(Duration::from_secs(40 * DAY));
    }),
    ("500 days", |_, _, clock| {
        clock.advance(Duration::from_secs(500 * DAY));
    }),
    ("a clock that goes back", |_, _, clock| {
        clock.set(clock.now() - HOUR);
    }),
    ("all logins are ended", |manager, browser, clock| {
        // Flask's sessions get their record when they are first seen.
        let name = browser.jar().names()[0].to_owned();
        counts(manager, browser, &name);
        clock.advance(Duration::from_secs(2));
        let _ = block_on(manager.end_logins_of("mia"));
    }),
];

#[test]
fn the_verdict_is_what_a_visit_finds() {
    for preset in [Safe, Flask] {
        for stored in [false, true] {
            for (what, meanwhile) in MEANWHILE {
                for name in names(preset) {
                    let (store, clock) = (MemoryLoginStore::new(), Clock::default());
                    let manager = manager(preset, stored.then_some(&store), &clock);
                    let mut browser = remembered(&manager);
                    meanwhile(&manager, &mut browser, &clock);
                    let reading = read(&manager, &mut browser, name);
                    let case = format!("{preset:?}, store {stored}, {what}, {name}");
                    assert_eq!(reading.user_id.as_deref(), Some("mia"), "{case}");
                    let said = reading.verdict == CookieVerdict::Counts;
                    let found = counts(&manager, &mut browser, name);
                    assert_eq!(said, found, "{case}: {reading:?}");
                    let ended = reading.ends_at.is_some_and(|end| {
                        end <= std::time::UNIX_EPOCH + Duration::from_secs(clock.now())
                    });
                    assert!(!(said && ended), "{case}: {reading:?}");
                }
            }
        }
    }
}

#[test]
fn what_a_cookie_is_and_until_when_it_counts_depends_on_preset_and_store() {
    use RememberFormat::{FlaskLogin, Rotating, Timed};
    // The days until the session and the token end by themselves.
    for (preset, stored, format, session, token) in [
        (Safe, false, Timed, 1, Some(30)),
        (Safe, true, Rotating, 1, Some(30)),
        (Flask, false, FlaskLogin, 31, None),
    ] {
        let (store, clock) = (MemoryLoginStore::new(), Clock::default());
        let manager = manager(preset, stored.then_some(&store), &clock);
        let mut browser = remembered(&manager);
        let at = |days: u64| std::time::UNIX_EPOCH + Duration::from_secs(clock.now() + days * DAY);
        let [first, second] = names(preset).map(|name| read(&manager, &mut browser, name));
        assert_eq!(first.kind, CookieKind::Session);
        assert_eq!(second.kind, CookieKind::RememberToken(format));
        assert_eq!(first.signed_at, Some(at(0)), "{preset:?}");
        assert_eq!(first.ends_at, Some(at(session)), "{preset:?}");
        assert_eq!(second.ends_at, token.map(at), "{preset:?}");
        assert!(first.fresh && !second.fresh);
        assert_eq!(first.fresh_at, Some(at(0)));
        for reading in [first, second] {
            assert_eq!(reading.login.is_some(), stored);
            assert_eq!(reading.record.is_some(), stored, "{preset:?}");
        }
    }
}

#[test]
fn a_login_counts_as_fresh_for_as_long_as_the_settings_say() {
    for (preset, after_two_hours) in [(Safe, false), (Flask, true)] {
        let clock = Clock::default();
        let manager = manager(preset, None, &clock);
        let mut browser = remembered(&manager);
        clock.advance(Duration::from_secs(2 * HOUR));
        let reading = read(&manager, &mut browser, names(preset)[0]);
        assert_eq!(reading.fresh, after_two_hours);
        assert!(reading.fresh_at.is_some());
    }
}

#[test]
fn nothing_is_told_of_a_cookie_that_none_of_the_keys_signed_or_that_has_another_name() {
    for preset in [Safe, Flask] {
        let clock = Clock::default();
        let manager = manager(preset, None, &clock);
        let others = builder(preset, SecretKeys::new(NEW_KEY).unwrap(), &clock);
        let others = others.build().unwrap();
        let mut browser = remembered(&manager);
        for name in names(preset) {
            let value = browser.jar().value(name).unwrap().to_owned();
            let mut flipped = value.clone().into_bytes();
            flipped[0] ^= 1;
            for (reader, name, value) in [
                (&others, name, value.as_bytes()),
                (&manager, name, &flipped),
                (&manager, name, &value.as_bytes()[1..]),
                (&manager, name, b""),
                (&manager, name, b"\xff\xfe.\x00.|"),
                (&manager, "theme", value.as_bytes()),
            ] {
                let found = block_on(reader.read_cookie(Some(name), value)).unwrap();
                assert_eq!(found, None, "{preset:?}, {name}");
            }
        }
    }
}

#[test]
fn the_key_is_named_that_signed() {
    let clock = Clock::default();
    for preset in [Safe, Flask] {
        let mut browser = remembered(&manager(preset, None, &clock));
        let keys = SecretKeys::new(NEW_KEY).unwrap();
        let keys = keys.fallback("7d793037a0760186574b0282f2f435e7").unwrap();
        let later = builder(preset, keys.fallback(KEY).unwrap(), &clock);
        let later = later.build().unwrap();
        for name in names(preset) {
            assert_eq!(read(&later, &mut browser, name).key, 2);
        }
    }
}

#[test]
fn a_login_with_a_record_cannot_be_judged_without_the_store() {
    let clock = Clock::default();
    let stored = manager(Safe, Some(&MemoryLoginStore::new()), &clock);
    let mut browser = remembered(&stored);
    // Longer than a session without a record lives.
    clock.advance(Duration::from_secs(3 * DAY));
    let without = manager(Safe, None, &clock);
    for name in names(Safe) {
        let reading = read(&without, &mut browser, name);
        assert_eq!(reading.verdict, CookieVerdict::NeedsStore, "{name}");
        assert_eq!(reading.ends_at, None);
        assert!(reading.login.is_some());
    }
}

#[test]
fn a_cookie_from_before_the_store_has_no_record_and_a_token_of_that_time_is_not_read() {
    let clock = Clock::default();
    let mut browser = remembered(&manager(Safe, None, &clock));
    let stored = manager(Safe, Some(&MemoryLoginStore::new()), &clock);
    let [session, token] = names(Safe).map(|name| read(&stored, &mut browser, name).verdict);
    assert_eq!(session, CookieVerdict::Ended(EndReason::NoRecord));
    assert_eq!(token, CookieVerdict::Rejected(Rejection::BadPayload));
}

#[test]
fn a_remember_token_can_be_read_any_number_of_times_and_tells_when_it_was_used() {
    let (store, clock) = (MemoryLoginStore::new(), Clock::default());
    let manager = manager(Safe, Some(&store), &clock);
    let mut browser = remembered(&manager);
    let name = names(Safe)[1];
    let first = read(&manager, &mut browser, name);
    let login = first.login.unwrap();
    let record = block_on(store.load(&login, clock.now())).unwrap();
    for _ in 0..3 {
        assert_eq!(read(&manager, &mut browser, name), first);
    }
    assert_eq!(block_on(store.load(&login, clock.now())).unwrap(), record);

    // It is used, and so is its successor.
    let stale = browser.jar().value(name).unwrap().to_owned();
    for _ in 0..2 {
        browser.close();
        let request = Request::get("/").header("cookie", browser.cookies());
        let (request, ()) = request.body(()).unwrap().into_parts();
        let visit = manager.visit(&request.uri);
        let open = visit.open(&request).unwrap();
        block_on(open.current_user::<Member>(&request)).unwrap();
        let mut answer = http::HeaderMap::new();
        visit.finish(&mut answer).unwrap();
        browser.receive(answer.get_all("set-cookie"));
        clock.advance(Duration::from_secs(10 * 60));
    }
    let reading = block_on(manager.read_cookie(Some(name), stale)).unwrap();
    assert_eq!(reading.unwrap().verdict, CookieVerdict::UsedBefore);
    let now = read(&manager, &mut browser, name);
    assert_eq!(now.verdict, CookieVerdict::Counts, "the login lives on");
}

#[test]
fn the_applications_values_are_named_and_not_shown() {
    for preset in [Safe, Flask] {
        let clock = Clock::default();
        let manager = manager(preset, None, &clock);
        let mut browser = remembered(&manager);
        let request = Request::get("/").header("cookie", browser.cookies());
        let (request, ()) = request.body(()).unwrap().into_parts();
        let visit = manager.visit(&request.uri);
        let session = visit.open(&request).unwrap().session();
        session.insert("cart", &"a secret wish").unwrap();
        let mut answer = http::HeaderMap::new();
        visit.finish(&mut answer).unwrap();
        browser.receive(answer.get_all("set-cookie"));
        let (name, kind) = match preset {
            Safe => ("__Host-session-values", CookieKind::SessionValues),
            Flask => ("session", CookieKind::Session),
        };
        let reading = read(&manager, &mut browser, name);
        assert_eq!(
            (reading.kind, reading.verdict),
            (kind, CookieVerdict::Counts)
        );
        assert_eq!(reading.values, ["cart"]);
        assert!(!format!("{reading:?}").contains("secret wish"));
    }
}

#[test]
fn a_lifetime_of_a_login_holds_also_once_its_session_has_a_record() {
    let (store, clock) = (MemoryLoginStore::new(), Clock::default());
    let alone = manager(Flask, None, &clock);
    let recorded = manager(Flask, Some(&store), &clock);
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    let [name, _] = names(Flask);
    // One session is seen too late by the program with records, the other gets its record in time.
    for seen_in_time in [false, true] {
        let mut browser = Browser::of(&alone);
        let mia = Member("mia".to_owned());
        block_on(browser.log_in_with(&mia, |login| login.lifetime(minutes(15)))).unwrap();
        assert_eq!(
            read(&alone, &mut browser, name).verdict,
            CookieVerdict::Counts
        );
        let ends_at = read(&alone, &mut browser, name).ends_at.unwrap();
        let now = Duration::from_secs(clock.now());
        assert_eq!(
            ends_at.duration_since(std::time::UNIX_EPOCH).unwrap(),
            now + minutes(15)
        );
        if seen_in_time {
            assert!(counts(&recorded, &mut browser, name));
        }
        clock.advance(minutes(15));
        for manager in [&alone, &recorded] {
            let verdict = read(manager, &mut browser, name).verdict;
            assert_eq!(verdict, CookieVerdict::Ended(EndReason::LifetimeOver));
            assert!(!counts(manager, &mut browser, name), "{seen_in_time}");
        }
    }
}
