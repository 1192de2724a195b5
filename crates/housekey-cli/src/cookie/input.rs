//! Cookies as they come from a clipboard. This only finds where a value ends.

use std::io::{self, Read};

/// Far more than a browser sends, which is 8 KiB or so.
const LONGEST: usize = 64 * 1024;

/// More cookies than a browser keeps for a site.
const MOST: usize = 200;

/// A value, and its name if it came with one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Cookie {
    pub(crate) name: Option<String>,
    pub(crate) value: Vec<u8>,
    /// The whole text, in case what looks like a name and a value is a value alone.
    pub(crate) whole: Option<Vec<u8>>,
}

/// Reads everything, unless it is too much.
pub(crate) fn read(input: impl Read) -> io::Result<Result<Vec<u8>, String>> {
    let mut text = Vec::new();
    input.take(LONGEST as u64 + 1).read_to_end(&mut text)?;
    Ok(match text.len() > LONGEST {
        true => Err(format!(
            "this is longer than {} KiB, and so not what a browser sends as cookies",
            LONGEST / 1024
        )),
        false => Ok(text),
    })
}

pub(crate) fn parse(text: &[u8]) -> Vec<Cookie> {
    let lines: Vec<_> = text
        .split(|byte| *byte == b'\n')
        .map(unpacked)
        .filter(|line| !line.is_empty())
        .collect();
    let fields: Vec<_> = lines.iter().filter_map(|line| field(line)).collect();
    let mut cookies = Vec::new();
    match fields.is_empty() {
        // From a whole request, the fields with cookies.
        false => {
            for (kind, value) in fields {
                let pairs = value.split(|byte| *byte == b';');
                let most = match kind {
                    Field::Cookie => usize::MAX,
                    // Attributes follow the cookie.
                    Field::SetCookie => 1,
                };
                cookies.extend(pairs.take(most).filter_map(cookie));
            }
        }
        true => {
            for line in lines {
                let pairs: Vec<_> = line
                    .split(|byte| *byte == b';')
                    .filter_map(cookie)
                    .collect();
                // A value may contain an equals sign: user ids may, and Flask-Login's token shows them.
                let is_one = pairs.len() == 1;
                cookies.extend(pairs.into_iter().map(|cookie| Cookie {
                    whole: (is_one && cookie.name.is_some()).then(|| line.to_vec()),
                    ..cookie
                }));
            }
        }
    }
    cookies.truncate(MOST);
    cookies
}

enum Field {
    Cookie,
    SetCookie,
}

/// The value of a line that is a header field with cookies.
fn field(line: &[u8]) -> Option<(Field, &[u8])> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let (name, value) = (line[..colon].trim_ascii(), &line[colon + 1..]);
    if name.eq_ignore_ascii_case(b"cookie") {
        Some((Field::Cookie, value))
    } else if name.eq_ignore_ascii_case(b"set-cookie") {
        Some((Field::SetCookie, value))
    } else {
        None
    }
}

/// A line without surrounding white space, and without what a browser's "Copy as cURL" puts around a field.
fn unpacked(line: &[u8]) -> &[u8] {
    let line = line.trim_ascii();
    let line = line.strip_suffix(b"\\").unwrap_or(line).trim_ascii();
    let options: [&[u8]; 4] = [b"-H ", b"--header ", b"-b ", b"--cookie "];
    let line = options
        .into_iter()
        .find_map(|option| line.strip_prefix(option))
        .unwrap_or(line)
        .trim_ascii();
    let line = line
        .strip_prefix(b"$")
        .filter(|rest| rest.starts_with(b"'"))
        .unwrap_or(line);
    match line {
        [b'\'', inner @ .., b'\''] => inner.trim_ascii(),
        _ => line,
    }
}

fn cookie(pair: &[u8]) -> Option<Cookie> {
    let pair = pair.trim_ascii();
    if pair.is_empty() {
        return None;
    }
    let named = pair.iter().position(|byte| *byte == b'=').and_then(|at| {
        let (name, value) = (pair[..at].trim_ascii(), pair[at + 1..].trim_ascii());
        let text = || String::from_utf8_lossy(name).into_owned();
        (!name.is_empty()).then(|| (Some(text()), value))
    });
    let (name, value) = named.unwrap_or((None, pair));
    Some(Cookie {
        name,
        value: value.to_vec(),
        whole: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_found_as_people_have_them() {
        for (text, expected) in [
            ("", ""),
            (" \n\n", ""),
            ("abc.def\n", "=abc.def"),
            ("1|ab12", "=1|ab12"),
            ("a=1", "a=1"),
            ("a=1; b=2=3;; c=", "a=1 b=2=3 c="),
            ("Cookie: a=1; b=2\r\n", "a=1 b=2"),
            ("cookie:a=1", "a=1"),
            ("Set-Cookie: a=1; Path=/; HttpOnly", "a=1"),
            (
                "GET / HTTP/1.1\nHost: example.com\nCookie: a=1\nAccept: */*",
                "a=1",
            ),
            ("a=1\nb=2", "a=1 b=2"),
            (
                "curl 'http://x/' \\\n  -H 'Cookie: a=1; b=2' \\\n  -H 'Accept: */*'",
                "a=1 b=2",
            ),
            ("-b 'a=1; b=2' \\", "a=1 b=2"),
            ("-b $'a=1'", "a=1"),
            ("r=\"1|x\"", "r=\"1|x\""),
        ] {
            let found = parse(text.as_bytes()).into_iter().map(|cookie| {
                let value = String::from_utf8(cookie.value).unwrap();
                format!("{}={value}", cookie.name.unwrap_or_default())
            });
            assert_eq!(found.collect::<Vec<_>>().join(" "), expected, "{text}");
        }
    }

    #[test]
    fn what_looks_like_a_name_may_be_part_of_the_value() {
        let found = parse(b"a=b|0e9e");
        assert_eq!(found[0].whole.as_deref(), Some(&b"a=b|0e9e"[..]));
        assert!(parse(b"a=1; b=2").iter().all(|it| it.whole.is_none()));
    }

    #[test]
    fn no_bytes_are_too_odd_and_no_input_makes_too_many_cookies() {
        let all: Vec<u8> = (0..=255).collect();
        assert!(!parse(&all).is_empty());
        assert_eq!(parse(&b"a=1;".repeat(10_000)).len(), MOST);
        assert!(read(&*vec![b'a'; LONGEST]).unwrap().is_ok());
        assert!(read(&*vec![b'a'; LONGEST + 1]).unwrap().is_err());
        assert!(read(io::repeat(0)).unwrap().is_err());
    }
}
