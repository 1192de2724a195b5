//! `testdata/redirect_targets.tsv`: which return addresses are followed, and where a browser would really go.

use url::{Origin, Url};

use super::*;
use crate::origin::Origins;

struct Row {
    input: String,
    hosts: Vec<&'static str>,
    require_https: bool,
    django_accepts: bool,
    strict_accepts: bool,
}

fn table() -> Vec<Row> {
    let rows = rows::<7>(include_str!("../../testdata/redirect_targets.tsv"));
    let read = |[input, context, django, _, _, strict, _]: [&'static str; 7]| {
        let (hosts, require_https) = context.split_once(';').unwrap();
        Row {
            input: match input {
                r#""example.com/" + "\u00e9"*(2048-11-1)  (exactly 2048 chars)"# => {
                    format!("example.com/{}", "é".repeat(2036))
                }
                r#""example.com/" + "\u00e9"*(2048-11-1) + "\u00fa"  (2049 chars)"# => {
                    format!("example.com/{}ú", "é".repeat(2036))
                }
                input => literal(input),
            },
            hosts: hosts.strip_prefix("hosts=").unwrap().split('|').collect(),
            require_https: require_https == "require_https=true",
            django_accepts: django == "accept",
            strict_accepts: strict == "accept",
        }
    };
    rows.into_iter().map(read).collect()
}

/// Where a browser goes from the login page of this site.
fn followed(scheme: &str, next: &str) -> Result<Url, url::ParseError> {
    Url::parse(&format!("{scheme}://testserver/login"))
        .unwrap()
        .join(next)
}

/// What `NextUrl::or` puts into the `Location` field for this form field, if it follows it.
fn location(manager: &LoginManager<Member>, next: &str) -> Option<String> {
    let request = request::<&str>(&[]);
    let next_url = open(manager, &request).next_url(&request);
    let location = next_url.or_field(Some(next)).or("/default").unwrap();
    (location != "/default").then_some(location)
}

#[test]
fn only_paths_of_this_site_are_followed_unless_origins_are_listed() {
    let rows = table();
    assert_eq!(rows.len(), 118);
    let manager = safe().login_view("/sign-in").build().unwrap();
    let mut accepted = 0;
    for Row {
        input,
        strict_accepts,
        ..
    } in &rows
    {
        assert_eq!(
            Origins::default().is_safe_target(input),
            *strict_accepts,
            "{input:?}"
        );
        let location = location(&manager, input);
        assert_eq!(location.is_some(), *strict_accepts, "{input:?}");
        let Some(location) = location else { continue };
        accepted += 1;
        assert!(HeaderValue::from_str(&location).is_ok());
        for scheme in ["https", "http"] {
            let here = followed(scheme, "/").unwrap().origin();
            assert_eq!(followed(scheme, input).unwrap().origin(), here, "{input:?}");
            assert_eq!(
                followed(scheme, &location),
                followed(scheme, input),
                "{input:?}: the header leads elsewhere than what was checked"
            );
        }
    }
    assert_eq!(accepted, 15);
}

/// Rows with an absolute URL on which housekey, with Django's hosts listed, differs from Django, and why.
const DIFFERENT: &[(&str, &str)] = &[
    (
        "http://user:pass@testserver/",
        "no user information, even at a listed host",
    ),
    (
        "https://testserver:443/",
        "the default port is the same origin",
    ),
    ("https://TESTSERVER/", "hosts have no case"),
];

#[test]
fn absolute_urls_lead_to_listed_origins_only() {
    let (mut accepted, mut different) = (0, Vec::new());
    for row in table() {
        let input = row.input.as_str();
        let is_absolute = ["http:", "https:"]
            .iter()
            .any(|scheme| input.to_ascii_lowercase().starts_with(scheme));
        if !is_absolute {
            continue;
        }
        let mut allowed = Origins::default();
        let mut origins: Vec<Origin> = Vec::new();
        for host in row
            .hosts
            .iter()
            .filter(|host| **host != "-" && !host.contains('@'))
        {
            let schemes: &[&str] = if row.require_https {
                &["https"]
            } else {
                &["https", "http"]
            };
            for origin in schemes.iter().map(|scheme| format!("{scheme}://{host}")) {
                allowed.add(&origin).unwrap();
                origins.push(Url::parse(&origin).unwrap().origin());
            }
        }
        let is_safe = allowed.is_safe_target(input);
        if DIFFERENT.iter().any(|(other, _)| *other == input) {
            assert_ne!(is_safe, row.django_accepts, "{input}");
            different.push(input.to_owned());
        } else {
            assert_eq!(is_safe, row.django_accepts, "{input} with {:?}", row.hosts);
        }
        if is_safe {
            accepted += 1;
            for scheme in ["https", "http"] {
                assert!(
                    origins.contains(&followed(scheme, input).unwrap().origin()),
                    "{input}"
                );
            }
        }
    }
    assert_eq!(different.len(), DIFFERENT.len(), "{different:?}");
    assert_eq!(accepted, 7);
}

#[test]
fn a_listed_origin_is_followed_through_the_manager() {
    let manager = safe()
        .allow_next_origin("https://shop.example")
        .build()
        .unwrap();
    assert_eq!(
        location(&manager, "https://shop.example/cart?a=b c").as_deref(),
        Some("https://shop.example/cart?a=b%20c")
    );
    for next in [
        "http://shop.example/cart",
        "https://shop.example.evil.com/",
        "https://shop.example@evil.com/",
        "https://shop.example:8443/",
        "https://shop.example//evil.com",
        "//shop.example/cart",
        "https:shop.example/cart",
    ] {
        assert_eq!(location(&manager, next), None, "{next}");
    }
    for origin in [
        "shop.example",
        "https://",
        "https://a/",
        "ftp://a",
        "https://u@a",
        "https://é",
    ] {
        let error = safe().allow_next_origin(origin).build().unwrap_err();
        assert!(
            error.to_string().starts_with("allow_next_origin: "),
            "{error}"
        );
    }
}

#[test]
fn the_login_page_itself_is_not_an_address_to_return_to() {
    let manager = safe().login_view("/login").build().unwrap();
    for next in ["/login", "/login?next=%2Flogin", "/login#x"] {
        assert_eq!(location(&manager, next), None, "{next}");
    }
    assert_eq!(
        location(&manager, "/login/help").as_deref(),
        Some("/login/help")
    );
}
