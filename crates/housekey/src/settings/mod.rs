//! All settings, and the three presets.

pub(crate) mod check;

use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use http::Response;
use http::request::Parts;

use crate::auth_hash::AuthHash;
use crate::client::SessionIdentifier;
use crate::cookie::{Attributes, SameSite, without_prefixes};
use crate::error::Error;
use crate::next_url::Mount;
use crate::origin::Origins;
use crate::records::rules::MaxLogins;
use crate::records::timeouts::LoginTimeouts;
use crate::remember::RememberFormat;
use crate::session::{FlashMessage, SessionRefresh};

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What happens to a session that comes from a different browser or address than it was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionProtection {
    /// Nothing is compared.
    Off,
    /// The login is no longer fresh.
    Basic,
    /// The login ends, with its record on the server if it has one, and its remember token is deleted. In the `flask` preset a
    /// permanent session is only made stale, as in Flask-Login.
    Strong,
}

impl FromStr for SessionProtection {
    type Err = Error;

    /// Reads `basic`, `strong` or `off`. Flask-Login silently takes any other word for "off"; this refuses it.
    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "off" => Ok(Self::Off),
            "basic" => Ok(Self::Basic),
            "strong" => Ok(Self::Strong),
            _ => Err(Error::setting(format!(
                "session_protection: {text:?} is not a mode; choose off, basic or strong"
            ))),
        }
    }
}

impl TryFrom<&str> for SessionProtection {
    type Error = Error;

    fn try_from(text: &str) -> Result<Self, Error> {
        text.parse()
    }
}

/// How denied requests are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AnswerAs {
    /// In the form that suits the client, as its request shows. The safe preset's default.
    Negotiated,
    /// As a person: 303 to the login page.
    Page,
    /// As a program: 401 with problem+json.
    Api,
    /// 302 to the login page for every client and method, as Flask-Login answers. The `flask` preset's default.
    Flask,
}

/// How much a door reads, and throws away, of the body of a denied request before it answers. A client that is cut off while it
/// sends loses the answer. If the body is longer or slower than this, the door answers all the same and has the connection
/// closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Discard {
    /// At most this many bytes.
    pub bytes: u64,
    /// For at most this long.
    pub within: Duration,
}

pub(crate) type ClientAddress = Box<dyn Fn(&Parts) -> Option<IpAddr> + Send + Sync>;
pub(crate) type DenialHandler = Box<dyn Fn(&Parts) -> Response<String> + Send + Sync>;
pub(crate) type Localize = Box<dyn Fn(&str) -> String + Send + Sync>;

/// What happens to a visitor's session data when they log in.
pub(crate) enum AnonymousData {
    Keep,
    Drop { except: Vec<String> },
}

/// How the session cookie is signed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum SessionSignature {
    /// HMAC-SHA-256, with a key for this cookie name alone.
    Sha256,
    /// itsdangerous' HMAC-SHA-1 with Flask's salt.
    Flask,
}

/// All settings, as the builder collects them.
pub(crate) struct Settings {
    pub(crate) strong_keys_only: bool,
    pub(crate) session_cookie: Attributes,
    pub(crate) session_signature: SessionSignature,
    pub(crate) session_salt: String,
    pub(crate) session_lifetime: Duration,
    pub(crate) session_refresh: SessionRefresh,
    pub(crate) max_cookie_size: usize,
    pub(crate) remember_cookie: Attributes,
    pub(crate) remember_duration: Duration,
    pub(crate) remember_refresh_each_request: bool,
    /// `None` for what suits the preset and the store.
    pub(crate) remember_format: Option<RememberFormat>,
    pub(crate) login_timeouts: Option<LoginTimeouts>,
    pub(crate) max_logins: Option<MaxLogins>,
    /// The settings that the rules use at each request. The others go into the cookies and the rules for records.
    pub(crate) rules: RuleSettings,
}

/// The settings that the rules use at each request.
pub(crate) struct RuleSettings {
    /// The kind of user that the logins are for; empty for a program with one kind.
    pub(crate) realm: String,
    pub(crate) protection: SessionProtection,
    /// Whether strong protection only makes a permanent session stale, where it would end another.
    pub(crate) strong_spares_permanent: bool,
    /// Whether strong protection keeps the application's values when it ends a login.
    pub(crate) strong_keeps_values: bool,
    /// Whether a session that names no browser counts as one from elsewhere.
    pub(crate) unbound_is_foreign: bool,
    /// Whether a session without a login may be marked as fresh.
    pub(crate) confirms_nobody: bool,
    /// Whether remember tokens that are refreshed at each request go to everybody who is logged in, remembered or not.
    pub(crate) refreshes_everybody: bool,
    /// Whether a login leaves the return address in the session, for a program that reads it afterwards.
    pub(crate) login_keeps_next: bool,
    /// Whether the loader finds users by the ids that sessions and remember tokens name.
    pub(crate) finds_by_id: bool,
    /// Whether it finds users by something else in the request, such as an API key.
    pub(crate) finds_by_request: bool,
    /// Whether a visit keeps its events for the door.
    pub(crate) keeps_events: bool,
    pub(crate) identifier: SessionIdentifier,
    pub(crate) client_address: Option<ClientAddress>,
    pub(crate) trusted_proxies: usize,
    /// How much the clocks of the machines that share the logins may differ.
    pub(crate) clock_tolerance: Duration,
    pub(crate) fresh_within: Option<Duration>,
    /// Whether a fresh session without a time in it counts as fresh under an age rule.
    pub(crate) trust_fresh_flag: bool,
    /// The verdict on a session that lacks the digest of its user's auth hash.
    pub(crate) missing_auth_hash: AuthHash,
    pub(crate) anonymous_data: AnonymousData,
    /// The prefix of the public addresses, which a proxy strips.
    pub(crate) mount: Mount,
    pub(crate) login_view: Option<String>,
    pub(crate) refresh_view: Option<String>,
    pub(crate) login_message: Option<FlashMessage>,
    pub(crate) needs_refresh_message: Option<FlashMessage>,
    pub(crate) localize: Option<Localize>,
    pub(crate) unauthorized_handler: Option<DenialHandler>,
    pub(crate) needs_refresh_handler: Option<DenialHandler>,
    pub(crate) answer_as: AnswerAs,
    pub(crate) discard: Discard,
    pub(crate) next_in_session: bool,
    pub(crate) next_field: String,
    pub(crate) next_origins: Origins,
    /// The origins, besides this site, whose pages may open a WebSocket.
    pub(crate) websocket_origins: Origins,
    pub(crate) force_host: Option<String>,
}

impl Settings {
    pub(crate) fn safe() -> Self {
        Self {
            strong_keys_only: true,
            session_cookie: cookie("__Host-session", true, Some(SameSite::Lax)),
            session_signature: SessionSignature::Sha256,
            session_salt: "cookie-session".to_owned(),
            session_lifetime: DAY,
            session_refresh: SessionRefresh::OlderThan(HOUR),
            max_cookie_size: 4093,
            remember_cookie: cookie("__Host-remember_token", true, Some(SameSite::Lax)),
            remember_duration: 30 * DAY,
            remember_refresh_each_request: false,
            remember_format: None,
            login_timeouts: None,
            max_logins: None,
            rules: RuleSettings {
                realm: String::new(),
                protection: SessionProtection::Basic,
                strong_spares_permanent: false,
                strong_keeps_values: false,
                unbound_is_foreign: false,
                confirms_nobody: false,
                refreshes_everybody: false,
                login_keeps_next: false,
                finds_by_id: true,
                finds_by_request: true,
                keeps_events: false,
                identifier: SessionIdentifier::UserAgent,
                client_address: None,
                trusted_proxies: 0,
                clock_tolerance: Duration::from_secs(60),
                fresh_within: Some(HOUR),
                trust_fresh_flag: false,
                missing_auth_hash: AuthHash::Changed,
                anonymous_data: AnonymousData::Drop { except: Vec::new() },
                mount: Mount::default(),
                login_view: None,
                refresh_view: None,
                login_message: None,
                needs_refresh_message: None,
                localize: None,
                unauthorized_handler: None,
                needs_refresh_handler: None,
                answer_as: AnswerAs::Negotiated,
                discard: Discard {
                    bytes: 16 * 1024 * 1024,
                    within: Duration::from_secs(30),
                },
                next_in_session: false,
                next_field: "next".to_owned(),
                next_origins: Origins::default(),
                websocket_origins: Origins::default(),
                force_host: None,
            },
        }
    }

    pub(crate) fn flask() -> Self {
        let message = |text: &str| FlashMessage {
            category: "message".to_owned(),
            text: text.to_owned(),
        };
        Self {
            strong_keys_only: false,
            session_cookie: cookie("session", false, None),
            session_signature: SessionSignature::Flask,
            session_lifetime: 31 * DAY,
            session_refresh: SessionRefresh::PermanentEachRequest,
            remember_cookie: cookie("remember_token", false, None),
            remember_duration: 365 * DAY,
            remember_format: Some(RememberFormat::FlaskLogin),
            rules: RuleSettings {
                strong_spares_permanent: true,
                identifier: SessionIdentifier::FlaskLogin06,
                fresh_within: None,
                trust_fresh_flag: true,
                missing_auth_hash: AuthHash::Rewrite,
                anonymous_data: AnonymousData::Keep,
                login_message: Some(message("Please log in to access this page.")),
                needs_refresh_message: Some(message("Please reauthenticate to access this page.")),
                answer_as: AnswerAs::Flask,
                ..Self::safe().rules
            },
            ..Self::safe()
        }
    }

    pub(crate) fn flask_login() -> Self {
        Self {
            rules: RuleSettings {
                strong_keeps_values: true,
                unbound_is_foreign: true,
                confirms_nobody: true,
                refreshes_everybody: true,
                login_keeps_next: true,
                ..Self::flask().rules
            },
            ..Self::flask()
        }
    }

    /// The cookie of the application's values, where the login has a cookie of its own.
    pub(crate) fn values_cookie(&self) -> Option<Attributes> {
        let apart = self.session_signature == SessionSignature::Sha256;
        apart.then(|| Attributes {
            name: format!("{}-values", self.session_cookie.name),
            ..self.session_cookie.clone()
        })
    }

    /// The cookie by which a browser is known at an account.
    pub(crate) fn known_cookie(&self) -> Attributes {
        Attributes {
            name: format!("{}-browser", self.remember_cookie.name),
            ..self.remember_cookie.clone()
        }
    }

    /// Names without a prefix, cookies without Secure: browsers accept these over plain HTTP.
    pub(crate) fn plain_http(&mut self) {
        for cookie in [&mut self.session_cookie, &mut self.remember_cookie] {
            cookie.secure = false;
            cookie.name = without_prefixes(&cookie.name).to_owned();
        }
    }
}

fn cookie(name: &str, secure: bool, same_site: Option<SameSite>) -> Attributes {
    Attributes {
        name: name.to_owned(),
        domain: None,
        path: "/".to_owned(),
        secure,
        http_only: true,
        same_site,
        partitioned: false,
        former_paths: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_mode_is_refused_and_not_taken_for_off() {
        for text in ["", "none", "Strong", "BASIC", "true"] {
            let error = text.parse::<SessionProtection>().unwrap_err();
            assert!(
                error.to_string().starts_with("session_protection: "),
                "{error}"
            );
        }
        assert_eq!(
            "strong".parse::<SessionProtection>().unwrap(),
            SessionProtection::Strong
        );
    }
}
