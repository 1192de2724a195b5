//! Errors and denials as responses.

use std::fmt;

use axum_core::body::Body;
use axum_core::response::{IntoResponse, Response};
use housekey::ErrorKind;
use housekey::door::Refusal;

use crate::unread::denial;

/// [`housekey::Error`] as a response, so that a handler can return `Result<_, Error>` and use `?`. Which status it has,
/// [`answer`](housekey::Error::answer) says.
pub struct Error(housekey::Error);

impl Error {
    /// What went wrong, to decide on.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind()
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
        refusal(self.0.to_response())
    }
}

/// A response of the rules' in which a request is denied or has failed.
fn refusal(response: http::Response<String>) -> Response {
    // A redirect has no text, and an empty body spares an allocation.
    denial(response.map(|text| match text.is_empty() {
        true => Body::empty(),
        false => Body::from(text),
    }))
}

/// Why an extractor or a guard let a request not pass: somebody who may not, or an [`Error`].
#[derive(Debug)]
pub struct LoginRejection(Result<Error, Box<http::Response<String>>>);

impl LoginRejection {
    pub(crate) fn of(refusal: Refusal) -> Self {
        Self(match refusal {
            Refusal::Denied(response) => Err(response),
            Refusal::Error(error) => Ok(error.into()),
        })
    }

    /// The error, if it was one; `None` when somebody was denied.
    pub fn error(&self) -> Option<&Error> {
        self.0.as_ref().ok()
    }
}

impl fmt::Display for LoginRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Ok(error) => error.fmt(f),
            Err(denial) => write!(f, "denied with {}", denial.status()),
        }
    }
}

impl std::error::Error for LoginRejection {}

impl<E: Into<Error>> From<E> for LoginRejection {
    fn from(error: E) -> Self {
        Self(Ok(error.into()))
    }
}

impl IntoResponse for LoginRejection {
    fn into_response(self) -> Response {
        match self.0 {
            Ok(error) => error.into_response(),
            Err(denial) => refusal(*denial),
        }
    }
}
