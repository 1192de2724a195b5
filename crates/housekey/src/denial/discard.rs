//! How much is read of the body of a request that was denied.

use http::header::{self, HeaderMap};

use crate::settings::Discard;

/// How much to read of the body of a request with these headers. `None` if reading is not worthwhile: the client waits to be
/// asked for the body (`Expect: 100-continue`) and need not send it, or says that it is too long.
pub(crate) fn worth_discarding(discard: Discard, headers: &HeaderMap) -> Option<Discard> {
    let waits = headers
        .get(header::EXPECT)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"));
    let length = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    let is_too_long = length.is_some_and(|length| length > discard.bytes);
    (!waits && !is_too_long).then_some(discard)
}
