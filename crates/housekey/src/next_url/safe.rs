//! The check itself, without IO.

use crate::error::Error;
use crate::origin::{Origin, Origins};
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

const LONGEST: usize = 2048;

/// What a header cannot hold as it is, besides everything beyond ASCII.
const NOT_IN_A_HEADER: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>');

/// A safe address as it can stand in a `Location` header.
pub(crate) fn for_location(next: &str) -> String {
    utf8_percent_encode(next, NOT_IN_A_HEADER).to_string()
}

impl Origins {
    /// Whether a browser that is sent to `next` stays on this site or goes to a listed origin.
    pub(crate) fn is_safe_target(&self, next: &str) -> bool {
        is_plain_path(next) || self.is_safe_when_read(next)
    }

    fn is_safe_when_read(&self, next: &str) -> bool {
        if next.chars().count() > LONGEST
            || next.bytes().any(is_control)
            || path_of(next).contains('\\')
        {
            return false;
        }
        if next.starts_with('/') {
            return is_local_path(next);
        }
        match Origin::split(next) {
            Some((origin, rest)) => {
                self.contains(&origin)
                    && (rest.is_empty() || rest.starts_with(['/', '?', '#']))
                    && (!rest.starts_with('/') || is_local_path(rest))
            }
            None => false,
        }
    }
}

/// Whether a path of this site is safe without decoding, as nearly all are: no percent sign, no backslash, no doubled slash, and
/// only visible ASCII before the query.
fn is_plain_path(next: &str) -> bool {
    if !next.starts_with('/') || next.len() > LONGEST {
        return false;
    }
    let mut before = 0;
    for (at, byte) in next.bytes().enumerate() {
        match byte {
            b'?' | b'#' => return !next.as_bytes()[at..].iter().copied().any(is_control),
            b'/' if before == b'/' => return false,
            b'%' | b'\\' => return false,
            b'!'..=b'~' => before = byte,
            _ => return false,
        }
    }
    true
}

/// `next` begins with `/` and has no backslash or control character before decoding.
fn is_local_path(next: &str) -> bool {
    let decoded = percent_decode_str(path_of(next)).decode_utf8_lossy();
    !decoded.bytes().any(is_control) && is_single_slashed(&decoded)
}

/// Whether the decoded path begins with one slash, both as it is and with its dots resolved. Programs differ in which dots they
/// resolve, and in whether an encoded slash ends a segment. But a doubled slash can only reach the front of a path that
/// has both.
fn is_single_slashed(path: &str) -> bool {
    let leads_away = path.starts_with("//") || path.starts_with("/\\");
    let is_dotted = path
        .split(['/', '\\'])
        .any(|segment| matches!(segment, "." | ".."));
    let is_slash = |byte: &u8| matches!(byte, b'/' | b'\\');
    let is_doubled = path
        .as_bytes()
        .windows(2)
        .any(|pair| pair.iter().all(is_slash));
    !(leads_away || (is_dotted && is_doubled))
}

/// What stands before the query and the fragment.
pub(crate) fn path_of(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or_default()
}

fn is_control(byte: u8) -> bool {
    byte.is_ascii_control()
}

/// A path of this site or an absolute URL, which can stand in a header.
pub(crate) fn check_view(name: &str, view: Option<&str>) -> Result<(), Error> {
    let Some(view) = view else { return Ok(()) };
    let local = view.starts_with('/') && !view.starts_with("//") && !view.starts_with("/\\");
    let host = view
        .strip_prefix("https://")
        .or(view.strip_prefix("http://"));
    let absolute = host.is_some_and(|host| !host.is_empty() && !host.starts_with(['/', '?', '#']));
    if !(local || absolute) || !view.bytes().all(|byte| (b'!'..=b'~').contains(&byte)) {
        return Err(Error::setting(format!(
            "{name}: {view:?} is not an address; give a path that begins with /, or an absolute URL, in ASCII"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_needs_no_reading_is_safe_when_it_is_read(
            next in "(/|//|%2f|%|\\\\|\\.|\\.\\.|\\?|#|[a-c ]|\\t|\u{7f}|é|https?://|[!-~]){0,12}",
        ) {
            let read = Origins::default().is_safe_when_read(&next);
            prop_assert!(read || !is_plain_path(&next), "{:?}", next);
        }
    }

    #[test]
    fn ordinary_paths_need_no_reading() {
        for next in [
            "/",
            "/dashboard",
            "/articles/a.b/?page=2&q=%2F%2F\\",
            "/a/#top",
        ] {
            assert!(is_plain_path(next), "{next}");
        }
        let long = format!("/{}", "a".repeat(LONGEST));
        for next in [
            "", "a", "//a", "/a//b", "/%61", "/\\a", "/a b", "/\u{e9}", "/a?\n", &long,
        ] {
            assert!(!is_plain_path(next), "{next}");
        }
    }
}
