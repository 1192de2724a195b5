//! What all targets are about: users, keys, a clock that stands still, and requests made of bytes.

use std::cell::Cell;
use std::ops::Deref;
use std::time::{Duration, SystemTime};

use futures_lite::future::block_on;
use housekey::{
    BoxError, Current, Login, LoginManager, LoginManagerBuilder, OpenVisit, SecretKeys, User, Visit,
};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Request};

/// 14 November 2023, 22:13:20 UTC.
pub const NOW: u64 = 1_700_000_000;
pub const KEY: &str = "9f2c8d54b61e4bd9a1f0c7d35e8b2a64";

thread_local! {
    static CLOCK: Cell<u64> = const { Cell::new(NOW) };
}

/// Sets the clock of all managers.
pub fn set_clock(now: u64) {
    CLOCK.set(now);
}

pub struct Member {
    pub id: String,
}

impl User for Member {
    fn id(&self) -> String {
        self.id.clone()
    }

    fn session_auth_hash(&self) -> Option<Vec<u8>> {
        // Some users have one.
        self.id.starts_with('m').then(|| b"stamp".to_vec())
    }
}

pub fn member(id: &str) -> Member {
    Member { id: id.to_owned() }
}

/// A loader that finds every user, so that only the rules can refuse one.
async fn anybody(id: String) -> Result<Option<Member>, BoxError> {
    Ok(Some(Member { id }))
}

pub fn safe() -> LoginManagerBuilder<Member> {
    timed(LoginManager::new(keys(), anybody))
}

pub fn flask() -> LoginManagerBuilder<Member> {
    timed(LoginManager::flask(keys(), anybody))
}

fn keys() -> SecretKeys {
    SecretKeys::flask(KEY).unwrap()
}

fn timed(builder: LoginManagerBuilder<Member>) -> LoginManagerBuilder<Member> {
    builder.clock(|| SystemTime::UNIX_EPOCH + Duration::from_secs(CLOCK.get()))
}

/// `None` if such a request cannot reach an application: the target is not a URI, or a field is not a header field.
pub fn request<'a>(
    uri: &[u8],
    fields: impl IntoIterator<Item = (&'a [u8], &'a [u8])>,
) -> Option<Parts> {
    let (mut parts, ()) = Request::builder().uri(uri).body(()).ok()?.into_parts();
    for (name, value) in fields {
        parts.headers.append(
            HeaderName::from_bytes(name).ok()?,
            HeaderValue::from_bytes(value).ok()?,
        );
    }
    Some(parts)
}

/// A request with this `Cookie` field.
pub fn with_cookie(cookie: &[u8]) -> Option<Parts> {
    request(b"/members", [(&b"cookie"[..], cookie)])
}

/// A visit whose cookies have been read, and whose answer can be written.
pub struct Opened {
    visit: Visit,
    open: OpenVisit,
}

impl Deref for Opened {
    type Target = OpenVisit;

    fn deref(&self) -> &OpenVisit {
        &self.open
    }
}

impl Opened {
    /// What the response gives to the browser.
    pub fn finish(&self) -> Cookies {
        let mut headers = HeaderMap::new();
        self.visit.finish(&mut headers).expect("it can be sent");
        Cookies::of(&headers)
    }
}

pub fn open(manager: &LoginManager<Member>, request: &Parts) -> Opened {
    let visit = manager.visit(&request.uri);
    Opened {
        open: visit.open(request).expect("not a foreign WebSocket"),
        visit,
    }
}

/// The current user.
pub fn current(visit: &OpenVisit, request: &Parts) -> Option<Current<Member>> {
    block_on(visit.current_user::<Member>(request)).expect("neither loader nor store fails")
}

/// The id of the current user.
pub fn who(visit: &OpenVisit, request: &Parts) -> Option<String> {
    current(visit, request).map(|current| current.user.id())
}

/// The cookies that go to the browser with this response, as pairs of name and value; a deleted one has no value.
pub fn set_cookies(manager: &LoginManager<Member>, act: impl FnOnce(&OpenVisit)) -> Cookies {
    let request = request(b"/login", []).unwrap();
    let visit = open(manager, &request);
    act(&visit);
    visit.finish()
}

/// The cookies of a login that was just made.
pub fn log_in(manager: &LoginManager<Member>, id: &str, remember: bool) -> Cookies {
    set_cookies(manager, |visit| {
        let (login, member) = (Login::new(visit.clone()), member(id));
        let attempt = login.login_user(&member).remember(remember);
        block_on(attempt.into_future()).unwrap();
    })
}

#[derive(Debug, Default, Clone)]
pub struct Cookies(pub Vec<(String, String)>);

impl Cookies {
    pub fn of(headers: &HeaderMap) -> Self {
        let fields = headers.get_all("set-cookie").iter();
        let pair = |field: &HeaderValue| {
            let text = field.to_str().unwrap();
            let (name, value) = text.split(';').next().unwrap().split_once('=').unwrap();
            (name.to_owned(), value.to_owned())
        };
        Self(fields.map(pair).collect())
    }

    /// The value of the one cookie whose name ends like this.
    pub fn value(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(found, _)| found.ends_with(name));
        found.map(|(_, value)| value.as_str())
    }

    /// As a browser sends them.
    pub fn field(&self) -> String {
        let pairs = self.0.iter().filter(|(_, value)| !value.is_empty());
        let pairs: Vec<_> = pairs
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        pairs.join("; ")
    }
}
