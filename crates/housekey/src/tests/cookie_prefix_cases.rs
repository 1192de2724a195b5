//! `testdata/cookie_prefix.tsv`: which cookies browsers keep, and that no others are sent.

use super::*;
use crate::cookie::CookieSettings;
use crate::{ErrorKind, SameSite};

/// Rows about settings or about more than one header, by their first two columns.
const STORIES: &[(&str, &str, fn())] = &[
    (
        "__Host-SID=; Max-Age=0",
        "https",
        a_deletion_carries_what_the_prefix_asks_for,
    ),
    (
        "SID=x; Max-Age=99999999999",
        "any",
        no_cookie_promises_to_live_longer_than_browsers_let_it,
    ),
    (
        "=__Host-SID=evil",
        "any",
        a_nameless_cookie_is_neither_written_nor_read,
    ),
    (
        "SID=x (no SameSite)",
        "top-level cross-site POST within about 2 minutes of creation",
        the_safe_preset_always_says_same_site,
    ),
    (
        "config: name=__Host-x with domain=Some",
        "build time",
        a_host_prefix_with_a_domain_or_a_path_is_an_error,
    ),
    (
        "config: name=__Host-x or __Secure-x with secure=false",
        "build time",
        a_prefix_without_secure_is_an_error_and_plain_http_takes_both_off,
    ),
    (
        "config: Partitioned without Secure",
        "build time",
        partitioned_without_secure_is_an_error,
    ),
];

/// The first two columns, and why the row is not a case.
const NOT_OURS: &[(&str, &str, &str)] = &[(
    "SID=x; SameSite=Lax or Strict, Set-Cookie on a cross-site subresource/fetch/iframe response",
    "any",
    "what a browser ignores there is its own affair; the server sends the same header",
)];

fn table() -> Vec<[&'static str; 4]> {
    rows(include_str!("../../testdata/cookie_prefix.tsv"))
}

/// The rows that are a header, the scheme of the site that sends it, and whether browsers keep it.
fn headers() -> impl Iterator<Item = (&'static str, bool, bool)> {
    table()
        .into_iter()
        .filter_map(|[header, context, expected, _]| {
            let https = context.strip_suffix(" origin")? == "https";
            Some((header, https, expected == "accepted by UA"))
        })
}

/// The rules of RFC 6265bis for name prefixes.
fn browsers_keep(header: &str, https: bool) -> bool {
    let mut parts = header.split("; ");
    let name = parts.next().unwrap().split('=').next().unwrap();
    let attributes: Vec<_> = parts.collect();
    let secure = attributes.contains(&"Secure");
    let domain = attributes.iter().any(|part| part.starts_with("Domain="));
    let name = name.to_ascii_lowercase();
    let (host, secure_only) = (name.starts_with("__host-"), name.starts_with("__secure-"));
    (https || !secure)
        && (secure || !(host || secure_only))
        && (!host || (!domain && attributes.contains(&"Path=/")))
}

/// The settings that a header shows.
fn settings_of(header: &str, cookie: CookieSettings) -> CookieSettings {
    let mut parts = header.split("; ");
    let (name, _) = parts.next().unwrap().split_once('=').unwrap();
    let cookie = cookie.name(name).insecure();
    parts.fold(cookie, |cookie, part| match part.split_once('=') {
        None if part == "Secure" => cookie.secure(),
        Some(("Domain", domain)) => cookie.domain(domain),
        Some(("Path", path)) => cookie.path(path),
        _ => panic!("{part}"),
    })
}

#[test]
fn every_row_of_the_table_is_a_case_or_named() {
    let stories = STORIES.iter().map(|case| (case.0, case.1));
    let not_ours = NOT_OURS.iter().map(|row| (row.0, row.1));
    let headers = headers().map(|(header, https, _)| match https {
        true => (header, "https origin"),
        false => (header, "http origin"),
    });
    account_for(
        table().iter().map(|row| (row[0], row[1])),
        headers.chain(stories).chain(not_ours),
    );
}

#[test]
fn every_story_of_the_table_ends_well() {
    for (_, _, story) in STORIES {
        story();
    }
}

#[test]
fn the_rules_of_browsers_are_those_of_the_table() {
    for (header, https, kept) in headers() {
        assert_eq!(browsers_keep(header, https), kept, "{header} over {https}");
    }
}

#[test]
fn what_browsers_would_drop_is_an_error_or_never_sent() {
    for (header, https, kept) in headers() {
        let builder = flask(FLASK_KEY).session_cookie(|cookie| settings_of(header, cookie));
        let builder = if https { builder } else { builder.plain_http() };
        match builder.build() {
            Ok(manager) => {
                let visit = open(&manager, &request::<&str>(&[]));
                visit.session().insert("a", &1).unwrap();
                let sent = set_cookies(&visit);
                assert!(browsers_keep(&sent[0], https), "{header}: {sent:?}");
            }
            Err(error) => {
                assert!(!kept, "{header}: {error}");
                assert_eq!(error.kind(), ErrorKind::Setting);
                assert!(error.to_string().starts_with("session_cookie_"), "{error}");
            }
        }
    }
}

fn a_deletion_carries_what_the_prefix_asks_for() {
    let manager = safe().build().unwrap();
    let cookies = cookies_of_login(&manager, "1", true).join("; ");
    let visit = open(&manager, &request(&[("cookie", cookies)]));
    block_on(Login::<Member>::new(visit.clone()).logout_user()).unwrap();
    let sent = set_cookies(&visit);
    assert_eq!(sent.len(), 4, "each as it is and partitioned");
    for header in sent {
        assert!(
            header.starts_with("__Host-") && header.contains("; Max-Age=0"),
            "{header}"
        );
        assert!(browsers_keep(&header, true), "{header}");
    }
}

fn no_cookie_promises_to_live_longer_than_browsers_let_it() {
    let days = |days: u64| Duration::from_secs(days * 24 * 60 * 60);
    for (builder, setting) in [
        (safe().session_lifetime(days(401)), "session_lifetime"),
        (safe().remember_duration(days(401)), "remember_duration"),
    ] {
        let error = builder.build().unwrap_err();
        assert!(error.to_string().starts_with(setting), "{error}");
    }
    let manager = safe().remember_duration(days(400)).build().unwrap();
    let login = Login::new(open(&manager, &request::<&str>(&[])));
    let member = member("1");
    let login = login.login_user(&member).remember_for(days(401));
    let error = block_on(login.into_future()).unwrap_err();
    assert!(error.to_string().starts_with("remember_for"), "{error}");
}

fn a_nameless_cookie_is_neither_written_nor_read() {
    let error = flask(FLASK_KEY)
        .session_cookie(|cookie| cookie.name(""))
        .build()
        .unwrap_err();
    assert!(
        error.to_string().starts_with("session_cookie_name"),
        "{error}"
    );
    let request = request(&[("cookie", "=__Host-SID=evil")]);
    assert!(values(&request, "__Host-SID").as_slice().is_empty());
}

fn the_safe_preset_always_says_same_site() {
    let manager = safe().build().unwrap();
    let visit = open(&manager, &request::<&str>(&[]));
    let login = Login::new(visit.clone());
    let member = member("1");
    block_on(login.login_user(&member).remember(true).into_future()).unwrap();
    let sent = set_cookies(&visit);
    assert_eq!(sent.len(), 2);
    for header in sent {
        assert!(header.ends_with("; SameSite=Lax"), "{header}");
    }
}

fn a_host_prefix_with_a_domain_or_a_path_is_an_error() {
    refused(
        |cookie| cookie.name("__Host-x").domain("example.com"),
        "domain",
    );
    refused(
        |cookie| cookie.name("__host-x").domain("example.com"),
        "domain",
    );
    refused(|cookie| cookie.name("__Host-x").path("/app"), "path");
}

fn a_prefix_without_secure_is_an_error_and_plain_http_takes_both_off() {
    for name in ["__Host-x", "__HOST-x", "__Secure-x", "__secure-x"] {
        refused(|cookie| cookie.name(name).insecure(), "secure");
    }
    refused(
        |cookie| cookie.same_site(SameSite::None).insecure().name("x"),
        "same_site",
    );
    for name in ["__Host-x", "__Secure-x"] {
        let builder = safe()
            .session_cookie(|cookie| cookie.name(name))
            .plain_http();
        let cookie = session_cookie_of_login(&builder.build().unwrap(), "1");
        assert!(cookie.starts_with("x="), "{cookie}");
    }
}

fn partitioned_without_secure_is_an_error() {
    refused(
        |cookie| cookie.partitioned().insecure().name("x"),
        "partitioned",
    );
    let builder = flask(FLASK_KEY).session_cookie(|cookie| cookie.partitioned());
    assert!(builder.build().is_ok(), "partitioned() makes it Secure");
}

/// Either cookie with these settings is an error that names the setting.
fn refused(set: impl Fn(CookieSettings) -> CookieSettings, setting: &str) {
    for (builder, cookie) in [
        (safe().session_cookie(&set), "session_cookie"),
        (safe().remember_cookie(&set), "remember_cookie"),
    ] {
        let error = builder.build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Setting);
        let text = error.to_string();
        assert!(text.starts_with(&format!("{cookie}_{setting}:")), "{text}");
    }
}
