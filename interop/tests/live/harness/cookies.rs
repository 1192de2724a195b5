//! A jar's cookies in a readable form.

use std::time::{SystemTime, UNIX_EPOCH};

use door_tests::{Jar, peer};

use super::{FOREIGN_KEY, KEY, NEW_KEY};

/// The known keys, with their names in a transcript.
const KEYS: [(&str, &str); 3] = [
    (KEY, "the key"),
    (NEW_KEY, "the new key"),
    (FOREIGN_KEY, "a key that no site has"),
];

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

/// The JSON of the session in a cookie that one of the known keys signed.
pub(crate) fn session_json(cookie: &str) -> Option<String> {
    KEYS.iter()
        .find_map(|(key, _)| peer::read_session(key, cookie))
}

/// A line for each cookie in the jar.
pub(super) fn describe_all(jar: &Jar) -> String {
    let line = |name: &str| format!("    {name}={}\n", describe(jar.value(name).unwrap()));
    let lines: String = jar.names().into_iter().map(line).collect();
    match lines.as_str() {
        "" => "    none\n".to_owned(),
        _ => lines,
    }
}

/// What the value of a cookie says, and which key signed it.
pub(super) fn describe(value: &str) -> String {
    describe_session(value)
        .or_else(|| describe_token(value))
        .unwrap_or_else(|| value.to_owned())
}

fn describe_session(value: &str) -> Option<String> {
    KEYS.iter().find_map(|(key, called)| {
        let json = peer::read_session(key, value)?;
        Some(format!("{json} (signed by {called})"))
    })
}

fn describe_token(value: &str) -> Option<String> {
    let value = unquote(value);
    let (id, _) = value.rsplit_once('|')?;
    KEYS.iter().find_map(|(key, called)| {
        let token = unquote(&peer::remember_token(key.as_bytes(), id));
        (token == value).then(|| format!("{id:?} (signed by {called})"))
    })
}

/// Removes Werkzeug's quotes and escapes.
pub(crate) fn unquote(value: &str) -> String {
    let Some(inner) = value
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
    else {
        return value.to_owned();
    };
    let (mut bytes, mut rest) = (Vec::new(), inner.as_bytes());
    while let [first, tail @ ..] = rest {
        rest = match (first, tail) {
            (b'\\', [a @ b'0'..=b'3', b, c, tail @ ..]) => {
                bytes.push((a - b'0') * 64 + (b - b'0') * 8 + (c - b'0'));
                tail
            }
            (b'\\', [escaped, tail @ ..]) => {
                bytes.push(*escaped);
                tail
            }
            _ => {
                bytes.push(*first);
                tail
            }
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
