//! Whatever a holder of the key has signed as a session: it is read or refused as a plain model says, it comes back
//! from the browser as it was, and nothing panics on the way.
//!
//! The first byte says what the others are: `j` JSON text, `z` text that is compressed, `b` a piece of a string that is
//! a thousand such pieces long, `r` a stream for zlib, `p` the whole payload, `t` the time of signing.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::sync::LazyLock;

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use housekey::{AnswerAs, Denied, Event, EventClient, LoginManager, Rejection, Scope, Session};
use http::request::Parts;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use crate::formats::{base64, from_base64, signed_by_flask, signed_session, timestamp};
use crate::site::{Member, NOW, Opened, flask, open, safe, who, with_cookie};

const LONGEST_COOKIE: usize = 4096;
const LONGEST_TEXT: usize = 64 * 1024;
const DEEPEST: usize = 128;
const TAGS: [&str; 6] = [" di", " t", " b", " m", " u", " d"];

thread_local! {
    /// Why the last session was refused.
    static REFUSED: Cell<Option<Rejection>> = const { Cell::new(None) };
}

type Sign = fn(&[u8], &[u8]) -> Vec<u8>;

struct Kind {
    manager: LoginManager<Member>,
    name: &'static str,
    /// The cookies that hold a session.
    names: &'static [&'static str],
    sign: Sign,
    lifetime: u64,
}

static KINDS: LazyLock<[Kind; 2]> = LazyLock::new(|| {
    let note = |event: &Event, _: EventClient<'_>| {
        if let Event::SessionRejected { reason } = event {
            REFUSED.set(Some(*reason));
        }
    };
    [
        Kind {
            manager: safe().on_event(note).next_in_session().build().unwrap(),
            name: "__Host-session",
            names: &["__Host-session", "__Host-session-values"],
            sign: signed_session,
            lifetime: 24 * 60 * 60,
        },
        Kind {
            manager: flask().on_event(note).login_view("/login").build().unwrap(),
            name: "session",
            names: &["session"],
            sign: signed_by_flask,
            lifetime: 31 * 24 * 60 * 60,
        },
    ]
});

pub fn check(bytes: &[u8]) {
    let Some((kind, rest)) = bytes.split_first() else {
        return;
    };
    let now = timestamp(NOW);
    let (payload, time) = match kind {
        b'z' => (compressed(rest), now.into_bytes()),
        b'b' => {
            let text = [b"{\"a\":\"", &*rest.repeat(1000), b"\"}"].concat();
            (compressed(&text), now.into_bytes())
        }
        b'r' => (format!(".{}", base64(rest)).into_bytes(), now.into_bytes()),
        b'p' => (rest.to_vec(), now.into_bytes()),
        b't' => (base64("{\"a\":1}").into_bytes(), rest.to_vec()),
        _ => (base64(rest).into_bytes(), now.into_bytes()),
    };
    for kind in &*KINDS {
        check_one(kind, &payload, &time);
    }
}

fn compressed(text: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).unwrap();
    format!(".{}", base64(encoder.finish().unwrap())).into_bytes()
}

fn check_one(kind: &Kind, payload: &[u8], time: &[u8]) {
    let value = (kind.sign)(payload, time);
    let Some(request) = with_cookie(&[kind.name.as_bytes(), b"=", &value].concat()) else {
        return;
    };
    // What no browser sends, and what is another pair.
    if kind.name.len() + value.len() > LONGEST_COOKIE
        || value.contains(&b';')
        || value.starts_with(b" ")
        || value.starts_with(b"\t")
    {
        return;
    }
    // The last dot in front of the signature is where the time begins.
    let message = [payload, b".", time].concat();
    let dot = message.iter().rposition(|byte| *byte == b'.').unwrap();
    let text = text_of(&message[..dot]);
    let expected = match age(&message[dot + 1..]) {
        Err(reason) => Err(reason),
        Ok(age) if age > kind.lifetime => Err(Rejection::Expired),
        Ok(_) if !text.as_deref().is_some_and(is_session) => Err(Rejection::BadPayload),
        Ok(_) => Ok(()),
    };

    REFUSED.set(None);
    let visit = open(&kind.manager, &request);
    who(&visit, &request);
    let found = REFUSED.take().map_or(Ok(()), Err);
    assert_eq!(found, expected, "{:?}", text);
    use_it(&visit, &request);
    if found.is_ok() {
        let jar = BTreeMap::from([(kind.name, String::from_utf8(value).unwrap())]);
        survives(kind, jar, &text.unwrap());
    }
}

/// What a page does with a session, whatever is in it.
fn use_it(visit: &Opened, request: &Parts) {
    let session = visit.session();
    for key in session.keys() {
        let _ = session.get::<String>(&key);
        let _ = session.get::<(String, u64)>(&key);
    }
    let location = visit.next_url(request).or("/").unwrap();
    assert!(location.starts_with('/') && !location.starts_with("//"));
    let scope = Scope::new().answer_as(AnswerAs::Page);
    visit.deny(request, Denied::LoginRequired, &scope);
    visit.flash().take().unwrap();
    visit.finish();
}

/// The session goes to the browser with a value more, and comes back with that and everything else.
fn survives(kind: &Kind, mut jar: Jar, text: &str) {
    let visit = open(&kind.manager, &sent_back(&jar));
    let before = contents(&visit.session());
    if let Ok(map) = serde_json::from_str::<Map<String, Value>>(text) {
        for (key, value) in &before {
            let has_tag = |value: &Value| TAGS.iter().any(|tag| value.to_string().contains(tag));
            if let Some(plain) = map.get(key).filter(|plain| !has_tag(plain)) {
                assert_eq!(value.as_ref(), Some(plain), "{key:?}");
            }
        }
    }
    if visit.session().insert("added", "yes").is_err() {
        // It is full. What was there is there.
        assert_eq!(contents(&visit.session()), before);
        return;
    }
    receive(kind, &mut jar, &visit);
    let visit = open(&kind.manager, &sent_back(&jar));
    let mut after = contents(&visit.session());
    assert_eq!(after.remove("added"), Some(Some(Value::from("yes"))));
    let mut before = before;
    before.remove("added");
    assert_eq!(after, before);
    // Once written, it is written the same ever after.
    visit.session().insert("other", "yes").unwrap_or_default();
    visit.session().remove("other").unwrap();
    visit.session().make_permanent().unwrap();
    assert!(visit.session().is_permanent());
    receive(kind, &mut jar, &visit);
    let one = jar.clone();
    let visit = open(&kind.manager, &sent_back(&jar));
    visit.session().make_temporary().unwrap();
    visit.session().make_permanent().unwrap();
    receive(kind, &mut jar, &visit);
    assert_eq!(one, jar);
}

fn contents(session: &Session) -> BTreeMap<String, Option<Value>> {
    let values = session.keys().into_iter().map(|key| {
        let value = session.get::<Value>(&key).ok().flatten();
        (key, value)
    });
    values.collect()
}

type Jar = BTreeMap<&'static str, String>;

/// Keeps what a changed session sends.
fn receive(kind: &Kind, jar: &mut Jar, visit: &Opened) {
    let cookies = visit.finish();
    let sent = kind
        .names
        .iter()
        .filter_map(|name| Some((*name, cookies.value(name)?)));
    let sent: Vec<_> = sent.collect();
    assert!(!sent.is_empty(), "a changed session is sent");
    for (name, value) in sent {
        assert!(name.len() + value.len() <= 4093, "{value}");
        match value.is_empty() {
            true => jar.remove(name),
            false => jar.insert(name, value.to_owned()),
        };
    }
}

fn sent_back(jar: &Jar) -> Parts {
    let pairs: Vec<_> = jar
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    with_cookie(pairs.join("; ").as_bytes()).unwrap()
}

/// How old the value is, by its timestamp: the bytes of a number in base64.
fn age(time: &[u8]) -> Result<u64, Rejection> {
    let bytes = from_base64(time).filter(|bytes| bytes.len() <= 8);
    let bytes = bytes.ok_or(Rejection::BadPayload)?;
    let signed_at = bytes
        .iter()
        .fold(0, |number, byte| number << 8 | u64::from(*byte));
    if signed_at > NOW + 60 {
        return Err(Rejection::FromTheFuture);
    }
    Ok(NOW.saturating_sub(signed_at))
}

/// The text in a payload: base64, behind a dot compressed, and never more than there may be.
fn text_of(payload: &[u8]) -> Option<String> {
    let bytes = match payload {
        [b'.', rest @ ..] => {
            let mut text = Vec::new();
            let limit = LONGEST_TEXT as u64 + 1;
            let compressed = from_base64(rest)?;
            let mut decoder = ZlibDecoder::new(&*compressed).take(limit);
            decoder.read_to_end(&mut text).ok()?;
            (text.len() <= LONGEST_TEXT).then_some(text)?
        }
        plain => from_base64(plain)?,
    };
    String::from_utf8(bytes).ok()
}

/// Whether Python would take the text for a dictionary, once Flask's tags are off.
fn is_session(text: &str) -> bool {
    is_json(text)
        && text
            .trim_start_matches([' ', '\t', '\n', '\r'])
            .starts_with('{')
        && !is_tagged(text)
}

/// serde_json's grammar, and the three numbers besides that Python writes and it refuses.
fn is_json(text: &str) -> bool {
    let mut plain = String::new();
    let mut depth = 0_usize;
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let mut taken = first.len_utf8();
        let mut written = &rest[..taken];
        // A value that stands within too many others. Empty ones hold nothing.
        let begins_value = !matches!(first, ' ' | '\t' | '\n' | '\r' | ',' | ':' | ']' | '}');
        if begins_value && depth > DEEPEST {
            return false;
        }
        match first {
            '"' => {
                taken = length_of_string(rest);
                written = &rest[..taken];
            }
            '[' | '{' => depth += 1,
            ']' | '}' => depth = depth.saturating_sub(1),
            _ => {
                for number in ["NaN", "Infinity", "-Infinity"] {
                    if rest.starts_with(number) {
                        (taken, written) = (number.len(), "null");
                    }
                }
            }
        }
        plain.push_str(written);
        rest = &rest[taken..];
    }
    serde_json::from_str::<IgnoredAny>(&plain).is_ok()
}

/// With its quotation marks; to the end if it has none there.
fn length_of_string(text: &str) -> usize {
    let mut escaped = true;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'"' if !escaped => return at + 1,
            b'\\' if !escaped => escaped = true,
            _ => escaped = false,
        }
    }
    text.len()
}

/// Whether the outermost object is Flask's spelling of something else than a dictionary.
fn is_tagged(text: &str) -> bool {
    // Names as they stand in the text, since one that is written twice makes two entries.
    let outer = entries(text);
    let [(name, value)] = &*outer else {
        return false;
    };
    match name.as_deref() {
        Some(" di") => {
            let is_wrapped = match &*entries(value) {
                [(Some(name), _)] => name.ends_with("__"),
                _ => false,
            };
            !is_wrapped
        }
        Some(name) => TAGS.contains(&name),
        None => false,
    }
}

/// The names, where they are text, and the raw values of an object that [`is_json`] took.
fn entries(text: &str) -> Vec<(Option<String>, &str)> {
    let text = text.trim_matches([' ', '\t', '\n', '\r']);
    let Some(inner) = text
        .strip_prefix('{')
        .and_then(|text| text.strip_suffix('}'))
    else {
        return Vec::new();
    };
    let (mut parts, mut depth, mut start, mut at) = (Vec::new(), 0, 0, 0);
    while at < inner.len() {
        match inner.as_bytes()[at] {
            b'"' => {
                at += length_of_string(&inner[at..]);
                continue;
            }
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth -= 1,
            b',' if depth == 0 => {
                parts.push(&inner[start..at]);
                start = at + 1;
            }
            _ => {}
        }
        at += 1;
    }
    parts.push(&inner[start..]);
    let entry = |part: &'_ str| {
        let start = part.find('"')?;
        let end = start + length_of_string(&part[start..]);
        Some((start, end))
    };
    let entries = parts.into_iter().filter_map(|part| {
        let (start, end) = entry(part)?;
        let name = serde_json::from_str(&part[start..end]).ok();
        let (_, value) = part[end..].split_once(':')?;
        Some((name, value))
    });
    entries.collect()
}
