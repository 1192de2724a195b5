//! What the tests share: a small site with all kinds of routes, its members, a clock that tests set, and (in
//! [`browser`]) somebody to visit it.

pub(crate) mod answer;
pub(crate) mod browser;
pub(crate) mod jar;
pub(crate) mod log;
pub(crate) mod peer;
pub(crate) mod store;

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use axum::extract::{Path, State};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Form, Router};
use housekey_axum::{
    BoxError, CurrentUser, Error, Event, Flash, FreshLoginRequired, Login, LoginManager,
    LoginManagerBuilder, LoginManagerExt as _, LoginRequired, NextUrl, SecretKeys, Session, User,
    UserLoader,
};
use http::request::Parts;
use serde::Deserialize;

pub(crate) use answer::Answer;
pub(crate) use browser::Browser;
pub(crate) use store::TestStore;

/// 14 November 2023, 22:13:20 UTC.
pub(crate) const START: u64 = 1_700_000_000;
pub(crate) const KEY: &str = "9f2c8d54b61e4bd9a1f0c7d35e8b2a64";
pub(crate) const OLD_KEY: &str = "2b7e151628aed2a6abf7158809cf4f3c";
pub(crate) const HOUR: Duration = Duration::from_secs(60 * 60);
pub(crate) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

pub(crate) type Builder = LoginManagerBuilder<Member>;

/// A user as an application has them.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) id: String,
    pub(crate) active: bool,
    pub(crate) stamp: Option<Vec<u8>>,
}

impl User for Member {
    fn id(&self) -> String {
        self.id.clone()
    }

    fn is_active(&self) -> bool {
        self.active
    }

    fn session_auth_hash(&self) -> Option<Vec<u8>> {
        self.stamp.clone()
    }
}

/// A table of members that counts who is looked up, and that can be away. `mia`, `ben`, `1`, `7` and `佐藤` are in it.
#[derive(Clone)]
pub(crate) struct Members(Arc<Table>);

struct Table {
    rows: Mutex<BTreeMap<String, Member>>,
    lookups: Mutex<Vec<String>>,
    request_lookups: AtomicUsize,
    away: AtomicBool,
}

/// What ends every login of mia, without her doing.
pub(crate) const ENDS_OF_MIA: [fn(&Site); 4] = [
    |site| site.members.remove("mia"),
    |site| site.members.change("mia", |member| member.active = false),
    |site| site.members.set_stamp("mia", "after a new password"),
    // A column that was set to NULL.
    |site| site.members.change("mia", |member| member.stamp = None),
];

impl Members {
    fn new() -> Self {
        let row = |id: &str| {
            let member = Member {
                id: id.to_owned(),
                active: true,
                stamp: Some(format!("stamp of {id}").into_bytes()),
            };
            (id.to_owned(), member)
        };
        Self(Arc::new(Table {
            rows: Mutex::new(["mia", "ben", "1", "7", "佐藤"].map(row).into()),
            lookups: Mutex::default(),
            request_lookups: AtomicUsize::new(0),
            away: AtomicBool::new(false),
        }))
    }

    pub(crate) fn find(&self, id: &str) -> Option<Member> {
        self.0.rows.lock().unwrap().get(id).cloned()
    }

    pub(crate) fn change(&self, id: &str, change: impl FnOnce(&mut Member)) {
        change(self.0.rows.lock().unwrap().get_mut(id).unwrap());
    }

    pub(crate) fn set_stamp(&self, id: &str, stamp: &str) {
        self.change(id, |member| member.stamp = Some(stamp.into()));
    }

    pub(crate) fn remove(&self, id: &str) {
        self.0.rows.lock().unwrap().remove(id);
    }

    pub(crate) fn go_away(&self) {
        self.0.away.store(true, Ordering::SeqCst);
    }

    pub(crate) fn come_back(&self) {
        self.0.away.store(false, Ordering::SeqCst);
    }

    /// The ids that were looked up since the last call.
    pub(crate) fn lookups(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lookups.lock().unwrap())
    }

    /// How often the request itself was to prove its user, since the last call.
    pub(crate) fn request_lookups(&self) -> usize {
        self.0.request_lookups.swap(0, Ordering::SeqCst)
    }

    fn answer(&self, id: &str) -> Result<Option<Member>, BoxError> {
        if self.0.away.load(Ordering::SeqCst) {
            return Err("the database is away".into());
        }
        Ok(self.find(id))
    }
}

impl UserLoader<Member> for Members {
    async fn load_user(&self, id: &str) -> Result<Option<Member>, BoxError> {
        self.0.lookups.lock().unwrap().push(id.to_owned());
        tokio::task::yield_now().await;
        self.answer(id)
    }

    async fn load_from_request(&self, request: &Parts) -> Result<Option<Member>, BoxError> {
        self.0.request_lookups.fetch_add(1, Ordering::SeqCst);
        let key = request.headers.get("x-api-key");
        match key.and_then(|key| key.to_str().ok()?.strip_prefix("key-of-")) {
            Some(id) => self.answer(id),
            None => Ok(None),
        }
    }
}

#[derive(Clone)]
pub(crate) struct Clock(Arc<AtomicU64>);

impl Clock {
    pub(crate) fn now(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    pub(crate) fn set(&self, now: u64) {
        self.0.store(now, Ordering::SeqCst);
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.0.fetch_add(by.as_secs(), Ordering::SeqCst);
    }
}

/// What the manager's hook was told.
#[derive(Clone, Default)]
pub(crate) struct Events(Arc<Mutex<Vec<Event>>>);

impl Events {
    /// Those since the last call.
    pub(crate) fn take(&self) -> Vec<Event> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

type Preset = fn(SecretKeys, Members) -> Builder;

/// A site and everything around it.
#[derive(Clone)]
pub(crate) struct Site {
    surroundings: Surroundings,
    manager: LoginManager<Member>,
    routes: Router,
}

/// What stays when a site is restarted.
#[derive(Clone)]
pub(crate) struct Surroundings {
    pub(crate) members: Members,
    pub(crate) clock: Clock,
    pub(crate) events: Events,
    /// Where the records of the logins are, at a site that keeps any.
    pub(crate) store: TestStore,
    keeps_records: bool,
    preset: Preset,
}

impl Deref for Site {
    type Target = Surroundings;

    fn deref(&self) -> &Surroundings {
        &self.surroundings
    }
}

impl Surroundings {
    fn manager(
        &self,
        keys: SecretKeys,
        set: impl FnOnce(Builder) -> Builder,
    ) -> LoginManager<Member> {
        let (clock, log) = (self.clock.clone(), Arc::clone(&self.events.0));
        let mut builder = (self.preset)(keys, self.members.clone())
            .clock(move || SystemTime::UNIX_EPOCH + Duration::from_secs(clock.now()))
            .on_event(move |event, _| log.lock().unwrap().push(event.clone()));
        if self.keeps_records {
            builder = builder.login_store(self.store.clone());
        }
        set(builder).build().unwrap()
    }
}

impl Site {
    /// The safe preset.
    pub(crate) fn safe() -> Self {
        Self::safe_with(|builder| builder)
    }

    pub(crate) fn safe_with(set: impl FnOnce(Builder) -> Builder) -> Self {
        Self::new(
            |keys, members| with_pages(LoginManager::new(keys, members)),
            set,
        )
    }

    /// Flask's wire.
    pub(crate) fn flask() -> Self {
        Self::flask_with(|builder| builder)
    }

    pub(crate) fn flask_with(set: impl FnOnce(Builder) -> Builder) -> Self {
        Self::new(
            |keys, members| with_pages(LoginManager::flask(keys, members)),
            set,
        )
    }

    /// Flask's wire, and neither a login page nor a refresh page.
    pub(crate) fn flask_without_pages() -> Self {
        Self::new(LoginManager::flask, |builder| builder)
    }

    /// The safe preset, with login records.
    pub(crate) fn stored() -> Self {
        Self::stored_with(|builder| builder)
    }

    pub(crate) fn stored_with(set: impl FnOnce(Builder) -> Builder) -> Self {
        Self::begin(
            |keys, members| with_pages(LoginManager::new(keys, members)),
            true,
            set,
        )
    }

    /// Flask's wire, with login records.
    pub(crate) fn stored_flask() -> Self {
        Self::stored_flask_with(|builder| builder)
    }

    pub(crate) fn stored_flask_with(set: impl FnOnce(Builder) -> Builder) -> Self {
        Self::begin(
            |keys, members| with_pages(LoginManager::flask(keys, members)),
            true,
            set,
        )
    }

    /// A manager that the test begins itself, for instance with another loader around the members.
    pub(crate) fn new(preset: Preset, set: impl FnOnce(Builder) -> Builder) -> Self {
        Self::begin(preset, false, set)
    }

    fn begin(preset: Preset, keeps_records: bool, set: impl FnOnce(Builder) -> Builder) -> Self {
        let members = Members::new();
        let surroundings = Surroundings {
            clock: Clock(Arc::new(AtomicU64::new(START))),
            events: Events::default(),
            store: TestStore::default(),
            keeps_records,
            preset,
            members,
        };
        Self {
            manager: surroundings.manager(SecretKeys::flask(KEY).unwrap(), set),
            routes: routes(surroundings.members.clone()),
            surroundings,
        }
    }

    /// The same site, members, records and time after a restart with other keys and settings.
    pub(crate) fn restarted(&self, keys: SecretKeys, set: impl FnOnce(Builder) -> Builder) -> Self {
        Self {
            manager: self.surroundings.manager(keys, set),
            ..self.clone()
        }
    }

    /// For an administrator's page.
    pub(crate) fn manager(&self) -> &LoginManager<Member> {
        &self.manager
    }

    /// The same site with more routes.
    pub(crate) fn and(self, more: Router) -> Self {
        Self {
            routes: self.routes.merge(more),
            ..self
        }
    }

    pub(crate) fn router(&self) -> Router {
        self.routes.clone().layer(self.manager.layer())
    }

    /// Somebody new.
    pub(crate) fn browser(&self) -> Browser {
        Browser::new(self.router(), self.clock.clone())
    }

    /// Somebody new who has logged in.
    pub(crate) async fn browser_of(&self, id: &str) -> Browser {
        let mut browser = self.browser();
        browser.log_in(id).await;
        browser
    }

    /// Somebody new who has logged in and is remembered.
    pub(crate) async fn remembered_browser_of(&self, id: &str) -> Browser {
        let mut browser = self.browser();
        browser.log_in_remembered(id).await;
        browser
    }
}

fn with_pages(builder: Builder) -> Builder {
    builder.login_view("/login").refresh_view("/prove-it")
}

fn routes(members: Members) -> Router {
    Router::new()
        .route("/", get(async || "for everybody"))
        .route("/who", get(who))
        .route("/members", get(hello).post(hello))
        .route("/fresh", get(fresh).post(fresh))
        .route("/login", get(login_page).post(log_in))
        .route("/logout", post(log_out))
        .route("/confirm", post(confirm))
        .route("/new-password", post(new_password))
        .route("/session/{key}", get(read).post(write).delete(remove))
        .route("/permanent", post(make_permanent))
        .route("/flash", get(flashes).post(flash))
        .with_state(members)
}

async fn who(current_user: CurrentUser<Member>) -> String {
    describe(&current_user)
}

/// `mia, fresh, remembered, by Session`.
pub(crate) fn describe(current_user: &CurrentUser<Member>) -> String {
    let (Some(user), Some(source)) = (current_user.user(), current_user.source()) else {
        return "nobody".to_owned();
    };
    let mut text = user.id.clone();
    for (word, is_so) in [
        ("fresh", current_user.is_fresh()),
        ("remembered", current_user.is_remembered()),
    ] {
        if is_so {
            text.push_str(&format!(", {word}"));
        }
    }
    format!("{text}, by {source:?}")
}

async fn hello(LoginRequired(user): LoginRequired<Member>) -> String {
    format!("hello {}", user.id)
}

async fn fresh(FreshLoginRequired(user): FreshLoginRequired<Member>) -> String {
    format!("hello {}, it is really you", user.id)
}

#[derive(Deserialize)]
struct Credentials {
    name: String,
    #[serde(default)]
    remember: bool,
    remember_for: Option<u64>,
    #[serde(default)]
    not_fresh: bool,
    #[serde(default)]
    force: bool,
    next: Option<String>,
}

async fn login_page(next: NextUrl) -> String {
    next.get().unwrap_or("no next").to_owned()
}

async fn log_in(
    login: Login<Member>,
    next: NextUrl,
    State(members): State<Members>,
    Form(form): Form<Credentials>,
) -> Result<impl IntoResponse, Error> {
    let member = members.find(&form.name).unwrap();
    let mut attempt = login.login_user(&member).remember(form.remember);
    if let Some(seconds) = form.remember_for {
        attempt = attempt.remember_for(Duration::from_secs(seconds));
    }
    if form.not_fresh {
        attempt = attempt.not_fresh();
    }
    if form.force {
        attempt = attempt.force();
    }
    attempt.await?;
    next.or_field(form.next.as_deref()).or("/")
}

async fn log_out(login: Login<Member>) -> Result<&'static str, Error> {
    login.logout_user().await?;
    Ok("bye")
}

/// Loads nobody: the user is who the session says it is, or ben when it names nobody.
async fn confirm(
    login: Login<Member>,
    State(members): State<Members>,
) -> Result<&'static str, Error> {
    let id = login.user_id().unwrap_or("ben".to_owned());
    login.confirm_login(&members.find(&id).unwrap()).await?;
    Ok("confirmed")
}

async fn new_password(
    LoginRequired(user): LoginRequired<Member>,
    login: Login<Member>,
    State(members): State<Members>,
    stamp: String,
) -> Result<&'static str, Error> {
    members.set_stamp(&user.id, &stamp);
    login
        .update_auth_hash(&members.find(&user.id).unwrap())
        .await?;
    Ok("changed")
}

async fn read(session: Session, Path(key): Path<String>) -> Result<String, Error> {
    let value: Option<serde_json::Value> = session.get(&key)?;
    Ok(value.map_or("nothing".to_owned(), |value| value.to_string()))
}

async fn write(session: Session, Path(key): Path<String>, text: String) -> Result<(), Error> {
    Ok(session.insert(&key, &text)?)
}

async fn remove(session: Session, Path(key): Path<String>) -> Result<String, Error> {
    Ok(session.remove(&key)?.to_string())
}

async fn make_permanent(session: Session) -> Result<(), Error> {
    Ok(session.make_permanent()?)
}

async fn flash(flash: Flash, text: String) -> Result<(), Error> {
    Ok(flash.message(&text)?)
}

async fn flashes(flash: Flash) -> Result<String, Error> {
    let messages = flash.take()?.into_iter();
    let lines: Vec<_> = messages
        .map(|message| format!("{}: {}", message.category, message.text))
        .collect();
    Ok(lines.join("\n"))
}

/// Text that no compression makes shorter by much.
pub(crate) fn noise(len: usize) -> String {
    let mut state = 7u64;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        char::from(b'#' + (state >> 40) as u8 % 56)
    };
    (0..len).map(|_| next()).collect()
}
