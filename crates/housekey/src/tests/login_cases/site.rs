//! A site with login records, its members, a clock, and browsers.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use http::{Method, Response};

use super::*;
use crate::records::{
    Created, Limit, LoginId, LoginRecord, LoginStore, MemoryLoginStore, Touch, Updated,
};
use crate::{Denied, ErrorKind, LoginSource, Scope};

/// Other tests have other types of users under the other keys.
pub(super) const STRONG_KEY: &str = "b7e0c1f25a9d4e6683d1f4a0972c5be8";
pub(super) const FLASK_KEY: &str = "of-the-login-cases";

pub(super) const MINUTE: u64 = 60;
pub(super) const HOUR: u64 = 60 * MINUTE;
pub(super) const DAY: u64 = 24 * HOUR;

pub(super) const SESSION: &str = "__Host-session";
/// The name of the values' cookie.
pub(super) const VALUES: &str = "__Host-session-values";
pub(super) const TOKEN: &str = "__Host-remember_token";

pub(super) type Builder = LoginManagerBuilder<Person>;

pub(super) const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A user with everything that can end a login.
#[derive(Clone)]
pub(super) struct Person {
    pub(super) id: String,
    pub(super) active: bool,
    pub(super) stamp: Option<Vec<u8>>,
}

impl User for Person {
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

/// A memory store that can fail, can report an id as taken or a record as changed, and records its calls.
#[derive(Clone, Default)]
pub(super) struct Shelf(Arc<Inner>);

#[derive(Default)]
struct Inner {
    store: MemoryLoginStore,
    away: Mutex<Vec<&'static str>>,
    taken: AtomicU64,
    changed: AtomicBool,
    asked: Mutex<Vec<&'static str>>,
}

impl Shelf {
    /// From now on these operations fail, and no others.
    pub(super) fn fail(&self, operations: &[&'static str]) {
        *self.0.away.lock().unwrap() = operations.to_vec();
    }

    /// The next so many new records are reported to have a taken id.
    pub(super) fn say_taken(&self, times: u64) {
        self.0.taken.store(times, Ordering::SeqCst);
    }

    /// Whether somebody else has changed each record since it was read.
    pub(super) fn say_changed(&self, changed: bool) {
        self.0.changed.store(changed, Ordering::SeqCst);
    }

    pub(super) fn len(&self) -> usize {
        self.0.store.len()
    }

    /// The questions since the last call.
    pub(super) fn asked(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.0.asked.lock().unwrap())
    }

    /// The changes since the last call.
    pub(super) fn writes(&self) -> Vec<&'static str> {
        let mut asked = self.asked();
        asked.retain(|operation| !["load", "list_by_user"].contains(operation));
        asked
    }

    fn ask(&self, operation: &'static str) -> Result<&MemoryLoginStore, BoxError> {
        self.0.asked.lock().unwrap().push(operation);
        match self.0.away.lock().unwrap().contains(&operation) {
            true => Err("the table is locked".into()),
            false => Ok(&self.0.store),
        }
    }
}

pub(super) const OPERATIONS: [&str; 8] = [
    "create",
    "load",
    "update",
    "touch",
    "delete",
    "delete_by_user",
    "list_by_user",
    "delete_expired",
];

impl LoginStore for Shelf {
    async fn create(
        &self,
        new: &LoginRecord,
        replacing: &[LoginId],
        limit: Limit,
    ) -> Result<Created, BoxError> {
        let store = self.ask("create")?;
        let taken = self.0.taken.load(Ordering::SeqCst);
        if taken > 0 {
            self.0.taken.store(taken - 1, Ordering::SeqCst);
            return Ok(Created::Taken);
        }
        store.create(new, replacing, limit).await
    }
    async fn load(&self, id: &LoginId, now: u64) -> Result<Option<LoginRecord>, BoxError> {
        self.ask("load")?.load(id, now).await
    }
    async fn update(&self, changed: &LoginRecord) -> Result<Updated, BoxError> {
        let store = self.ask("update")?;
        match self.0.changed.load(Ordering::SeqCst) {
            true => Ok(Updated::Conflict),
            false => store.update(changed).await,
        }
    }
    async fn touch(&self, id: &LoginId, touch: Touch) -> Result<bool, BoxError> {
        self.ask("touch")?.touch(id, touch).await
    }
    async fn delete(&self, id: &LoginId) -> Result<bool, BoxError> {
        self.ask("delete")?.delete(id).await
    }
    async fn delete_by_user(
        &self,
        user_id: &str,
        except: Option<&LoginId>,
        limit: usize,
    ) -> Result<Vec<LoginId>, BoxError> {
        let store = self.ask("delete_by_user")?;
        store.delete_by_user(user_id, except, limit).await
    }
    async fn list_by_user(
        &self,
        user_id: &str,
        now: u64,
        limit: usize,
    ) -> Result<Vec<LoginRecord>, BoxError> {
        self.ask("list_by_user")?
            .list_by_user(user_id, now, limit)
            .await
    }
    async fn delete_expired(&self, now: u64, limit: usize) -> Result<usize, BoxError> {
        self.ask("delete_expired")?.delete_expired(now, limit).await
    }
}

/// A site and everything around it. Clones are the same site.
#[derive(Clone)]
pub(super) struct Site {
    pub(super) manager: LoginManager<Person>,
    pub(super) shelf: Shelf,
    people: Arc<Mutex<BTreeMap<String, Person>>>,
    now: Arc<AtomicU64>,
    log: Log,
}

impl Site {
    /// The safe preset with a store.
    pub(super) fn new() -> Self {
        Self::with(|builder| builder)
    }

    pub(super) fn with(set: impl FnOnce(Builder) -> Builder) -> Self {
        let keys = SecretKeys::new(STRONG_KEY).unwrap();
        Self::built(keys, LoginManager::new, |builder, shelf| {
            set(builder.login_store(shelf))
        })
    }

    /// The safe preset, whose logins are in their cookies alone.
    pub(super) fn without_store(set: impl FnOnce(Builder) -> Builder) -> Self {
        let keys = SecretKeys::new(STRONG_KEY).unwrap();
        Self::built(keys, LoginManager::new, |builder, _| set(builder))
    }

    /// Flask's formats, without a store, as a peer makes them.
    pub(super) fn flask(set: impl FnOnce(Builder) -> Builder) -> Self {
        let keys = SecretKeys::flask(FLASK_KEY).unwrap();
        Self::built(keys, LoginManager::flask, |builder, _| set(builder))
    }

    fn built(
        keys: SecretKeys,
        preset: fn(SecretKeys, Loader) -> Builder,
        set: impl FnOnce(Builder, Shelf) -> Builder,
    ) -> Self {
        let person = |id: &str| {
            let stamp = Some(format!("stamp of {id}").into_bytes());
            let active = true;
            let id = id.to_owned();
            (id.clone(), Person { id, active, stamp })
        };
        let (shelf, log) = (Shelf::default(), Log::default());
        let people = Arc::new(Mutex::new(["mia", "ben"].map(person).into()));
        let now = Arc::new(AtomicU64::new(NOW));
        let around = Around {
            people: &people,
            now: &now,
            log: &log,
        };
        let builder = set(around.put(preset, keys), shelf.clone());
        Self {
            manager: builder.build().unwrap(),
            shelf,
            people,
            now,
            log,
        }
    }

    /// The same site, people, records and time, after a restart with other keys and settings.
    pub(super) fn restarted(
        &self,
        preset: fn(SecretKeys, Loader) -> Builder,
        keys: SecretKeys,
        set: impl FnOnce(Builder) -> Builder,
    ) -> Self {
        let around = Around {
            people: &self.people,
            now: &self.now,
            log: &self.log,
        };
        let manager = set(around.put(preset, keys)).build().unwrap();
        Self {
            manager,
            ..self.clone()
        }
    }

    /// The same with a store again.
    pub(super) fn restarted_with_store(
        &self,
        keys: SecretKeys,
        set: impl FnOnce(Builder) -> Builder,
    ) -> Self {
        let shelf = self.shelf.clone();
        self.restarted(LoginManager::new, keys, |builder| {
            set(builder.login_store(shelf))
        })
    }

    /// The error of a builder that does not build.
    pub(super) fn refused(set: impl FnOnce(Builder) -> Builder) -> String {
        let loader: Loader = Box::new(|_| ready(Ok(None)));
        let builder = LoginManager::new(SecretKeys::new(STRONG_KEY).unwrap(), loader);
        let error = set(builder).build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Setting);
        error.to_string()
    }

    pub(super) fn person(&self, id: &str) -> Person {
        self.people.lock().unwrap()[id].clone()
    }

    pub(super) fn change(&self, id: &str, change: impl FnOnce(&mut Person)) {
        change(self.people.lock().unwrap().get_mut(id).unwrap());
    }

    /// The user's password is changed, without a login of theirs.
    pub(super) fn set_stamp(&self, id: &str, stamp: &str) {
        self.change(id, |person| person.stamp = Some(stamp.into()));
    }

    /// A user without an auth hash.
    pub(super) fn add(&self, id: &str) {
        self.put(Person {
            id: id.to_owned(),
            active: true,
            stamp: None,
        });
    }

    pub(super) fn put(&self, person: Person) {
        let mut people = self.people.lock().unwrap();
        people.insert(person.id.clone(), person);
    }

    pub(super) fn remove(&self, id: &str) {
        self.people.lock().unwrap().remove(id);
    }

    pub(super) fn pass(&self, seconds: u64) {
        self.now.fetch_add(seconds, Ordering::SeqCst);
    }

    pub(super) fn now(&self) -> u64 {
        self.now.load(Ordering::SeqCst)
    }

    /// The events since the last call.
    pub(super) fn events(&self) -> Vec<Event> {
        std::mem::take(&mut self.log.lock().unwrap())
    }

    pub(super) fn logins_of(&self, id: &str) -> Vec<LoginId> {
        let logins = block_on(self.manager.logins_of(id)).unwrap();
        logins.into_iter().map(|login| login.id).collect()
    }

    /// The only record of this user, as the store has it.
    pub(super) fn record_of(&self, id: &str) -> LoginRecord {
        let store = &self.shelf.0.store;
        let records = block_on(store.list_by_user(id, self.now(), usize::MAX)).unwrap();
        let [record] = records.try_into().expect("one login");
        record
    }

    /// Replaces the existing record.
    pub(super) fn rewrite(&self, record: LoginRecord) {
        let updated = block_on(self.shelf.0.store.update(&record)).unwrap();
        assert_eq!(updated, Updated::Done);
    }

    pub(super) fn browser(&self) -> Browser {
        Browser {
            site: self.clone(),
            jar: BTreeMap::new(),
            sent: Vec::new(),
            headers: HeaderMap::new(),
        }
    }

    pub(super) fn browser_of(&self, id: &str) -> Browser {
        let mut browser = self.browser();
        browser.log_in(id);
        browser
    }

    pub(super) fn remembered_browser_of(&self, id: &str) -> Browser {
        let mut browser = self.browser();
        browser.log_in_remembered(id);
        browser
    }
}

/// Finds people by their id.
pub(super) type Loader =
    Box<dyn Fn(String) -> Ready<Result<Option<Person>, BoxError>> + Send + Sync>;

struct Around<'a> {
    people: &'a Arc<Mutex<BTreeMap<String, Person>>>,
    now: &'a Arc<AtomicU64>,
    log: &'a Log,
}

impl Around<'_> {
    fn put(&self, preset: fn(SecretKeys, Loader) -> Builder, keys: SecretKeys) -> Builder {
        let (people, now) = (Arc::clone(self.people), Arc::clone(self.now));
        let log = Arc::clone(self.log);
        let loader: Loader =
            Box::new(move |id| ready(Ok(people.lock().unwrap().get(&id).cloned())));
        preset(keys, loader)
            .clock(move || SystemTime::UNIX_EPOCH + seconds(now.load(Ordering::SeqCst)))
            .on_event(move |event, _| log.lock().unwrap().push(event.clone()))
    }
}

/// A browser, reduced to its cookies. A clone is a thief who has copied them all.
#[derive(Clone)]
pub(super) struct Browser {
    pub(super) site: Site,
    /// By name: the value, and when it ends; `None` means with the browser.
    jar: BTreeMap<String, (String, Option<u64>)>,
    /// The `Set-Cookie` fields of the last answer.
    pub(super) sent: Vec<String>,
    /// All fields of the last answer.
    pub(super) headers: HeaderMap,
}

/// One request.
pub(super) struct Asking {
    pub(super) visit: OpenVisit,
    pub(super) parts: Parts,
    site: Site,
}

impl Asking {
    pub(super) fn login(&self) -> Login<Person> {
        Login::new(self.visit.clone())
    }

    /// `mia, fresh`, `mia`, `mia, remembered` (by the token in this request), or `nobody`.
    pub(super) fn who(&self) -> String {
        self.try_who().unwrap()
    }

    pub(super) fn try_who(&self) -> Result<String, crate::Error> {
        let current = block_on(self.visit.current_user::<Person>(&self.parts))?;
        Ok(match current {
            None => "nobody".to_owned(),
            Some(current) => match (current.source, current.fresh) {
                (LoginSource::Session, true) => format!("{}, fresh", current.user.id),
                (LoginSource::Session, false) => current.user.id.clone(),
                (source, false) => {
                    assert_eq!(source, LoginSource::RememberToken);
                    format!("{}, remembered", current.user.id)
                }
                (source, true) => panic!("fresh by {source:?}"),
            },
        })
    }

    pub(super) fn log_in(&self, id: &str, remember: bool) -> Result<(), crate::Error> {
        let person = self.site.person(id);
        let login = self.login();
        block_on(login.login_user(&person).remember(remember).into_future())
    }

    pub(super) fn log_out(&self) {
        block_on(self.login().logout_user()).unwrap();
    }

    pub(super) fn confirm(&self, id: &str) -> Result<(), crate::Error> {
        block_on(self.login().confirm_login(&self.site.person(id)))
    }

    pub(super) fn update_auth_hash(&self, id: &str) -> Result<(), crate::Error> {
        block_on(self.login().update_auth_hash(&self.site.person(id)))
    }

    pub(super) fn deny(&self, denied: Denied) -> Response<String> {
        self.visit.deny(&self.parts, denied, &Scope::new())
    }
}

impl Browser {
    pub(super) fn ask<T>(&mut self, handle: impl FnOnce(&Asking) -> T) -> T {
        self.ask_at("/members", handle)
    }

    pub(super) fn ask_at<T>(&mut self, target: &str, handle: impl FnOnce(&Asking) -> T) -> T {
        self.send(Method::GET, target, &[], handle)
    }

    pub(super) fn send<T>(
        &mut self,
        method: Method,
        target: &str,
        fields: &[(&'static str, &str)],
        handle: impl FnOnce(&Asking) -> T,
    ) -> T {
        let now = self.site.now();
        self.jar
            .retain(|_, (_, expires)| expires.is_none_or(|expires| now < expires));
        let pairs = self.jar.iter();
        let cookies: Vec<_> = pairs
            .map(|(name, (value, _))| format!("{name}={value}"))
            .collect();
        let mut parts = request(fields);
        if !cookies.is_empty() {
            let cookies = HeaderValue::from_str(&cookies.join("; ")).unwrap();
            parts.headers.insert("cookie", cookies);
        }
        parts.method = method;
        parts.uri = target.parse().unwrap();
        let asking = Asking {
            visit: open(&self.site.manager, &parts),
            parts,
            site: self.site.clone(),
        };
        let answer = handle(&asking);
        self.headers = headers_of(&asking.visit);
        self.sent = self
            .headers
            .get_all("set-cookie")
            .iter()
            .map(|value| value.to_str().unwrap().to_owned())
            .collect();
        for header in self.sent.clone() {
            self.keep(&header, now);
        }
        answer
    }

    fn keep(&mut self, header: &str, now: u64) {
        let (name, value) = header.split(';').next().unwrap().split_once('=').unwrap();
        let expires = header.split_once("Expires=").map(|(_, rest)| {
            let date = httpdate::parse_http_date(rest.split(';').next().unwrap()).unwrap();
            let since = date.duration_since(SystemTime::UNIX_EPOCH);
            since.unwrap_or_default().as_secs()
        });
        match expires {
            Some(expires) if expires <= now => self.jar.remove(name),
            _ => self
                .jar
                .insert(name.to_owned(), (value.to_owned(), expires)),
        };
    }

    /// From now on talks to another manager under the same name.
    pub(super) fn at(&mut self, site: &Site) -> &mut Self {
        self.site = site.clone();
        self
    }

    pub(super) fn who(&mut self) -> String {
        self.ask(Asking::who)
    }

    /// The kind of the error that asking for the current user returns.
    pub(super) fn why_not(&mut self) -> ErrorKind {
        self.ask(Asking::try_who).unwrap_err().kind()
    }

    pub(super) fn log_in(&mut self, id: &str) {
        self.ask(|asking| asking.log_in(id, false)).unwrap();
    }

    pub(super) fn log_in_remembered(&mut self, id: &str) {
        self.ask(|asking| asking.log_in(id, true)).unwrap();
    }

    pub(super) fn log_out(&mut self) {
        self.ask(Asking::log_out);
    }

    pub(super) fn confirm(&mut self, id: &str) {
        self.ask(|asking| asking.confirm(id)).unwrap();
    }

    /// A new password, with this browser carried over.
    pub(super) fn new_password(&mut self, id: &str, stamp: &str) {
        self.ask(|asking| {
            assert!(asking.who().starts_with(id));
            asking.site.set_stamp(id, stamp);
            asking.update_auth_hash(id).unwrap();
        });
    }

    pub(super) fn put(&mut self, key: &str, value: &str) {
        self.ask(|asking| asking.visit.session().insert(key, value))
            .unwrap();
    }

    pub(super) fn read(&mut self, key: &str) -> Option<String> {
        self.ask(|asking| asking.visit.session().get(key)).unwrap()
    }

    pub(super) fn cookie(&self, name: &str) -> Option<&str> {
        Some(&self.jar.get(name)?.0)
    }

    /// When a cookie ends; `None` means with the browser.
    pub(super) fn expires(&self, name: &str) -> Option<u64> {
        self.jar[name].1
    }

    pub(super) fn plant(&mut self, name: &str, value: &str) {
        self.jar.insert(name.to_owned(), (value.to_owned(), None));
    }

    pub(super) fn drop_cookie(&mut self, name: &str) {
        self.jar.remove(name);
    }

    pub(super) fn names(&self) -> Vec<&str> {
        self.jar.keys().map(String::as_str).collect()
    }

    /// Closes it, which ends the cookies without an expiry.
    pub(super) fn restart(&mut self) {
        self.jar.retain(|_, (_, expires)| expires.is_some());
    }

    /// What the last answer did with a cookie.
    pub(super) fn set(&self, name: &str) -> Option<&str> {
        let start = format!("{name}=");
        let header = self.sent.iter().find(|header| header.starts_with(&start))?;
        Some(header)
    }
}
