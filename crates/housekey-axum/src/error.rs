//! Errors and denials as responses.

use axum_core::body::Body;
use axum_core::response::{IntoResponse, Response};
use housekey::door::Refusal;

use crate::unread::failed;

housekey::door::errors! {
    /// [`housekey::Error`] as a response, so that a handler can return `Result<_, Error>` and use `?`.
    /// [`answer`](housekey::Error::answer) lists the statuses.
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        failed(to_body(self.0.to_response()))
    }
}

impl IntoResponse for LoginRejection {
    fn into_response(self) -> Response {
        match self.0 {
            Refusal::Denied(response) => to_body(*response),
            Refusal::Error(error) => failed(to_body(error.to_response())),
        }
    }
}

fn to_body(response: http::Response<String>) -> Response {
    // A redirect has no text, and an empty body saves an allocation.
    response.map(|text| match text.is_empty() {
        true => Body::empty(),
        false => Body::from(text),
    })
}
