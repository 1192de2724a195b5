//! One request: holds the session and the user once loaded, and collects what has to go back to the browser.
//!
//! A door makes a [`Visit`] for each request, which costs an allocation and looks at nothing. Whoever wants to know
//! something opens it with the request's head; only then are cookies read. When the response is there, the door lets
//! the visit [`finish`](Visit::finish) its headers.

use std::any::TypeId;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use http::header::{self, Entry, HeaderMap, HeaderValue};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderName, Uri};

use crate::cookie::{Attributes, Values};
use crate::error::{BoxError, Error, ErrorKind};
use crate::event::{Event, EventClient};
use crate::login::load::{Adopted, Answer, Search, Write};
use crate::login::protection::{Client, forwarded_for};
use crate::login::records::Records;
use crate::login::{LoginSource, VisitState, Who};
use crate::manager::Core;
use crate::next_url::NextUrl;
use crate::purpose::is_unseen;
use crate::records::Updated;
use crate::remember::RememberState;
use crate::session::{Change, Flash, Flashes, Session};
use crate::turn::{Turn, Turns};
use crate::user::{User, downcast};

/// One request, as one login manager sees it. Clones are the same visit.
///
/// For doors; an application meets it as extractors or whatever its framework has.
#[derive(Clone)]
pub struct Visit {
    inner: Arc<Inner>,
}

struct Inner {
    core: Arc<Core>,
    /// Where the request wanted to go, before any router took a prefix off.
    target: Option<PathAndQuery>,
    /// Empty until somebody opens the visit. Boxed, so that one which nobody opens stays small.
    state: OnceLock<Box<Mutex<VisitState>>>,
    /// Held while the user is being loaded, so that two who ask at once cause one look-up.
    loading: Turns,
    /// Whether asking who is there counts as use of the login.
    without_use: AtomicBool,
}

/// A user of the application, and what is known of their login.
#[derive(Debug)]
pub struct Current<U> {
    /// The user as the loader gave them, shared by all who ask in this request.
    pub user: Arc<U>,
    /// Where they were found.
    pub source: LoginSource,
    /// Whether their login is fresh by the manager's rule.
    pub fresh: bool,
}

impl Visit {
    pub(crate) fn new(core: Arc<Core>, uri: &Uri) -> Self {
        Self {
            inner: Arc::new(Inner {
                core,
                target: uri.path_and_query().cloned(),
                state: OnceLock::new(),
                loading: Turns::new(),
                without_use: AtomicBool::new(false),
            }),
        }
    }

    /// Whether this visit's manager is one for users of this type.
    pub fn is_for<U: User>(&self) -> bool {
        self.inner.core.user_type == TypeId::of::<U>()
    }

    /// Whether two visits are to the same manager. A request needs one of them only: two would each send their own
    /// cookies, the later over the earlier.
    pub fn is_to_the_same_manager(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner.core, &other.inner.core)
    }

    /// Whether the managers of two visits are for different types of users and would take each other's logins for their
    /// own: user 1 of the one type would be user 1 of the other. So it is if they use a cookie of the same name, and also
    /// if they accept the same signatures, since whoever has a cookie can send it under another name. The safe preset
    /// signs for the name; Flask does not. A door lets no such request go on.
    pub fn collides_with(&self, other: &Self) -> bool {
        let (one, other) = (&self.inner.core, &other.inner.core);
        one.user_type != other.user_type
            && (one.accepts_what_is_signed_by(other)
                || one
                    .cookie_names()
                    .any(|name| other.cookie_names().any(|other| other == name)))
    }

    /// From now on, whether asking who is there counts as no use of the login (`true`), or as use (`false`, as from the
    /// beginning). Returns what held before.
    ///
    /// For a page that polls: without use, no timeout is put off, the session is not sent again because of its age, and a
    /// remember token starts no session, so that somebody who is only remembered is nobody.
    pub fn without_use(&self, without: bool) -> bool {
        self.inner.without_use.swap(without, Ordering::Relaxed)
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.inner.core
    }

    pub(crate) fn target(&self) -> Option<&PathAndQuery> {
        self.inner.target.as_ref()
    }

    /// Reads the cookies, unless somebody has already.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::ForeignOrigin`] when a page of an origin that is neither this host nor listed
    /// ([`allow_websocket_origin`](crate::LoginManagerBuilder::allow_websocket_origin)) opens a WebSocket: nobody may look at
    /// the visitor for it. The door answers 403.
    pub fn open(&self, request: &Parts) -> Result<OpenVisit, Error> {
        let core = &self.inner.core;
        if core.settings.websocket_origins.refuse_handshake(request) {
            let client = core.client(request);
            core.deliver(&Event::ForeignHandshake, EventClient::of(&client));
            return Err(Error::new(
                ErrorKind::ForeignOrigin,
                "a page of another origin may not open a WebSocket here; allow_websocket_origin lists those that may",
            ));
        }
        self.inner
            .state
            .get_or_init(|| Box::new(Mutex::new(VisitState::read(&self.inner.core, request))));
        Ok(OpenVisit {
            visit: self.clone(),
        })
    }

    /// Puts what was decided into the response's headers: cookies, `Vary`, `Cache-Control`. A visit that nobody
    /// opened leaves them as they are.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::SessionTooLarge`] if a session that had fitted no longer does. The response must not go out as
    /// if all were well.
    pub fn finish(&self, headers: &mut HeaderMap) -> Result<(), Error> {
        match self.inner.state.get() {
            Some(state) => {
                let mut state = lock(state);
                let without_use = self.inner.without_use.load(Ordering::Relaxed);
                state.is_used |= !without_use && !state.accessed;
                state.write(&self.inner.core, headers)
            }
            None => Ok(()),
        }
    }
}

/// A hook or a handler that panicked while it held the lock has changed whole values only.
fn lock(state: &Mutex<VisitState>) -> MutexGuard<'_, VisitState> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Visit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Visit").finish_non_exhaustive()
    }
}

/// A visit whose cookies have been read.
#[derive(Clone, Debug)]
pub struct OpenVisit {
    visit: Visit,
}

impl OpenVisit {
    /// Does something with the state and delivers the events afterwards, so that a hook may look at the visit.
    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut VisitState, &Core) -> T) -> T {
        let core = &self.visit.inner.core;
        let state = self.visit.inner.state.get();
        let mut state = lock(state.expect("an open visit has a state"));
        let result = act(&mut state, core);
        if !state.events.is_empty() {
            let (events, client) = (std::mem::take(&mut state.events), state.client.clone());
            drop(state);
            let client = EventClient::of(&client);
            events.iter().for_each(|event| core.deliver(event, client));
        }
        result
    }

    /// Tells of something that is not in the state.
    pub(crate) fn deliver(&self, event: &Event) {
        let client = self.with(|state, _| state.client.clone());
        let core = &self.visit.inner.core;
        core.deliver(event, EventClient::of(&client));
    }

    /// As [`with`](Self::with), for what has to reach the browser.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::TooLate`] once the response has been written, for instance in a task that outlives the handler.
    pub(crate) fn change<T>(
        &self,
        act: impl FnOnce(&mut VisitState, &Core) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.with(|state, core| {
            if state.written {
                return Err(Error::new(
                    ErrorKind::TooLate,
                    "the response has gone out, so that no cookie can follow it: change the login and the session \
                     before the handler returns",
                ));
            }
            act(state, core)
        })
    }

    pub(crate) fn visit(&self) -> &Visit {
        &self.visit
    }

    /// The session.
    pub fn session(&self) -> Session {
        Session::new(self.clone())
    }

    /// The flashed messages.
    pub fn flash(&self) -> Flash {
        Flash::new(self.clone())
    }

    /// Where to go after logging in.
    pub fn next_url(&self, request: &Parts) -> NextUrl {
        NextUrl::new(self.clone(), request)
    }

    /// Who is there: found at the first call, remembered for the others. `None` is an anonymous visitor.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::LoaderFailed`] or [`ErrorKind::StoreFailed`] when that is not known at the moment. Nothing is remembered of it: the next call asks
    /// again.
    pub async fn current_user<U: User>(&self, request: &Parts) -> Known<U> {
        let without_use = self.visit.inner.without_use.load(Ordering::Relaxed);
        let first_time = self.with(|state, core| {
            state.ask(without_use);
            match state.known(core) {
                Some(known) => Err(known),
                None => Ok(!std::mem::replace(&mut state.accessed, true)),
            }
        });
        match first_time {
            Err(known) => return known,
            // At every request, and hardly anybody listens.
            Ok(true) if self.visit.inner.core.hears_accesses() => self.deliver(&Event::Accessed),
            Ok(true) => {}
            Ok(false) => {}
        }
        let _turn = self.turn().await;
        let mut step = match self.with(VisitState::begin) {
            Ok(step) => step,
            Err(known) => return known,
        };
        loop {
            let answer = self.answer(&step.search, request, step.now).await;
            let answer = answer.inspect_err(|_| self.deliver(&Event::LoadFailed))?;
            match self.with(|state, core| state.go_on(core, step, answer)) {
                Ok(next) => step = next,
                Err(known) => return known,
            }
        }
    }

    /// Whether this browser is remembered as the current user's. Verifies the remember token, which hardly any page
    /// wants to know about.
    pub fn is_remembered(&self) -> bool {
        self.with(|state, core| match &state.who {
            Who::Somebody(user, source) if *source != LoginSource::Request => state
                .remember
                .remembers(&user.id(), &core.remember, state.now),
            _ => false,
        })
    }

    /// Whether the current user's login is fresh and no older than this. `false` before
    /// [`current_user`](Self::current_user) was asked.
    pub fn is_fresh_within(&self, within: Duration) -> bool {
        self.with(|state, core| state.is_fresh(core, Some(within)))
    }

    /// One at a time: who is looking for the user, or changing who it is together with the store.
    pub(crate) async fn turn(&self) -> Turn<'_> {
        self.visit.inner.loading.take().await
    }
}

/// What is to be asked next, and of which login, while it is not known who is there.
struct Step {
    search: Search,
    generation: u32,
    now: u64,
}

/// Who is there; `None` is an anonymous visitor.
type Known<U> = Result<Option<Current<U>>, Error>;

impl VisitState {
    /// Somebody asks who is there. What was found without use is looked for again when it is to count.
    fn ask(&mut self, without_use: bool) {
        if !self.is_used && !without_use && !matches!(self.who, Who::NotAsked) {
            self.generation += 1;
            self.who = Who::NotAsked;
        }
        self.is_used |= !without_use;
    }

    /// Who is there, if the search for them is over.
    fn known<U: User>(&self, core: &Core) -> Option<Known<U>> {
        let (user, source) = match &self.who {
            Who::NotAsked => return None,
            Who::Nobody => return Some(Ok(None)),
            Who::Somebody(user, source) => (Arc::clone(user), *source),
        };
        let Some(user) = downcast(user) else {
            return Some(Err(Error::new(
                ErrorKind::MissingLayer,
                "the login manager of this route is one for users of another type",
            )));
        };
        Some(Ok(Some(Current {
            user,
            source,
            fresh: self.is_fresh(core, core.settings.fresh_within),
        })))
    }

    fn begin<U: User>(&mut self, core: &Core) -> Result<Step, Known<U>> {
        match self.who {
            Who::NotAsked => {
                let search = self.search(core);
                self.next(core, search)
            }
            _ => self.next(core, Search::Over),
        }
    }

    /// Goes on with an answer, unless somebody logged in or out since it was asked for.
    fn go_on<U: User>(
        &mut self,
        core: &Core,
        asked: Step,
        answer: Answer,
    ) -> Result<Step, Known<U>> {
        if self.generation != asked.generation {
            return self.begin(core);
        }
        let search = self.search_on(core, asked.search, answer);
        self.next(core, search)
    }

    fn next<U: User>(&self, core: &Core, search: Search) -> Result<Step, Known<U>> {
        match search {
            Search::Over => Err(self.known(core).unwrap_or(Ok(None))),
            search => Ok(Step {
                search,
                generation: self.generation,
                now: self.now,
            }),
        }
    }
}

impl Core {
    fn client(&self, request: &Parts) -> Client {
        let settings = &self.settings;
        let address = match settings.trusted_proxies {
            0 => None,
            hops => forwarded_for(request, hops),
        };
        Client {
            user_agent: request.headers.get(header::USER_AGENT).cloned(),
            address: address.or_else(|| settings.client_address.as_ref()?(request)),
        }
    }

    /// The name that the browser called, where cookies could have been set for more than that.
    fn host(&self, request: &Parts) -> Option<String> {
        if self.session_cookie.main.attributes.is_host_only()
            && self.remember.attributes.is_host_only()
        {
            return None;
        }
        let host = request.headers.get(header::HOST);
        let host = host.and_then(|host| host.to_str().ok());
        let host = host.or_else(|| request.uri.host())?;
        Some(host.split(':').next().unwrap_or_default().to_owned())
    }

    pub(crate) async fn load_user(&self, id: &str) -> Result<Option<Arc<dyn User>>, Error> {
        self.loader.load_user(id).await.map_err(loader_failed)
    }
}

impl OpenVisit {
    async fn answer(&self, search: &Search, request: &Parts, now: u64) -> Result<Answer, Error> {
        let core = &self.visit.inner.core;
        Ok(match (search, &core.records) {
            (Search::SessionUser(id), _) => Answer::User(core.load_user(id).await?),
            (Search::RememberedUser(claims), _) => {
                Answer::User(core.load_user(&claims.user_id).await?)
            }
            (Search::RequestUser, _) => {
                let found = core.loader.load_from_request(request).await;
                Answer::User(found.map_err(loader_failed)?)
            }
            (
                Search::SessionRecord(_, token) | Search::RememberedRecord(_, token),
                Some(records),
            ) => Answer::Record(records.store.load(&token.id, now).await?),
            (Search::Adopted(adopted), Some(records)) => {
                let found = records.store.load(adopted.id(), now).await?;
                let was_there = match found {
                    // Whoever made the record may not have come to this.
                    Some(_) => {
                        records.mark(adopted.marker(records, now)).await?;
                        true
                    }
                    None => {
                        records.was_there(adopted.id(), now).await?
                            || match adopted {
                                Adopted::Session { user_id, age, .. } => {
                                    records.are_over(user_id, *age, now).await?
                                }
                                Adopted::Token(..) => false,
                            }
                    }
                };
                Answer::Adopted(found, was_there)
            }
            (Search::Write(write), Some(records)) => {
                Answer::Written(self.write(records, write).await?)
            }
            // Without a store, no search asks for one.
            _ => Answer::Record(None),
        })
    }

    async fn write(&self, records: &Records, write: &Write) -> Result<Updated, Error> {
        let (store, core) = (&records.store, &self.visit.inner.core);
        match write {
            Write::Touch(login, touch, _) => {
                store.touch(login, *touch).await?;
                Ok(Updated::Done)
            }
            Write::Refresh(next, _) => store.update(&next.record).await,
            Write::Delete(login, _) => {
                core.end(records, login).await?;
                Ok(Updated::Done)
            }
            Write::Restore(restoration) => {
                let record = &restoration.next.record;
                let updated = store.update(record).await?;
                core.watched.wake(&record.id);
                Ok(updated)
            }
            Write::Adopt(new, _, adoption) => {
                let client = self.client();
                core.adopt(records, new, adoption, EventClient::of(&client))
                    .await
            }
            Write::Reopen(next, ..) => store.update(&next.record).await,
        }
    }
}

fn loader_failed(error: BoxError) -> Error {
    tracing::error!(target: "housekey", %error, "the user loader failed");
    Error::new(
        ErrorKind::LoaderFailed,
        "who is signed in cannot be told at the moment; try again in a little while",
    )
    .caused_by(error)
}

impl VisitState {
    pub(crate) fn read(core: &Core, request: &Parts) -> Self {
        let now = core.now();
        let [session, values] = core.session_cookie.names();
        let names = [session, values, &core.remember.attributes.name];
        let [sessions, values, remember_tokens] = Values::of(&request.headers, names);
        let (session, arrival) = core.session_cookie.read(&sessions, &values, now);
        Self {
            now,
            client: core.client(request),
            session,
            arrival,
            remember: RememberState::new(&remember_tokens),
            live: None,
            reads_only: false,
            flashes: Flashes::default(),
            unseen: is_unseen(request),
            who: Who::NotAsked,
            generation: 0,
            accessed: false,
            personal: false,
            asked_request: false,
            is_used: false,
            missing_digest: None,
            replaced: false,
            host: core.host(request),
            written: false,
            events: Vec::new(),
        }
    }

    pub(crate) fn write(&mut self, core: &Core, headers: &mut HeaderMap) -> Result<(), Error> {
        self.written = true;
        self.flashes.store(&mut self.session);
        self.flashes = Flashes::default();
        self.arrival.again_if_due = self.is_used;
        let refreshes = core.remember.refresh_each_request
            && self.is_used
            && matches!(self.who, Who::Somebody(..));
        if (refreshes || self.missing_digest.is_some())
            && let Some(id) = self.session_user_id()
        {
            if refreshes && !sets_cookie(headers, &core.remember.attributes.name) {
                self.refresh_remember_token(core, &id);
            }
            if let Some(digest) = self.missing_digest.take()
                && core
                    .session_cookie
                    .is_main_written(&self.session, &self.arrival)
            {
                // Without room for it, the session counts without it, as it did until now.
                let _ = self.if_it_fits(core, |state| state.write_auth_hash(&id, Some(&digest)));
            }
        }

        add_to_vary(
            headers,
            match self.asked_request {
                true => "Cookie, Authorization",
                false => "Cookie",
            },
        );
        let cookies = self.cookies(core, headers)?;
        let sets_cookies = !cookies.is_empty();
        for cookie in cookies {
            headers.append(header::SET_COOKIE, cookie);
        }
        if self.personal || sets_cookies {
            keep_private(headers, sets_cookies);
        }
        Ok(())
    }

    /// What goes to the browser, in Flask-Login's order: the remember token first.
    fn cookies(&self, core: &Core, headers: &HeaderMap) -> Result<Vec<HeaderValue>, Error> {
        let mut cookies = Cookies {
            state: self,
            headers,
            sent: Vec::new(),
        };
        let remember = self.remember.write(&core.remember, self.now);
        cookies.send(
            &core.remember.attributes,
            self.remember.was_sent(),
            remember,
        );
        if !self.reads_only {
            let session = &core.session_cookie;
            let [main, values] = session.write(&self.session, &self.arrival, self.now)?;
            cookies.send(&session.main.attributes, self.arrival.main.sent, main);
            if let Some(cookie) = &session.values {
                cookies.send(&cookie.attributes, self.arrival.values.sent, values);
            }
        }
        Ok(cookies.sent)
    }
}

/// The `Set-Cookie` fields of a response.
struct Cookies<'a> {
    state: &'a VisitState,
    /// What the handler has put into the response.
    headers: &'a HeaderMap,
    sent: Vec<HeaderValue>,
}

impl Cookies<'_> {
    fn send(&mut self, cookie: &Attributes, came: bool, change: Change) {
        let (header, everywhere) = match change {
            Change::Keep => return,
            // A cookie of the handler's own, for instance a logout that it forwards from a Flask peer, is not undone by
            // sending again what nobody changed. A change that the handler made through housekey is its later word.
            Change::Again(_) if sets_cookie(self.headers, &cookie.name) => return,
            Change::Set(header) | Change::Again(header) => (header, self.state.replaced),
            Change::Delete => (cookie.delete(), true),
        };
        // A cookie is known by more than its name: what came may be one that earlier settings left elsewhere in the browser,
        // and a logout or a login must hold for that too. First of all, since a browser that knows nothing of partitions takes
        // those for one.
        if came && everywhere {
            let elsewhere = cookie.elsewhere(self.state.host.as_deref());
            self.sent
                .extend(elsewhere.iter().map(Attributes::delete_briefly));
        }
        self.sent.push(header);
    }
}

/// Whether a `Set-Cookie` of this name is there already.
fn sets_cookie(headers: &HeaderMap, name: &str) -> bool {
    headers.get_all(header::SET_COOKIE).iter().any(|field| {
        let rest = field.as_bytes().strip_prefix(name.as_bytes());
        rest.is_some_and(|rest| rest.trim_ascii_start().starts_with(b"="))
    })
}

/// Adds these field names to `Vary`, unless that is `*` or has them.
fn add_to_vary(headers: &mut HeaderMap, names: &'static str) {
    if let Entry::Vacant(none) = headers.entry(header::VARY) {
        none.insert(HeaderValue::from_static(names));
        return;
    }
    for name in names.split(", ") {
        let present = list(headers, &header::VARY)
            .any(|field| field == "*" || field.eq_ignore_ascii_case(name));
        if !present {
            headers.append(header::VARY, HeaderValue::from_static(name));
        }
    }
}

/// A response that was made for somebody, or that hands out a cookie, must not be stored by a shared cache. What the
/// handler said about caching stands, except that only `public` or `s-maxage` in so many words leaves a user's page to
/// shared caches, and that a cookie is never public.
fn keep_private(headers: &mut HeaderMap, sets_cookies: bool) {
    if sets_cookies {
        close_targeted_caches(headers);
    }
    if let Entry::Vacant(none) = headers.entry(header::CACHE_CONTROL) {
        none.insert(HeaderValue::from_static("private, no-store"));
        return;
    }
    let is_public =
        |directive: &str| matches!(directive_name(directive).as_str(), "public" | "s-maxage");
    let stands = !sets_cookies && list(headers, &header::CACHE_CONTROL).any(is_public);
    if stands || is_private(headers, &header::CACHE_CONTROL) {
        return;
    }
    let kept = list(headers, &header::CACHE_CONTROL).filter(|directive| !is_public(directive));
    let value = std::iter::once("private")
        .chain(kept)
        .collect::<Vec<_>>()
        .join(", ");
    if let Ok(value) = HeaderValue::from_str(&value) {
        headers.insert(header::CACHE_CONTROL, value);
    }
}

/// Fields that one kind of shared cache goes by, and then not by `Cache-Control`.
fn close_targeted_caches(headers: &mut HeaderMap) {
    let is_targeted = |name: &&HeaderName| {
        let name = name.as_str();
        name.ends_with("cdn-cache-control")
            || matches!(
                name,
                "surrogate-control"
                    | "edge-control"
                    | "x-litespeed-cache-control"
                    | X_ACCEL_EXPIRES
            )
    };
    let is_open = |name: &&HeaderName| is_targeted(name) && !is_private(headers, name);
    let open: Vec<HeaderName> = headers.keys().filter(is_open).cloned().collect();
    for name in open {
        let value = match name.as_str() {
            X_ACCEL_EXPIRES => "0".to_owned(),
            // What kind of content it is, ESI for instance, says nothing of storing.
            _ => std::iter::once("no-store")
                .chain(
                    list(headers, &name).filter(|directive| directive_name(directive) == "content"),
                )
                .collect::<Vec<_>>()
                .join(", "),
        };
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
}

/// nginx's.
const X_ACCEL_EXPIRES: &str = "x-accel-expires";

/// Whether a field forbids shared caches to store. A `private` with field names is about those fields only.
fn is_private(headers: &HeaderMap, name: &HeaderName) -> bool {
    list(headers, name).any(|directive| {
        directive.eq_ignore_ascii_case("private") || directive_name(directive) == "no-store"
    })
}

fn directive_name(directive: &str) -> String {
    directive
        .split('=')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase()
}

/// The elements of a header that is a list, over all its fields. One that is no text has none.
fn list<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|element| !element.is_empty())
}
