//! Anything that a holder of the key has signed as a remember token, or has put into a session as the secret of a login with a
//! record: it logs in its owner if it is what was given out, and otherwise nobody.
//!
//! The first byte says what the others are: `t` the payload of a timed token, `f` a user's id for Flask-Login's,
//! `l` a session's `_login` and, on the next line, its `_user_id`, `i` the id of a login, `r` lines, each the payload
//! of a rotating token behind a digit that says how long after the one before it comes. Small bytes stand for what was
//! given out.

use std::sync::LazyLock;

use futures_lite::future::block_on;
use housekey::LoginManager;
use housekey::records::{LoginId, MemoryLoginStore};
use serde_json::{Map, Value};

use crate::cookies::in_flask_token;
use crate::formats::{base64, expand, from_base64, signed_for, signed_session, timestamp};
use crate::site::{Member, NOW, flask, log_in, open, safe, set_clock, who, with_cookie};

const SESSION: &str = "__Host-session";
const TOKEN: &str = "__Host-remember_token";

static STATELESS: LazyLock<LoginManager<Member>> = LazyLock::new(|| safe().build().unwrap());
static RECORDED: LazyLock<LoginManager<Member>> = LazyLock::new(|| {
    let builder = safe().login_store(MemoryLoginStore::new());
    builder.build().unwrap()
});
static FLASK: LazyLock<LoginManager<Member>> = LazyLock::new(|| flask().build().unwrap());

pub fn check(bytes: &[u8]) {
    set_clock(NOW);
    match bytes.split_first() {
        Some((b't', payload)) => timed(payload),
        Some((b'f', id)) => by_flask(id),
        Some((b'l', lines)) => in_a_session(lines),
        Some((b'i', number)) => as_a_number(number),
        Some((b'r', lines)) => rotating(lines),
        _ => {}
    }
    set_clock(NOW);
}

/// Everything in front of the timestamp.
fn payload_of(value: &str) -> &str {
    value.rsplitn(3, '.').nth(2).unwrap()
}

/// The user of one cookie. `None` if no browser could send it.
fn who_sends(manager: &LoginManager<Member>, name: &str, value: &[u8]) -> Option<Option<String>> {
    if name.len() + value.len() > 4096 || value.contains(&b';') || value.starts_with(b" ") {
        return None;
    }
    let request = with_cookie(&[name.as_bytes(), b"=", value].concat())?;
    let visit = open(manager, &request);
    let found = who(&visit, &request);
    // At the next request, with what the browser has then, it is the same user.
    let answer = visit.finish();
    let kept = match answer.value(name) {
        Some(_) => Vec::new(),
        None => [name.as_bytes(), b"=", value, b"; "].concat(),
    };
    let request = with_cookie(&[&kept, answer.field().as_bytes()].concat())?;
    assert_eq!(who(&open(manager, &request), &request), found);
    Some(found)
}

fn timed(template: &[u8]) {
    static GIVEN: LazyLock<String> = LazyLock::new(|| {
        let cookies = log_in(&STATELESS, "mia", true);
        payload_of(cookies.value(TOKEN).unwrap()).to_owned()
    });
    let digest = GIVEN.split('~').nth(1).unwrap();
    let texts: [(u8, &[u8]); 3] = [(1, GIVEN.as_bytes()), (2, digest.as_bytes()), (3, b"bWlh")];
    let payload = expand(template, &texts);
    let value = signed_for(
        &["housekey", "remember token", TOKEN],
        &payload,
        timestamp(NOW).as_bytes(),
    );
    let named = || {
        let text = std::str::from_utf8(&payload).ok()?;
        let parts: Vec<_> = text.split('~').collect();
        let [id, bound_to, seconds] = parts[..] else {
            return None;
        };
        let id = String::from_utf8(from_base64(id)?).ok()?;
        seconds.parse::<u64>().ok()?;
        // Those who have an auth hash are in for its digest only.
        let is_bound = !id.starts_with('m') || (id == "mia" && bound_to == digest);
        is_bound.then_some(id)
    };
    if let Some(found) = who_sends(&STATELESS, TOKEN, &value) {
        assert_eq!(found, named());
    }
}

fn by_flask(id: &[u8]) {
    let Ok(id) = std::str::from_utf8(id) else {
        return;
    };
    let is_usable = !id.is_empty() && id != "None";
    if !is_usable || id.len() > 700 {
        return;
    }
    let cookies = log_in(&FLASK, id, true);
    let value = cookies.value("remember_token").unwrap();
    assert_eq!(in_flask_token(value.as_bytes()).as_deref(), Some(id));
    let found = who_sends(&FLASK, "remember_token", value.as_bytes());
    assert_eq!(found, Some(Some(id.to_owned())));
    // The session of the same login says so too.
    let session = cookies.value("session").unwrap();
    let found = who_sends(&FLASK, "session", session.as_bytes());
    assert_eq!(found, Some(Some(id.to_owned())));
}

fn in_a_session(lines: &[u8]) {
    let mut lines = lines.splitn(2, |byte| *byte == b'\n');
    let (login, user) = (lines.next().unwrap(), lines.next());
    let given = ["mia", "ben"].map(|id| {
        let cookies = log_in(&RECORDED, id, false);
        let value = cookies.value(SESSION).unwrap().to_owned();
        let text = from_base64(payload_of(&value)).unwrap();
        serde_json::from_slice::<Map<String, Value>>(&text).unwrap()
    });
    let tokens = given
        .each_ref()
        .map(|session| session["_login"].as_str().unwrap());
    let (number, rest) = tokens[0].split_once('.').unwrap();
    let (secret, _) = rest.split_once('.').unwrap();
    let texts: [(u8, &[u8]); 4] = [
        (1, tokens[0].as_bytes()),
        (2, tokens[1].as_bytes()),
        (3, number.as_bytes()),
        (4, secret.as_bytes()),
    ];
    let login = String::from_utf8_lossy(&expand(login, &texts)).into_owned();
    let user = user.map_or("\"mia\"".to_owned(), |user| {
        String::from_utf8_lossy(&expand(user, &texts)).into_owned()
    });

    let mut session = given[0].clone();
    session.remove("_user_id");
    session.insert("_login".to_owned(), Value::from(login));
    let text = Value::Object(session).to_string();
    let text = format!("{},\"_user_id\":{user}}}", text.strip_suffix('}').unwrap());
    let value = signed_session(base64(&text).as_bytes(), timestamp(NOW).as_bytes());
    let found = who_sends(&RECORDED, SESSION, &value).flatten();

    match serde_json::from_str::<Map<String, Value>>(&text) {
        Ok(read) if value.len() < 3000 => {
            let owner = ["mia", "ben"]
                .into_iter()
                .zip(tokens)
                .find(|(id, token)| read["_user_id"] == **id && read["_login"] == **token);
            let owner = owner.map(|(id, _)| id);
            // A holder of the key can also put something else into the session, which ends the login.
            let mut others = read.clone();
            for key in ["_user_id", "_login"] {
                others.insert(key.to_owned(), given[0][key].clone());
            }
            if others == given[0] {
                assert_eq!(found.as_deref(), owner, "{text}");
            } else {
                assert!(found.is_none() || found.as_deref() == owner, "{text}");
            }
        }
        _ => {
            let held = |id: &String| text.contains(&format!(".{id}\""));
            assert!(found.is_none_or(|id| held(&id)), "{text}");
        }
    }
    for id in ["mia", "ben"] {
        block_on(RECORDED.end_logins_of(id)).unwrap();
    }
}

fn as_a_number(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    match text.parse::<LoginId>() {
        Ok(id) => {
            assert_eq!(id.to_string(), text, "one spelling for one id");
            assert_eq!(LoginId::from_bytes(*id.as_bytes()), id);
        }
        Err(_) => assert!(from_base64(&*text).is_none_or(|bytes| bytes.len() != 16)),
    }
}

const DELAYS: [u64; 10] = [0, 1, 29, 30, 59, 60, 61, 3600, 24 * 3600, 30 * 24 * 3600];
const REMEMBERED_FOR: u64 = 30 * 24 * 3600;
/// A minute, and another for clocks that differ.
const WINDOW: u64 = 120;

/// The story of one remembered login, beside a model of it.
fn rotating(lines: &[u8]) {
    let given = |id: &str| {
        let cookies = log_in(&RECORDED, id, true);
        payload_of(cookies.value(TOKEN).unwrap()).to_owned()
    };
    // Those that were given out to ben, the last of which counts.
    let mut tokens = vec![given("ben")];
    let of_mia = given("mia");
    let (_, token) = tokens[0].split_once('~').unwrap();
    let (number, secret) = token.split_once('.').unwrap();
    let (number, secret) = (number.to_owned(), secret.to_owned());
    let (mut now, mut used_at, mut ended) = (NOW, None, false);

    for line in lines.split(|byte| *byte == b'\n').take(12) {
        let (delay, template) = match line.split_first() {
            Some((digit @ b'0'..=b'9', rest)) => (DELAYS[usize::from(digit - b'0')], rest),
            _ => (0, line),
        };
        now += delay;
        set_clock(now);
        let texts: [(u8, &[u8]); 6] = [
            (1, tokens[0].as_bytes()),
            (2, tokens.last().unwrap().as_bytes()),
            (3, number.as_bytes()),
            (4, secret.as_bytes()),
            (5, b"YmVu"),
            (6, of_mia.as_bytes()),
        ];
        let payload = expand(template, &texts);
        if payload == of_mia.as_bytes() || payload.len() > 1000 || payload.contains(&b';') {
            continue;
        }
        let value = signed_for(
            &["housekey", "rotating remember token", TOKEN],
            &payload,
            timestamp(now).as_bytes(),
        );
        let Some(request) = with_cookie(&[TOKEN.as_bytes(), b"=", &value].concat()) else {
            continue;
        };
        let index = tokens.iter().position(|token| token.as_bytes() == payload);
        let is_over = ended || now >= NOW + REMEMBERED_FOR;
        let last = tokens.len() - 1;
        let in_window = used_at.is_some_and(|used_at| now <= used_at + WINDOW);
        let visit = open(&RECORDED, &request);
        let found = who(&visit, &request);
        let issued = visit.finish().value(TOKEN).map(str::to_owned);
        let issued = issued.filter(|value| !value.is_empty());
        let issued = issued.map(|value| payload_of(&value).to_owned());
        match index {
            Some(index) if !is_over && index == last => {
                assert_eq!(found.as_deref(), Some("ben"));
                tokens.push(issued.expect("a token that is used is replaced"));
                used_at = Some(now);
            }
            Some(index) if !is_over && index + 1 == last && in_window => {
                assert_eq!(found.as_deref(), Some("ben"));
                assert_eq!(issued.as_deref(), tokens.last().map(String::as_str));
            }
            // Nobody ever came with what its use gave out: the answer was lost. What is given out now takes its place.
            Some(index) if !is_over && index + 1 == last => {
                assert_eq!(found.as_deref(), Some("ben"));
                let issued = issued.expect("a token that is used is replaced");
                assert_ne!(Some(&issued), tokens.last());
                tokens.pop();
                tokens.push(issued);
                used_at = Some(now);
            }
            _ => {
                assert_eq!(found, None);
                assert_eq!(issued, None);
                // One that is ben's and not known any more: somebody has copied it.
                let secret = std::str::from_utf8(&payload)
                    .ok()
                    .and_then(|text| text.strip_prefix(&format!("YmVu~{number}.")));
                let bytes = secret.and_then(from_base64).map(|bytes| bytes.len());
                ended |= bytes == Some(32) && now < NOW + REMEMBERED_FOR;
            }
        }
        let logins = block_on(RECORDED.logins_of("ben")).unwrap();
        assert_eq!(logins.is_empty(), ended || now >= NOW + REMEMBERED_FOR);
    }
    for id in ["mia", "ben"] {
        block_on(RECORDED.end_logins_of(id)).unwrap();
    }
}
