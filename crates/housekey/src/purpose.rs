//! Requests whose answer no person may ever see.

use crate::head::Head;

/// htmx's preload extension.
const HX_PRELOADED: &str = "hx-preloaded";

/// Whether a page is fetched before anybody wants to see it (prefetch, prerender, preview), or only asked about (HEAD). A
/// page that is fetched in advance may be shown later, or never.
pub(crate) fn is_unseen(request: &impl Head) -> bool {
    let mut is_unseen = request.method() == "HEAD";
    request.each(|name, value| is_unseen |= says_unseen(name, value));
    is_unseen
}

/// Whether a field says so, by its name in lower case: what browsers, Turbo and others say that a request is made for.
pub(crate) fn says_unseen(name: &str, value: &[u8]) -> bool {
    let says = |is: &dyn Fn(&[u8]) -> bool| {
        let mut words = value.split(|byte| matches!(byte, b',' | b';'));
        words.any(|word| is(word.trim_ascii()))
    };
    match name {
        "sec-purpose" | "x-sec-purpose" | "purpose" | "x-purpose" | "x-moz" => says(&|word| {
            let in_advance = [&b"prefetch"[..], b"prerender", b"preview"];
            in_advance.iter().any(|it| word.eq_ignore_ascii_case(it))
        }),
        HX_PRELOADED => says(&|word| word.eq_ignore_ascii_case(b"true")),
        _ => false,
    }
}
