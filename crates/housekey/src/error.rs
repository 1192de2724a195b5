//! The one error type: opaque, with a [`kind`](Error::kind) to decide on and a message that says what to do.

use std::borrow::Cow;
use std::fmt;

/// Any error an application's own code may give: what a user loader returns when the database is away.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What went wrong, for the code that has to choose an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A setting of the login manager is wrong. The message names the setting.
    Setting,
    /// A secret key is missing, empty or too easy to guess.
    SecretKey,
    /// The user is not active and the login was not forced.
    InactiveUser,
    /// The user's id is empty (or the text `None`), so no session could name it.
    InvalidUserId,
    /// Nobody is logged in, so there is no login to confirm or to renew.
    NotLoggedIn,
    /// The session would not fit into a cookie; the change was not made.
    SessionTooLarge,
    /// The response has gone out, and no cookie can follow it; the change was not made.
    TooLate,
    /// A session value cannot be turned into JSON, or is not of the type asked for, or its key is reserved.
    SessionValue,
    /// The user loader failed: who is there is unknown, which is not the same as nobody.
    LoaderFailed,
    /// The login store failed. Whether a login lives is unknown, or what was to be changed is as it was.
    StoreFailed,
    /// The manager keeps no login records, or this login has none: there is nothing to list or to end.
    NoLoginStore,
    /// A text is no number of a login.
    InvalidLoginId,
    /// The user has as many logins as they may, and one has to end first.
    TooManyLogins,
    /// A page of another origin opens a WebSocket, and would speak as the visitor.
    ForeignOrigin,
    /// The login is not fresh enough for what was asked.
    NotFresh,
    /// A stored password hash or a hashing parameter cannot be used.
    Password,
    /// A password that is to be hashed is longer than allowed. Tell the person who typed it.
    PasswordTooLong,
    /// So many passwords wait to be verified or hashed that no more may. Whether this one is right is unknown.
    Busy,
    /// An extractor or guard ran on a route that has no login layer.
    MissingLayer,
}

/// Everything that can go wrong, each with a message in plain words.
///
/// Nothing that a client sends makes one of these: a forged cookie is an anonymous visitor, not an error.
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
}

impl Error {
    /// An error of this kind with this message. For doors and stores; applications receive errors.
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            message: message.into(),
            source: None,
        }
    }

    /// A setting that cannot be what somebody meant. The message begins with its name and says what to do.
    pub(crate) fn setting(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Setting, message)
    }

    /// The same with what caused it, which [`std::error::Error::source`] gives back.
    #[must_use]
    pub fn caused_by(mut self, source: BoxError) -> Self {
        self.source = Some(source);
        self
    }

    /// What went wrong, to decide on.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whether trying again later may help: the fault is in what housekey stands on, or in the load, not in the request.
    pub fn is_temporary(&self) -> bool {
        matches!(
            self.kind,
            ErrorKind::LoaderFailed | ErrorKind::StoreFailed | ErrorKind::Busy
        )
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// The message first, since that is what a `main` that returns the error prints.
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
