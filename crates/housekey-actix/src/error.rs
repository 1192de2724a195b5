//! Errors and denials as responses.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use housekey::door::Refusal;
use housekey::{Error as CoreError, ErrorKind};

use crate::head::from_response;

/// [`housekey::Error`] as a [`ResponseError`], so that a handler can return `Result<_, Error>` and use `?`. Which status it
/// has, [`answer`](housekey::Error::answer) says.
pub struct Error(CoreError);

/// Why an extractor or a guard let a request not pass: somebody who may not, or an [`Error`].
pub struct LoginRejection(Refusal);

/// In the extensions of a response with which this crate denied something or failed.
pub(crate) struct Refused;

impl Error {
    /// What went wrong, to decide on.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind()
    }
}

impl LoginRejection {
    pub(crate) fn of(refusal: Refusal) -> Self {
        Self(refusal)
    }

    /// The error, if it was one; `None` when somebody was denied.
    pub fn error(&self) -> Option<&CoreError> {
        self.0.error()
    }
}

impl From<CoreError> for Error {
    fn from(error: CoreError) -> Self {
        Self(error)
    }
}

impl<E: Into<Error>> From<E> for LoginRejection {
    fn from(error: E) -> Self {
        Self(error.into().0.into())
    }
}

macro_rules! response_error {
    ($($name:ident)*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::error::Error for $name {
            fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
                self.0.source()
            }
        }

        impl ResponseError for $name {
            fn status_code(&self) -> StatusCode {
                self.error_response().status()
            }

            fn error_response(&self) -> HttpResponse {
                let mut response = from_response(self.0.to_response());
                response.extensions_mut().insert(Refused);
                response
            }
        }
    )*};
}

response_error! { Error LoginRejection }
