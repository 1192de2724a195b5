//! The settings, one method each, and the check of all of them.

use std::any::TypeId;
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::Response;
use http::request::Parts;

use super::LoginManager;
use super::managers;
use crate::attempts::{AttemptKeys, AttemptRules, Attempts, KnownBrowsers};
use crate::auth_hash::AuthHashes;
use crate::client::SessionIdentifier;
use crate::cookie::{CookieSettings, LONGEST_LIFE};
use crate::error::Error;
use crate::event::{Event, EventClient};
use crate::next_url::Mount;
use crate::policy::Policy;
use crate::records::rules::{MaxLogins, RecordRules, WhenFull};
use crate::records::secret::Digests;
use crate::records::timeouts::LoginTimeouts;
use crate::records::{LoginStore, Store};
use crate::remember::{RememberCookie, RememberFormat};
use crate::session::{FlashMessage, SessionCookie, SessionRefresh, SignedCookie};
use crate::settings::check::{check, check_key, check_store, warn_without_address};
use crate::settings::{
    AnonymousData, AnswerAs, Discard, SessionProtection, SessionSignature, Settings,
};
use crate::signing::SecretKeys;
use crate::signing::timed::TimedSigner;
use crate::user::{ErasedLoader, User, UserLoader, erase};
use crate::visit::shared::{Clock, Hook, Records, Shared};
use crate::visit::watched::Watched;

/// Makes a [`LoginManager`]. The preset gives every setting a default; [`build`](Self::build) checks all of them.
#[must_use = "a builder does nothing until build() is called"]
pub struct LoginManagerBuilder<U> {
    keys: SecretKeys,
    loader: Box<dyn ErasedLoader>,
    settings: Settings,
    hooks: Vec<Hook>,
    clock: Clock,
    store: Option<Store>,
    attempts: Option<Attempts>,
    /// The error of the first setting that could not be read.
    wrong: Option<Error>,
    user: PhantomData<fn() -> U>,
}

impl<U> fmt::Debug for LoginManagerBuilder<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoginManagerBuilder")
            .finish_non_exhaustive()
    }
}

/// Cookies.
impl<U: User> LoginManagerBuilder<U> {
    pub(super) fn new(keys: SecretKeys, loader: impl UserLoader<U>, settings: Settings) -> Self {
        Self {
            keys,
            loader: erase(loader),
            settings,
            hooks: Vec::new(),
            clock: Box::new(SystemTime::now),
            store: None,
            attempts: None,
            wrong: None,
            user: PhantomData,
        }
    }

    /// For development: cookies that browsers accept over plain HTTP, without Secure and without the prefixes that need it
    /// (`__Host-` and the like, in upper or lower case). On an open network, anybody on the way can read them.
    ///
    /// Call it after [`session_cookie`](Self::session_cookie) and [`remember_cookie`](Self::remember_cookie), whose
    /// settings it changes.
    pub fn plain_http(mut self) -> Self {
        self.settings.plain_http();
        self
    }

    /// The session cookie's name and attributes: Flask's `SESSION_COOKIE_*`.
    ///
    /// In the safe preset this cookie holds only the login. What the application stores in the session, and flashed messages,
    /// are in a second cookie with the same attributes and a name that ends in `-values`, so that a response which stores a
    /// value can never bring back or remove a login. In the `flask` preset one cookie holds both, as in Flask.
    ///
    /// ```
    /// # use housekey::*;
    /// # struct Member; impl User for Member { fn id(&self) -> String { "1".into() } }
    /// # let loader = |_: String| async { Ok::<_, BoxError>(None::<Member>) };
    /// let manager = LoginManager::new(SecretKeys::generate(), loader)
    ///     .session_cookie(|cookie| cookie.name("__Secure-sid").domain("example.com").same_site(SameSite::Strict))
    ///     .build()?;
    /// # Ok::<(), Error>(())
    /// ```
    pub fn session_cookie(mut self, set: impl FnOnce(CookieSettings) -> CookieSettings) -> Self {
        let settings = set(CookieSettings::of(self.settings.session_cookie.clone()));
        self.settings.session_cookie = settings.into_attributes();
        self
    }

    /// The remember token's cookie: Flask-Login's `REMEMBER_COOKIE_*`.
    pub fn remember_cookie(mut self, set: impl FnOnce(CookieSettings) -> CookieSettings) -> Self {
        let settings = set(CookieSettings::of(self.settings.remember_cookie.clone()));
        self.settings.remember_cookie = settings.into_attributes();
        self
    }

    /// How long a session lives after it was last written, permanent or not: Flask's `PERMANENT_SESSION_LIFETIME`.
    /// One day, or 31 in the `flask` preset; from one second to 400 days. Checked on the server.
    ///
    /// A session in use is written again as [`session_refresh`](Self::session_refresh) says, so activity keeps it alive
    /// without limit: there is no absolute lifetime. With a [`login_store`](Self::login_store), in the safe preset, this
    /// concerns only the application's values, and [`login_timeouts`](Self::login_timeouts) decide how long the login lives.
    pub fn session_lifetime(mut self, lifetime: Duration) -> Self {
        self.settings.session_lifetime = lifetime;
        self
    }

    /// When an unchanged session is sent again. Once an hour, or in the `flask` preset permanent ones at every request. With a
    /// [`login_store`](Self::login_store), in the safe preset, this concerns only the application's values.
    pub fn session_refresh(mut self, refresh: SessionRefresh) -> Self {
        self.settings.session_refresh = refresh;
        self
    }

    /// The salt of Flask's session interface, if the Flask application's is not `cookie-session`. Only the `flask` preset has
    /// a salt.
    pub fn session_salt(mut self, salt: impl Into<String>) -> Self {
        if self.settings.session_signature == SessionSignature::Flask {
            self.settings.session_salt = salt.into();
        } else {
            self.set_wrong("session_salt: only the flask preset has a salt; the safe one derives its key from the cookie's name");
        }
        self
    }

    /// The largest session cookie that is written, name and value together, in bytes: 4093, Flask's
    /// `MAX_COOKIE_SIZE`; from 512 to 4096. Flask warns and sends a larger one, which browsers drop. Here it is an error.
    pub fn max_cookie_size(mut self, bytes: usize) -> Self {
        self.settings.max_cookie_size = bytes;
        self
    }

    /// How long a remember token lives, unless the login says otherwise: `REMEMBER_COOKIE_DURATION`. 30 days, or 365
    /// in the `flask` preset; at most 400, because browsers keep no cookie for longer.
    pub fn remember_duration(mut self, duration: Duration) -> Self {
        self.settings.remember_duration = duration;
        self
    }

    /// Restarts a remember token's lifetime whenever a request that looks up the user carries a valid token of that user:
    /// `REMEMBER_COOKIE_REFRESH_EACH_REQUEST`. Without it, a token ends at the time that was fixed when it was made. The lifetime of
    /// a rotating token restarts at each use that starts a session.
    pub fn remember_refresh_each_request(mut self) -> Self {
        self.settings.remember_refresh_each_request = true;
        self
    }

    /// Which remember tokens are written and read. [`RememberFormat::Timed`], with a login store
    /// [`RememberFormat::Rotating`]; in the `flask` preset [`RememberFormat::FlaskLogin`].
    pub fn remember_format(mut self, format: RememberFormat) -> Self {
        self.settings.remember_format = Some(format);
        self
    }
}

/// Login records.
impl<U: User> LoginManagerBuilder<U> {
    /// Keeps a record of every login on the server. A cookie then counts only while its record lives: logging
    /// out makes every copy worthless, logins can be listed and ended ([`Login::logins`](crate::Login::logins),
    /// [`LoginManager::logins_of`]), they time out on the server, and remember tokens change with each use.
    ///
    /// Every request that looks up the user asks the store first. In the safe preset, sessions and remember tokens from before
    /// the store do not count, so adding one logs everybody out once. In the `flask` preset a session
    /// without a record gets one when it is first looked at, because a Flask peer may have made it. The cookie finds that record
    /// from then on. Once that record has ended, copies of the cookie do not start another.
    ///
    /// ```
    /// use housekey::{LoginTimeouts, WhenFull, records::MemoryLoginStore};
    /// # use housekey::*;
    /// # struct Member; impl User for Member { fn id(&self) -> String { "1".into() } }
    /// # let loader = |_: String| async { Ok::<_, BoxError>(None::<Member>) };
    ///
    /// let manager = LoginManager::new(SecretKeys::generate(), loader)
    ///     .login_store(MemoryLoginStore::new())
    ///     .login_timeouts(LoginTimeouts::SENSITIVE)
    ///     .max_logins(5, WhenFull::EndOldest)
    ///     .build()?;
    /// # Ok::<(), Error>(())
    /// ```
    pub fn login_store(mut self, store: impl LoginStore) -> Self {
        self.store = Some(Store::new(store));
        self
    }

    /// When logins end by themselves: by default [`LoginTimeouts::EVERYDAY`]. Needs a
    /// [`login_store`](Self::login_store). In the `flask` preset the idle timeout must not be longer than
    /// [`session_lifetime`](Self::session_lifetime), after which the cookie is gone.
    pub fn login_timeouts(mut self, timeouts: LoginTimeouts) -> Self {
        self.settings.login_timeouts = Some(timeouts);
        self
    }

    /// How many logins a user may have at once, from 1 to 1,000, and what happens at the limit. Needs a
    /// [`login_store`](Self::login_store). The default is 100 and [`WhenFull::EndOldest`]: more than a person has, and few
    /// enough that nobody can fill the store with logins of one account.
    ///
    /// The limit holds for simultaneous logins too, on any number of servers. A browser that comes back with a rotating
    /// remember token has its login already. A session that a Flask peer made gets one, for which the oldest ends in any
    /// case. A lowered limit takes effect at a user's next login.
    ///
    /// With [`WhenFull::Refuse`], the use of a login is noted at least every five minutes.
    pub fn max_logins(mut self, count: usize, when_full: WhenFull) -> Self {
        self.settings.max_logins = Some(MaxLogins { count, when_full });
        self
    }
}

/// Rules.
impl<U: User> LoginManagerBuilder<U> {
    /// A name for these users, for instance `staff`, where several kinds of users have login managers with the same secret
    /// key. Cookies and records of one realm are worth nothing in another, so that member 1 is never employee 1, and
    /// realms may share a login store. Programs that share their logins need the same realm. Empty by default; changing it logs
    /// everybody out.
    ///
    /// If two managers in one process, for different types of users, would take each other's logins for their own,
    /// [`build`](Self::build) fails. It cannot notice that across processes: give each kind of user a realm, or a key.
    /// The cookies of the `flask` preset have no place for a realm, so there each kind needs a key of its own, and a realm only
    /// separates the login records of managers that share a store.
    pub fn realm(mut self, realm: impl Into<String>) -> Self {
        self.settings.rules.realm = realm.into();
        self
    }

    /// What happens to a session that comes from a different browser than it was made for: a [`SessionProtection`] or
    /// its name (`"off"`, `"basic"`, `"strong"`). Basic by default.
    pub fn session_protection<M>(mut self, mode: M) -> Self
    where
        M: TryInto<SessionProtection>,
        M::Error: Into<Error>,
    {
        match mode.try_into() {
            Ok(mode) => self.settings.rules.protection = mode,
            Err(error) => self.wrong = self.wrong.or(Some(error.into())),
        }
        self
    }

    /// What a session is bound to: the user agent, or in the `flask` preset Flask-Login 0.6's address and user agent. The
    /// latter needs [`client_address`](Self::client_address) or [`trusted_proxies`](Self::trusted_proxies).
    pub fn session_identifier(mut self, identifier: SessionIdentifier) -> Self {
        self.settings.rules.identifier = identifier;
        self
    }

    /// Where the address of the connection comes from, because housekey's doors do not see the socket. It is used for
    /// [`SessionIdentifier::FlaskLogin06`] and [`FlaskLogin07`](SessionIdentifier::FlaskLogin07), which without it never
    /// agree with what a Flask peer computed, for [`LoginInfo::address`](crate::LoginInfo::address), and for the address in events
    /// ([`EventClient::address`](crate::EventClient::address)). With axum, start the server with
    /// `into_make_service_with_connect_info::<SocketAddr>()`:
    ///
    /// ```
    /// # use std::net::{IpAddr, SocketAddr};
    /// # use housekey::*;
    /// # struct ConnectInfo<T>(T);
    /// # struct Member; impl User for Member { fn id(&self) -> String { "1".into() } }
    /// # let loader = |_: String| async { Ok::<_, BoxError>(None::<Member>) };
    /// # let builder = LoginManager::new(SecretKeys::generate(), loader);
    /// builder.client_address(|request| {
    ///     Some(request.extensions.get::<ConnectInfo<SocketAddr>>()?.0.ip())
    /// });
    /// ```
    pub fn client_address(
        mut self,
        address: impl Fn(&Parts) -> Option<IpAddr> + Send + Sync + 'static,
    ) -> Self {
        self.settings.rules.client_address = Some(Box::new(address));
        self
    }

    /// How many proxies stand in front of the program and append to `X-Forwarded-For`: the client's address is the
    /// entry that many from the end. Zero, the default, believes no header. A shorter list is not from these
    /// proxies, so [`client_address`](Self::client_address) decides. A client that reaches the program without passing the
    /// proxies can claim any address.
    pub fn trusted_proxies(mut self, hops: usize) -> Self {
        self.settings.rules.trusted_proxies = hops;
        self
    }

    /// How long a login stays fresh after a password was given. One hour; in the `flask` preset as long as the
    /// session lives. There, a fresh login that a Flask peer made does not say when, and counts as fresh under any age.
    pub fn fresh_within(mut self, within: Duration) -> Self {
        self.settings.rules.fresh_within = Some(within);
        self
    }

    /// Lets a login stay fresh for as long as its session lives, as Flask-Login does.
    pub fn fresh_while_session_lives(mut self) -> Self {
        self.settings.rules.fresh_within = None;
        self
    }

    /// Session keys whose values an anonymous visitor keeps when logging in, for instance a cart. Everything else is removed, so
    /// that nobody can plant data in another person's session. The `flask` preset keeps everything, as Flask does, unless you name
    /// keys.
    pub fn keep_at_login<K: Into<String>>(mut self, keys: impl IntoIterator<Item = K>) -> Self {
        self.settings.rules.anonymous_data = AnonymousData::Drop {
            except: keys.into_iter().map(Into::into).collect(),
        };
        self
    }
}

/// Denials.
impl<U: User> LoginManagerBuilder<U> {
    /// The prefix of the program's public addresses, for instance `/app`, if a proxy strips it before a request arrives here:
    /// WSGI's `SCRIPT_NAME`, FastAPI's `root_path`. Empty by default; `/` means the same. Do not set it if the program sees the
    /// prefix: it would then be added twice.
    ///
    /// - The paths that this manager, its scopes and guards and [`NextUrl::or`](crate::NextUrl::or) are given stay the program's own,
    ///   as its router knows them: `login_view("/login")` sends people to `/app/login`. Absolute URLs stay as they are.
    /// - The return address is public too: `next` is `/app/page`. An address of this host that is not below the prefix is refused:
    ///   `/`, `/application`, `/app/../admin`, in any encoding.
    /// - Cookies keep their path, `/` by default. Programs below other prefixes of the host get them too, and two with the same
    ///   cookie names and different keys overwrite each other's: give them different names.
    ///
    /// No header of a request changes it. In its own links, forms and redirects, the application writes the prefix itself.
    ///
    /// ```
    /// # use housekey::*;
    /// # struct Member; impl User for Member { fn id(&self) -> String { "1".into() } }
    /// # let loader = |_: String| async { Ok::<_, BoxError>(None::<Member>) };
    /// let manager = LoginManager::new(SecretKeys::generate(), loader)
    ///     .mounted_at("/app")
    ///     .login_view("/login") // people are sent to /app/login?next=%2Fapp%2F…
    ///     .build()?;
    /// # Ok::<(), Error>(())
    /// ```
    pub fn mounted_at(mut self, prefix: impl Into<String>) -> Self {
        self.settings.rules.mount = Mount::new(prefix.into());
        self
    }

    /// The page for visitors who have to log in: a path of this site, or an absolute URL. Without one they get a 401.
    pub fn login_view(mut self, view: impl Into<String>) -> Self {
        self.settings.rules.login_view = Some(view.into());
        self
    }

    /// The page for users who have to prove again who they are: a path of this site, or an absolute URL. Without one
    /// they get a 401.
    pub fn refresh_view(mut self, view: impl Into<String>) -> Self {
        self.settings.rules.refresh_view = Some(view.into());
        self
    }

    /// The message that is flashed when somebody is sent to the login page. An empty text means no message. The `flask` preset
    /// has Flask-Login's, `Please log in to access this page.`; the safe preset has none.
    pub fn login_message(self, text: impl Into<String>) -> Self {
        self.login_message_in("message", text)
    }

    /// The same with a category of its own (`login_message_category`).
    pub fn login_message_in(
        mut self,
        category: impl Into<String>,
        text: impl Into<String>,
    ) -> Self {
        self.settings.rules.login_message = message(category, text);
        self
    }

    /// Flashes nothing before a redirect to the login page.
    pub fn no_login_message(mut self) -> Self {
        self.settings.rules.login_message = None;
        self
    }

    /// The message that is flashed when somebody is sent to the refresh page. Flask-Login's is
    /// `Please reauthenticate to access this page.`
    pub fn needs_refresh_message(self, text: impl Into<String>) -> Self {
        self.needs_refresh_message_in("message", text)
    }

    /// The same with a category of its own (`needs_refresh_message_category`).
    pub fn needs_refresh_message_in(
        mut self,
        category: impl Into<String>,
        text: impl Into<String>,
    ) -> Self {
        self.settings.rules.needs_refresh_message = message(category, text);
        self
    }

    /// Flashes nothing before a redirect to the refresh page.
    pub fn no_needs_refresh_message(mut self) -> Self {
        self.settings.rules.needs_refresh_message = None;
        self
    }

    /// Translates the two messages into the visitor's language (`localize_callback`).
    pub fn localize_messages(
        mut self,
        localize: impl Fn(&str) -> String + Send + Sync + 'static,
    ) -> Self {
        self.settings.rules.localize = Some(Box::new(localize));
        self
    }

    /// Answers visitors who have to log in, in place of everything else (`unauthorized_handler`). Nothing is negotiated or
    /// flashed then. `Cache-Control: no-store` is added unless the response has that field.
    pub fn unauthorized_handler(
        mut self,
        handler: impl Fn(&Parts) -> Response<String> + Send + Sync + 'static,
    ) -> Self {
        self.settings.rules.unauthorized_handler = Some(Box::new(handler));
        self
    }

    /// Answers users who have to prove again who they are, in place of everything else (`needs_refresh_handler`).
    pub fn needs_refresh_handler(
        mut self,
        handler: impl Fn(&Parts) -> Response<String> + Send + Sync + 'static,
    ) -> Self {
        self.settings.rules.needs_refresh_handler = Some(Box::new(handler));
        self
    }

    /// How denied requests are answered: [`AnswerAs::Negotiated`], or [`AnswerAs::Flask`] in the `flask` preset.
    /// A scope or a guard can choose otherwise for the routes below it.
    pub fn answer_as(mut self, answer: AnswerAs) -> Self {
        self.settings.rules.answer_as = answer;
        self
    }

    /// How much of a form that was posted without a login is read before it is denied, and for how long: 16 MiB and 30
    /// seconds. It is thrown away piece by piece. A longer or slower body is answered all the same, and the
    /// connection closes (`Connection: close`); a browser that is still sending may then show an error in place of the
    /// login page. With zero bytes no body is read.
    ///
    /// Forms with larger files need more. People whose login has expired then learn of it only after the upload.
    pub fn discard_denied_body(mut self, bytes: u64, within: Duration) -> Self {
        self.settings.rules.discard = Discard { bytes, within };
        self
    }

    /// Keeps `next` in the session and not in the login page's URL (`USE_SESSION_FOR_NEXT`).
    pub fn next_in_session(mut self) -> Self {
        self.settings.rules.next_in_session = true;
        self
    }

    /// The name of the parameter that holds the return address: `next`.
    pub fn next_field(mut self, name: impl Into<String>) -> Self {
        self.settings.rules.next_field = name.into();
        self
    }

    /// Another origin that a return address may lead to, for instance `https://shop.example`. Exactly this scheme,
    /// host and port.
    pub fn allow_next_origin(mut self, origin: &str) -> Self {
        if self.settings.rules.next_origins.add(origin).is_none() {
            self.set_wrong(not_an_origin("allow_next_origin", origin));
        }
        self
    }

    /// Another origin whose pages may open a WebSocket as the visitor, for instance `https://app.example`. Exactly this
    /// scheme, host and port.
    ///
    /// When a page of any site opens a WebSocket, the browser sends the cookies along, so the page would speak as the visitor.
    /// Therefore every guard and extractor that looks up the visitor refuses the opening with 403 if its `Origin` is
    /// neither the called host nor listed here. A request without `Origin` comes from a program, and passes. Behind a proxy that
    /// does not pass on `Host`, list the site's own origin.
    pub fn allow_websocket_origin(mut self, origin: &str) -> Self {
        if self.settings.rules.websocket_origins.add(origin).is_none() {
            self.set_wrong(not_an_origin("allow_websocket_origin", origin));
        }
        self
    }

    /// The host in redirects to this site's login page (`FORCE_HOST_FOR_REDIRECTS`). A login page that names its own host
    /// keeps it.
    pub fn force_host_for_redirects(mut self, host: impl Into<String>) -> Self {
        self.settings.rules.force_host = Some(host.into());
        self
    }
}

/// Clock, attempts, events, and the build.
impl<U: User> LoginManagerBuilder<U> {
    /// How much the clocks of the machines that share these logins may differ: one minute by default, at most ten. A cookie from
    /// further in the future is ignored until the clocks agree, and stays in the browser. Requests that are under
    /// way while a secret is replaced get this much longer too. In whole seconds.
    ///
    /// Set the clocks by NTP all the same: timeouts are only as exact as they are.
    pub fn clock_tolerance(mut self, tolerance: Duration) -> Self {
        self.settings.rules.clock_tolerance = tolerance;
        self
    }

    /// Limits attempts to log in: passwords at the login page, codes at a second step, and whatever else a handler calls
    /// [`Login::attempt`](crate::Login::attempt) for. They are counted in this store, which may be a clone of the login store.
    ///
    /// A browser in which an attempt at an account has succeeded keeps a cookie that says so, and is counted apart from
    /// strangers there. The
    /// cookie has the [remember token's](Self::remember_cookie) attributes, and its name with `-browser` appended. Without the
    /// key it identifies nobody. A logout leaves it.
    ///
    /// ```
    /// # use housekey::*;
    /// # use housekey::records::MemoryLoginStore;
    /// # struct Member; impl User for Member { fn id(&self) -> String { "1".into() } }
    /// # let loader = |_: String| async { Ok::<_, BoxError>(None::<Member>) };
    /// let store = MemoryLoginStore::new();
    /// let manager = LoginManager::new(SecretKeys::generate(), loader)
    ///     .login_store(store.clone())
    ///     .limit_attempts(Attempts::new(store))
    ///     .trusted_proxies(1)
    ///     .build()?;
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// Addresses are limited only if the manager knows them: set [`client_address`](Self::client_address) or
    /// [`trusted_proxies`](Self::trusted_proxies).
    pub fn limit_attempts(mut self, attempts: Attempts) -> Self {
        self.attempts = Some(attempts);
        self
    }

    /// Calls this at every event, with what is known of the client that caused it. It runs on the thread of the request, so
    /// it should be quick. Several hooks are called in the order in which they were given.
    ///
    /// ```
    /// # use housekey::*;
    /// # struct Member; impl User for Member { fn id(&self) -> String { "1".into() } }
    /// # let loader = |_: String| async { Ok::<_, BoxError>(None::<Member>) };
    /// # let builder = LoginManager::new(SecretKeys::generate(), loader);
    /// builder.on_event(|event, client| {
    ///     if matches!(event, Event::LoginFailed { .. } | Event::RememberTokenStolen { .. }) {
    ///         eprintln!("{} of {:?} from {:?}", event.name(), event.user_id(), client.address());
    ///     }
    /// });
    /// ```
    pub fn on_event(
        mut self,
        hook: impl Fn(&Event, EventClient<'_>) + Send + Sync + 'static,
    ) -> Self {
        self.hooks.push(Box::new(hook));
        self
    }

    /// Lets each visit keep its events, for a door that reports them in its framework's own way
    /// ([`OpenVisit::take_events`](crate::OpenVisit::take_events)). Hooks and `tracing` get them too.
    pub fn keep_events(mut self) -> Self {
        self.settings.rules.keeps_events = true;
        self
    }

    /// Where the time comes from: the system's clock, unless a test has its own.
    pub fn clock(mut self, clock: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        self.clock = Box::new(clock);
        self
    }

    /// Checks every setting and makes the manager.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Setting`](crate::ErrorKind::Setting) for the first setting that is wrong, by its name;
    /// [`ErrorKind::SecretKey`](crate::ErrorKind::SecretKey) for a key
    /// that is too weak for the safe preset.
    pub fn build(self) -> Result<LoginManager<U>, Error> {
        if let Some(error) = self.wrong {
            return Err(error);
        }
        let mut settings = self.settings;
        settings.rules.finds_by_id = self.loader.finds_by_id();
        settings.rules.finds_by_request = self.loader.finds_by_request();
        check_key(&self.keys, &settings)?;
        check(&settings)?;
        let remember_format = check_store(&settings, self.store.is_some())?;
        warn_without_address(&settings);
        if let Some(attempts) = &self.attempts {
            attempts.check()?;
        }
        // A Flask peer's cookies have no place for a realm.
        let realm_of_cookies = match settings.session_signature {
            SessionSignature::Flask => "",
            SessionSignature::Sha256 => &settings.rules.realm,
        };
        let keys = &self.keys.in_realm(realm_of_cookies);
        let clock_tolerance = settings.rules.clock_tolerance.as_secs();
        let signing_keys = match settings.session_signature {
            SessionSignature::Flask => keys.for_flask_session(&settings.session_salt),
            SessionSignature::Sha256 => {
                keys.for_purpose(&["housekey", "session", &settings.session_cookie.name])
            }
        };
        let adopts = self.store.is_some() && settings.session_signature == SessionSignature::Flask;
        let values = settings.values_cookie();
        let known_cookie = settings.known_cookie();
        let timeouts = settings.login_timeouts.unwrap_or_default();
        let main = SignedCookie {
            attributes: settings.session_cookie,
            signer: TimedSigner::new(signing_keys, clock_tolerance),
            lifetime: settings.session_lifetime,
            kept_for: settings.session_lifetime,
            refresh: settings.session_refresh,
            keeps_value: adopts,
        };
        let session_cookie = SessionCookie {
            // The login's record says how long it lives, so its cookie is not sent again: from a slow request, it would replace
            // a new secret with an old one.
            main: match self.store.is_some() && values.is_some() {
                true => SignedCookie {
                    lifetime: LONGEST_LIFE,
                    kept_for: timeouts.absolute(),
                    refresh: SessionRefresh::Never,
                    ..main
                },
                false => main,
            },
            values: values.map(|attributes| SignedCookie {
                signer: TimedSigner::new(
                    keys.for_purpose(&["housekey", "session values", &attributes.name]),
                    clock_tolerance,
                ),
                attributes,
                lifetime: settings.session_lifetime,
                kept_for: settings.session_lifetime,
                refresh: settings.session_refresh,
                keeps_value: false,
            }),
            max_size: settings.max_cookie_size,
        };
        let (attempt_rules, attempt_store) = match self.attempts {
            None => (None, None),
            Some(attempts) => {
                let keys = &self.keys.in_realm(&settings.rules.realm);
                let rules = AttemptRules {
                    keys: AttemptKeys::new(keys, attempts.ipv6_network),
                    known: KnownBrowsers::new(keys, known_cookie, clock_tolerance),
                    schedules: attempts.schedules,
                    by_address: attempts.by_address,
                };
                (Some(rules), Some(attempts.store))
            }
        };
        let remember = RememberCookie::new(
            keys,
            settings.remember_cookie,
            remember_format,
            settings.remember_duration,
            settings.remember_refresh_each_request,
            clock_tolerance,
            &settings.rules.realm,
        );
        let store = self
            .store
            .map(|store| store.in_realm(&settings.rules.realm));
        let records = store.map(|store| Records {
            store,
            rules: RecordRules {
                digests: Digests::new(&self.keys.in_realm(&settings.rules.realm)),
                timeouts,
                max_logins: settings.max_logins.unwrap_or_default(),
                adopts,
                remember_for: settings.remember_duration.as_secs(),
                remember_slides: settings.remember_refresh_each_request,
                clock_tolerance,
            },
        });
        let mut fingerprints = [
            session_cookie.main.signer.fingerprints(),
            remember.fingerprints(),
        ]
        .concat();
        if let Some(records) = &records {
            fingerprints.extend(records.rules.digests.fingerprints());
        }
        let ready = |view: &Option<String>| {
            let view = view.as_deref();
            view.map(|view| Policy::view(&settings.rules, view))
        };
        let shared = Shared {
            records,
            policy: Policy {
                login_view: ready(&settings.rules.login_view),
                refresh_view: ready(&settings.rules.refresh_view),
                settings: settings.rules,
                session_cookie,
                remember,
                auth_hashes: AuthHashes::new(keys),
                attempts: attempt_rules,
            },
            attempts: attempt_store,
            watched: Watched::default(),
            fingerprints,
            loader: self.loader,
            user_type: TypeId::of::<U>(),
            hooks: self.hooks,
            clock: self.clock,
        };
        let shared = Arc::new(shared);
        managers::add(&shared)?;
        Ok(LoginManager {
            shared,
            user: PhantomData,
        })
    }

    fn set_wrong(&mut self, message: impl Into<Cow<'static, str>>) {
        let error = Error::setting(message);
        self.wrong.get_or_insert(error);
    }
}

fn not_an_origin(setting: &str, origin: &str) -> String {
    format!(
        "{setting}: {origin:?} is not an origin; give a scheme and a host, for instance https://shop.example"
    )
}

fn message(category: impl Into<String>, text: impl Into<String>) -> Option<FlashMessage> {
    Some(FlashMessage {
        category: category.into(),
        text: text.into(),
    })
    .filter(|message| !message.text.is_empty())
}
