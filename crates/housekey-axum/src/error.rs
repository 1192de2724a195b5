//! Errors and denials as responses.

use std::fmt;

use axum_core::body::Body;
use axum_core::response::{IntoResponse, Response};
use housekey::{Denied, ErrorKind, OpenVisit, Scope, User};
use http::header::{self, HeaderValue};
use http::{StatusCode, request::Parts};

use crate::guard::ScopeFor;
use crate::unread::denial;

/// [`housekey::Error`] as a response, so that a handler can return `Result<_, Error>` and use `?`.
///
/// | kind | status |
/// |---|---|
/// | [`LoaderFailed`](ErrorKind::LoaderFailed), [`StoreFailed`](ErrorKind::StoreFailed), [`Busy`](ErrorKind::Busy) | 503, with `Retry-After` |
/// | [`NotLoggedIn`](ErrorKind::NotLoggedIn) | 401 |
/// | [`InactiveUser`](ErrorKind::InactiveUser), [`NotFresh`](ErrorKind::NotFresh), [`TooManyLogins`](ErrorKind::TooManyLogins), [`ForeignOrigin`](ErrorKind::ForeignOrigin) | 403 |
/// | [`InvalidLoginId`](ErrorKind::InvalidLoginId) | 404 |
/// | [`PasswordTooLong`](ErrorKind::PasswordTooLong) | 422 |
/// | all others: the program is wrong, or what it stored | 500 |
pub struct Error(housekey::Error);

impl Error {
    /// What went wrong, to decide on.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind()
    }

    pub(crate) fn missing_layer(user: &str) -> Self {
        Self(housekey::Error::new(
            ErrorKind::MissingLayer,
            format!(
                "this route has no login layer for users of the type {user}: add `.layer(manager.layer())` to the \
                 router, after all its routes, with a LoginManager<{user}>"
            ),
        ))
    }

    pub(crate) fn several_managers(extractor: &str) -> Self {
        Self(housekey::Error::new(
            ErrorKind::Setting,
            format!(
                "several login managers cover this route, and each keeps its own {extractor}: name the type of its users, \
                 for instance {extractor}<Member>"
            ),
        ))
    }

    pub(crate) fn colliding_cookies() -> Self {
        Self(housekey::Error::new(
            ErrorKind::Setting,
            "two login managers, for different types of users, use a cookie of the same name or accept each other's \
             signatures, so that a login at one could count at the other: give one of them names of its own by \
             session_cookie and remember_cookie, and in the flask preset a secret key of its own too",
        ))
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

impl From<housekey::Error> for Error {
    fn from(error: housekey::Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let (status, text) = match self.kind() {
            ErrorKind::LoaderFailed | ErrorKind::StoreFailed | ErrorKind::Busy => {
                (StatusCode::SERVICE_UNAVAILABLE, self.to_string())
            }
            ErrorKind::NotLoggedIn => (StatusCode::UNAUTHORIZED, self.to_string()),
            ErrorKind::InactiveUser
            | ErrorKind::NotFresh
            | ErrorKind::TooManyLogins
            | ErrorKind::ForeignOrigin => (StatusCode::FORBIDDEN, self.to_string()),
            ErrorKind::InvalidLoginId => (StatusCode::NOT_FOUND, self.to_string()),
            ErrorKind::PasswordTooLong => (StatusCode::UNPROCESSABLE_ENTITY, self.to_string()),
            // For the developer, who has just forgotten the one or set the other.
            ErrorKind::MissingLayer | ErrorKind::Setting => {
                (StatusCode::INTERNAL_SERVER_ERROR, self.to_string())
            }
            _ => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "something went wrong on this side".to_owned(),
            ),
        };
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::error!(target: "housekey", error = %self, "a request failed");
        }
        let mut response = (status, text).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match status {
            StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
            }
            StatusCode::UNAUTHORIZED => {
                headers.insert(
                    header::WWW_AUTHENTICATE,
                    HeaderValue::from_static(r#"Cookie realm="login""#),
                );
            }
            _ => {}
        }
        denial(response)
    }
}

/// Why an extractor or a guard let a request not pass: somebody who may not, or an [`Error`].
#[derive(Debug)]
pub struct LoginRejection(Kind);

#[derive(Debug)]
enum Kind {
    Denied(Box<http::Response<String>>),
    Error(Error),
}

impl LoginRejection {
    pub(crate) fn deny<U: User>(visit: &OpenVisit, parts: &Parts, denied: Denied) -> Self {
        let response = match parts.extensions.get::<ScopeFor<U>>() {
            Some(scope) => visit.deny(parts, denied, &scope.scope),
            None => visit.deny(parts, denied, &Scope::new()),
        };
        Self(Kind::Denied(Box::new(response)))
    }

    /// The error, if it was one; `None` when somebody was denied.
    pub fn error(&self) -> Option<&Error> {
        match &self.0 {
            Kind::Denied(_) => None,
            Kind::Error(error) => Some(error),
        }
    }
}

impl fmt::Display for LoginRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Denied(response) => write!(f, "denied with {}", response.status()),
            Kind::Error(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for LoginRejection {}

impl<E: Into<Error>> From<E> for LoginRejection {
    fn from(error: E) -> Self {
        Self(Kind::Error(error.into()))
    }
}

impl IntoResponse for LoginRejection {
    fn into_response(self) -> Response {
        match self.0 {
            // A redirect has no text, and an empty body spares an allocation.
            Kind::Denied(response) => denial(response.map(|text| match text.is_empty() {
                true => Body::empty(),
                false => Body::from(text),
            })),
            Kind::Error(error) => error.into_response(),
        }
    }
}
