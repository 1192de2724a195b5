//! Flask's configuration as housekey's settings.
//!
//! What Flask would complain of only when it sends a cookie is complained of only then: see [`Cookies`].

use std::time::Duration;

use housekey::{
    CookieSettings, Error, LoginManager, LoginManagerBuilder, SameSite, SecretKeys,
    SessionProtection, SessionRefresh,
};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyString};

use crate::environ::Address;
use crate::errors::exception;
use crate::user::{PyLoader, PyUser};

/// The configuration keys that a login manager is built from.
const KEYS: [&str; 25] = [
    "SECRET_KEY",
    "SECRET_KEY_FALLBACKS",
    "SESSION_COOKIE_NAME",
    "SESSION_COOKIE_DOMAIN",
    "SESSION_COOKIE_PATH",
    "SESSION_COOKIE_HTTPONLY",
    "SESSION_COOKIE_SECURE",
    "SESSION_COOKIE_PARTITIONED",
    "SESSION_COOKIE_SAMESITE",
    "PERMANENT_SESSION_LIFETIME",
    "SESSION_REFRESH_EACH_REQUEST",
    "MAX_COOKIE_SIZE",
    "APPLICATION_ROOT",
    "REMEMBER_COOKIE_NAME",
    "REMEMBER_COOKIE_DURATION",
    "REMEMBER_COOKIE_DOMAIN",
    "REMEMBER_COOKIE_PATH",
    "REMEMBER_COOKIE_SECURE",
    "REMEMBER_COOKIE_HTTPONLY",
    "REMEMBER_COOKIE_SAMESITE",
    "REMEMBER_COOKIE_REFRESH_EACH_REQUEST",
    "SESSION_PROTECTION",
    "LOGIN_STRICT",
    "LOGIN_WEBSOCKET_ORIGINS",
    "LOGIN_PRIVATE_RESPONSES",
];

/// The names of the cookies unless the configuration has others.
const SESSION: &str = "session";
const REMEMBER: &str = "remember_token";

const DAY: f64 = 86_400.0;
/// Browsers keep no cookie for longer.
const LONGEST: f64 = 400.0 * DAY;

/// The values of [`KEYS`], `None` where there is none.
pub(crate) struct Config<'py> {
    py: Python<'py>,
    values: Vec<Option<Bound<'py, PyAny>>>,
}

/// Which of the two cookies are as the configuration says. The other ones cannot be written.
#[derive(Clone, Copy)]
struct Cookies {
    session: bool,
    remember: bool,
}

/// A manager, and why a cookie of its cannot be written.
pub(crate) struct Settings {
    pub(crate) manager: LoginManager<PyUser>,
    pub(crate) session_cookie_name: String,
    pub(crate) session_error: Option<String>,
    pub(crate) remember_cookie_name: String,
    pub(crate) remember_error: Option<String>,
}

impl<'py> Config<'py> {
    pub(crate) fn of(config: &Bound<'py, PyDict>) -> PyResult<Self> {
        let value = |key: &&str| config.get_item(key);
        Ok(Self {
            py: config.py(),
            values: KEYS.iter().map(value).collect::<PyResult<_>>()?,
        })
    }

    pub(crate) fn values(&self) -> &[Option<Bound<'py, PyAny>>] {
        &self.values
    }

    /// The fallback keys, which may be changed in place.
    pub(crate) fn fallbacks(&self) -> PyResult<Vec<Bound<'py, PyAny>>> {
        match self.get("SECRET_KEY_FALLBACKS") {
            Some(keys) => keys.try_iter()?.collect(),
            None => Ok(Vec::new()),
        }
    }

    fn entry(&self, key: &str) -> Option<&Bound<'py, PyAny>> {
        let index = KEYS.iter().position(|it| *it == key)?;
        self.values[index].as_ref()
    }

    /// The value of a key, unless it is `None` or `False`, which Flask takes for the same.
    fn get(&self, key: &str) -> Option<&Bound<'py, PyAny>> {
        let value = self.entry(key)?;
        let is_false = value.cast::<PyBool>().is_ok_and(|value| !value.is_true());
        (!value.is_none() && !is_false).then_some(value)
    }

    fn text(&self, key: &str) -> PyResult<Option<String>> {
        let text = self.get(key).map(|value| value.str());
        let text = text
            .transpose()?
            .map(|text| text.to_string_lossy().into_owned());
        Ok(text.filter(|text| !text.is_empty()))
    }

    fn is_on(&self, key: &str, default: bool) -> PyResult<bool> {
        match self.entry(key) {
            Some(value) => value.is_truthy(),
            None => Ok(default),
        }
    }

    /// A duration in seconds: a timedelta's, or a number of them.
    fn seconds(&self, key: &str) -> PyResult<Option<f64>> {
        let Some(value) = self.entry(key) else {
            return Ok(None);
        };
        match value.getattr_opt("total_seconds")? {
            Some(seconds) => seconds.call0()?.extract().map(Some),
            None if value.cast::<PyString>().is_ok() => Ok(None),
            None => Ok(value.extract().ok()),
        }
    }

    fn secret_keys(&self) -> PyResult<Option<SecretKeys>> {
        let key = match self.get("SECRET_KEY") {
            Some(key) if key.is_truthy()? => key,
            _ => return Ok(None),
        };
        let keys = if let Ok(key) = key.cast::<PyString>() {
            SecretKeys::flask(key.to_str()?)
        } else if let Ok(key) = key.cast::<PyBytes>() {
            SecretKeys::flask_bytes(key.as_bytes())
        } else {
            return Err(PyTypeError::new_err("SECRET_KEY must be text or bytes"));
        };
        let mut keys = keys.map_err(|error| exception(self.py, &error))?;
        for fallback in self.fallbacks()? {
            let bytes = if let Ok(text) = fallback.cast::<PyString>() {
                text.to_str()?.as_bytes().to_vec()
            } else if let Ok(bytes) = fallback.cast::<PyBytes>() {
                bytes.as_bytes().to_vec()
            } else {
                return Err(PyTypeError::new_err(
                    "SECRET_KEY_FALLBACKS must be a list of text or bytes",
                ));
            };
            // An empty one, or one that is there twice, changes nothing.
            if let Ok(added) = keys.clone().fallback(bytes) {
                keys = added;
            }
        }
        Ok(Some(keys))
    }

    /// Whether there is a key that signs.
    pub(crate) fn has_key(&self) -> PyResult<bool> {
        Ok(self.secret_keys()?.is_some())
    }

    fn protection(&self, of_manager: &Bound<'py, PyAny>) -> PyResult<SessionProtection> {
        let mode = self.entry("SESSION_PROTECTION").unwrap_or(of_manager);
        let mode = match mode.cast::<PyString>() {
            Ok(mode) => mode.to_str()?,
            Err(_) => return Ok(SessionProtection::Off),
        };
        Ok(match mode {
            "basic" => SessionProtection::Basic,
            "strong" => SessionProtection::Strong,
            // As in Flask-Login, which takes any other word for it.
            _ => SessionProtection::Off,
        })
    }

    /// Builds the manager.
    ///
    /// # Errors
    ///
    /// Values that Flask could not even look at, for instance a key of a wrong type.
    pub(crate) fn settings(
        &self,
        loader: impl Fn() -> PyLoader,
        of_manager: &Bound<'py, PyAny>,
        salt: Option<&str>,
    ) -> PyResult<Settings> {
        let keys = self.secret_keys()?.unwrap_or_else(SecretKeys::generate);
        let strict = self.is_on("LOGIN_STRICT", false)?;
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
            let builder = match cookies.session {
                true => match self.session_cookie(builder)? {
                    Ok(builder) => builder,
                    Err(error) => return Ok(Err(error)),
                },
                false => builder,
            };
            let builder = match cookies.remember {
                true => match self.remember_cookie(builder)? {
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
                Ok(manager) => return self.built(manager, Cookies { session, remember }, errors),
                Err(error) => error,
            };
            if !session && !remember {
                return Err(exception(self.py, &error));
            }
            errors.push(error.to_string());
        }
        unreachable!("the last of them is built or is an error")
    }

    /// `errors` is what was wrong with both cookies, with the session's, and with the remember token's, as far as that was
    /// tried.
    fn built(
        &self,
        manager: LoginManager<PyUser>,
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
            true => self.session_name()?,
            false => SESSION.to_owned(),
        };
        let remember_cookie_name = match cookies.remember {
            true => self.remember_name()?,
            false => REMEMBER.to_owned(),
        };
        Ok(Settings {
            manager,
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
        // Zero means that nobody wants to be warned. Browsers drop a larger one all the same.
        let size = size.filter(|size| *size > 0).unwrap_or(4093);
        builder = builder.max_cookie_size(size.clamp(512, 4096));
        if let Some(origins) = self.get("LOGIN_WEBSOCKET_ORIGINS") {
            for origin in origins.try_iter()? {
                builder = builder.allow_websocket_origin(&origin?.extract::<String>()?);
            }
        }
        Ok(builder)
    }

    fn session_cookie(
        &self,
        builder: LoginManagerBuilder<PyUser>,
    ) -> PyResult<Result<LoginManagerBuilder<PyUser>, Error>> {
        let path = match self.text("SESSION_COOKIE_PATH")? {
            Some(path) => path,
            None => self
                .text("APPLICATION_ROOT")?
                .unwrap_or_else(|| "/".to_owned()),
        };
        let cookie = CookieConfig {
            name: self.session_name()?,
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
    ) -> PyResult<Result<LoginManagerBuilder<PyUser>, Error>> {
        let cookie = CookieConfig {
            name: self.remember_name()?,
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

    fn session_name(&self) -> PyResult<String> {
        let name = self.text("SESSION_COOKIE_NAME")?;
        Ok(name.unwrap_or_else(|| SESSION.to_owned()))
    }

    fn remember_name(&self) -> PyResult<String> {
        let name = self.text("REMEMBER_COOKIE_NAME")?;
        Ok(name.unwrap_or_else(|| REMEMBER.to_owned()))
    }

    /// Whether shared caches are kept from what was made for one user.
    pub(crate) fn keeps_private(&self) -> PyResult<bool> {
        self.is_on("LOGIN_PRIVATE_RESPONSES", true)
    }

    fn same_site(&self, key: &str) -> PyResult<Option<Result<SameSite, Error>>> {
        Ok(self.text(key)?.map(|text| text.parse()))
    }

    /// What Flask-Login says of a duration that is none.
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

/// A duration that a browser can keep.
pub(crate) fn duration(seconds: f64) -> Duration {
    let seconds = if seconds.is_nan() { 1.0 } else { seconds };
    Duration::from_secs_f64(seconds.clamp(1.0, LONGEST))
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
