//! Requests whose response no person may ever see.

use crate::head::Head;

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
    // The names are among those that are `ALWAYS_READ`.
    match name {
        "sec-purpose" | "x-sec-purpose" | "purpose" | "x-purpose" | "x-moz" => says(&|word| {
            let in_advance = [&b"prefetch"[..], b"prerender", b"preview"];
            in_advance.iter().any(|it| word.eq_ignore_ascii_case(it))
        }),
        // htmx's preload extension.
        "hx-preloaded" => says(&|word| word.eq_ignore_ascii_case(b"true")),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::ALWAYS_READ;

    #[test]
    fn every_field_that_says_so_is_always_read() {
        let says = ALWAYS_READ.map(|name| {
            ["prefetch", "true"].map(|value| says_unseen(name.as_str(), value.as_bytes()))
        });
        let [purpose, preloaded, other] = [[true, false], [false, true], [false, false]];
        assert_eq!(says[..4], [other; 4]);
        assert_eq!(says[4..9], [purpose; 5]);
        assert_eq!(says[9], preloaded);
    }
}
