//! How much is read of the body of a request that was denied.

use std::time::Duration;

use http::header::{self, HeaderMap};

use crate::visit::Visit;

/// What a door reads of a body that is still to come when a request has been denied, and throws away without keeping it,
/// before it answers. A client that is cut off while it sends loses the answer. Where the body is longer or slower, the
/// door answers all the same and has the connection closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Discard {
    /// At most this many bytes.
    pub bytes: u64,
    /// For at most this long.
    pub within: Duration,
}

impl Visit {
    /// What is read of the body of a request with these headers, if it is denied. `None` when it is not worth beginning: the
    /// client waits to be asked for the body (`Expect: 100-continue`) and need not send it, or says that it is too long.
    pub fn discard(&self, headers: &HeaderMap) -> Option<Discard> {
        let discard = self.shared().settings.discard;
        let waits = headers
            .get(header::EXPECT)
            .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"));
        let length = headers
            .get(header::CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        let is_too_long = length.is_some_and(|length| length > discard.bytes);
        (!waits && !is_too_long).then_some(discard)
    }
}
