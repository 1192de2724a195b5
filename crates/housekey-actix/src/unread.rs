//! The body of a request that was denied before anything read it.
//!
//! If a server answers and closes while the client is still sending, the connection is reset and the client loses the
//! answer: a browser shows an error instead of the login page, nginx a 502. actix-web's server goes on reading after such
//! an answer, but only for a second. So the middleware lends the body to the service below, gets it back when that drops
//! it, and reads and discards the rest before the response goes out.

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

/// A lent body.
pub(crate) struct Unread {
    rest: Rest,
    /// Its declared length.
    length: Option<HeaderValue>,
}

impl Unread {
    /// Lends the body of a request, if it has one. The data on a WebSocket's connection is not a body. Over HTTP/2 an
    /// unread body does no harm.
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

    /// Reads the rest. actix-web closes the connection if there was still more.
    pub(crate) async fn discard(self, visit: &Visit) {
        // If the client waits to be asked for the body, the server has asked it already.
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

/// Reads a body to its end, or until it exceeds this many bytes.
async fn read(mut body: Payload, mut left: u64) {
    while let Some(Ok(piece)) = poll_fn(|cx| Pin::new(&mut body).poll_next(cx)).await {
        match left.checked_sub(piece.len() as u64) {
            Some(rest) => left = rest,
            None => return,
        }
    }
}

/// Gives the rest back when dropped.
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
