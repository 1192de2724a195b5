//! What people and programs say of themselves: user agents and addresses, the members' site's forms, names and
//! passwords, and what stands in a users table.
//!
//! The first byte says what the others are: `u` two clients, `f` a line with a content type and the body of a form,
//! `p` a line with a stored hash and a password.

use axum::body::Body;
use axum::extract::FromRequest as _;
use futures_lite::future::block_on;
use http::{HeaderValue, Request};
use serde::Deserialize;
use url::form_urlencoded;

use crate::{clients, passwords};

// The site keeps them to itself.
#[allow(dead_code)]
#[path = "../../examples/members/src/forms.rs"]
mod site_forms;
#[path = "../../examples/members/src/rules.rs"]
mod site_rules;
#[path = "../../examples/members/src/user_agents.rs"]
mod user_agents;

pub fn check(bytes: &[u8]) {
    match bytes.split_first() {
        Some((b'u', clients)) => {
            if let Some(shown) = clients::check(clients) {
                user_agent(&shown);
            }
        }
        Some((b'f', form)) => submitted(form),
        Some((b'p', stored)) => passwords::check(stored),
        _ => {}
    }
}

/// It becomes words of ours, and a name at most of the client's.
fn user_agent(text: &str) {
    const BROWSERS: [&str; 9] = [
        "Edge",
        "Opera",
        "Samsung Internet",
        "Vivaldi",
        "Yandex Browser",
        "DuckDuckGo",
        "Firefox",
        "Chrome",
        "Safari",
    ];
    const PLATFORMS: [&str; 10] = [
        "iPhone",
        "iPod",
        "iPad",
        "Android",
        "ChromeOS",
        "Windows",
        "Mac",
        "Mac or iPad",
        "Linux",
        "BSD",
    ];
    let words = user_agents::describe(Some(text));
    if let Some(name) = words.strip_prefix("a program called ") {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        assert!(
            (1..=32).contains(&name.len()) && name.bytes().all(is_plain),
            "{words}"
        );
        assert!(text.contains(name));
    } else {
        let (browser, platform) = match words.split_once(" on ") {
            Some((browser, platform)) => (browser, Some(platform)),
            None => (&*words, None),
        };
        let is_known = BROWSERS.contains(&browser)
            || browser == "an unknown browser"
            || (browser == "an app" && platform.is_some());
        assert!(is_known, "{words}");
        assert!(
            platform.is_none_or(|platform| PLATFORMS.contains(&platform)),
            "{words}"
        );
    }
    let heading = user_agents::heading(Some(text));
    assert_eq!(heading[1..], words[1..]);
    assert!(heading.starts_with(|first: char| first.is_uppercase()) || words.starts_with('i'));
}

#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(default)]
struct SignUp {
    username: String,
    password: String,
    remember: Option<String>,
    next: String,
}

/// A form is what a browser meant by it, or an empty one.
fn submitted(bytes: &[u8]) {
    let mut lines = bytes.splitn(2, |byte| *byte == b'\n');
    let kind = lines.next().unwrap_or_default();
    let body = lines.next().unwrap_or_default();
    let mut request = Request::post("/sign-up")
        .body(Body::from(body.to_vec()))
        .unwrap();
    if let Ok(kind) = HeaderValue::from_bytes(kind) {
        request.headers_mut().insert("content-type", kind);
    }
    let read = block_on(site_forms::Fields::<SignUp>::from_request(request, &()));
    let site_forms::Fields(form) = read.expect("the body is all there");

    let value = |name: &str| {
        let mut found = form_urlencoded::parse(body).filter(|(found, _)| found == name);
        (
            found.next().map(|(_, value)| value.into_owned()),
            found.count(),
        )
    };
    let fields = ["username", "password", "remember", "next"].map(value);
    let is_ambiguous = fields.iter().any(|(_, more)| *more > 0);
    let [username, password, remember, next] = fields.map(|(value, _)| value);
    let meant = SignUp {
        username: username.unwrap_or_default(),
        password: password.unwrap_or_default(),
        remember,
        next: next.unwrap_or_default(),
    };
    if kind == b"application/x-www-form-urlencoded" && !is_ambiguous {
        assert_eq!(form, meant);
    } else {
        assert!(form == SignUp::default() || form == meant, "{form:?}");
    }

    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let is_name = (3..=32).contains(&form.username.len()) && form.username.chars().all(plain);
    assert_eq!(site_rules::username(&form.username).is_ok(), is_name);
    let is_password = form.password.chars().count() >= 8 && form.password.len() <= 4096;
    assert_eq!(site_rules::password(&form.password).is_ok(), is_password);
}
