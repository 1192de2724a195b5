//! Tables of cases that span rooms, one file for each, and what must hold for every input.
//!
//! The tables are data in `testdata/`: `flask.json` was made by the real Flask, Flask-Login and Werkzeug; the others
//! were collected from the test suites that their last column names. Every row is either a case here or is named with
//! the reason why it is none, so that a new row cannot be overlooked.

mod cookie_cases;
mod cookie_prefix_cases;
mod flask_login;
mod flask_vectors;
mod login_cases;
mod negotiation_cases;
mod open_with;
mod properties;
mod redirect_cases;

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::future::{Ready, ready};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use futures_lite::future::block_on;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Request};

use crate::cookie::Values;
use crate::{
    BoxError, Event, Login, LoginManager, LoginManagerBuilder, OpenVisit, SecretKeys, User,
};

/// The clock of the vectors, Tue, 14 Nov 2023 22:13:20 GMT, and of every manager here.
const NOW: u64 = 1_700_000_000;

const FLASK_KEY: &str = "deterministic";
const STRONG_KEY: &str = "9f2c8d54b61e4bd9a1f0c7d35e8b2a64";

struct Member {
    id: String,
}

impl User for Member {
    fn id(&self) -> String {
        self.id.clone()
    }
}

fn member(id: &str) -> Member {
    Member { id: id.to_owned() }
}

/// A loader that finds every user it is asked for, so that only the rules can refuse.
fn anybody(id: String) -> Ready<Result<Option<Member>, BoxError>> {
    ready(Ok(Some(Member { id })))
}

fn flask(key: &str) -> LoginManagerBuilder<Member> {
    at(
        NOW,
        LoginManager::flask(SecretKeys::flask(key).unwrap(), anybody),
    )
}

fn safe() -> LoginManagerBuilder<Member> {
    at(
        NOW,
        LoginManager::new(SecretKeys::new(STRONG_KEY).unwrap(), anybody),
    )
}

fn at(now: u64, builder: LoginManagerBuilder<Member>) -> LoginManagerBuilder<Member> {
    builder.clock(move || SystemTime::UNIX_EPOCH + Duration::from_secs(now))
}

/// The events of a manager, in their order.
type Log = Arc<Mutex<Vec<Event>>>;

fn logged(builder: LoginManagerBuilder<Member>) -> (LoginManager<Member>, Log) {
    let log = Log::default();
    let heard = Arc::clone(&log);
    let builder = builder.on_event(move |event, _| heard.lock().unwrap().push(event.clone()));
    (builder.build().unwrap(), log)
}

/// A request for `/members` with these header fields.
fn request<V: AsRef<[u8]>>(fields: &[(&str, V)]) -> Parts {
    let (mut parts, ()) = Request::get("/members").body(()).unwrap().into_parts();
    for (name, value) in fields {
        parts.headers.append(
            name.parse::<HeaderName>().unwrap(),
            HeaderValue::from_bytes(value.as_ref()).unwrap(),
        );
    }
    parts
}

fn open<U: User>(manager: &LoginManager<U>, request: &Parts) -> OpenVisit {
    manager.visit(&request.uri).open(request).unwrap()
}

/// The id of the current user.
fn who(visit: &OpenVisit, request: &Parts) -> Option<String> {
    let current = block_on(visit.current_user::<Member>(request)).unwrap();
    current.map(|current| current.user.id())
}

/// The current user for a request with this `Cookie` field.
fn who_sends(manager: &LoginManager<Member>, cookie: impl AsRef<[u8]>) -> Option<String> {
    let request = request(&[("cookie", cookie)]);
    who(&open(manager, &request), &request)
}

/// The values of one cookie of a request.
fn values<'a>(request: &'a Parts, name: &'a str) -> Values<'a> {
    let [values] = Values::of(request, [name]);
    values
}

/// What goes back to the browser.
fn headers_of(visit: &OpenVisit) -> HeaderMap {
    let mut headers = HeaderMap::new();
    visit.visit().finish(&mut headers).unwrap();
    headers
}

/// The `Set-Cookie` fields of the response.
fn set_cookies(visit: &OpenVisit) -> Vec<String> {
    headers_of(visit)
        .get_all("set-cookie")
        .iter()
        .map(|value| value.to_str().unwrap().to_owned())
        .collect()
}

/// `name=value` of the cookies that a login gives: the session's, and the remember token's in front if it is asked for.
fn cookies_of_login(manager: &LoginManager<Member>, id: &str, remember: bool) -> Vec<String> {
    let request = request::<&str>(&[]);
    let visit = open(manager, &request);
    let login = Login::new(visit.clone());
    block_on(
        login
            .login_user(&member(id))
            .remember(remember)
            .into_future(),
    )
    .unwrap();
    let pair = |header: &String| header.split("; ").next().unwrap().to_owned();
    set_cookies(&visit).iter().map(pair).collect()
}

fn session_cookie_of_login(manager: &LoginManager<Member>, id: &str) -> String {
    cookies_of_login(manager, id, false).pop().unwrap()
}

/// Text that no compression makes much shorter.
fn noise(length: usize) -> String {
    let mut state: u32 = 1;
    let mut letter = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        char::from(b' ' + u8::try_from((state >> 16) % 95).unwrap())
    };
    (0..length).map(|_| letter()).collect()
}

/// The rows of a table, without its head and its notes.
fn rows<const COLUMNS: usize>(table: &'static str) -> Vec<[&'static str; COLUMNS]> {
    table
        .lines()
        .filter(|line| !line.starts_with('#'))
        .skip(1)
        .map(|line| {
            let row: Vec<_> = line.split('\t').collect();
            row.try_into().expect("a row has a cell for every column")
        })
        .collect()
}

/// A cell that is a JSON string literal.
fn literal(cell: &str) -> String {
    serde_json::from_str(cell).unwrap()
}

/// Every row must be a case or be listed as not one, and nothing else may be.
fn account_for<K: Ord + Debug>(
    rows: impl IntoIterator<Item = K>,
    cases: impl IntoIterator<Item = K>,
) {
    let mut unknown = BTreeSet::new();
    for row in rows {
        assert!(unknown.insert(row), "a row stands twice in the table");
    }
    for case in cases {
        assert!(unknown.remove(&case), "no row, or named twice: {case:?}");
    }
    assert!(unknown.is_empty(), "neither a case nor named: {unknown:#?}");
}
