//! Forms as people, scripts and attackers really send them.

use axum::Form;
use axum::extract::rejection::{BytesRejection, FormRejection};
use axum::extract::{FromRequest, Request};
use serde::de::DeserializeOwned;

/// No form here is larger, even with every byte of two passwords percent-encoded.
pub(crate) const MAX_BYTES: usize = 64 * 1024;

/// Like axum's `Form`, but a form that makes no sense counts as one left empty: it is shown again, with a message
/// beside each field, instead of an error page.
pub(crate) struct Fields<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + Default> FromRequest<S> for Fields<T> {
    type Rejection = BytesRejection;

    async fn from_request(request: Request, state: &S) -> Result<Self, BytesRejection> {
        match Form::from_request(request, state).await {
            Ok(Form(fields)) => Ok(Fields(fields)),
            // The body is too large, or it broke off.
            Err(FormRejection::BytesRejection(rejection)) => Err(rejection),
            Err(_) => Ok(Fields(T::default())),
        }
    }
}
