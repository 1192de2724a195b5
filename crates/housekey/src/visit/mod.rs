//! One request: holds the session and the loaded user, and collects what the browser has to be sent.
//!
//! A door makes a [`Visit`] for each request, which costs an allocation and reads nothing. An extractor or a guard opens it
//! with the request's head, and only then are cookies read. When the response is ready, the door has the visit
//! [`finish`](Visit::finish) its headers.
//!
//! # What it guarantees
//!
//! - **Against pages of other origins:** a WebSocket that they open is refused before anything can ask for the user.
//! - **Against shared caches:** the response gets `Vary` if it depends on the cookies. If it was made for a user, or sets a
//!   cookie, shared caches must not store it. Only an explicit `public` or `s-maxage` from the handler opens a user's page
//!   to them, and never one with a cookie.
//! - **Against failures:** the store is told before the session changes. If it or the loader fails, the request gets an
//!   error, and the session stays as it was.
//! - **Against races in one request:** changes of the login run one at a time. A user loaded during a login or a logout is
//!   not taken for the current one.
//! - **Against mixed-up users:** if two managers for different user types would accept each other's logins, the request gets
//!   an error.
//! - **Against lost changes:** after the response, a change is an error. A session that does not fit its cookie makes the
//!   response an error.
//!
//! # What it does not
//!
//! - **It does not order requests.** If two requests change the same session, the later response wins.
//! - **It does not refuse forged requests.** A POST from another site carries the user's cookies as far as `SameSite` lets
//!   it. [`csrf`](crate::csrf) refuses it.
//! - **It does not limit guesses by itself.** It counts only attempts that a handler announces.
//! - **It does not end streams by itself.** A WebSocket or a stream of events goes on after its login ends, unless the
//!   application [watches](watch) the login.
//!
//! # The files
//!
//! - [`arrive`] reads the request, [`respond`] writes the response's headers.
//! - [`current`] finds the current user; [`login`] is how an application logs in, out and confirms.
//! - [`attempt`] counts attempts to prove an identity.
//! - [`pending`] is a login in two steps.
//! - [`require`] decides what may pass, and [`deny`] answers what may not. [`visits`] are several managers on one request.
//! - [`driver`] asks the loader and the store what the rules want to know, and tells the store what they decide.
//! - [`user`], [`session`], [`flash`] and [`next_url`] are what else an application reads and changes.
//! - [`shared`] is what the rules ask: loader, store, hooks, clock.
//! - [`watch`] waits for the end of a login; [`watched`] are the logins that are watched.

pub(crate) mod arrive;
pub(crate) mod attempt;
mod current;
mod deny;
mod driver;
pub(crate) mod flash;
pub(crate) mod login;
pub(crate) mod next_url;
pub(crate) mod pending;
pub(crate) mod public;
pub(crate) mod require;
pub(crate) mod respond;
pub(crate) mod session;
pub(crate) mod shared;
mod turn;
pub(crate) mod user;
pub(crate) mod visits;
pub(crate) mod watch;
pub(crate) mod watched;

use std::any::TypeId;
use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use http::header::HeaderMap;
use http::uri::PathAndQuery;
use http::{Response, StatusCode};

use self::arrive::{Brought, Incoming};
use self::flash::Flash;
use self::next_url::NextUrl;
use self::respond::Outcome;
use self::session::Session;
use self::shared::{Shared, Tell};
use self::turn::{Turn, Turns};
use crate::cookie::SetCookie;
use crate::denial::worth_discarding;
use crate::error::{Error, ErrorKind};
use crate::event::{Event, EventClient};
use crate::head::{Fields, Head};
use crate::login::state::{LoginSource, View, VisitState, Who};
use crate::session::{SessionChanges, SessionMap, keys};
use crate::settings::Discard;
use crate::user::User;

/// One request, as one login manager sees it. Clones are the same visit.
///
/// For doors. An application sees it through extractors or its framework's equivalent.
#[derive(Clone)]
pub struct Visit {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    /// The target of the request, before a router removed a prefix.
    target: Option<PathAndQuery>,
    /// Empty until the visit is opened. Boxed, so that an unopened visit stays small.
    state: OnceLock<Box<Mutex<VisitState>>>,
    /// Held while the user is being loaded, so that two questions at once cause one look-up.
    loading: Turns,
    /// Whether asking for the current user does not count as use of the login.
    without_use: AtomicBool,
    has_denied: AtomicBool,
}

/// A user of the application, and what is known of their login.
#[derive(Debug)]
pub struct Current<U> {
    /// The user as the loader returned them, shared by everything that asks in this request.
    pub user: Arc<U>,
    /// Where they were found.
    pub source: LoginSource,
    /// Whether their login is fresh by the manager's rule.
    pub fresh: bool,
}

impl Visit {
    pub(crate) fn new(shared: Arc<Shared>, target: Option<PathAndQuery>) -> Self {
        Self {
            inner: Arc::new(Inner {
                shared,
                target,
                state: OnceLock::new(),
                loading: Turns::new(),
                without_use: AtomicBool::new(false),
                has_denied: AtomicBool::new(false),
            }),
        }
    }

    /// Whether it has been opened, so that the response may depend on it.
    pub fn is_open(&self) -> bool {
        self.inner.state.get().is_some()
    }

    /// Whether this visit's manager is for users of this type.
    pub fn is_for<U: User>(&self) -> bool {
        self.inner.shared.user_type == TypeId::of::<U>()
    }

    /// Whether two visits are to the same manager. A request needs only one of them: two would each send their own cookies,
    /// and the later would overwrite the earlier.
    pub fn is_to_the_same_manager(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner.shared, &other.inner.shared)
    }

    /// Whether the managers of two visits are for different user types and would accept each other's logins as their own:
    /// user 1 of the one type would be user 1 of the other. That is so if they use a cookie of the same name, and also if
    /// they accept the same signatures, since the holder of a cookie can send it under another name. The safe preset
    /// includes the name in the signature; Flask does not. A door must refuse such a request.
    pub fn collides_with(&self, other: &Self) -> bool {
        let (one, other) = (&self.inner.shared, &other.inner.shared);
        one.user_type != other.user_type
            && (one.accepts_what_is_signed_by(other)
                || one
                    .cookie_names()
                    .any(|name| other.cookie_names().any(|other| other == name)))
    }

    /// Sets whether asking for the current user counts as use of the login: it does not with `true`, and does with `false`,
    /// the initial state. Returns the state before.
    ///
    /// For a page that polls. Without use, no timeout is extended, the session is not sent again because of its age, and a
    /// remember token starts no session, so a user who is only remembered counts as anonymous.
    pub fn without_use(&self, without: bool) -> bool {
        self.inner.without_use.swap(without, Ordering::Relaxed)
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.inner.shared
    }

    /// Where the request wanted to go, as its client wrote it.
    pub(crate) fn target(&self) -> Option<Cow<'_, PathAndQuery>> {
        let own = self.inner.target.as_ref()?;
        self.shared().settings.mount.public_target(own)
    }

    /// Whether the request was denied, so that the answer may be ready before anything has read the body: see
    /// [`discard`](Self::discard).
    pub fn has_denied(&self) -> bool {
        self.inner.has_denied.load(Ordering::Relaxed)
    }

    pub(super) fn note_denial(&self) {
        self.inner.has_denied.store(true, Ordering::Relaxed);
    }

    /// How much of the body to read if a request with these headers is denied. `None` if reading is not worthwhile: the
    /// client waits to be asked for the body (`Expect: 100-continue`) and need not send it, or says that it is too long.
    pub fn discard(&self, headers: &HeaderMap) -> Option<Discard> {
        worth_discarding(self.inner.shared.settings.discard, headers)
    }

    /// Reads the cookies, unless that has been done.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::ForeignOrigin`] if a page of another origin opens a WebSocket, and that origin is neither this host nor
    /// listed ([`allow_websocket_origin`](crate::LoginManagerBuilder::allow_websocket_origin)). Then the current user cannot
    /// be asked for, and the door answers 403.
    pub fn open(&self, request: &impl Head) -> Result<OpenVisit, Error> {
        let shared = &self.inner.shared;
        if self.is_open() {
            self.refuse_foreign_handshake(request)?;
            return Ok(OpenVisit {
                visit: self.clone(),
            });
        }
        let brought = Brought::by(request, shared);
        if brought.opens_websocket {
            self.refuse_foreign_handshake(request)?;
        }
        Ok(self.opened(|| VisitState::read(shared, request, brought)))
    }

    /// Opens the visit with a session that the framework keeps. The session comes as a value, none of its cookies are read
    /// or written, and its changes are in the [`outcome`](Self::outcome). housekey still handles the remember token's
    /// cookie. A session kept elsewhere cannot be too large. Does nothing if the visit is open already.
    ///
    /// ```
    /// use std::collections::BTreeMap;
    /// use housekey::door::{Incoming, SessionOutcome};
    /// use housekey::{BoxError, Login, LoginManager, SecretKeys, User};
    ///
    /// # struct Member { name: String }
    /// # impl User for Member {
    /// #     fn id(&self) -> String { self.name.clone() }
    /// # }
    /// # futures_lite::future::block_on(async {
    /// # let loader = |name: String| async move { Ok::<_, BoxError>(Some(Member { name })) };
    /// let manager = LoginManager::flask(SecretKeys::flask("the program's SECRET_KEY")?, loader).build()?;
    /// // What the program keeps for this browser, as JSON.
    /// let mut kept = BTreeMap::from([("cart".to_owned(), "[1,2]".to_owned())]);
    ///
    /// let (request, ()) = http::Request::post("/login").body(())?.into_parts();
    /// let visit = manager.visit(&request.uri);
    /// let incoming = Incoming::new(kept.clone()).client(Some(b"Mozilla/5.0"), "192.0.2.7".parse().ok());
    /// let login = Login::new(visit.open_with(&request, incoming)?);
    /// login.login_user(&Member { name: "mia".into() }).remember(true).await?;
    ///
    /// let outcome = visit.outcome(|_| false)?.expect("the visit was opened");
    /// let SessionOutcome::Values(changes) = &outcome.session else { unreachable!() };
    /// if changes.cleared {
    ///     kept.clear();
    /// }
    /// for (key, json) in changes.values.clone() {
    ///     match json {
    ///         Some(json) => kept.insert(key, json),
    ///         None => kept.remove(&key),
    ///     };
    /// }
    /// assert_eq!(kept["_user_id"], r#""mia""#);
    /// assert_eq!(kept["cart"], "[1,2]");
    /// assert_eq!(outcome.remember[0].name(), "remember_token");
    /// assert!(outcome.private);
    /// # Ok::<(), BoxError>(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn open_with(&self, request: &impl Head, incoming: Incoming) -> Result<OpenVisit, Error> {
        self.refuse_foreign_handshake(request)?;
        let shared = &self.inner.shared;
        Ok(self.opened(|| VisitState::read_with(shared, request, incoming)))
    }

    fn refuse_foreign_handshake(&self, request: &impl Head) -> Result<(), Error> {
        let shared = &self.inner.shared;
        if !shared.settings.websocket_origins.refuse_handshake(request) {
            return Ok(());
        }
        let client = shared.client(request);
        shared.deliver(&Event::ForeignHandshake, EventClient::of(&client));
        Err(Error::new(
            ErrorKind::ForeignOrigin,
            "a page of another origin may not open a WebSocket here; allow_websocket_origin lists those that may",
        ))
    }

    fn opened(&self, read: impl FnOnce() -> VisitState) -> OpenVisit {
        let state = &self.inner.state;
        // Not by `get_or_init`, which would copy the state twice. If another thread is first, its state counts.
        if state.get().is_none() {
            let _ = state.set(Box::new(Mutex::new(read())));
        }
        OpenVisit {
            visit: self.clone(),
        }
    }

    /// [`finish`](Self::finish) for a whole response, which stays as it is if all goes well. If the session cannot be sent,
    /// the answer is an empty 500.
    pub fn finish_response<B: Default>(&self, mut response: Response<B>) -> Response<B> {
        if self.finish(response.headers_mut()).is_err() {
            response = Response::new(B::default());
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        }
        response
    }

    /// Writes the results into the response's headers: cookies, `Vary`, `Cache-Control`. A visit that was not opened leaves
    /// them unchanged.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::SessionTooLarge`] if a session that did fit no longer does. Then send an empty 500 in place of the
    /// response. The error has gone to `tracing`.
    pub fn finish(&self, headers: &mut impl Fields) -> Result<(), Error> {
        match self.closing() {
            Some(mut state) => state.write(&self.inner.shared, headers),
            None => Ok(()),
        }
    }

    /// The result of the request as a value: for doors that write no headers, or whose framework keeps the session
    /// ([`open_with`](Self::open_with)). `None` if the visit was not opened. This ends the visit: no change can follow.
    ///
    /// `is_set` says whether the handler has put a cookie with this name into the response. A resend of unchanged values
    /// does not undo such a cookie.
    ///
    /// # Errors
    ///
    /// As [`finish`](Self::finish). None if the framework keeps the session.
    pub fn outcome(&self, is_set: impl Fn(&str) -> bool) -> Result<Option<Outcome<'_>>, Error> {
        let set = self.set_by_handler(is_set);
        match self.closing() {
            Some(mut state) => {
                let is_set = |name: &str| set.contains(&name);
                state.conclude(&self.inner.shared, is_set).map(Some)
            }
            None => Ok(None),
        }
    }

    /// Only the remember token's part of the [`outcome`](Self::outcome), for frameworks that write the session later than
    /// other headers, as Flask does. The visit goes on, and the outcome contains only later changes of the token.
    pub fn remember_outcome(&self, is_set: impl Fn(&str) -> bool) -> Vec<SetCookie<'_>> {
        let set = self.set_by_handler(is_set);
        match self.closing() {
            Some(mut state) => {
                let is_set = |name: &str| set.contains(&name);
                state.conclude_remembering(&self.inner.shared, &is_set)
            }
            None => Vec::new(),
        }
    }

    /// Our cookies that are in the response already. This is asked before the state is locked, because a door may look at
    /// the visit to answer.
    fn set_by_handler(&self, is_set: impl Fn(&str) -> bool) -> Vec<&str> {
        if self.inner.state.get().is_none() {
            return Vec::new();
        }
        let mut names: Vec<_> = self.inner.shared.cookie_names().collect();
        names.retain(|name| is_set(name));
        names
    }

    /// Writes the [`remember_outcome`](Self::remember_outcome) into the response's headers, with `Vary` and `Cache-Control`
    /// as they are so far. The visit goes on.
    pub fn finish_remembering(&self, headers: &mut HeaderMap) {
        if let Some(mut state) = self.closing() {
            let outcome = state.outcome_of_token(&self.inner.shared, headers);
            outcome.write_to(headers);
        }
    }

    /// The state at the end, if there is one.
    fn closing(&self) -> Option<MutexGuard<'_, VisitState>> {
        let mut state = lock(self.inner.state.get()?);
        let without_use = self.inner.without_use.load(Ordering::Relaxed);
        state.is_used |= !without_use && !state.accessed;
        Some(state)
    }
}

/// If a hook or a handler panicked while it held the lock, the state is still consistent: it changes only by whole values.
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
    /// Acts on the state and delivers the events afterwards, so that a hook may look at the visit.
    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut View<'_>) -> T) -> T {
        let shared = &self.visit.inner.shared;
        let state = self.visit.inner.state.get();
        let mut state = lock(state.expect("an open visit has a state"));
        let result = act(&mut state.view(shared));
        if !state.events.is_empty() {
            let (events, client) = (std::mem::take(&mut state.events), state.client.clone());
            if shared.settings.keeps_events {
                state.keep_events(&events);
            }
            drop(state);
            let client = EventClient::of(&client);
            events
                .iter()
                .for_each(|event| shared.deliver(event, client));
        }
        result
    }

    /// Reports an event that is not in the state.
    pub(crate) fn deliver(&self, event: &Event) {
        let shared = &self.visit.inner.shared;
        let client = self.with(|view| {
            if shared.settings.keeps_events {
                view.keep_events(std::slice::from_ref(event));
            }
            view.client.clone()
        });
        shared.deliver(event, EventClient::of(&client));
    }

    /// As [`with`](Self::with), for a change that has to reach the browser.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::TooLate`] once the response has been written, for instance in a task that outlives the handler.
    pub(crate) fn change<T>(
        &self,
        act: impl FnOnce(&mut View<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.with(|view| {
            if view.written {
                return Err(Error::new(
                    ErrorKind::TooLate,
                    "the response has gone out, so that no cookie can follow it: change the login and the session \
                     before the handler returns",
                ));
            }
            act(view)
        })
    }

    pub(crate) fn visit(&self) -> &Visit {
        &self.visit
    }

    /// All of the session's values as JSON, for doors whose framework shows them as its own session. If the session is in
    /// cookies, the value that proves the login is left out.
    pub fn session_values(&self) -> Vec<(String, String)> {
        self.with(|view| view.session.show())
    }

    /// The same as the text of one JSON object, as Flask's session cookie holds it.
    pub fn session_json(&self) -> String {
        self.with(|view| view.session.show_json())
    }

    /// The raw JSON under one of the session's keys, for instance the `_user_id` with its type. As in
    /// [`session_values`](Self::session_values), a secret is not shown.
    pub fn session_value(&self, key: &str) -> Option<String> {
        self.with(|view| view.session.shown(key).map(str::to_owned))
    }

    /// Whether the session has changed since it came.
    pub fn is_session_modified(&self) -> bool {
        self.with(|view| view.session.is_modified())
    }

    /// Sends the session again even if it has not changed.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::TooLate`] after the response.
    pub fn rewrite_session(&self) -> Result<(), Error> {
        self.change(|view| {
            view.session.touch();
            Ok(())
        })
    }

    /// The events of this visit since the door last asked, if the manager keeps them
    /// ([`keep_events`](crate::LoginManagerBuilder::keep_events)): at most a thousand.
    pub fn take_events(&self) -> Vec<Event> {
        self.with(|view| std::mem::take(&mut view.kept_events))
    }

    /// Sets what this client is recognized by, in place of what [`SessionIdentifier`](crate::SessionIdentifier) computes
    /// from the request: for a program with its own formula. Earlier comparisons stay as they are.
    pub fn identify_client(&self, identity: String) {
        self.with(|view| view.client.identity = Some(identity));
    }

    /// What a session made for this client keeps to recognize it.
    pub fn client_identity(&self) -> String {
        self.with(|view| view.policy.settings.identifier.of(&view.client))
    }

    /// The client's address, if the manager knows it.
    pub fn client_address(&self) -> Option<IpAddr> {
        self.with(|view| view.client.address)
    }

    /// The changes that the rules have made in the session since a door last saw it, by [`Visit::open_with`],
    /// [`session_values`](Self::session_values), [`replace_session`](Self::replace_session) or this method. Changes taken
    /// here are not in the [`outcome`](Visit::outcome) again.
    pub fn take_session_changes(&self) -> SessionChanges {
        self.with(|view| view.take_session_changes())
    }

    /// Replaces the session by the framework's, as it is now: these values, as JSON. If that is another login, the next
    /// question for the current user searches again.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::TooLate`] after the response. [`ErrorKind::SessionValue`] if the session is in cookies and a value is
    /// not JSON or nested more than 126 levels deep; the session is then unchanged. A session in cookies that has become too
    /// large is an error of the [`outcome`](Visit::outcome).
    pub fn replace_session(
        &self,
        values: impl IntoIterator<Item = (String, String)>,
    ) -> Result<(), Error> {
        self.change(|view| {
            let values: Vec<_> = values.into_iter().collect();
            view.session.can_hold(&values)?;
            let login = |view: &View<'_>| {
                [keys::USER_ID, keys::TOKEN].map(|key| view.session.get(key).map(str::to_owned))
            };
            let before = login(view);
            if view.session.replace(values) {
                view.generation += 1;
                view.who = Who::NotAsked;
                view.live = None;
            }
            if login(view) != before {
                // What was found out about the session that came does not hold for this one.
                view.reads_only = false;
                view.missing_digest = None;
                view.replaced = true;
            }
            Ok(())
        })
    }

    /// As [`replace_session`](Self::replace_session), with the text of one JSON object, as Flask writes a session.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::SessionValue`] if the text is not a JSON object, and those of `replace_session`.
    pub fn replace_session_json(&self, text: String) -> Result<(), Error> {
        let values = SessionMap::values_of(text);
        let values = values.ok_or_else(|| {
            Error::new(
                ErrorKind::SessionValue,
                "a session is replaced by the text of one JSON object, and this is not one",
            )
        })?;
        self.replace_session(values)
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
    pub fn next_url(&self, request: &impl Head) -> NextUrl {
        NextUrl::new(self.clone(), request)
    }

    /// Whether this browser is remembered for the current user. Verifies the remember token, which few pages need.
    pub fn is_remembered(&self) -> bool {
        self.with(|view| match &view.who {
            Who::Somebody(user, source) if *source != LoginSource::Request => view
                .remember
                .remembers(&user.id(), &view.policy.remember, view.now),
            _ => false,
        })
    }

    /// Whether the current user's login is fresh and not older than this. `false` before
    /// [`current_user`](Self::current_user) was called.
    pub fn is_fresh_within(&self, within: Duration) -> bool {
        self.with(|view| view.is_fresh(Some(within)))
    }

    /// Whether the current user is being searched for or changed at this moment. A user loader that waits for the current
    /// user of its own request would wait for itself. A door calls this first if code can ask without knowing that it runs
    /// inside a loader.
    pub fn is_loading(&self) -> bool {
        self.visit.inner.loading.is_taken()
    }

    /// One at a time: searches for the user, or changes of the login in the store.
    pub(crate) async fn turn(&self) -> Turn<'_> {
        self.visit.inner.loading.take().await
    }
}

/// For events of a request.
impl Tell for OpenVisit {
    fn tell(&self, event: &Event) {
        self.deliver(event);
    }
}
