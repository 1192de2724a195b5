//! The body of a request that was denied before anything read it.
//!
//! If a server answers and closes while the client is still sending, the connection is reset and the client loses the
//! answer: a browser shows an error instead of the login page, nginx a 502. So the layer lends the body to the service
//! below, gets it back when that drops it, and reads and discards the rest before the response goes out.

use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::{future, mem};

use axum_core::body::Body;
use axum_core::response::Response;
use housekey::Discard;
use http::header::{HeaderMap, HeaderValue};
use http::{Request, Version};
use http_body::{Body as _, Frame, SizeHint};
use tokio::runtime::Handle;

/// In the extensions of a response with which this crate reported an error. The visit knows of denials itself.
#[derive(Clone)]
pub(crate) struct Failed;

/// Marks a response, so that the layer reads the rest of the request.
pub(crate) fn failed(mut response: Response) -> Response {
    response.extensions_mut().insert(Failed);
    response
}

type Rest = Arc<Mutex<Option<Body>>>;

/// A lent body.
pub(crate) struct Unread {
    rest: Rest,
    discard: Option<Discard>,
    version: Version,
}

impl Unread {
    /// Lends the body of a request, if it has one. The request stays in place, since it is too large to move for nothing.
    pub(crate) fn lend(
        request: &mut Request<Body>,
        discard: impl FnOnce(&HeaderMap) -> Option<Discard>,
    ) -> Option<Self> {
        if request.body().is_end_stream() {
            return None;
        }
        let unread = Self {
            rest: Rest::default(),
            discard: discard(request.headers()),
            version: request.version(),
        };
        let rest = Arc::clone(&unread.rest);
        let body = mem::take(request.body_mut());
        *request.body_mut() = Body::new(Lent { body, rest });
        Some(unread)
    }

    /// Reads the rest, and returns the header that the response needs if there was still more.
    pub(crate) async fn discard(self) -> Option<HeaderValue> {
        let rest = self
            .rest
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()?;
        let is_read = match self.discard {
            // Without tokio there is no clock to stop at.
            Some(discard) if Handle::try_current().is_ok() => {
                let read = read(rest, discard.bytes);
                tokio::time::timeout(discard.within, read).await == Ok(true)
            }
            _ => false,
        };
        let closes = !is_read && self.version <= Version::HTTP_11;
        closes.then(|| HeaderValue::from_static("close"))
    }
}

/// Whether the body ends within this many bytes.
async fn read(body: Body, mut left: u64) -> bool {
    let mut body = pin!(body);
    loop {
        match future::poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
            None => return true,
            Some(Err(_)) => return false,
            Some(Ok(frame)) => {
                let read = frame.data_ref().map_or(0, |data| data.len() as u64);
                match left.checked_sub(read) {
                    Some(rest) => left = rest,
                    None => return false,
                }
            }
        }
    }
}

/// Gives the rest back when dropped.
struct Lent {
    body: Body,
    rest: Rest,
}

impl Drop for Lent {
    fn drop(&mut self) {
        if !self.body.is_end_stream() {
            let body = mem::take(&mut self.body);
            *self.rest.lock().unwrap_or_else(PoisonError::into_inner) = Some(body);
        }
    }
}

impl http_body::Body for Lent {
    type Data = <Body as http_body::Body>::Data;
    type Error = <Body as http_body::Body>::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
