//! The one error type: opaque, with a [`kind`](Error::kind) to decide on, a message that says what to do, and the answer
//! that a client gets.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use http::header::{self, HeaderName, HeaderValue};
use http::{Response, StatusCode};

/// RFC 9110 requires a challenge with every 401; no browser opens a dialog for this scheme.
pub(crate) const CHALLENGE: &str = r#"Cookie realm="login""#;

/// Any error that an application's own code may return, such as a user loader's when the database is away.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What went wrong, for code that has to choose an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A setting of the login manager is wrong. The message names the setting.
    Setting,
    /// A secret key is missing, empty or too easy to guess.
    SecretKey,
    /// The user is not active and the login was not forced.
    InactiveUser,
    /// The user's id is empty (or the text `None`), so a session cannot name the user.
    InvalidUserId,
    /// Nobody is logged in, so there is no login to confirm or to renew.
    NotLoggedIn,
    /// No login has begun, or it has expired, was used, or belongs to another browser. The user has to start again with the
    /// first step.
    NoPendingLogin,
    /// The session would not fit into a cookie. The change was not made.
    SessionTooLarge,
    /// The response has gone out, so no cookie can follow it. The change was not made.
    TooLate,
    /// A session value cannot be turned into JSON or is not of the type asked for, or its key is reserved.
    SessionValue,
    /// The user loader failed. The user is unknown, which is not the same as anonymous.
    LoaderFailed,
    /// The login store failed. Either it is unknown whether a login is alive, or the change was not made.
    StoreFailed,
    /// The manager keeps no login records, or this login has none: there is nothing to list or to end.
    NoLoginStore,
    /// A text is not the id of a login.
    InvalidLoginId,
    /// The user has as many logins as allowed; one has to end first.
    TooManyLogins,
    /// A page of another origin tried to open a WebSocket, which would act as the visitor.
    ForeignOrigin,
    /// The login is not fresh enough for this request.
    NotFresh,
    /// A stored password hash or a hashing parameter cannot be used.
    Password,
    /// A password to be hashed is longer than allowed. Tell the person who typed it.
    PasswordTooLong,
    /// Too many passwords are waiting to be verified or hashed. Whether this one is right is unknown.
    Busy,
    /// There were too many attempts to prove who somebody is, and the next may come later:
    /// [`retry_after`](Error::retry_after).
    TooManyAttempts,
    /// An extractor or guard ran on a route that has no login layer.
    MissingLayer,
}

/// Everything that can go wrong, each with a message in plain words.
///
/// No client input makes one of these: a forged cookie makes the visitor anonymous, and is not an error.
///
/// ```
/// use housekey::{ErrorKind, SecretKeys};
///
/// let error = SecretKeys::new("dev").unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::SecretKey);
/// assert!(error.to_string().contains("32 bytes"));
/// ```
pub struct Error {
    kind: ErrorKind,
    message: Cow<'static, str>,
    source: Option<BoxError>,
    wait: Option<Wait>,
}

/// How long somebody is to wait, and in which form they are told.
#[derive(Clone, Copy, Debug)]
struct Wait {
    seconds: u64,
    told: Told,
}

/// In which form an answer is, and the fields of the request that this depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) by: Form,
    pub(crate) vary: Option<&'static str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// A page, for people.
    Page,
    /// problem+json, for programs.
    Problem,
}

impl Error {
    /// An error of this kind with this message. For doors and stores; applications receive errors.
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            message: message.into(),
            source: None,
            wait: None,
        }
    }

    /// An attempt that comes too early, by so many seconds.
    pub(crate) fn too_many_attempts(seconds: u64, told: Told) -> Self {
        let seconds = seconds.max(1);
        let message = format!("too many attempts: try again in {}", in_words(seconds));
        Self {
            wait: Some(Wait { seconds, told }),
            ..Self::new(ErrorKind::TooManyAttempts, message)
        }
    }

    /// A setting that cannot have been meant. The message begins with its name and says what to do.
    pub(crate) fn setting(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Setting, message)
    }

    /// The same, with its cause, which [`std::error::Error::source`] returns.
    #[must_use]
    pub fn caused_by(mut self, source: BoxError) -> Self {
        self.source = Some(source);
        self
    }

    /// What went wrong, to decide on.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// How long to wait before the next attempt, in whole seconds: with [`TooManyAttempts`](ErrorKind::TooManyAttempts), and
    /// with nothing else.
    pub fn retry_after(&self) -> Option<Duration> {
        self.wait.map(|wait| Duration::from_secs(wait.seconds))
    }

    /// What a client gets:
    ///
    /// | kind | status |
    /// |---|---|
    /// | [`LoaderFailed`](ErrorKind::LoaderFailed), [`StoreFailed`](ErrorKind::StoreFailed), [`Busy`](ErrorKind::Busy) | 503, with `Retry-After` |
    /// | [`NotLoggedIn`](ErrorKind::NotLoggedIn), [`NoPendingLogin`](ErrorKind::NoPendingLogin) | 401 |
    /// | [`InactiveUser`](ErrorKind::InactiveUser), [`NotFresh`](ErrorKind::NotFresh), [`TooManyLogins`](ErrorKind::TooManyLogins), [`ForeignOrigin`](ErrorKind::ForeignOrigin) | 403 |
    /// | [`InvalidLoginId`](ErrorKind::InvalidLoginId) | 404 |
    /// | [`PasswordTooLong`](ErrorKind::PasswordTooLong) | 422 |
    /// | [`TooManyAttempts`](ErrorKind::TooManyAttempts) | 429; as a response, with `Retry-After`, and a page or problem+json, as suits who is asking |
    /// | all others: a fault in the program or in its stored data | 500 |
    pub fn answer(&self) -> ErrorAnswer<'_> {
        let (status, is_shown) = match self.kind {
            ErrorKind::LoaderFailed | ErrorKind::StoreFailed | ErrorKind::Busy => (503, true),
            ErrorKind::NotLoggedIn | ErrorKind::NoPendingLogin => (401, true),
            ErrorKind::InactiveUser
            | ErrorKind::NotFresh
            | ErrorKind::TooManyLogins
            | ErrorKind::ForeignOrigin => (403, true),
            ErrorKind::InvalidLoginId => (404, true),
            ErrorKind::PasswordTooLong => (422, true),
            ErrorKind::TooManyAttempts => (429, true),
            // For the developer: the layer was just forgotten, or the setting just made.
            ErrorKind::MissingLayer | ErrorKind::Setting => (500, true),
            ErrorKind::SecretKey
            | ErrorKind::InvalidUserId
            | ErrorKind::SessionTooLarge
            | ErrorKind::TooLate
            | ErrorKind::SessionValue
            | ErrorKind::NoLoginStore
            | ErrorKind::Password => (500, false),
        };
        ErrorAnswer {
            status,
            text: match is_shown {
                true => &self.message,
                false => "something went wrong on this side",
            },
            headers: match status {
                503 => &[TEXT, NO_STORE, ("retry-after", "5")],
                401 => &[TEXT, NO_STORE, ("www-authenticate", CHALLENGE)],
                _ => &[TEXT, NO_STORE],
            },
        }
    }

    /// [`answer`](Self::answer) as a response, for doors. An error that is answered with 500 also goes to `tracing`.
    pub fn to_response(&self) -> Response<String> {
        let answer = self.answer();
        if answer.status == 500 {
            tracing::error!(target: "housekey", error = %self, "a request failed");
        }
        let mut response = answer.to_response();
        if let Some(wait) = self.wait {
            wait.tell(&self.message, &mut response);
        }
        response
    }

    /// Whether a retry may help: the cause is a service that housekey depends on, or the load, not the request.
    pub fn is_temporary(&self) -> bool {
        matches!(
            self.kind,
            ErrorKind::LoaderFailed | ErrorKind::StoreFailed | ErrorKind::Busy
        )
    }
}

/// What a client gets for an [`Error`]: see [`Error::answer`].
///
/// ```
/// use housekey::{Error, ErrorKind};
///
/// let error = Error::new(ErrorKind::StoreFailed, "the login store does not answer");
/// let answer = error.answer();
/// assert_eq!((answer.status, answer.text), (503, "the login store does not answer"));
/// assert!(answer.headers.contains(&("retry-after", "5")));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ErrorAnswer<'a> {
    /// The status.
    pub status: u16,
    /// The body. It holds nothing that should stay inside the program.
    pub text: &'a str,
    /// The header fields, with names in lower case.
    pub headers: &'static [(&'static str, &'static str)],
}

const TEXT: (&str, &str) = ("content-type", "text/plain; charset=utf-8");
const NO_STORE: (&str, &str) = ("cache-control", "no-store");

impl ErrorAnswer<'_> {
    fn to_response(self) -> Response<String> {
        let mut response = Response::new(self.text.to_owned());
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        for (name, value) in self.headers {
            let (name, value) = (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
            response.headers_mut().insert(name, value);
        }
        response
    }
}

impl Wait {
    fn tell(self, message: &str, response: &mut Response<String>) {
        let Self { seconds, told } = self;
        let (content_type, body) = match told.by {
            Form::Page => (
                "text/html; charset=utf-8",
                page(429, "Too many attempts", message),
            ),
            Form::Problem => {
                let more = format!(r#","retry_after":{seconds}"#);
                let name = "too-many-attempts";
                let body = problem(name, "Too many attempts", 429, message, &more);
                ("application/problem+json", body)
            }
        };
        *response.body_mut() = body;
        let headers = response.headers_mut();
        let content_type = HeaderValue::from_static(content_type);
        headers.insert(header::CONTENT_TYPE, content_type);
        headers.insert(header::RETRY_AFTER, seconds.into());
        if let Some(vary) = told.vary {
            headers.insert(header::VARY, HeaderValue::from_static(vary));
        }
    }
}

/// A page that says why there is no other. What is in it is ours.
pub(crate) fn page(status: u16, title: &str, detail: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=en>\n<title>{status} {title}</title>\n<h1>{title}</h1>\n<p>{detail}</p>\n"
    )
}

/// The same for programs: RFC 9457.
pub(crate) fn problem(name: &str, title: &str, status: u16, detail: &str, more: &str) -> String {
    format!(
        r#"{{"type":"urn:housekey:problem:{name}","title":"{title}","status":{status},"detail":"{detail}"{more}}}"#
    )
}

/// `1 second`, `40 seconds`, `15 minutes`: never less than it is.
fn in_words(seconds: u64) -> String {
    let (count, unit) = match seconds {
        0..=90 => (seconds, "second"),
        91..=5400 => (seconds.div_ceil(60), "minute"),
        _ => (seconds.div_ceil(60 * 60), "hour"),
    };
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{plural}")
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// The message first: a `main` that returns the error prints this.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({:?})", self.message, self.kind)?;
        match &self.source {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl From<std::convert::Infallible> for Error {
    fn from(never: std::convert::Infallible) -> Self {
        match never {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_error_has_its_answer() {
        const GENERIC: &str = "something went wrong on this side";
        let cases = [
            (ErrorKind::Setting, 500, "what happened"),
            (ErrorKind::SecretKey, 500, GENERIC),
            (ErrorKind::InactiveUser, 403, "what happened"),
            (ErrorKind::InvalidUserId, 500, GENERIC),
            (ErrorKind::NotLoggedIn, 401, "what happened"),
            (ErrorKind::SessionTooLarge, 500, GENERIC),
            (ErrorKind::TooLate, 500, GENERIC),
            (ErrorKind::SessionValue, 500, GENERIC),
            (ErrorKind::LoaderFailed, 503, "what happened"),
            (ErrorKind::StoreFailed, 503, "what happened"),
            (ErrorKind::NoLoginStore, 500, GENERIC),
            (ErrorKind::InvalidLoginId, 404, "what happened"),
            (ErrorKind::TooManyLogins, 403, "what happened"),
            (ErrorKind::ForeignOrigin, 403, "what happened"),
            (ErrorKind::NotFresh, 403, "what happened"),
            (ErrorKind::Password, 500, GENERIC),
            (ErrorKind::PasswordTooLong, 422, "what happened"),
            (ErrorKind::Busy, 503, "what happened"),
            (ErrorKind::TooManyAttempts, 429, "what happened"),
            (ErrorKind::MissingLayer, 500, "what happened"),
        ];
        for (kind, status, text) in cases {
            let error = Error::new(kind, "what happened");
            let response = error.to_response();
            assert_eq!(response.status().as_u16(), status, "{kind:?}");
            assert_eq!(response.body(), text, "{kind:?}");
            let header = |name: &str| {
                let value = response.headers().get(name)?;
                Some(value.to_str().unwrap().to_owned())
            };
            let expected = [
                ("cache-control", Some("no-store")),
                ("content-type", Some("text/plain; charset=utf-8")),
                ("retry-after", (status == 503).then_some("5")),
                (
                    "www-authenticate",
                    (status == 401).then_some(r#"Cookie realm="login""#),
                ),
            ];
            for (name, value) in expected {
                assert_eq!(header(name).as_deref(), value, "{kind:?} {name}");
            }
        }
    }

    #[test]
    fn too_many_attempts_say_when_to_come_back_in_the_form_that_suits() {
        let cases = [
            (0, "1 second"),
            (1, "1 second"),
            (90, "90 seconds"),
            (91, "2 minutes"),
            (900, "15 minutes"),
            (5401, "2 hours"),
        ];
        for (seconds, words) in cases {
            let told = |by| Told {
                by,
                vary: Some("Accept"),
            };
            for by in [Form::Page, Form::Problem] {
                let error = Error::too_many_attempts(seconds, told(by));
                let seconds = seconds.max(1);
                assert_eq!(error.retry_after(), Some(Duration::from_secs(seconds)));
                let response = error.to_response();
                assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
                assert_eq!(response.headers()["retry-after"], seconds.to_string());
                assert_eq!(response.headers()["vary"], "Accept");
                assert_eq!(response.headers()["cache-control"], "no-store");
                let body = response.body();
                assert!(body.contains(&format!("try again in {words}")), "{body}");
                let is_json = serde_json::from_str::<serde_json::Value>(body).is_ok();
                assert_eq!(is_json, by == Form::Problem, "{body}");
            }
        }
    }
}
