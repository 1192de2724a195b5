//! What the environment says, checked at start. The Flask side reads the same names (`flask/settings.py`).

use std::env;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use housekey_axum::{
    BoxError, CookieSettings, Passwords, SameSite, SecretKeys, SessionProtection, SessionRefresh,
};

pub(crate) struct Settings {
    pub(crate) keys: SecretKeys,
    pub(crate) port: u16,
    pub(crate) database: PathBuf,
    pub(crate) passwords: Passwords,
    /// Whether a user's id ends with a fragment of the password's hash, so that a new password ends all logins.
    pub(crate) fragment_ids: bool,
    /// Whether the password's hash is the users' auth hash, which Flask-Login does not know about.
    pub(crate) auth_hash: bool,
    /// How many proxies are in front. Flask-Login always believes the first entry of `X-Forwarded-For`.
    pub(crate) trusted_proxies: usize,
    pub(crate) session_protection: SessionProtection,
    pub(crate) session_lifetime: Option<Duration>,
    pub(crate) session_refresh: Option<SessionRefresh>,
    pub(crate) session_cookie: Cookie,
    pub(crate) remember_cookie: Cookie,
    pub(crate) remember_duration: Option<Duration>,
    pub(crate) remember_refresh: bool,
    pub(crate) next_in_session: bool,
    pub(crate) force_host: Option<String>,
}

/// `SESSION_COOKIE_…` or `REMEMBER_COOKIE_…`.
pub(crate) struct Cookie {
    name: Option<String>,
    domain: Option<String>,
    path: Option<String>,
    secure: Option<bool>,
    http_only: Option<bool>,
    same_site: Option<SameSite>,
}

const SWITCH: [(&str, bool); 2] = [("on", true), ("off", false)];
/// Browsers keep nothing for more than 400 days.
const SECONDS: RangeInclusive<u64> = 1..=400 * 24 * 60 * 60;

impl Settings {
    pub(crate) fn from_env() -> Result<Self, BoxError> {
        let ids = choice(
            "USER_IDS",
            &[("plain", Ids::Plain), ("fragment", Ids::Fragment)],
        )?;
        let refresh = [
            ("on", SessionRefresh::PermanentEachRequest),
            ("off", SessionRefresh::Never),
        ];
        Ok(Self {
            keys: keys()?,
            port: number(
                "PORT",
                &required("PORT", "a number from 1 to 65535")?,
                1..=u16::MAX,
            )?,
            database: database()?,
            passwords: passwords()?,
            fragment_ids: matches!(ids, Some(Ids::Fragment)),
            auth_hash: choice("SESSION_AUTH_HASH", &SWITCH)?.unwrap_or(false),
            trusted_proxies: match given("TRUSTED_PROXIES")? {
                Some(text) => number("TRUSTED_PROXIES", &text, 0..=16)?,
                None => 0,
            },
            session_protection: choice(
                "SESSION_PROTECTION",
                &[
                    ("off", SessionProtection::Off),
                    ("basic", SessionProtection::Basic),
                    ("strong", SessionProtection::Strong),
                ],
            )?
            .unwrap_or(SessionProtection::Basic),
            session_lifetime: duration("PERMANENT_SESSION_LIFETIME")?,
            session_refresh: choice("SESSION_REFRESH_EACH_REQUEST", &refresh)?,
            session_cookie: Cookie::of("SESSION")?,
            remember_cookie: Cookie::of("REMEMBER")?,
            remember_duration: duration("REMEMBER_COOKIE_DURATION")?,
            remember_refresh: choice("REMEMBER_COOKIE_REFRESH_EACH_REQUEST", &SWITCH)?
                .unwrap_or(false),
            next_in_session: choice("USE_SESSION_FOR_NEXT", &SWITCH)?.unwrap_or(false),
            force_host: given("FORCE_HOST_FOR_REDIRECTS")?,
        })
    }
}

impl Cookie {
    fn of(prefix: &str) -> Result<Self, BoxError> {
        let name = |what: &str| format!("{prefix}_COOKIE_{what}");
        let same_site = [
            ("Strict", SameSite::Strict),
            ("Lax", SameSite::Lax),
            ("None", SameSite::None),
        ];
        Ok(Self {
            name: given(&name("NAME"))?,
            domain: given(&name("DOMAIN"))?,
            path: given(&name("PATH"))?,
            secure: choice(&name("SECURE"), &SWITCH)?,
            http_only: choice(&name("HTTPONLY"), &SWITCH)?,
            same_site: choice(&name("SAMESITE"), &same_site)?,
        })
    }

    pub(crate) fn apply(&self, mut cookie: CookieSettings) -> CookieSettings {
        if let Some(name) = &self.name {
            cookie = cookie.name(name);
        }
        if let Some(domain) = &self.domain {
            cookie = cookie.domain(domain);
        }
        if let Some(path) = &self.path {
            cookie = cookie.path(path);
        }
        if self.secure == Some(true) {
            cookie = cookie.secure();
        }
        if self.http_only == Some(false) {
            cookie = cookie.readable_by_scripts();
        }
        if let Some(same_site) = self.same_site {
            cookie = cookie.same_site(same_site);
        }
        cookie
    }
}

#[derive(Clone, Copy)]
enum Ids {
    Plain,
    Fragment,
}

fn keys() -> Result<SecretKeys, BoxError> {
    let mut keys = SecretKeys::flask(&required("SECRET_KEY", "the key that both twins share")?)?;
    let fallbacks = given("SECRET_KEY_FALLBACKS")?.unwrap_or_default();
    // Flask tries the last one first. All of them count, whatever the order.
    for key in fallbacks.split(',').filter(|key| !key.is_empty()).rev() {
        keys = keys.fallback(key)?;
    }
    Ok(keys)
}

fn database() -> Result<PathBuf, BoxError> {
    let path = required("DATABASE", "the SQLite file that both twins share")?;
    let path = std::path::absolute(path)?;
    match path.parent() {
        Some(folder) if folder.is_dir() => Ok(path),
        _ => Err(format!(
            "DATABASE is {}, and there is no such folder",
            path.display()
        )
        .into()),
    }
}

fn passwords() -> Result<Passwords, BoxError> {
    let text = given("PASSWORD_METHOD")?.unwrap_or("scrypt".to_owned());
    let iterations = text.strip_prefix("pbkdf2:sha256:");
    match (text.as_str(), iterations.map(str::parse)) {
        ("scrypt", _) => Ok(Passwords::new().werkzeug_scrypt()),
        (_, Some(Ok(iterations))) => Ok(Passwords::new().werkzeug_pbkdf2_sha256(iterations)?),
        _ => Err(format!(
            "PASSWORD_METHOD is {text:?}, and must be scrypt or pbkdf2:sha256:ITERATIONS"
        )
        .into()),
    }
}

/// The text of a variable that may be missing, but not be empty.
fn given(name: &str) -> Result<Option<String>, BoxError> {
    match env::var(name) {
        Ok(text) if text.is_empty() => Err(format!("{name} is empty: leave it out").into()),
        Ok(text) => Ok(Some(text)),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(_)) => Err(format!("{name} is not UTF-8 text").into()),
    }
}

fn required(name: &str, what: &str) -> Result<String, BoxError> {
    match env::var(name).as_deref() {
        Ok("") | Err(env::VarError::NotPresent) => Err(format!("{name} is missing: {what}").into()),
        _ => Ok(given(name)?.unwrap_or_default()),
    }
}

fn number<N>(name: &str, text: &str, range: RangeInclusive<N>) -> Result<N, BoxError>
where
    N: FromStr + PartialOrd + Display,
{
    match text.parse() {
        Ok(number) if range.contains(&number) => Ok(number),
        _ => Err(format!(
            "{name} is {text:?}, and must be a number from {} to {}",
            range.start(),
            range.end()
        )
        .into()),
    }
}

fn duration(name: &str) -> Result<Option<Duration>, BoxError> {
    given(name)?
        .map(|text| Ok(Duration::from_secs(number(name, &text, SECONDS)?)))
        .transpose()
}

fn choice<T: Copy>(name: &str, values: &[(&str, T)]) -> Result<Option<T>, BoxError> {
    let Some(text) = given(name)? else {
        return Ok(None);
    };
    match values.iter().find(|(value, _)| *value == text) {
        Some((_, value)) => Ok(Some(*value)),
        None => {
            let values: Vec<_> = values.iter().map(|(value, _)| *value).collect();
            Err(format!(
                "{name} is {text:?}, and must be one of {}",
                values.join(", ")
            )
            .into())
        }
    }
}
