//! Requests whose answer no person may ever see.

use http::HeaderName;

use crate::head::Head;

/// htmx's preload extension.
const HX_PRELOADED: HeaderName = HeaderName::from_static("hx-preloaded");

/// What browsers, Turbo and others say that a request is made for.
static PURPOSES: [HeaderName; 6] = [
    HeaderName::from_static("sec-purpose"),
    HeaderName::from_static("x-sec-purpose"),
    HeaderName::from_static("purpose"),
    HeaderName::from_static("x-purpose"),
    HeaderName::from_static("x-moz"),
    HX_PRELOADED,
];

/// Whether a page is fetched before anybody wants to see it (prefetch, prerender, preview), or only asked about (HEAD). A
/// page that is fetched in advance may be shown later, or never.
pub(crate) fn is_unseen(request: &impl Head) -> bool {
    let in_advance = |word: &[u8]| {
        [&b"prefetch"[..], b"prerender", b"preview"]
            .iter()
            .any(|purpose| word.eq_ignore_ascii_case(purpose))
    };
    let says = |name: &HeaderName, value: &[u8]| {
        let mut words = value.split(|byte| matches!(byte, b',' | b';'));
        words.any(|word| match *name == HX_PRELOADED {
            true => word.trim_ascii().eq_ignore_ascii_case(b"true"),
            false => in_advance(word.trim_ascii()),
        })
    };
    request.method() == "HEAD" || request.any(&PURPOSES, says)
}
