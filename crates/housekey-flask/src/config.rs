//! Reads Flask's configuration.

use std::time::Duration;

use housekey::SecretKeys;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyString};

use crate::errors::exception;

/// The configuration keys that a login manager is built from: Flask's and Flask-Login's, then housekey's, from `OURS` on.
const KEYS: [&str; OURS + 18] = [
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
    "USE_SESSION_FOR_NEXT",
    "FORCE_HOST_FOR_REDIRECTS",
    "HOUSEKEY_STRICT",
    "HOUSEKEY_PRIVATE_RESPONSES",
    "HOUSEKEY_WEBSOCKET_ORIGINS",
    "HOUSEKEY_NEXT_ORIGINS",
    "HOUSEKEY_TRUSTED_PROXIES",
    "HOUSEKEY_ANSWER_AS",
    "HOUSEKEY_FRESH_WITHIN",
    "HOUSEKEY_CLOCK_TOLERANCE",
    "HOUSEKEY_LOGIN_STORE",
    "HOUSEKEY_REALM",
    "HOUSEKEY_IDLE_TIMEOUT",
    "HOUSEKEY_ABSOLUTE_TIMEOUT",
    "HOUSEKEY_MAX_LOGINS",
    "HOUSEKEY_WHEN_FULL",
    "HOUSEKEY_REMEMBER_FORMAT",
    "HOUSEKEY_LIMIT_ATTEMPTS",
    // Python handles these itself: which views need a login,
    "HOUSEKEY_REQUIRE_LOGIN",
    // and which origins `CsrfGuard` lets pass.
    "HOUSEKEY_TRUSTED_ORIGINS",
];
const OURS: usize = 24;
/// The index of `SECRET_KEY_FALLBACKS` among them.
const FALLBACKS: usize = 1;
const PREFIX: &str = "HOUSEKEY_";

const DAY: f64 = 86_400.0;
/// Browsers do not keep a cookie for longer.
const LONGEST: f64 = 400.0 * DAY;

/// The names of one login manager's keys in its app's configuration.
pub(crate) struct Names(Vec<Name>);

struct Name {
    own: Py<PyString>,
    /// The key of the app's own login manager, where it applies to the others as well.
    general: Option<Py<PyString>>,
}

impl Names {
    /// The keys of the app's own login manager, or of a named one.
    pub(crate) fn of(py: Python<'_>, manager: Option<&str>) -> Self {
        let intern = |key: &str| PyString::intern(py, key).unbind();
        let name = |key: &str| match manager {
            None => Name {
                own: intern(key),
                general: None,
            },
            Some(manager) => Name {
                own: intern(&own_key(manager, key)),
                general: (!IS_OF_ONE.contains(&key)).then(|| intern(key)),
            },
        };
        Self(KEYS.iter().map(|key| name(key)).collect())
    }
}

impl Name {
    fn value<'py>(&self, config: &Bound<'py, PyDict>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let py = config.py();
        match (config.get_item(self.own.bind(py))?, &self.general) {
            (None, Some(general)) => config.get_item(general.bind(py)),
            (value, _) => Ok(value),
        }
    }
}

impl Names {
    /// Whether the configuration holds the very same values, with the same fallback keys in them.
    pub(crate) fn are_as_before(
        &self,
        config: &Bound<'_, PyDict>,
        values: &[Option<Py<PyAny>>],
        fallbacks: &[Py<PyAny>],
    ) -> PyResult<bool> {
        for (name, before) in self.0.iter().zip(values) {
            let is_same = match (name.value(config)?, before) {
                (Some(now), Some(before)) => now.is(before),
                (now, before) => now.is_none() && before.is_none(),
            };
            if !is_same {
                return Ok(false);
            }
        }
        // The list may be changed in place.
        let Some(list) = values.get(FALLBACKS).and_then(Option::as_ref) else {
            return Ok(true);
        };
        let Ok(now) = list.bind(config.py()).try_iter() else {
            return Ok(true);
        };
        let mut before = fallbacks.iter();
        for fallback in now {
            let fallback = fallback?;
            if !before.next().is_some_and(|before| fallback.is(before)) {
                return Ok(false);
            }
        }
        Ok(before.next().is_none())
    }
}

/// The key of a named login manager.
fn own_key(manager: &str, key: &str) -> String {
    let rest = key.strip_prefix(PREFIX).unwrap_or(key);
    format!("{PREFIX}{}_{rest}", manager.to_uppercase())
}

/// The keys that apply to one login manager alone.
const IS_OF_ONE: [&str; 4] = [
    "SESSION_COOKIE_NAME",
    "REMEMBER_COOKIE_NAME",
    "HOUSEKEY_REALM",
    "HOUSEKEY_REQUIRE_LOGIN",
];

/// The values of [`KEYS`], `None` where a key is missing.
pub(crate) struct Config<'py> {
    py: Python<'py>,
    values: Vec<Option<Bound<'py, PyAny>>>,
}

impl<'py> Config<'py> {
    pub(crate) fn of(config: &Bound<'py, PyDict>, names: &Names) -> PyResult<Self> {
        let values = names.0.iter().map(|name| name.value(config));
        Ok(Self {
            py: config.py(),
            values: values.collect::<PyResult<_>>()?,
        })
    }

    /// Refuses a key that looks like one of ours and is not: a misspelled setting must not pass for a missing one.
    pub(crate) fn check_names(config: &Bound<'py, PyDict>, managers: &[String]) -> PyResult<()> {
        let is_of = |manager: &String, key: &str| KEYS.iter().any(|it| own_key(manager, it) == key);
        for key in config.keys() {
            let Ok(key) = key.extract::<String>() else {
                continue;
            };
            let is_known = KEYS[OURS..].contains(&key.as_str())
                || managers.iter().any(|manager| is_of(manager, &key));
            if key.starts_with(PREFIX) && !is_known {
                return Err(PyValueError::new_err(format!(
                    "flask_housekey knows no configuration key {key}. Its own are {}.",
                    KEYS[OURS..].join(", ")
                )));
            }
        }
        Ok(())
    }

    pub(crate) fn values(&self) -> &[Option<Bound<'py, PyAny>>] {
        &self.values
    }

    /// The fallback keys, which may be changed in place.
    pub(crate) fn fallbacks(&self) -> PyResult<Vec<Bound<'py, PyAny>>> {
        match self.get("SECRET_KEY_FALLBACKS") {
            // Each of its letters would be a key.
            Some(key) if bytes_of(key).is_some() => Err(PyTypeError::new_err(
                "SECRET_KEY_FALLBACKS must be a list of keys, even of a single one",
            )),
            Some(keys) => keys.try_iter()?.collect(),
            None => Ok(Vec::new()),
        }
    }

    pub(crate) fn entry(&self, key: &str) -> Option<&Bound<'py, PyAny>> {
        let index = KEYS.iter().position(|it| *it == key)?;
        self.values[index].as_ref()
    }

    /// The value of a key, unless it is `None` or `False`, which mean the same to Flask.
    pub(crate) fn get(&self, key: &str) -> Option<&Bound<'py, PyAny>> {
        let value = self.entry(key)?;
        let is_false = value.cast::<PyBool>().is_ok_and(|value| !value.is_true());
        (!value.is_none() && !is_false).then_some(value)
    }

    pub(crate) fn text(&self, key: &str) -> PyResult<Option<String>> {
        let text = self.get(key).map(|value| value.str());
        let text = text
            .transpose()?
            .map(|text| text.to_string_lossy().into_owned());
        Ok(text.filter(|text| !text.is_empty()))
    }

    pub(crate) fn is_on(&self, key: &str, default: bool) -> PyResult<bool> {
        match self.entry(key) {
            // As text, "False" and "0" would be true.
            Some(value) if value.cast::<PyString>().is_ok() => {
                Err(self.wrong(key, "True or False"))
            }
            Some(value) => value.is_truthy(),
            None => Ok(default),
        }
    }

    /// A duration in seconds: from a timedelta or a number.
    pub(crate) fn seconds(&self, key: &str) -> PyResult<Option<f64>> {
        let Some(value) = self.entry(key) else {
            return Ok(None);
        };
        match value.getattr_opt("total_seconds")? {
            Some(seconds) => seconds.call0()?.extract().map(Some),
            None if value.cast::<PyString>().is_ok() => Ok(None),
            None => Ok(value.extract().ok()),
        }
    }

    /// The keys that sign and verify. Those of a named login manager are derived from the app's, so that neither accepts
    /// the other's logins.
    pub(crate) fn secret_keys(&self, manager: Option<&str>) -> PyResult<Option<SecretKeys>> {
        let key = match self.get("SECRET_KEY") {
            Some(key) if key.is_truthy()? => key,
            _ => return Ok(None),
        };
        let wrong = || PyTypeError::new_err("SECRET_KEY must be text or bytes");
        let is_text = key.cast::<PyString>().is_ok();
        let bytes = bytes_of(key).ok_or_else(wrong)?;
        let keys = match manager {
            Some(manager) => SecretKeys::flask_bytes(&self.derived(manager, &bytes)?),
            None if is_text => SecretKeys::flask(&String::from_utf8_lossy(&bytes)),
            None => SecretKeys::flask_bytes(&bytes),
        };
        let mut keys = keys.map_err(|error| exception(self.py, &error))?;
        for fallback in self.fallbacks()? {
            let wrong =
                || PyTypeError::new_err("SECRET_KEY_FALLBACKS must be a list of text or bytes");
            let mut bytes = bytes_of(&fallback).ok_or_else(wrong)?;
            if let Some(manager) = manager {
                bytes = self.derived(manager, &bytes)?;
            }
            // An empty or repeated key changes nothing.
            if let Ok(added) = keys.clone().fallback(bytes) {
                keys = added;
            }
        }
        Ok(Some(keys))
    }

    fn derived(&self, manager: &str, key: &[u8]) -> PyResult<Vec<u8>> {
        let purpose = format!("flask_housekey, the login manager {manager}");
        let hmac = self.py.import("hmac")?;
        hmac.call_method1("digest", (key, purpose.as_bytes(), "sha256"))?
            .extract()
    }

    /// A duration under one of our keys, in seconds.
    pub(crate) fn duration(&self, key: &str) -> PyResult<Option<Duration>> {
        let Some(value) = self.entry(key).filter(|value| !value.is_none()) else {
            return Ok(None);
        };
        let is_number = value.cast::<PyBool>().is_err() && value.cast::<PyString>().is_err();
        let seconds = match is_number {
            true => self.seconds(key).ok().flatten(),
            false => None,
        };
        let seconds = seconds.filter(|seconds| (0.0..=LONGEST).contains(seconds));
        match seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()) {
            Some(duration) => Ok(Some(duration)),
            None => Err(self.wrong(key, "a timedelta or a number of seconds, 400 days at most")),
        }
    }

    /// A whole number under one of our keys.
    pub(crate) fn whole(&self, key: &str) -> PyResult<Option<usize>> {
        let Some(value) = self.entry(key).filter(|value| !value.is_none()) else {
            return Ok(None);
        };
        let is_number = value.cast::<PyBool>().is_err();
        match value.extract() {
            Ok(number) if is_number => Ok(Some(number)),
            _ => Err(self.wrong(key, "a whole number, not below zero")),
        }
    }

    /// One of these words.
    pub(crate) fn choice<T: Copy>(&self, key: &str, words: &[(&str, T)]) -> PyResult<Option<T>> {
        let Some(value) = self.entry(key).filter(|value| !value.is_none()) else {
            return Ok(None);
        };
        let text: Option<String> = value.extract().ok();
        let found = words.iter().find(|(word, _)| text.as_deref() == Some(word));
        match found {
            Some((_, choice)) => Ok(Some(*choice)),
            None => {
                let words: Vec<_> = words.iter().map(|(word, _)| format!("{word:?}")).collect();
                Err(self.wrong(key, &words.join(" or ")))
            }
        }
    }

    /// A list of texts under one of our keys.
    pub(crate) fn texts(&self, key: &str) -> PyResult<Vec<String>> {
        let Some(value) = self.get(key) else {
            return Ok(Vec::new());
        };
        // In Python, a text is a list of texts too.
        let is_list = value.cast::<PyString>().is_err();
        let texts: Option<Vec<String>> = match (is_list, value.try_iter()) {
            (true, Ok(texts)) => texts
                .map(|text| text.and_then(|text| text.extract()))
                .collect::<PyResult<_>>()
                .ok(),
            _ => None,
        };
        texts.ok_or_else(|| self.wrong(key, "a list of texts"))
    }

    fn wrong(&self, key: &str, expected: &str) -> PyErr {
        let value = self.entry(key).map(|value| value.repr());
        let value = match value {
            Some(Ok(value)) => value.to_string_lossy().into_owned(),
            _ => "something else".to_owned(),
        };
        PyValueError::new_err(format!("{key} must be {expected}, and is {value}"))
    }
}

fn bytes_of(key: &Bound<'_, PyAny>) -> Option<Vec<u8>> {
    match key.cast::<PyString>() {
        Ok(text) => Some(text.to_str().ok()?.as_bytes().to_vec()),
        Err(_) => Some(key.cast::<PyBytes>().ok()?.as_bytes().to_vec()),
    }
}

/// A duration that a browser can keep.
pub(crate) fn duration(seconds: f64) -> Duration {
    let seconds = if seconds.is_nan() { 1.0 } else { seconds };
    Duration::from_secs_f64(seconds.clamp(1.0, LONGEST))
}
