//! The configuration as housekey's settings.
//!
//! Flask complains about some values only when it sends a cookie, and so does this: see [`Cookies`].

use std::time::Duration;

use housekey::{
    AnswerAs, Attempts, CookieSettings, Error, LoginManager, LoginManagerBuilder, LoginTimeouts,
    RememberFormat, SameSite, SecretKeys, SessionProtection, SessionRefresh, WhenFull,
};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::config::{Config, duration};
use crate::environ::{Address, Peer};
use crate::store::StoreHandle;
use crate::user::{PyLoader, PyUser};

/// The cookies' names, unless the configuration sets others.
const SESSION: &str = "session";
const REMEMBER: &str = "remember_token";

/// The rules' name of a setting, and the configuration key for it.
const KEYS_OF: [(&str, &str); 9] = [
    ("login_timeouts: the idle timeout", "HOUSEKEY_IDLE_TIMEOUT"),
    ("login_timeouts: idle", "HOUSEKEY_IDLE_TIMEOUT"),
    ("login_timeouts: absolute", "HOUSEKEY_ABSOLUTE_TIMEOUT"),
    (
        "login_timeouts",
        "HOUSEKEY_IDLE_TIMEOUT and HOUSEKEY_ABSOLUTE_TIMEOUT",
    ),
    ("max_logins", "HOUSEKEY_MAX_LOGINS"),
    ("remember_format", "HOUSEKEY_REMEMBER_FORMAT"),
    ("fresh_within", "HOUSEKEY_FRESH_WITHIN"),
    ("login_store", "HOUSEKEY_LOGIN_STORE"),
    ("session_lifetime", "PERMANENT_SESSION_LIFETIME"),
];

/// Which of the two cookies follow the configuration. The others cannot be written.
#[derive(Clone, Copy)]
struct Cookies {
    session: bool,
    remember: bool,
}

/// A manager, and why one of its cookies cannot be written.
pub(crate) struct Settings {
    pub(crate) manager: LoginManager<PyUser>,
    /// Whether a login becomes stale with time. Otherwise the session says whether it is fresh.
    pub(crate) has_fresh_age: bool,
    pub(crate) limits_attempts: bool,
    pub(crate) session_cookie_name: String,
    pub(crate) session_error: Option<String>,
    pub(crate) remember_cookie_name: String,
    pub(crate) remember_error: Option<String>,
}

impl<'py> Config<'py> {
    fn protection(&self, of_manager: &Bound<'py, PyAny>) -> PyResult<SessionProtection> {
        let mode = self.entry("SESSION_PROTECTION").unwrap_or(of_manager);
        let mode = match mode.cast::<PyString>() {
            Ok(mode) => mode.to_str()?,
            Err(_) => return Ok(SessionProtection::Off),
        };
        match mode {
            "basic" => Ok(SessionProtection::Basic),
            "strong" => Ok(SessionProtection::Strong),
            "" => Ok(SessionProtection::Off),
            // Flask-Login takes "Strong" for no protection.
            _ => Err(PyValueError::new_err(format!(
                "SESSION_PROTECTION, or the login manager's session_protection, is \"basic\", \"strong\" or None, and not {mode:?}"
            ))),
        }
    }

    /// Builds the manager.
    ///
    /// # Errors
    ///
    /// Values that Flask could not even read, for instance a key of a wrong type.
    pub(crate) fn settings(
        &self,
        loader: impl Fn() -> PyLoader,
        name: Option<&str>,
        of_manager: &Bound<'py, PyAny>,
        salt: Option<&str>,
        store: Option<&StoreHandle>,
    ) -> PyResult<Settings> {
        let keys = self.secret_keys(name)?.unwrap_or_else(SecretKeys::generate);
        let strict = self.is_on("HOUSEKEY_STRICT", false)?;
        // Python reads this itself at each request.
        self.is_on("HOUSEKEY_REQUIRE_LOGIN", false)?;
        let build = |cookies: Cookies| -> PyResult<Result<LoginManager<PyUser>, Error>> {
            let builder = match strict {
                true => LoginManager::flask(keys.clone(), loader()),
                false => LoginManager::flask_login(keys.clone(), loader()),
            };
            let builder = match salt {
                Some(salt) => builder.session_salt(salt),
                None => builder,
            };
            let builder = self.rules(builder, of_manager)?;
            let builder = self.records(builder, name, store)?;
            let builder = match cookies.session {
                true => match self.session_cookie(builder, name)? {
                    Ok(builder) => builder,
                    Err(error) => return Ok(Err(error)),
                },
                false => builder,
            };
            let builder = match cookies.remember {
                true => match self.remember_cookie(builder, name)? {
                    Ok(builder) => builder,
                    Err(error) => return Ok(Err(error)),
                },
                false => builder,
            };
            Ok(builder.build())
        };
        let mut errors = Vec::new();
        for (session, remember) in [(true, true), (true, false), (false, true), (false, false)] {
            let error = match build(Cookies { session, remember })? {
                Ok(manager) => {
                    return self.built(manager, name, Cookies { session, remember }, errors);
                }
                Err(error) => error,
            };
            if !session && !remember {
                return Err(PyValueError::new_err(in_our_words(&error)));
            }
            errors.push(error.to_string());
        }
        unreachable!("the last of them is built or is an error")
    }

    /// `errors` says what was wrong with both cookies, with the session's, and with the remember token's, as far as that
    /// was tried.
    fn built(
        &self,
        manager: LoginManager<PyUser>,
        name: Option<&str>,
        cookies: Cookies,
        errors: Vec<String>,
    ) -> PyResult<Settings> {
        let why = |index: usize| errors.get(index).cloned();
        let (session_error, remember_error) = match cookies {
            Cookies {
                session: true,
                remember: true,
            } => (None, None),
            Cookies {
                session: true,
                remember: false,
            } => (None, why(0)),
            Cookies {
                session: false,
                remember: true,
            } => (why(1), None),
            Cookies {
                session: false,
                remember: false,
            } => (why(1), why(2)),
        };
        let session_cookie_name = match cookies.session {
            true => self.cookie_name("SESSION_COOKIE_NAME", SESSION, name)?,
            false => SESSION.to_owned(),
        };
        let remember_cookie_name = match cookies.remember {
            true => self.cookie_name("REMEMBER_COOKIE_NAME", REMEMBER, name)?,
            false => REMEMBER.to_owned(),
        };
        Ok(Settings {
            manager,
            has_fresh_age: self.duration("HOUSEKEY_FRESH_WITHIN")?.is_some(),
            limits_attempts: self.is_on("HOUSEKEY_LIMIT_ATTEMPTS", false)?,
            session_cookie_name,
            session_error,
            remember_cookie_name,
            remember_error: self.wrong_duration()?.or(remember_error),
        })
    }

    fn rules(
        &self,
        builder: LoginManagerBuilder<PyUser>,
        of_manager: &Bound<'py, PyAny>,
    ) -> PyResult<LoginManagerBuilder<PyUser>> {
        let mut builder = builder
            .session_protection(self.protection(of_manager)?)
            .client_address(|request| request.extensions.get().map(|Address(it)| *it))
            .clock(crate::door::now)
            .keep_events();
        let refresh = self.is_on("SESSION_REFRESH_EACH_REQUEST", true)?;
        builder = builder.session_refresh(match refresh {
            true => SessionRefresh::PermanentEachRequest,
            false => SessionRefresh::Never,
        });
        if self.is_on("REMEMBER_COOKIE_REFRESH_EACH_REQUEST", false)? {
            builder = builder.remember_refresh_each_request();
        }
        if let Some(seconds) = self.seconds("PERMANENT_SESSION_LIFETIME")? {
            builder = builder.session_lifetime(duration(seconds));
        }
        if let Some(seconds) = self.seconds("REMEMBER_COOKIE_DURATION")? {
            builder = builder.remember_duration(duration(seconds));
        }
        let size = self
            .get("MAX_COOKIE_SIZE")
            .and_then(|size| size.extract::<usize>().ok());
        // Zero turns the warning off. Browsers drop a larger cookie anyway.
        let size = size.filter(|size| *size > 0).unwrap_or(4093);
        builder = builder.max_cookie_size(size.clamp(512, 4096));
        for origin in self.texts("HOUSEKEY_WEBSOCKET_ORIGINS")? {
            builder = builder.allow_websocket_origin(&origin);
        }
        for origin in self.texts("HOUSEKEY_NEXT_ORIGINS")? {
            builder = builder.allow_next_origin(&origin);
        }
        if let Some(hops) = self.whole("HOUSEKEY_TRUSTED_PROXIES")? {
            builder = builder
                .client_address(|request| request.extensions.get().map(|Peer(it)| *it))
                .trusted_proxies(hops);
        }
        if let Some(within) = self.duration("HOUSEKEY_FRESH_WITHIN")? {
            builder = builder.fresh_within(within);
        }
        if let Some(tolerance) = self.duration("HOUSEKEY_CLOCK_TOLERANCE")? {
            builder = builder.clock_tolerance(tolerance);
        }
        let answer = self.answer_as()?;
        if answer != AnswerAs::Flask {
            // Python makes Flask-Login's own answers.
            if self.is_on("USE_SESSION_FOR_NEXT", false)? {
                builder = builder.next_in_session();
            }
            if let Some(host) = self.text("FORCE_HOST_FOR_REDIRECTS")? {
                builder = builder.force_host_for_redirects(host);
            }
        }
        Ok(builder.answer_as(answer))
    }

    /// How visitors who may not pass are answered.
    pub(crate) fn answer_as(&self) -> PyResult<AnswerAs> {
        let words = [
            ("flask", AnswerAs::Flask),
            ("negotiated", AnswerAs::Negotiated),
            ("page", AnswerAs::Page),
            ("api", AnswerAs::Api),
        ];
        let answer = self.choice("HOUSEKEY_ANSWER_AS", &words)?;
        Ok(answer.unwrap_or(AnswerAs::Flask))
    }

    /// The settings about login records and about remember tokens with a record.
    fn records(
        &self,
        mut builder: LoginManagerBuilder<PyUser>,
        name: Option<&str>,
        store: Option<&StoreHandle>,
    ) -> PyResult<LoginManagerBuilder<PyUser>> {
        if let Some(store) = store {
            builder = builder.login_store(store.clone());
        }
        if self.is_on("HOUSEKEY_LIMIT_ATTEMPTS", false)? {
            let Some(store) = store else {
                return Err(PyValueError::new_err(
                    "HOUSEKEY_LIMIT_ATTEMPTS: attempts are counted in the login store; set HOUSEKEY_LOGIN_STORE",
                ));
            };
            Python::attach(|py| store.must_count_attempts(py))?;
            let attempts = Attempts::new(store.clone());
            // Without it, the address is one that clients can make up, as in Flask-Login.
            builder = builder.limit_attempts(match self.whole("HOUSEKEY_TRUSTED_PROXIES")? {
                Some(_) => attempts,
                None => attempts.not_by_address(),
            });
        }
        // Without records, its own key is what separates a named manager from the app's.
        let own = store.and(name).map(str::to_owned);
        if let Some(realm) = self.text("HOUSEKEY_REALM")?.or(own) {
            builder = builder.realm(realm);
        }
        let idle = self.duration("HOUSEKEY_IDLE_TIMEOUT")?;
        let absolute = self.duration("HOUSEKEY_ABSOLUTE_TIMEOUT")?;
        if store.is_some() || idle.is_some() || absolute.is_some() {
            let usual = LoginTimeouts::default();
            let absolute = absolute.unwrap_or(usual.absolute());
            // A session cookie that expires sooner ends the login.
            let longest = self.seconds("PERMANENT_SESSION_LIFETIME")?.map(duration);
            let usual_idle = usual
                .idle()
                .min(absolute)
                .min(longest.unwrap_or(Duration::MAX));
            builder =
                builder.login_timeouts(LoginTimeouts::new(idle.unwrap_or(usual_idle), absolute));
        }
        let words = [
            ("end_oldest", WhenFull::EndOldest),
            ("refuse", WhenFull::Refuse),
        ];
        let when_full = self.choice("HOUSEKEY_WHEN_FULL", &words)?;
        let count = self.whole("HOUSEKEY_MAX_LOGINS")?;
        if count.is_some() || when_full.is_some() {
            let when_full = when_full.unwrap_or(WhenFull::EndOldest);
            builder = builder.max_logins(count.unwrap_or(100), when_full);
        }
        let words = [
            ("flask", RememberFormat::FlaskLogin),
            ("timed", RememberFormat::Timed),
            ("rotating", RememberFormat::Rotating),
        ];
        // Nothing else reads the tokens of a named manager.
        let own_format = name.map(|_| match store {
            Some(_) => RememberFormat::Rotating,
            None => RememberFormat::Timed,
        });
        if let Some(format) = self
            .choice("HOUSEKEY_REMEMBER_FORMAT", &words)?
            .or(own_format)
        {
            builder = builder.remember_format(format);
        }
        Ok(builder)
    }

    /// Whether there is a key to sign with.
    pub(crate) fn has_key(&self) -> PyResult<bool> {
        Ok(self.secret_keys(None)?.is_some())
    }

    fn session_cookie(
        &self,
        builder: LoginManagerBuilder<PyUser>,
        name: Option<&str>,
    ) -> PyResult<Result<LoginManagerBuilder<PyUser>, Error>> {
        let path = match self.text("SESSION_COOKIE_PATH")? {
            Some(path) => path,
            None => self
                .text("APPLICATION_ROOT")?
                .unwrap_or_else(|| "/".to_owned()),
        };
        let cookie = CookieConfig {
            name: self.cookie_name("SESSION_COOKIE_NAME", SESSION, name)?,
            domain: self.text("SESSION_COOKIE_DOMAIN")?,
            path,
            secure: self.is_on("SESSION_COOKIE_SECURE", false)?,
            http_only: self.is_on("SESSION_COOKIE_HTTPONLY", true)?,
            same_site: self.same_site("SESSION_COOKIE_SAMESITE")?,
            partitioned: self.is_on("SESSION_COOKIE_PARTITIONED", false)?,
        };
        Ok(cookie
            .check()
            .map(|cookie| builder.session_cookie(|it| cookie.apply(it))))
    }

    fn remember_cookie(
        &self,
        builder: LoginManagerBuilder<PyUser>,
        name: Option<&str>,
    ) -> PyResult<Result<LoginManagerBuilder<PyUser>, Error>> {
        let cookie = CookieConfig {
            name: self.cookie_name("REMEMBER_COOKIE_NAME", REMEMBER, name)?,
            domain: self.text("REMEMBER_COOKIE_DOMAIN")?,
            path: self
                .text("REMEMBER_COOKIE_PATH")?
                .unwrap_or_else(|| "/".to_owned()),
            secure: self.is_on("REMEMBER_COOKIE_SECURE", false)?,
            http_only: self.is_on("REMEMBER_COOKIE_HTTPONLY", true)?,
            same_site: self.same_site("REMEMBER_COOKIE_SAMESITE")?,
            partitioned: false,
        };
        Ok(cookie
            .check()
            .map(|cookie| builder.remember_cookie(|it| cookie.apply(it))))
    }

    fn cookie_name(&self, key: &str, usual: &str, name: Option<&str>) -> PyResult<String> {
        let usual = || match name {
            Some(name) => format!("{name}_{usual}"),
            None => usual.to_owned(),
        };
        Ok(self.text(key)?.unwrap_or_else(usual))
    }

    /// Whether shared caches are kept from storing responses made for one user.
    pub(crate) fn keeps_private(&self) -> PyResult<bool> {
        self.is_on("HOUSEKEY_PRIVATE_RESPONSES", true)
    }

    fn same_site(&self, key: &str) -> PyResult<Option<Result<SameSite, Error>>> {
        Ok(self.text(key)?.map(|text| text.parse()))
    }

    /// Flask-Login's message about an invalid duration.
    fn wrong_duration(&self) -> PyResult<Option<String>> {
        let key = "REMEMBER_COOKIE_DURATION";
        let Some(value) = self.entry(key) else {
            return Ok(None);
        };
        let is_whole = value.extract::<i64>().is_ok() && value.cast::<PyString>().is_err();
        if is_whole || value.hasattr("total_seconds")? {
            return Ok(None);
        }
        let value = value.str()?;
        Ok(Some(format!(
            "{key} must be a datetime.timedelta, instead got: {}",
            value.to_string_lossy()
        )))
    }
}

struct CookieConfig {
    name: String,
    domain: Option<String>,
    path: String,
    secure: bool,
    http_only: bool,
    same_site: Option<Result<SameSite, Error>>,
    partitioned: bool,
}

struct CheckedCookie {
    config: CookieConfig,
    same_site: Option<SameSite>,
}

impl CookieConfig {
    fn check(mut self) -> Result<CheckedCookie, Error> {
        let same_site = self.same_site.take().transpose()?;
        Ok(CheckedCookie {
            config: self,
            same_site,
        })
    }
}

impl CheckedCookie {
    fn apply(self, cookie: CookieSettings) -> CookieSettings {
        let config = self.config;
        let mut cookie = cookie.name(config.name).path(config.path);
        if let Some(domain) = &config.domain {
            cookie = cookie.domain(domain);
        }
        if config.secure {
            cookie = cookie.secure();
        }
        if !config.http_only {
            cookie = cookie.readable_by_scripts();
        }
        if let Some(same_site) = self.same_site {
            cookie = cookie.same_site(same_site);
        }
        if config.partitioned {
            cookie = cookie.partitioned();
        }
        cookie
    }
}

/// The rules' error about a setting, with the name that the configuration uses.
fn in_our_words(error: &Error) -> String {
    let text = error.to_string();
    let named = KEYS_OF
        .iter()
        .fold(text.clone(), |text, (name, key)| text.replace(name, key));
    match named == text {
        true => text,
        false => format!("flask_housekey: {named}"),
    }
}
