//! `testdata/cookie_parsing.tsv`: how the `Cookie` header is read, and what a cookie counts for.

use super::*;
use crate::Rejection;

/// A row by its input and system, and the values of some names. A name without a value must not be found.
type Parsed = (
    &'static str,
    &'static str,
    &'static [(&'static str, &'static [&'static str])],
);

const RACK: &str = "rack";
const JSHTTP: &str = "jshttp/cookie";
const COOKIE_RS: &str = "rust cookie 0.18.2";
const AXUM_EXTRA: &str = "axum-extra CookieJar";
const TOWER_COOKIES: &str = "tower-cookies";
const STANDARD: &str = "standard";
const EXPRESS: &str = "express-session";

/// The table's column of suggestions is followed, not what the other systems do: nothing is decoded, an empty value
/// counts as absent, nameless cookies are skipped, and of duplicates all are candidates.
const PARSED: &[Parsed] = &[
    (r#""a=b; ; c=d""#, RACK, &[("a", &["b"]), ("c", &["d"])]),
    (r#""zoo=m""#, RACK, &[("zoo", &["m"])]),
    (
        r#""foo=bar;quux=h&m""#,
        RACK,
        &[("foo", &["bar"]), ("quux", &["h&m"])],
    ),
    (
        r#""foo=bar; quux=h&m""#,
        RACK,
        &[("foo", &["bar"]), ("quux", &["h&m"])],
    ),
    (r#""foo=bar""#, JSHTTP, &[("foo", &["bar"])]),
    (r#""foo=123""#, JSHTTP, &[("foo", &["123"])]),
    (
        r#""FOO    = bar;   baz  =   raz""#,
        JSHTTP,
        &[("FOO", &["bar"]), ("foo", &[]), ("baz", &["raz"])],
    ),
    (r#""""#, JSHTTP, &[("", &[])]),
    (r#"" \t ""#, JSHTTP, &[("", &[]), (" \t ", &[])]),
    (r#""foo=; bar=""#, JSHTTP, &[("foo", &[]), ("bar", &[])]),
    (r#""f=;b=""#, JSHTTP, &[("f", &[]), ("b", &[])]),
    (
        r#""foo=\"bar=123456789&name=Magic+Mouse\"""#,
        JSHTTP,
        &[("foo", &["\"bar=123456789&name=Magic+Mouse\""])],
    ),
    (
        r#""email=%20%22%2c%3b%2f""#,
        JSHTTP,
        &[("email", &["%20%22%2c%3b%2f"])],
    ),
    (
        r#""  foo  =  bar  ;  fizz  =  buzz  ""#,
        JSHTTP,
        &[("foo", &["bar"]), ("fizz", &["buzz"])],
    ),
    (
        r#"" foo = \" a b c \" ""#,
        JSHTTP,
        &[("foo", &["\" a b c \""])],
    ),
    (r#"" = bar ""#, JSHTTP, &[("", &[])]),
    (r#""\tfoo\t=\tbar\t""#, JSHTTP, &[("foo", &["bar"])]),
    (
        r#""foo=%1;bar=bar;foo=boo""#,
        JSHTTP,
        &[("foo", &["%1", "boo"]), ("bar", &["bar"])],
    ),
    (
        r#""foo=false;bar=bar;foo=true""#,
        JSHTTP,
        &[("foo", &["false", "true"]), ("bar", &["bar"])],
    ),
    (
        r#""foo=;bar=bar;foo=boo""#,
        JSHTTP,
        &[("foo", &["boo"]), ("bar", &["bar"])],
    ),
    (
        r#""\u2000__Host-id=evil""#,
        COOKIE_RS,
        &[("__Host-id", &[]), ("\u{2000}__Host-id", &["evil"])],
    ),
    (
        r#""\u0085__Host-id=evil""#,
        COOKIE_RS,
        &[("__Host-id", &[]), ("\u{85}__Host-id", &["evil"])],
    ),
    (
        r#""%5F%5FHost-id=evil""#,
        COOKIE_RS,
        &[("__Host-id", &[]), ("%5F%5FHost-id", &["evil"])],
    ),
    (r#""foo=%00%0d%0a""#, COOKIE_RS, &[("foo", &["%00%0d%0a"])]),
    (r#""foo=%ff""#, COOKIE_RS, &[("foo", &["%ff"])]),
    (r#""=x""#, COOKIE_RS, &[("", &[])]),
    (r#""%5F%5FHost-id=evil""#, AXUM_EXTRA, &[("__Host-id", &[])]),
    (r#""id=a; id=b""#, AXUM_EXTRA, &[("id", &["a", "b"])]),
    (
        r#""__Host-id=good; %5F%5FHost-id=evil""#,
        TOWER_COOKIES,
        &[("__Host-id", &["good"])],
    ),
    (
        r#""__Host-id=good; \u2000__Host-id=evil""#,
        TOWER_COOKIES,
        &[("__Host-id", &["good"])],
    ),
    (r#""__host-id=evil""#, STANDARD, &[("__Host-id", &[])]),
    // The table leaves this one open: a browser trims the name before it looks at the prefix, so it is its own.
    (
        r#""__Host-id =good""#,
        STANDARD,
        &[("__Host-id", &["good"])],
    ),
    (
        r#""=__Host-id=evil""#,
        STANDARD,
        &[("__Host-id", &[]), ("", &[])],
    ),
    (r#""__Host-id""#, STANDARD, &[("__Host-id", &[]), ("", &[])]),
    (r#""__Host-id=""#, STANDARD, &[("__Host-id", &[])]),
    (
        r#""__Host-id=\"tok\"""#,
        STANDARD,
        &[("__Host-id", &["\"tok\""])],
    ),
    (
        r#""__Host-id=tok,other=x""#,
        STANDARD,
        &[("__Host-id", &["tok,other=x"]), ("other", &[])],
    ),
    (
        r#""__Host-id=%74ok""#,
        STANDARD,
        &[("__Host-id", &["%74ok"])],
    ),
];

/// Rows that tell a story rather than one header, by their input and system.
const STORIES: &[(&str, &str, fn())] = &[
    (
        r"(header bytes: x=\xff; __Host-id=good)",
        AXUM_EXTRA,
        a_byte_beyond_ascii_does_not_take_the_good_cookie_with_it,
    ),
    (
        r#""__Host-id=a; __Host-id=b""#,
        STANDARD,
        valid_values_under_a_host_prefix_must_agree,
    ),
    (
        r#""id=victim; id=attacker""#,
        STANDARD,
        one_valid_session_among_several_values_counts_and_two_do_not,
    ),
    (
        "(two Cookie header fields: a=1 / __Host-id=tok)",
        STANDARD,
        several_cookie_fields_are_all_read,
    ),
    (
        "(8 KiB cookie value)",
        STANDARD,
        a_value_that_no_browser_sends_is_absent,
    ),
    (
        "(Cookie header with 10 000 pairs)",
        STANDARD,
        pairs_are_read_up_to_a_cap,
    ),
    (
        "(cookie value without s: signature)",
        EXPRESS,
        without_a_good_signature_nobody_is_looked_up,
    ),
    (
        "(cookie with wrong signature)",
        EXPRESS,
        a_wrong_signature_is_nobody_and_an_event,
    ),
    (
        "(signed by 2nd of two secrets)",
        EXPRESS,
        a_session_of_the_older_key_counts_and_is_signed_by_the_newer,
    ),
];

/// Input, system, and why the row is not a case.
const NOT_OURS: &[(&str, &str, &str)] = &[
    (
        "(sid valid but not in store)",
        EXPRESS,
        "the session is in the cookie, not in a store",
    ),
    (
        "(sid expired in store)",
        EXPRESS,
        "the session is in the cookie, not in a store",
    ),
    (
        "(sid with unsafe characters from genid)",
        EXPRESS,
        "no application makes the session's value; it is base64 and dots",
    ),
];

#[test]
fn every_row_of_the_table_is_a_case_or_named() {
    let rows = rows::<5>(include_str!("../../testdata/cookie_parsing.tsv"));
    let parsed = PARSED.iter().map(|case| (case.0, case.1));
    let stories = STORIES.iter().map(|case| (case.0, case.1));
    let not_ours = NOT_OURS.iter().map(|row| (row.0, row.1));
    account_for(
        rows.iter().map(|row| (row[0], row[1])),
        parsed.chain(stories).chain(not_ours),
    );
}

#[test]
fn names_are_compared_byte_for_byte_and_nothing_is_decoded() {
    for (input, system, expected) in PARSED {
        let request = request(&[("cookie", literal(input))]);
        for (name, expected) in *expected {
            let found = values(&request, name);
            let expected: Vec<_> = expected.iter().map(|value| value.as_bytes()).collect();
            assert_eq!(found.as_slice(), expected, "{input} ({system}): {name}");
        }
    }
}

#[test]
fn every_story_of_the_table_ends_well() {
    for (_, _, story) in STORIES {
        story();
    }
}

fn host_id() -> LoginManagerBuilder<Member> {
    safe().session_cookie(|cookie| cookie.name("__Host-id"))
}

fn rejections(log: &Log) -> Vec<Rejection> {
    let events = std::mem::take(&mut *log.lock().unwrap());
    let rejection = |event| match event {
        Event::SessionRejected { reason } => Some(reason),
        _ => None,
    };
    events.into_iter().filter_map(rejection).collect()
}

fn a_byte_beyond_ascii_does_not_take_the_good_cookie_with_it() {
    let manager = host_id().build().unwrap();
    let good = session_cookie_of_login(&manager, "1");
    for bad in [&b"x=\xff"[..], b"\xff=x", b"\x85__Host-id=evil", b"\xff"] {
        let header = [bad, b"; ", good.as_bytes()].concat();
        assert_eq!(who_sends(&manager, header).as_deref(), Some("1"));
    }
}

fn valid_values_under_a_host_prefix_must_agree() {
    let (manager, log) = logged(host_id());
    let good = session_cookie_of_login(&manager, "1");
    let other = session_cookie_of_login(&manager, "2");
    for (header, expected, reasons) in [
        (
            "__Host-id=a; __Host-id=b".to_owned(),
            None,
            vec![Rejection::BadSignature],
        ),
        (format!("{good}; __Host-id=evil"), Some("1"), vec![]),
        (format!("__Host-id=spoilt; {good}"), Some("1"), vec![]),
        (format!("{good}; {good}"), Some("1"), vec![]),
        (format!("{good}; {other}"), None, vec![Rejection::Ambiguous]),
        (format!("{other}; {good}"), None, vec![Rejection::Ambiguous]),
    ] {
        assert_eq!(
            who_sends(&manager, &header).as_deref(),
            expected,
            "{header}"
        );
        assert_eq!(rejections(&log), reasons, "{header}");
    }
}

fn one_valid_session_among_several_values_counts_and_two_do_not() {
    let (manager, log) = logged(flask(FLASK_KEY).session_cookie(|cookie| cookie.name("id")));
    let victim = session_cookie_of_login(&manager, "victim");
    let attacker = session_cookie_of_login(&manager, "attacker");
    assert_eq!(who_sends(&manager, format!("{victim}; {attacker}")), None);
    assert_eq!(rejections(&log), [Rejection::Ambiguous]);
    assert_eq!(who_sends(&manager, "id=a; id=b"), None);
    assert_eq!(rejections(&log), [Rejection::BadSignature]);
    for header in [
        format!("{victim}; id=planted"),
        format!("id=planted; {victim}"),
        format!("id=1; id=2; id=3; {victim}"),
        format!("{victim}; {victim}"),
    ] {
        assert_eq!(
            who_sends(&manager, &header).as_deref(),
            Some("victim"),
            "{header}"
        );
    }
    // No more than four are tried.
    assert_eq!(
        who_sends(&manager, format!("id=1; id=2; id=3; id=4; {victim}")),
        None
    );
}

fn several_cookie_fields_are_all_read() {
    let manager = host_id().build().unwrap();
    let good = session_cookie_of_login(&manager, "1");
    let request = request(&[("cookie", "a=1"), ("cookie", &good)]);
    assert_eq!(
        who(&open(&manager, &request), &request).as_deref(),
        Some("1")
    );
    assert_eq!(values(&request, "a").as_slice(), [b"1"]);
}

fn a_value_that_no_browser_sends_is_absent() {
    let request = |length: usize| request(&[("cookie", format!("id={}", "x".repeat(length)))]);
    let found = |length: usize| values(&request(length), "id").as_slice().len();
    assert_eq!((found(8192), found(4095), found(4094)), (0, 0, 1));
}

fn pairs_are_read_up_to_a_cap() {
    let others = |count: usize| "a=b;".repeat(count);
    let found = |header: String| {
        let request = request(&[("cookie", header)]);
        values(&request, "id").as_slice().len()
    };
    assert_eq!(found(format!("{}id=x", others(999))), 1);
    assert_eq!(found(format!("{}id=x", others(1000))), 0);
    assert_eq!(found(format!("id=x;{}", others(10_000))), 1);
    assert_eq!(found(format!("{}id=x", others(10_000))), 0);
}

fn without_a_good_signature_nobody_is_looked_up() {
    let loader = |_: String| async { Err::<Option<Member>, BoxError>("asked".into()) };
    let manager = LoginManager::flask(SecretKeys::flask(FLASK_KEY).unwrap(), loader);
    let manager = at(NOW, manager).build().unwrap();
    let good = session_cookie_of_login(&manager, "1");
    let request_with_good = request(&[("cookie", &good)]);
    let visit = open(&manager, &request_with_good);
    assert!(block_on(visit.current_user::<Member>(&request_with_good)).is_err());
    let unsigned = &good[..good.rfind('.').unwrap()];
    for header in ["session=1", "session=eyJfdXNlcl9pZCI6IjEifQ", unsigned] {
        assert_eq!(who_sends(&manager, header), None);
    }
}

fn a_wrong_signature_is_nobody_and_an_event() {
    let (manager, log) = logged(flask(FLASK_KEY));
    let foreign = session_cookie_of_login(&flask("another key").build().unwrap(), "1");
    assert_eq!(who_sends(&manager, foreign), None);
    assert_eq!(rejections(&log), [Rejection::BadSignature]);
}

fn a_session_of_the_older_key_counts_and_is_signed_by_the_newer() {
    let older = flask("older").build().unwrap();
    let newer = flask("newer").build().unwrap();
    let keys = SecretKeys::flask("newer")
        .unwrap()
        .fallback("older")
        .unwrap();
    let both = at(NOW, LoginManager::flask(keys, anybody)).build().unwrap();
    let request = request(&[("cookie", session_cookie_of_login(&older, "1"))]);
    let visit = open(&both, &request);
    assert_eq!(who(&visit, &request).as_deref(), Some("1"));
    let sent = set_cookies(&visit);
    let pair = sent[0].split(';').next().unwrap();
    assert_eq!(who_sends(&newer, pair).as_deref(), Some("1"));
    assert_eq!(who_sends(&older, pair), None);
}
