//! Errors and denials as responses.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use housekey::door::Refusal;

use crate::head::from_response;

housekey::door::errors! {
    /// [`housekey::Error`] as a [`ResponseError`], so that a handler can return `Result<_, Error>` and use `?`.
    /// [`answer`](housekey::Error::answer) lists the statuses.
}

/// In the extensions of a response with which this crate reported an error. The visit knows of denials itself.
pub(crate) struct Failed;

impl ResponseError for Error {
    fn status_code(&self) -> StatusCode {
        self.error_response().status()
    }

    fn error_response(&self) -> HttpResponse {
        failed(&self.0.to_response())
    }
}

impl ResponseError for LoginRejection {
    fn status_code(&self) -> StatusCode {
        self.error_response().status()
    }

    fn error_response(&self) -> HttpResponse {
        match &self.0 {
            Refusal::Denied(response) => from_response(response),
            Refusal::Error(error) => failed(&error.to_response()),
        }
    }
}

fn failed(response: &http::Response<String>) -> HttpResponse {
    let mut response = from_response(response);
    response.extensions_mut().insert(Failed);
    response
}
