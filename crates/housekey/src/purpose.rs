//! Requests whose response no person may ever see.

use crate::head::Head;

/// htmx's preload extension.
const HX_PRELOADED: &str = "hx-preloaded";

/// Whether the request fetches a page before anybody wants to see it (prefetch, prerender, preview), or only asks about it
/// (HEAD). A page that is fetched in advance may be shown later, or never.
pub(crate) fn is_unseen(request: &impl Head) -> bool {
    let mut is_unseen = request.method() == "HEAD";
    request.each(|name, value| is_unseen |= says_unseen(name, value));
    is_unseen
}

/// Whether a header field says so: browsers, Turbo and others state what a request is for. The name is in lower case.
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
