//! When a record counts, to the second, and that it contains nothing usable as a cookie.

use super::*;
use crate::SecretKeys;
use crate::records::info::LoginInfo;

const NOW: u64 = 1_700_000_000;
const HOUR: u64 = 60 * 60;
const DAY: u64 = 24 * HOUR;

/// Idle for one hour, one day in all, remembered for 30 days.
fn records() -> RecordRules {
    RecordRules {
        digests: digests(),
        timeouts: LoginTimeouts::SENSITIVE,
        max_logins: MaxLogins::default(),
        adopts: false,
        remember_for: 30 * DAY,
        remember_slides: false,
        clock_tolerance: 0,
    }
}

fn digests() -> Digests {
    Digests::new(&SecretKeys::new("9f2c8d54b61e4bd9a1f0c7d35e8b2a64").unwrap())
}

fn log_in(records: &RecordRules, remembered: bool) -> Issued {
    let remember_for = remembered.then_some(Duration::from_secs(30 * DAY));
    records.issue("mia", None, remember_for, &Client::default(), NOW)
}

/// A login last used and last proved at these times.
fn login_at(
    records: &RecordRules,
    last_seen_at: u64,
    started_at: u64,
) -> (LoginRecord, LoginSecret) {
    let issued = log_in(records, false);
    let mut record = LoginRecord::clone(&issued.live.record);
    let mut data = LoginData::clone(&issued.live.data);
    record.last_seen_at = last_seen_at;
    data.started_at = started_at;
    record.data = data.to_json();
    (record, issued.session)
}

/// As the store keeps it after an update.
fn kept(live: &Live) -> Option<LoginRecord> {
    Some(LoginRecord::clone(&live.record))
}

fn reason(result: Result<Box<Live>, Dead>) -> Option<EndReason> {
    result.err().map(|dead| dead.reason)
}

/// What the token is good for: `good`, `again`, `gone` or `stolen`.
fn remembered(
    records: &RecordRules,
    token: &LoginSecret,
    found: Option<LoginRecord>,
    now: u64,
) -> &'static str {
    match records.check_remember(token, "mia", None, found, now) {
        Remembered::Valid(live) if live.in_grace => "again",
        Remembered::Valid(_) => "good",
        Remembered::Gone => "gone",
        Remembered::Stolen(_) => "stolen",
    }
}

#[test]
fn a_session_counts_until_the_second_of_its_timeouts() {
    let (idle, old) = (Some(EndReason::Idle), Some(EndReason::TooOld));
    for (last_seen_at, started_at, now, expected) in [
        (NOW, NOW, NOW, None),
        (NOW, NOW, NOW + HOUR - 1, None),
        (NOW, NOW, NOW + HOUR, idle),
        (NOW + 5 * HOUR, NOW, NOW + 6 * HOUR - 1, None),
        (NOW + 5 * HOUR, NOW, NOW + 6 * HOUR, idle),
        (NOW + DAY - 1, NOW, NOW + DAY - 1, None),
        (NOW + DAY - 1, NOW, NOW + DAY, old),
        // A clock that was set back, and one that had been wrong: a time in the future counts as now.
        (NOW, NOW, NOW - DAY, None),
        (NOW, NOW, 0, None),
        (NOW + 100 * DAY, NOW, NOW, None),
        (NOW + 100 * DAY, NOW, NOW + DAY, old),
        (u64::MAX, NOW, NOW + DAY, old),
        (NOW, u64::MAX, NOW + HOUR, idle),
        (u64::MAX, u64::MAX, NOW, None),
        // The ends of time.
        (0, 0, HOUR, idle),
        (0, 0, u64::MAX, idle),
        (NOW, NOW, u64::MAX, idle),
        (u64::MAX - 1, u64::MAX - 1, u64::MAX, idle),
    ] {
        let records = records();
        let (record, token) = login_at(&records, last_seen_at, started_at);
        let result = records.check_session(&token, "mia", Some(record), now);
        let case = format!("seen {last_seen_at}, began {started_at}, at {now}");
        assert_eq!(reason(result), expected, "{case}");
    }
}

#[test]
fn a_record_is_deleted_with_its_session_unless_a_token_may_come_back_to_it() {
    for remembered in [false, true] {
        let records = records();
        let issued = log_in(&records, remembered);
        let record = kept(&issued.live);
        let id = issued.session.id;
        let dead = records.check_session(&issued.session, "mia", record, NOW + HOUR);
        assert_eq!(dead.unwrap_err().delete, (!remembered).then_some(id));
    }
}

#[test]
fn a_record_expires_when_neither_cookie_can_count_any_more() {
    let records = records();
    for (remembered, expires_at) in [(false, NOW + HOUR), (true, NOW + 30 * DAY)] {
        assert_eq!(
            log_in(&records, remembered).live.record.expires_at,
            expires_at
        );
    }
    let issued = log_in(&records, false);
    for (used_at, expires_at) in [
        (NOW + HOUR / 2, NOW + HOUR / 2 + HOUR),
        (NOW + DAY - HOUR, NOW + DAY),
        (NOW + DAY - 1, NOW + DAY),
    ] {
        let touch = records.touch(&issued.live, used_at).unwrap();
        assert_eq!(touch.expires_at, expires_at);
    }
}

#[test]
fn the_secret_before_the_last_reads_for_thirty_seconds_and_then_not_at_all() {
    let records = records();
    let issued = log_in(&records, true);
    for renewal in [Renewal::Confirm, Renewal::AuthHash] {
        let (live, renewed) = records.renewed(&issued.live, None, renewal, true, NOW);
        let check = |token, now| records.check_session(token, "mia", kept(&live), now);
        for now in [NOW, NOW + 30] {
            assert!(check(&issued.session, now).unwrap().in_grace);
            assert!(!check(&renewed.session, now).unwrap().in_grace);
        }
        let late = check(&issued.session, NOW + 31);
        assert_eq!(reason(late), Some(EndReason::CookieReplaced));
        assert!(check(&renewed.session, NOW + 31).is_ok());
    }
}

/// What an old token proves depends on whether a browser ever came with its successors.
#[test]
fn a_token_may_be_used_again_for_sixty_seconds_and_is_stolen_then_if_its_successor_was_used() {
    let records = records();
    let issued = log_in(&records, true);
    let first = issued.remember.unwrap();
    let restored = |live: &Live, token: &LoginSecret, now| {
        records.restored(live, token, None, &Client::default(), now)
    };
    let (lost, successors) = restored(&issued.live, &first, NOW);
    let arrived = records
        .check_session(&successors.session, "mia", kept(&lost), NOW)
        .unwrap();
    assert!(arrived.outdated, "that it arrived is to be noted");
    let arrived = records.brought_up_to_date(&arrived, &successors.session, NOW);
    let again = records.check_session(&successors.session, "mia", kept(&arrived), NOW);
    assert!(!again.unwrap().outdated, "once");
    for (live, then) in [(&lost, "good"), (&arrived, "stolen")] {
        for (now, of_first) in [(NOW, "again"), (NOW + 60, "again"), (NOW + 61, then)] {
            assert_eq!(remembered(&records, &first, kept(live), now), of_first);
            let of_successor = remembered(&records, &successors.remember, kept(live), now);
            assert_eq!(of_successor, "good");
        }
    }
    // The lost ones are worthless once others were issued in their place, and then reveal a thief.
    let (second, others) = restored(&lost, &first, NOW + 61);
    assert!(successors.session != others.session && successors.remember != others.remember);
    let at = NOW + 61;
    assert_eq!(remembered(&records, &first, kept(&second), at), "again");
    let given = records.given_out(&second, &first).unwrap();
    assert!(given.remember == others.remember);
    assert_eq!(
        remembered(&records, &others.remember, kept(&second), at),
        "good"
    );
    assert_eq!(
        remembered(&records, &successors.remember, kept(&second), at),
        "stolen"
    );
    // Every token except the last one counts as stolen at once.
    let (later, _) = restored(&lost, &successors.remember, NOW + 1);
    assert_eq!(
        remembered(&records, &first, kept(&later), NOW + 1),
        "stolen"
    );
}

#[test]
fn a_token_ends_at_its_second_whether_it_was_used_or_not() {
    let end = NOW + 30 * DAY;
    for slides in [false, true] {
        let records = RecordRules {
            remember_slides: slides,
            ..records()
        };
        let issued = log_in(&records, true);
        let first = issued.remember.unwrap();
        assert_eq!(
            remembered(&records, &first, kept(&issued.live), end - 1),
            "good"
        );
        assert_eq!(
            remembered(&records, &first, kept(&issued.live), end),
            "gone"
        );
        let (live, next) =
            records.restored(&issued.live, &first, None, &Client::default(), NOW + DAY);
        let next = next.remember;
        let expected = if slides { "good" } else { "gone" };
        assert_eq!(remembered(&records, &next, kept(&live), end), expected);
        assert_eq!(remembered(&records, &next, kept(&live), end + DAY), "gone");
    }
}

#[test]
fn the_same_token_has_the_same_successors_until_the_login_is_changed_again() {
    let records = records();
    let issued = log_in(&records, true);
    let first = issued.remember.unwrap();
    let (live, given) = records.restored(&issued.live, &first, None, &Client::default(), NOW);
    let again = records.given_out(&live, &first).unwrap();
    assert!(again.session == given.session && again.remember == given.remember);
    assert!(records.given_out(&live, &given.remember).is_none());
    let (renewed, _) = records.renewed(&live, None, Renewal::Confirm, true, NOW);
    assert!(
        records.given_out(&renewed, &first).is_none(),
        "the browser has a newer one"
    );
}

#[test]
fn the_use_of_a_login_is_noted_once_a_step() {
    for (timeouts, step) in [
        (LoginTimeouts::EVERYDAY, 60 * 60),
        (LoginTimeouts::SENSITIVE, 3 * 60),
        (LoginTimeouts::CRITICAL, 60),
        (of_seconds(90, DAY), 45),
        (of_seconds(2, DAY), 1),
        (of_seconds(400 * DAY, 400 * DAY), 60 * 60),
    ] {
        let records = RecordRules {
            timeouts,
            ..records()
        };
        assert_eq!(timeouts.step().as_secs(), step, "{timeouts:?}");
        assert!(
            step * 2 <= timeouts.idle().as_secs(),
            "a step is shorter than idle"
        );
        let (record, _) = login_at(&records, NOW, NOW);
        let live = live(record);
        assert_eq!(records.touch(&live, NOW + step - 1), None, "{timeouts:?}");
        let touch = records.touch(&live, NOW + step).unwrap();
        // The store then compares with the same value.
        assert_eq!((touch.now, touch.unless_since), (NOW + step, NOW + 1));
    }
}

#[test]
fn the_use_of_a_login_is_noted_well_within_the_time_that_it_counts_as_in_use() {
    for (timeouts, step) in [
        (LoginTimeouts::EVERYDAY, 5 * 60),
        (LoginTimeouts::SENSITIVE, 3 * 60),
        (of_seconds(2, DAY), 1),
    ] {
        let mut records = RecordRules {
            timeouts,
            ..records()
        };
        records.max_logins.when_full = WhenFull::Refuse;
        let (record, _) = login_at(&records, NOW, NOW);
        let live = live(record);
        assert_eq!(records.touch(&live, NOW + step - 1), None, "{timeouts:?}");
        assert!(records.touch(&live, NOW + step).is_some(), "{timeouts:?}");
        assert!(step * 2 <= IN_USE);
    }
}

#[test]
fn a_use_in_the_near_future_stands_and_one_in_the_far_future_is_put_right() {
    let records = records();
    for (last_seen_at, noted) in [
        (NOW + 1, false),
        (NOW + HOUR, false),
        (NOW + HOUR + 1, true),
        (u64::MAX - 1, true),
    ] {
        let (record, _) = login_at(&records, last_seen_at, NOW);
        let touch = records.touch(&live(record), NOW);
        assert_eq!(touch.is_some(), noted, "{last_seen_at}");
        if let Some(touch) = touch {
            assert!(touch.now == NOW && last_seen_at < touch.unless_since);
        }
    }
}

#[test]
fn a_session_may_end_its_login_while_its_secret_counts_and_while_requests_with_the_last_one_are_under_way()
 {
    let records = records();
    let issued = log_in(&records, true);
    let (session, token) = (issued.session, issued.remember.unwrap());
    let (live, renewed) = records.renewed(&issued.live, None, Renewal::Confirm, true, NOW);
    let owns = |token: &LoginSecret, live: &Live, now| records.owns(token, &live.record, now);
    let other = LoginSecret::generate_for(session.id);
    for (name, secret, for_how_long) in [
        ("the present one", &renewed.session, u64::MAX),
        ("the one before", &session, 30),
        ("another", &other, 0),
        ("the token as a session", &token, 0),
    ] {
        for after in [0, 30, 31] {
            let expected = for_how_long != 0 && after <= for_how_long;
            let owned = owns(secret, &live, NOW + after);
            assert_eq!(owned, expected, "{name}, {after} s later");
        }
    }
    let (live, successors) = records.restored(&live, &token, None, &Client::default(), NOW);
    assert!(owns(&successors.session, &live, NOW));
    assert!(!owns(&renewed.session, &live, NOW), "what a token replaced");
}

/// A reader of the table who could even sign cookies does not find anything that proves a login.
#[test]
fn nothing_in_a_record_proves_the_login_that_it_is_of() {
    let records = records();
    let issued = log_in(&records, true);
    let (live, _) = records.renewed(&issued.live, None, Renewal::Confirm, true, NOW);
    let token = issued.remember.unwrap();
    let (live, _) = records.restored(
        &live,
        &token,
        Some("digest".to_owned()),
        &Client::default(),
        NOW,
    );
    let (live, _) = records.renewed(&live, None, Renewal::Confirm, true, NOW);
    let columns = live.record.data.split('"').filter(|text| text.len() == 43);
    let columns: Vec<_> = columns.collect();
    assert_eq!(
        columns.len(),
        4,
        "two secrets, and the two before them: {}",
        live.record.data
    );
    for column in columns {
        let forged = LoginSecret::parse(&format!("{}.{column}", live.record.id)).unwrap();
        let session = records.check_session(&forged, "mia", kept(&live), NOW);
        assert_eq!(reason(session), Some(EndReason::CookieReplaced));
        assert_eq!(remembered(&records, &forged, kept(&live), NOW), "stolen");
    }
}

#[test]
fn the_secret_of_a_session_is_worth_nothing_as_a_remember_token_nor_the_other_way_round() {
    let records = records();
    let issued = log_in(&records, true);
    let (session, token) = (issued.session, issued.remember.unwrap());
    assert_eq!(
        remembered(&records, &session, kept(&issued.live), NOW),
        "stolen"
    );
    let result = records.check_session(&token, "mia", kept(&issued.live), NOW);
    assert_eq!(reason(result), Some(EndReason::CookieReplaced));
}

#[test]
fn a_secret_is_good_for_its_own_login_and_its_own_user() {
    let records = records();
    let (mias, other) = (log_in(&records, true), log_in(&records, true));
    let foreign = records.check_session(&mias.session, "mia", kept(&other.live), NOW);
    assert_eq!(reason(foreign), Some(EndReason::CookieReplaced));
    let as_ben = records.check_session(&mias.session, "ben", kept(&mias.live), NOW);
    assert_eq!(reason(as_ben), Some(EndReason::RecordGone));
    let token = mias.remember.unwrap();
    let result = records.check_remember(&token, "ben", None, kept(&mias.live), NOW);
    assert!(matches!(result, Remembered::Gone));
}

#[test]
fn no_time_makes_a_login_of_it_that_lives_for_ever_and_none_panics() {
    let times = [
        0,
        1,
        NOW - 1,
        NOW,
        NOW + 1,
        NOW + 400 * DAY,
        u64::MAX - 1,
        u64::MAX,
    ];
    let records = records();
    for last_seen_at in times {
        for started_at in times {
            let (record, token) = login_at(&records, last_seen_at, started_at);
            for now in times {
                let Ok(live) = records.check_session(&token, "mia", Some(record.clone()), now)
                else {
                    continue;
                };
                records.touch(&live, now);
                for renewal in [Renewal::Confirm, Renewal::AuthHash] {
                    records.renewed(&live, None, renewal, true, now);
                }
                records.brought_up_to_date(&live, &token, now);
                let later = now
                    .saturating_add(HOUR)
                    .max(last_seen_at.saturating_add(HOUR));
                assert!(
                    records
                        .check_session(&token, "mia", Some(record.clone()), later)
                        .is_err(),
                    "{last_seen_at} {started_at} {now}"
                );
            }
        }
    }
    for now in times {
        let issued = records.issue("mia", None, Some(Duration::MAX), &Client::default(), now);
        let token = issued.remember.unwrap();
        records.restored(&issued.live, &token, None, &Client::default(), u64::MAX);
        assert!(LoginInfo::of(&issued.live.record, None).is_some());
    }
}

fn of_seconds(idle: u64, absolute: u64) -> LoginTimeouts {
    LoginTimeouts::new(Duration::from_secs(idle), Duration::from_secs(absolute))
}

fn live(record: LoginRecord) -> Live {
    let data = LoginData::read(&record).unwrap();
    Live::of(record, data)
}
