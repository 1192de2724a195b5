//! What both sides say when the environment is wrong.

use crate::harness::{Habit, Side, refusal_to_start};

#[test]
fn what_is_missing_or_wrong_in_the_environment_is_reported_in_a_line() {
    let right = [
        ("SECRET_KEY", "9f2c8d54b61e4bd9"),
        ("PORT", "4711"),
        ("DATABASE", "users.db"),
    ];
    let cases: [(&str, Option<&str>, &str); 11] = [
        ("SECRET_KEY", None, "SECRET_KEY is missing: "),
        ("SECRET_KEY", Some(""), "SECRET_KEY is missing: "),
        ("PORT", None, "PORT is missing: a number from 1 to 65535"),
        (
            "PORT",
            Some("http"),
            "PORT is 'http', and must be a number from 1 to 65535",
        ),
        (
            "PORT",
            Some("65536"),
            "PORT is '65536', and must be a number from 1 to 65535",
        ),
        ("DATABASE", None, "DATABASE is missing: "),
        (
            "DATABASE",
            Some("/no/such/folder/users.db"),
            "DATABASE is /no/such/folder/users.db, and there is no such folder",
        ),
        (
            "SESSION_PROTECTION",
            Some("Strong"),
            "SESSION_PROTECTION is 'Strong', and must be one of off, basic, strong",
        ),
        (
            "USER_IDS",
            Some("long"),
            "USER_IDS is 'long', and must be one of plain, fragment",
        ),
        (
            "PASSWORD_METHOD",
            Some("md5"),
            "PASSWORD_METHOD is 'md5', and must be scrypt or pbkdf2:sha256:ITERATIONS",
        ),
        (
            "USE_SESSION_FOR_NEXT",
            Some("yes"),
            "USE_SESSION_FOR_NEXT is 'yes', and must be one of on, off",
        ),
    ];
    for side in Side::BOTH {
        for (name, value, expected) in cases {
            let mut env: Vec<_> = right.into_iter().filter(|(key, _)| *key != name).collect();
            env.extend(value.map(|value| (name, value)));
            let (status, text) = refusal_to_start(side, &env);
            // Each language uses its own quotation marks.
            let said = text.trim_end().replace('"', "'");
            let who = match side {
                _ if side.has(Habit::IsPython) => "twin (Flask): ",
                _ => "twin (Rust): ",
            };
            assert!(
                said.starts_with(&format!("{who}{expected}")),
                "{side}, {name}: {text}"
            );
            assert_eq!(said.lines().count(), 1, "{side}, {name}: {text}");
            assert_eq!(status.code(), Some(1), "{side}, {name}");
        }
    }
}
