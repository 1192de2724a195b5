//! `testdata/csrf_fetch_metadata.tsv` of the crate `housekey`: which requests of other origins pass, as a suite for any
//! door's protection against them.
//!
//! The rule is Go's `CrossOriginProtection`. Where a row of another system differs, the case asserts what is right here and
//! states the difference, so that an update of another system's layer that changes it is noticed.

use std::collections::BTreeSet;

/// Of the table.
pub const GO: &str = "Go 1.25 CrossOriginProtection";
const RAILS: &str = "Rails 8.2 :header_only";
const RAILS_TOKEN: &str = "Rails 8.2 :header_or_legacy_token";
const LARAVEL: &str = "Laravel PreventRequestForgery";
const BETTER_AUTH: &str = "better-auth";

/// Of the table.
pub const TRUSTED: (&str, &str) = ("origin", "https://trusted.example");
/// Of the table.
pub const ATTACKER: (&str, &str) = ("origin", "https://attacker.example");
const SAME_ORIGIN: (&str, &str) = ("sec-fetch-site", "same-origin");
const SAME_SITE: (&str, &str) = ("sec-fetch-site", "same-site");
/// Of the table.
pub const CROSS_SITE: (&str, &str) = ("sec-fetch-site", "cross-site");
const NONE: (&str, &str) = ("sec-fetch-site", "none");
const COOKIE: (&str, &str) = ("cookie", "__Host-session=x");

/// One request, to the host `example.com`.
#[derive(Debug)]
pub struct Case {
    /// The row: system, method and request, as in the table.
    pub row: (&'static str, &'static str, &'static str),
    /// The path.
    pub path: &'static str,
    /// The header fields other than `Host`.
    pub fields: &'static [(&'static str, &'static str)],
    /// The answer.
    pub status: u16,
    /// How it differs from the row.
    pub differs: Option<&'static str>,
}

/// One case.
pub const fn case(
    system: &'static str,
    method: &'static str,
    request: &'static str,
    fields: &'static [(&'static str, &'static str)],
    status: u16,
) -> Case {
    Case {
        row: (system, method, request),
        path: "/",
        fields,
        status,
        differs: None,
    }
}

impl Case {
    /// The same, to another path.
    #[must_use]
    pub const fn at(mut self, path: &'static str) -> Self {
        self.path = path;
        self
    }

    const fn differs(mut self, how: &'static str) -> Self {
        self.differs = Some(how);
        self
    }
}

const SIBLINGS: &str = "a sibling domain is as foreign as any other, as in Go";
const NO_HEADERS: &str = "neither header: not a browser, or a very old one, as in Go";
const NO_TOKENS: &str = "there are no tokens, so the headers alone decide";

/// All cases. The system under test trusts the origin [`TRUSTED`] and exempts the paths [`EXEMPT`].
#[rustfmt::skip]
pub const CASES: &[Case] = &[
    case(GO, "POST", "Sec-Fetch-Site: same-origin", &[SAME_ORIGIN], 200),
    case(GO, "POST", "Sec-Fetch-Site: cross-site", &[CROSS_SITE], 403),
    case(GO, "POST", "Sec-Fetch-Site: same-site", &[SAME_SITE], 403),
    case(GO, "POST", "(no Sec-Fetch-Site, no Origin)", &[], 200),
    case(GO, "POST", "Origin: https://example.com, Host: example.com", &[("origin", "https://example.com")], 200),
    case(GO, "POST", "Origin: null", &[("origin", "null")], 403),
    case(GO, "PUT", "Sec-Fetch-Site: cross-site", &[CROSS_SITE], 403),
    case(GO, "POST", "Origin https://trusted.example (added), Sec-Fetch-Site: cross-site", &[TRUSTED, CROSS_SITE], 200),
    case(GO, "POST", "Origin https://attacker.example, no Sec-Fetch-Site", &[ATTACKER], 403),
    case(GO, "POST", "Origin https://attacker.example, Sec-Fetch-Site: cross-site", &[ATTACKER, CROSS_SITE], 403),
    case(GO, "POST", "bypass patterns /bypass/ and /only/{foo}; path /bypass/, Origin attacker, with or without cross-site", &[ATTACKER, CROSS_SITE], 200).at("/bypass/"),
    case(GO, "POST", "path /api/ same headers", &[ATTACKER, CROSS_SITE], 403).at("/api/"),
    case(GO, "POST", "path /foo/../bypass/bar", &[ATTACKER, CROSS_SITE], 403).at("/foo/../bypass/bar"),
    case(GO, "POST", "path /bypass (no trailing slash)", &[ATTACKER, CROSS_SITE], 403).at("/bypass"),
    case(GO, "POST", "path /api", &[ATTACKER, CROSS_SITE], 403).at("/api"),
    case(GO, "POST", "path /only/123/foo", &[ATTACKER, CROSS_SITE], 403).at("/only/123/foo"),
    case(GO, "POST", "real server: Sec-Fetch-Site same-origin", &[SAME_ORIGIN], 200),
    case(GO, "POST", "real server: attacker + cross-site", &[ATTACKER, CROSS_SITE], 403),

    case(RAILS, "POST", "Sec-Fetch-Site: same-origin", &[SAME_ORIGIN], 200),
    case(RAILS, "POST", "Sec-Fetch-Site: same-site", &[SAME_SITE], 403).differs(SIBLINGS),
    case(RAILS, "POST", "Sec-Fetch-Site: cross-site", &[CROSS_SITE], 403),
    case(RAILS, "POST", "Sec-Fetch-Site: none", &[NONE], 200).differs("typed into the address bar by the user, as in Go"),
    case(RAILS, "POST", "Sec-Fetch-Site: Same-Origin (case)", &[("sec-fetch-site", "Same-Origin")], 403)
        .differs("browsers write it in lower case, and anything else is not a browser"),
    case(RAILS, "POST", "missing header, HTTP, force_ssl on", &[], 200).differs(NO_HEADERS),
    case(RAILS, "POST", "same-origin + Origin: http://bad.host (origin check on)", &[SAME_ORIGIN, ("origin", "http://bad.host")], 200)
        .differs("Sec-Fetch-Site cannot be set by a page, so Origin is not looked at"),
    case(RAILS, "GET", "same-origin", &[SAME_ORIGIN], 200).differs("no Vary is set: what it refuses is not cached, and GET always passes"),
    case(RAILS_TOKEN, "POST", "missing or none header, no token", &[], 200).differs(NO_HEADERS),

    case(LARAVEL, "POST", "same-site with allowSameSite", &[SAME_SITE], 403).differs(SIBLINGS),
    case(LARAVEL, "POST", "cross-site, no token", &[CROSS_SITE], 403),
    case(LARAVEL, "POST", "missing header, no token", &[], 200).differs(NO_TOKENS),
    case(LARAVEL, "POST", "originOnly mode: cross-site", &[CROSS_SITE], 403),
    case(LARAVEL, "POST", "originOnly mode: same-origin", &[SAME_ORIGIN], 200),

    case(BETTER_AUTH, "POST", "trusted Origin", &[TRUSTED], 200),
    case(BETTER_AUTH, "POST", "untrusted Origin with cookies", &[ATTACKER, COOKIE], 403),
    case(BETTER_AUTH, "POST", "untrusted Origin even without cookies", &[ATTACKER], 403),
    case(BETTER_AUTH, "POST", "no cookie, same-origin navigate", &[SAME_ORIGIN, ("sec-fetch-mode", "navigate")], 200),
    case(BETTER_AUTH, "POST", "no cookie, same-site navigate", &[SAME_SITE, ("sec-fetch-mode", "navigate")], 403).differs(SIBLINGS),
    case(BETTER_AUTH, "POST", "no Fetch Metadata, untrusted Origin", &[ATTACKER], 403),
    case(BETTER_AUTH, "POST", "no Fetch Metadata, untrusted Referer", &[("referer", "https://attacker.example/")], 200)
        .differs("every browser since 2020 sends Origin with a POST, so Referer is not looked at"),
    case(BETTER_AUTH, "POST", "no cookies, no Fetch Metadata, no Origin", &[], 200),
    case(BETTER_AUTH, "POST", "cookie present", &[COOKIE], 200).differs(NO_HEADERS),
    case(BETTER_AUTH, "POST", "expired session cookie present", &[COOKIE], 200).differs(NO_HEADERS),
];

/// Origins that can be trusted, and texts that are not origins.
#[rustfmt::skip]
pub const ORIGINS: &[(&str, &str, bool)] = &[
    (r#""https://example.com""#, "https://example.com", true),
    (r#""https://example.com:8080""#, "https://example.com:8080", true),
    (r#""example.com" (no scheme)"#, "example.com", false),
    (r#""https://" (no host)"#, "https://", false),
    (r#""https://example.com/" (trailing slash)"#, "https://example.com/", false),
    (r#""https://example.com/path""#, "https://example.com/path", false),
    (r#""https://example.com?query=value""#, "https://example.com?query=value", false),
    (r#""https://example.com#fragment""#, "https://example.com#fragment", false),
    (r#""https://ex ample.com""#, "https://ex ample.com", false),
    (r#""null""#, "null", false),
];

const DENY_HANDLER: (&str, &str, &str) = (GO, "SetDenyHandler", "custom handler, then nil");

/// Rows that are not cases, and why.
const NOT_OURS: &[((&str, &str, &str), &str)] = &[
    (
        (
            GO,
            "concurrency",
            "trusted origin added while requests are in flight",
        ),
        "a layer is finished before the first request",
    ),
    (
        (BETTER_AUTH, "POST", "redirect parameter not a string"),
        "the layer reads no parameters; a return address is checked where it is used",
    ),
];

fn rows() -> Vec<[&'static str; 5]> {
    include_str!("../../crates/housekey/testdata/csrf_fetch_metadata.tsv")
        .lines()
        .skip(1)
        .map(|line| line.split('\t').collect::<Vec<_>>().try_into().unwrap())
        .collect()
}

/// The paths that are exempt, each by itself.
pub const EXEMPT: [&str; 2] = ["/bypass/", "/only/123"];

/// Checks that each row is a case or listed, and that each case matches its row or states the difference.
pub fn check_table() {
    let rows = rows();
    for case in CASES {
        let row = rows.iter().find(|row| (row[0], row[1], row[2]) == case.row);
        let [_, _, _, expected, _] = row.unwrap();
        // The two rows that describe CVE-2025-47910 say what must happen instead.
        let refused = [
            "403",
            "Invalid",
            "fails",
            "rejected",
            "Origin/Referer must",
            "same validation",
        ];
        let refuses =
            refused.iter().any(|word| expected.starts_with(word)) || expected.contains("must deny");
        let agrees = refuses == (case.status == 403);
        let says_vary = expected.contains("Vary");
        assert_eq!(
            agrees && !says_vary,
            case.differs.is_none(),
            "{:?}: {expected}",
            case.row
        );
    }
    let mut rows: BTreeSet<_> = rows.iter().map(|row| (row[0], row[1], row[2])).collect();
    let origins = ORIGINS
        .iter()
        .map(|(cell, ..)| (GO, "AddTrustedOrigin", *cell));
    let named = CASES.iter().map(|case| case.row).chain(origins);
    let named = named
        .chain(NOT_OURS.iter().map(|(row, _)| *row))
        .chain([DENY_HANDLER]);
    for row in named {
        assert!(rows.remove(&row), "no row, or named twice: {row:?}");
    }
    assert!(rows.is_empty(), "neither a case nor named: {rows:#?}");
}
