//! Every wrong setting is refused with its name.
#![allow(clippy::unwrap_used)]

use std::ops::Add as _;
use std::time::Duration;

use housekey::records::MemoryLoginStore;
use housekey::{
    AttemptSchedule, Attempts, BoxError, ErrorKind, LoginManager, LoginManagerBuilder, SameSite,
    SecretKeys, SessionRefresh, User,
};

const KEY: &str = "9f2c8d54b61e4bd9a1f0c7d35e8b2a64";

struct Member;

impl User for Member {
    fn id(&self) -> String {
        "mia".to_owned()
    }
}

type Builder = LoginManagerBuilder<Member>;

fn safe(keys: SecretKeys) -> Builder {
    LoginManager::new(keys, |_: String| async {
        Ok::<_, BoxError>(None::<Member>)
    })
}

fn flask(keys: SecretKeys) -> Builder {
    LoginManager::flask(keys, |_: String| async {
        Ok::<_, BoxError>(None::<Member>)
    })
}

fn attempts() -> Attempts {
    Attempts::new(MemoryLoginStore::new())
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[test]
fn plain_http_takes_every_prefix_off_that_browsers_would_refuse_without_https() {
    for name in [
        "__Host-sid",
        "__host-sid",
        "__HOST-sid",
        "__Secure-sid",
        "__sEcure-sid",
        "__Http-sid",
        "__http-sid",
        "__Host-Http-sid",
        "__host-HTTP-sid",
        "__Secure-__Host-sid",
        "sid",
    ] {
        let keys = SecretKeys::flask(KEY).unwrap();
        let manager = safe(keys)
            .session_cookie(|cookie| cookie.name(name))
            .plain_http()
            .build()
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let parts = http::Request::new(()).into_parts().0;
        let visit = manager.visit(&parts.uri);
        let session = visit.open(&parts).unwrap().session();
        session.insert("a", &1).unwrap();
        let mut headers = http::HeaderMap::new();
        visit.finish(&mut headers).unwrap();
        let cookie = headers["set-cookie"].to_str().unwrap();
        assert!(cookie.starts_with("sid-values="), "{name}: {cookie}");
        assert!(!cookie.contains("Secure"), "{name}: {cookie}");
    }
}

#[test]
fn attributes_of_the_greatest_length_and_every_prefix_with_what_it_asks_for_are_fine() {
    for name in ["__Http-sid", "__Host-Http-sid", "__host-http-sid"] {
        let keys = SecretKeys::flask(KEY).unwrap();
        let built = safe(keys)
            .session_cookie(|cookie| cookie.name(name))
            .build();
        assert!(built.is_ok(), "{name}");
    }
    let path = format!("/{}", "a".repeat(1023));
    let domain = "a.".repeat(511).add("ab");
    let keys = SecretKeys::flask(KEY).unwrap();
    let built = safe(keys)
        .session_cookie(|cookie| cookie.name("a".repeat(256)).path(path).domain(&domain))
        .build();
    assert!(built.is_ok(), "{built:?}");
}

#[test]
fn a_wrong_setting_is_refused_by_its_name() {
    type Set = fn(Builder) -> Builder;
    let cases: &[(&str, Set)] = &[
        ("session_cookie_name", |b| b.session_cookie(|c| c.name(""))),
        ("session_cookie_name", |b| {
            b.session_cookie(|c| c.name("a b"))
        }),
        ("session_cookie_name", |b| {
            b.session_cookie(|c| c.name("a=b"))
        }),
        ("session_cookie_name", |b| {
            b.session_cookie(|c| c.name("sitzung\u{e4}"))
        }),
        ("remember_cookie_name", |b| {
            b.remember_cookie(|c| c.name("a;b"))
        }),
        ("remember_cookie_name", |b| {
            b.remember_cookie(|c| c.name("__Host-session"))
        }),
        ("session_cookie_domain", |b| {
            b.session_cookie(|c| c.domain("example.com"))
        }),
        ("session_cookie_domain", |b| {
            b.session_cookie(|c| c.name("sid").domain(""))
        }),
        ("session_cookie_domain", |b| {
            b.session_cookie(|c| c.name("sid").domain("."))
        }),
        ("session_cookie_domain", |b| {
            b.session_cookie(|c| c.name("sid").domain("a.example; Path=/"))
        }),
        ("session_cookie_domain", |b| {
            b.session_cookie(|c| c.name("sid").domain("localhost:3000"))
        }),
        ("session_cookie_domain", |b| {
            b.session_cookie(|c| c.name("sid").domain("https://a.example"))
        }),
        ("remember_cookie_domain", |b| {
            b.remember_cookie(|c| c.domain("example.com"))
        }),
        ("session_cookie_domain", |b| {
            b.session_cookie(|c| c.name("sid").domain("a..example"))
        }),
        ("session_cookie_domain", |b| {
            b.session_cookie(|c| c.name("sid").domain("a.example."))
        }),
        ("session_cookie_domain", |b| {
            b.session_cookie(|c| c.name("sid").domain(&"a.".repeat(512).add("e")))
        }),
        ("session_cookie_path", |b| {
            b.session_cookie(|c| c.name("sid").path(format!("/{}", "a".repeat(1024))))
        }),
        ("session_cookie_name", |b| {
            b.session_cookie(|c| c.name("a".repeat(257)))
        }),
        ("session_cookie_http_only", |b| {
            b.session_cookie(|c| c.name("__Http-sid").readable_by_scripts())
        }),
        ("session_cookie_http_only", |b| {
            b.session_cookie(|c| c.name("__Host-Http-sid").readable_by_scripts())
        }),
        ("remember_cookie_http_only", |b| {
            b.remember_cookie(|c| c.name("__hOST-hTTP-sid").readable_by_scripts())
        }),
        ("session_cookie_secure", |b| {
            b.session_cookie(|c| c.name("__Http-sid").insecure())
        }),
        ("session_cookie_secure", |b| {
            b.session_cookie(|c| c.name("__http-sid").insecure())
        }),
        ("session_cookie_secure", |b| {
            b.session_cookie(|c| c.name("__Host-Http-sid").insecure())
        }),
        ("session_cookie_domain", |b| {
            b.session_cookie(|c| c.name("__Host-Http-sid").domain("a.example"))
        }),
        ("session_cookie_path", |b| {
            b.session_cookie(|c| c.name("__HOST-HTTP-sid").path("/app"))
        }),
        ("session_cookie_path", |b| {
            b.session_cookie(|c| c.path("/app"))
        }),
        ("session_cookie_path", |b| {
            b.session_cookie(|c| c.name("sid").path(""))
        }),
        ("session_cookie_path", |b| {
            b.session_cookie(|c| c.name("sid").path("app"))
        }),
        ("session_cookie_path", |b| {
            b.session_cookie(|c| c.name("sid").path("/a;b"))
        }),
        ("session_cookie_path", |b| {
            b.session_cookie(|c| c.name("sid").path("/a\r\nb"))
        }),
        ("remember_cookie_path", |b| {
            b.remember_cookie(|c| c.path("/app"))
        }),
        ("session_cookie_secure", |b| {
            b.session_cookie(|c| c.insecure())
        }),
        ("session_cookie_secure", |b| {
            b.session_cookie(|c| c.name("__Secure-sid").insecure())
        }),
        ("session_cookie_secure", |b| {
            b.session_cookie(|c| c.name("__host-sid").insecure())
        }),
        ("remember_cookie_secure", |b| {
            b.remember_cookie(|c| c.insecure())
        }),
        ("session_cookie_same_site", |b| {
            b.session_cookie(|c| c.name("s").insecure().same_site(SameSite::None))
        }),
        ("session_cookie_same_site", |b| {
            b.session_cookie(|c| c.same_site(SameSite::None))
                .plain_http()
        }),
        ("session_cookie_partitioned", |b| {
            b.session_cookie(|c| c.name("s").partitioned().insecure())
        }),
        ("remember_cookie_partitioned", |b| {
            b.remember_cookie(|c| c.name("s").partitioned().insecure())
        }),
        ("session_lifetime", |b| b.session_lifetime(Duration::ZERO)),
        ("session_lifetime", |b| b.session_lifetime(401 * DAY)),
        ("session_lifetime", |b| b.session_lifetime(Duration::MAX)),
        ("remember_duration", |b| {
            b.remember_duration(Duration::from_millis(999))
        }),
        ("remember_duration", |b| b.remember_duration(401 * DAY)),
        ("fresh_within", |b| b.fresh_within(Duration::ZERO)),
        ("fresh_within", |b| b.fresh_within(Duration::MAX)),
        ("session_refresh", |b| {
            b.session_refresh(SessionRefresh::OlderThan(DAY))
        }),
        ("session_refresh", |b| {
            b.session_lifetime(Duration::from_secs(60))
        }),
        ("session_salt", |b| b.session_salt("pepper")),
        ("max_cookie_size", |b| b.max_cookie_size(0)),
        ("max_cookie_size", |b| b.max_cookie_size(4097)),
        ("session_protection", |b| b.session_protection("Strong")),
        ("session_protection", |b| {
            b.session_protection("").login_view("nowhere")
        }),
        ("login_view", |b| b.login_view("login")),
        ("login_view", |b| b.login_view("")),
        ("login_view", |b| b.login_view("//evil.example")),
        ("login_view", |b| b.login_view("/\\evil.example")),
        ("login_view", |b| b.login_view("/log in")),
        ("login_view", |b| b.login_view("/login\r\nX: y")),
        ("login_view", |b| b.login_view("javascript:alert(1)")),
        ("login_view", |b| b.login_view("https://")),
        ("login_view", |b| b.login_view("https:///login")),
        ("refresh_view", |b| b.refresh_view("prove-it")),
        ("next_field", |b| b.next_field("")),
        ("next_field", |b| b.next_field("a&b")),
        ("allow_next_origin", |b| b.allow_next_origin("shop.example")),
        ("allow_next_origin", |b| {
            b.allow_next_origin("https://shop.example/")
        }),
        ("allow_next_origin", |b| {
            b.allow_next_origin("https://user@shop.example")
        }),
        ("allow_next_origin", |b| {
            b.allow_next_origin("ftp://shop.example")
        }),
        ("allow_next_origin", |b| b.allow_next_origin("*")),
        ("force_host_for_redirects", |b| {
            b.force_host_for_redirects("")
        }),
        ("force_host_for_redirects", |b| {
            b.force_host_for_redirects("https://a.example")
        }),
        ("force_host_for_redirects", |b| {
            b.force_host_for_redirects("a.example/b")
        }),
        ("force_host_for_redirects", |b| {
            b.force_host_for_redirects("a\\b")
        }),
        ("by_account", |b| {
            let free = AttemptSchedule {
                free: 0,
                ..AttemptSchedule::ACCOUNT
            };
            b.limit_attempts(attempts().by_account(free))
        }),
        ("by_address", |b| {
            let forgets_one_every = Duration::ZERO;
            b.limit_attempts(attempts().by_address(AttemptSchedule {
                forgets_one_every,
                ..AttemptSchedule::ADDRESS
            }))
        }),
        ("by_known_browser", |b| {
            let longest_delay = DAY + Duration::from_secs(1);
            b.limit_attempts(attempts().by_known_browser(AttemptSchedule {
                longest_delay,
                ..AttemptSchedule::BROWSER
            }))
        }),
        ("by_known_browsers_together", |b| {
            b.limit_attempts(attempts().by_known_browsers_together(AttemptSchedule {
                free: 0,
                ..AttemptSchedule::KNOWN_BROWSERS
            }))
        }),
        ("ipv6_network", |b| {
            b.limit_attempts(attempts().ipv6_network(31))
        }),
        ("ipv6_network", |b| {
            b.limit_attempts(attempts().ipv6_network(129))
        }),
    ];
    for (index, (name, set)) in cases.iter().enumerate() {
        let error = set(safe(SecretKeys::new(KEY).unwrap())).build();
        let error = error
            .err()
            .unwrap_or_else(|| panic!("case {index} is accepted: {name}"));
        assert_eq!(error.kind(), ErrorKind::Setting, "{error}");
        let text = error.to_string();
        assert!(
            text.starts_with(&format!("{name}: ")),
            "case {index}, {name}: {text}"
        );
    }
}

#[test]
fn what_is_right_is_accepted() {
    type Set = fn(Builder) -> Builder;
    let cases: &[Set] = &[
        |b| b,
        |b| b.plain_http(),
        |b| {
            b.session_cookie(|c| {
                c.name("__Secure-sid")
                    .secure()
                    .domain(".example.com")
                    .path("/app")
            })
        },
        |b| b.session_cookie(|c| c.same_site(SameSite::None).partitioned()),
        |b| {
            b.session_lifetime(400 * DAY)
                .remember_duration(400 * DAY)
                .fresh_within(400 * DAY)
        },
        |b| b.session_refresh(SessionRefresh::OlderThan(Duration::ZERO)),
        |b| b.max_cookie_size(4096).max_cookie_size(512),
        |b| {
            b.login_view("/login?lang=de&x=%20")
                .refresh_view("https://sso.example:8443/again")
        },
        |b| {
            b.allow_next_origin("http://[::1]:3000")
                .force_host_for_redirects("[::1]:3000")
        },
        |b| {
            b.session_protection("off")
                .session_protection("basic")
                .session_protection("strong")
        },
    ];
    for set in cases {
        set(safe(SecretKeys::new(KEY).unwrap())).build().unwrap();
        set(flask(SecretKeys::flask("dev").unwrap()))
            .build()
            .unwrap();
    }
    flask(SecretKeys::flask("dev").unwrap())
        .session_salt("pepper")
        .build()
        .unwrap();
}

#[test]
fn a_weak_key_is_for_flask_peers_only() {
    let weak = || SecretKeys::flask("dev").unwrap();
    assert_eq!(
        safe(weak()).build().unwrap_err().kind(),
        ErrorKind::SecretKey
    );
    flask(weak()).build().unwrap();
    let with_weak_fallback = SecretKeys::new(KEY).unwrap().fallback("old").unwrap();
    assert_eq!(
        safe(with_weak_fallback).build().unwrap_err().kind(),
        ErrorKind::SecretKey
    );
    assert_eq!(
        SecretKeys::flask("").unwrap_err().kind(),
        ErrorKind::SecretKey
    );
}

#[test]
fn a_missing_key_says_which_variable_to_set_and_how() {
    let error = SecretKeys::from_env("HOUSEKEY_NO_SUCH_VARIABLE").unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("HOUSEKEY_NO_SUCH_VARIABLE") && text.contains("openssl rand -hex 32"),
        "{text}"
    );
}
