//! The body of a request that was denied before anybody read it.
//!
//! A server that answers and closes while the client is still sending resets the connection, and the client loses the
//! answer: a browser shows an error in place of the login page, nginx a 502. actix-web's server goes on reading after such an
//! answer, but for a second only. So the middleware lends the body to what is below it, gets it back when that drops it, and
//! reads what is left before the answer goes out, throwing it away.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::dev::{Payload, ServiceRequest};
use actix_web::error::PayloadError;
use actix_web::http::{Version, header};
use actix_web::web::Bytes;
use futures_core::Stream;
use housekey::Visit;
use http::{HeaderMap, HeaderValue};
use tokio::runtime::Handle;

type Rest = Rc<RefCell<Option<Payload>>>;

/// A body that was lent.
pub(crate) struct Unread {
    rest: Rest,
    /// How long it says that it is.
    length: Option<HeaderValue>,
}

impl Unread {
    /// Lends the body of a request, if it has one. What comes on the connection of a WebSocket is none. Over HTTP/2 a body
    /// that nobody reads does no harm.
    pub(crate) fn lend(request: &mut ServiceRequest) -> Option<Self> {
        let length = request.headers().get(header::CONTENT_LENGTH);
        let is_chunked = request.headers().contains_key(header::TRANSFER_ENCODING);
        if length.is_none() && !is_chunked || request.version() > Version::HTTP_11 {
            return None;
        }
        let length = length.and_then(|it| HeaderValue::from_bytes(it.as_bytes()).ok());
        let body = request.parts_mut().1;
        let rest = Rest::default();
        let lent = Lent {
            body: Some(body.take()),
            rest: Rc::clone(&rest),
        };
        *body = Payload::Stream {
            payload: Box::pin(lent),
        };
        Some(Self { rest, length })
    }

    /// Reads what is left. actix-web closes the connection when that was not all.
    pub(crate) async fn discard(self, visit: &Visit) {
        // A client that waits to be asked for the body has been asked by the server.
        let headers = self
            .length
            .map(|length| (http::header::CONTENT_LENGTH, length));
        let discard = visit.discard(&HeaderMap::from_iter(headers));
        let rest = self.rest.take();
        // Without tokio there is no clock to stop at.
        if let (Some(rest), Some(discard), Ok(_)) = (rest, discard, Handle::try_current()) {
            let _ = tokio::time::timeout(discard.within, read(rest, discard.bytes)).await;
        }
    }
}

/// Reads to the end of a body, or until it was more than this many bytes.
async fn read(mut body: Payload, mut left: u64) {
    while let Some(Ok(piece)) = poll_fn(|cx| Pin::new(&mut body).poll_next(cx)).await {
        match left.checked_sub(piece.len() as u64) {
            Some(rest) => left = rest,
            None => return,
        }
    }
}

/// Gives the rest back when it is dropped.
struct Lent {
    /// `None` after its end.
    body: Option<Payload>,
    rest: Rest,
}

impl Drop for Lent {
    fn drop(&mut self) {
        *self.rest.borrow_mut() = self.body.take();
    }
}

impl Stream for Lent {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(body) = &mut self.body else {
            return Poll::Ready(None);
        };
        let next = Pin::new(body).poll_next(cx);
        if let Poll::Ready(None) = next {
            self.body = None;
        }
        next
    }
}
