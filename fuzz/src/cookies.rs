//! Whatever the `Cookie` fields hold: which cookies are read is what a plain model of RFC 6265bis says, and nobody is
//! logged in but by a value that was given out.
//!
//! A line is a field. Bytes that no header holds stand for what the fuzzer cannot guess: 1 and 2 for two valid session
//! cookies, 3 and 4 for the remember tokens of two users, 5 and 6 for the names of the two cookies, 7 for a kilobyte.

use std::sync::LazyLock;

use housekey::{LoginManager, RememberFormat};

use crate::formats::{expand, flask_digest};
use crate::site::{Member, flask, log_in, open, request, safe, set_cookies, who, with_cookie};

/// A manager and what it gave out.
struct Given {
    manager: LoginManager<Member>,
    names: [&'static str; 2],
    /// Whether browsers accept the names from this very host only.
    host_only: bool,
    /// Whether Flask-Login's remember token counts.
    reads_flask: bool,
    sessions: [String; 2],
    tokens: [String; 2],
}

const MARKS: [&str; 2] = ["one", "two"];
const USERS: [&str; 2] = ["mia", "1"];

static GIVEN: LazyLock<[Given; 3]> = LazyLock::new(|| {
    // Of the values beside a login, where they have a cookie of their own, and of the remember token.
    let prefixed = ["__Host-session-values", "__Host-remember_token"];
    let apart = ["session-values", "remember_token"];
    let plain = ["session", "remember_token"];
    let replacing = safe()
        .plain_http()
        .remember_format(RememberFormat::TimedReplacingFlaskLogin);
    [
        given(safe().build().unwrap(), prefixed, false),
        given(replacing.build().unwrap(), apart, true),
        given(flask().build().unwrap(), plain, true),
    ]
});

fn given(manager: LoginManager<Member>, names: [&'static str; 2], reads_flask: bool) -> Given {
    let session = |mark: &str| {
        let cookies = set_cookies(&manager, |visit| {
            visit.session().insert("mark", mark).unwrap();
        });
        cookies.value(names[0]).unwrap().to_owned()
    };
    let token = |id: &str| {
        log_in(&manager, id, true)
            .value("token")
            .unwrap()
            .to_owned()
    };
    Given {
        sessions: MARKS.map(session),
        tokens: USERS.map(token),
        host_only: names[0].starts_with("__Host-"),
        manager,
        names,
        reads_flask,
    }
}

pub fn check(bytes: &[u8]) {
    for given in &*GIVEN {
        check_one(given, bytes);
    }
}

fn check_one(given: &Given, bytes: &[u8]) {
    let kilobyte = [b'x'; 1024];
    let texts: [(u8, &[u8]); 7] = [
        (1, given.sessions[0].as_bytes()),
        (2, given.sessions[1].as_bytes()),
        (3, given.tokens[0].as_bytes()),
        (4, given.tokens[1].as_bytes()),
        (5, given.names[0].as_bytes()),
        (6, given.names[1].as_bytes()),
        (7, &kilobyte),
    ];
    let lines: Vec<Vec<u8>> = bytes
        .split(|byte| *byte == b'\n')
        .map(|line| expand(line, &texts))
        .collect();
    let fields = lines.iter().map(|line| (&b"cookie"[..], &**line));
    let Some(request) = request(b"/members", fields) else {
        return;
    };

    let is_session = |value: &[u8]| {
        let index = given
            .sessions
            .iter()
            .position(|it| it.as_bytes() == value)?;
        Some(MARKS[index].to_owned())
    };
    let is_token = |value: &[u8]| {
        let index = given.tokens.iter().position(|it| it.as_bytes() == value);
        match index {
            Some(index) => Some(USERS[index].to_owned()),
            None if given.reads_flask => in_flask_token(value),
            None => None,
        }
    };
    let mut marks = valid(&values(&lines, given.names[0]), is_session);
    // Where a neighbour can plant one, several count for nothing.
    let mark = match given.host_only || marks.len() == 1 {
        true => marks.pop(),
        false => None,
    };
    let users = valid(&values(&lines, given.names[1]), is_token);
    let agree = users.windows(2).all(|two| two[0] == two[1]);
    let user = users.first().filter(|_| agree).cloned();

    let visit = open(&given.manager, &request);
    assert_eq!(visit.session().get::<String>("mark").unwrap(), mark);
    assert_eq!(visit.session().keys().len(), usize::from(mark.is_some()));
    let found = who(&visit, &request);
    assert_eq!(found, user);

    // The cookies in the answer keep the same user logged in, and nobody else.
    let answer = visit.finish();
    let again = with_cookie(answer.field().as_bytes()).unwrap();
    let session = answer.value("session").filter(|value| !value.is_empty());
    let expected = user.filter(|_| session.is_some());
    assert_eq!(who(&open(&given.manager, &again), &again), expected);
    assert!(
        found.is_none() || session.is_some(),
        "a login without a session"
    );
}

/// What the valid values mean.
fn valid<T>(values: &[&[u8]], meaning: impl Fn(&[u8]) -> Option<T>) -> Vec<T> {
    values.iter().filter_map(|value| meaning(value)).collect()
}

/// The distinct values of a cookie, of the first thousand pairs, at most four; as RFC 6265bis takes fields apart.
fn values<'a>(lines: &'a [Vec<u8>], name: &str) -> Vec<&'a [u8]> {
    let mut found: Vec<&[u8]> = Vec::new();
    let pairs = lines
        .iter()
        .flat_map(|line| line.split(|byte| *byte == b';'));
    let pairs = pairs.filter_map(|pair| {
        let mut halves = pair.splitn(2, |byte| *byte == b'=');
        let (name, value) = (trimmed(halves.next()?), trimmed(halves.next()?));
        (!name.is_empty()).then_some((name, value))
    });
    for (found_name, value) in pairs.take(1000) {
        let counts =
            found_name == name.as_bytes() && !value.is_empty() && name.len() + value.len() <= 4096;
        if counts && !found.contains(&value) && found.len() < 4 {
            found.push(value);
        }
    }
    found
}

fn trimmed(bytes: &[u8]) -> &[u8] {
    let is_text = |byte: &u8| *byte != b' ' && *byte != b'\t';
    let Some(start) = bytes.iter().position(is_text) else {
        return &[];
    };
    let end = bytes.iter().rposition(is_text).unwrap();
    &bytes[start..=end]
}

/// The user that a Flask-Login token names, in any of Werkzeug's quotings.
pub fn in_flask_token(value: &[u8]) -> Option<String> {
    let value = match value {
        [b'"', inner @ .., b'"'] => unquoted(inner),
        plain => plain.to_vec(),
    };
    let text = String::from_utf8(value).ok()?;
    let bar = text.rfind('|')?;
    let (user, digest) = (&text[..bar], &text[bar + 1..]);
    let is_right = digest == flask_digest(user.as_bytes());
    (is_right && !user.is_empty() && user != "None").then(|| user.to_owned())
}

fn unquoted(mut text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    while !text.is_empty() {
        let octal = std::str::from_utf8(text.get(1..4).unwrap_or_default())
            .ok()
            .filter(|digits| {
                digits.len() == 3 && digits.bytes().all(|digit| digit.is_ascii_digit())
            })
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        let taken = match (text[0], octal) {
            (b'\\', Some(byte)) => {
                bytes.push(byte);
                4
            }
            (b'\\', None) if text.len() > 1 => {
                bytes.push(text[1]);
                2
            }
            (byte, _) => {
                bytes.push(byte);
                1
            }
        };
        text = &text[taken..];
    }
    bytes
}
