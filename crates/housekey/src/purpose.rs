//! Requests whose answer no person may ever see.

use http::HeaderName;

use crate::head::Head;

/// What browsers, Turbo and others say that a request is made for.
const PURPOSES: [HeaderName; 5] = [
    HeaderName::from_static("sec-purpose"),
    HeaderName::from_static("x-sec-purpose"),
    HeaderName::from_static("purpose"),
    HeaderName::from_static("x-purpose"),
    HeaderName::from_static("x-moz"),
];

/// htmx's preload extension.
const HX_PRELOADED: HeaderName = HeaderName::from_static("hx-preloaded");

/// Whether a page is fetched before anybody wants to see it (prefetch, prerender, preview), or only asked about (HEAD). A
/// page that is fetched in advance may be shown later, or never.
pub(crate) fn is_unseen(request: &impl Head) -> bool {
    let says = |name: &HeaderName, is_meant: fn(&[u8]) -> bool| {
        let values = request.fields(name);
        values
            .flat_map(|value| value.split(|byte| matches!(byte, b',' | b';')))
            .any(|word| is_meant(word.trim_ascii()))
    };
    let in_advance = |word: &[u8]| {
        [&b"prefetch"[..], b"prerender", b"preview"]
            .iter()
            .any(|purpose| word.eq_ignore_ascii_case(purpose))
    };
    request.method() == "HEAD"
        || PURPOSES.iter().any(|name| says(name, in_advance))
        || says(&HX_PRELOADED, |word| word.eq_ignore_ascii_case(b"true"))
}
