//! Errors and denials as responses.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};

use crate::head::from_response;

housekey::door::errors! {
    /// [`housekey::Error`] as a [`ResponseError`], so that a handler can return `Result<_, Error>` and use `?`. Which status it
    /// has, [`answer`](housekey::Error::answer) says.
}

/// In the extensions of a response with which this crate denied something or failed.
pub(crate) struct Refused;

macro_rules! response_error {
    ($($name:ident)*) => {$(
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
