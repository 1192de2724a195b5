//! Finds where values begin and end, without parsing them.

use std::ops::Range;

/// Deeper nesting is refused, so that recursion cannot exhaust the stack.
pub(super) const DEEPEST: usize = 128;

/// Where a string is between its quotation marks, and whether it has escapes.
#[derive(Clone, Debug)]
pub(super) struct Name {
    pub(super) range: Range<usize>,
    pub(super) is_escaped: bool,
}

/// Passes each name of an object, and where its value is, to `entry`. Only white space may follow the object.
pub(super) fn scan_object(text: &str, entry: impl FnMut(Name, Range<usize>)) -> Option<()> {
    let mut scanner = Scanner::new(text);
    scanner.object(DEEPEST, entry)?;
    scanner.white_space();
    (scanner.at == text.len()).then_some(())
}

/// Passes the place of each element of an array to `element`.
pub(super) fn scan_array(text: &str, mut element: impl FnMut(Range<usize>)) -> Option<()> {
    Scanner::new(text).array(DEEPEST, &mut element)
}

/// Whether this is one value, nested at most this deep.
pub(super) fn is_within(text: &str, depth: usize) -> bool {
    let mut scanner = Scanner::new(text);
    let is_value = scanner.value(depth).is_some();
    scanner.white_space();
    is_value && scanner.at == text.len()
}

/// Finds where values begin and end. Accepts what Python's `json` accepts, including `NaN` and the infinities.
struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Scanner<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            bytes: text.as_bytes(),
            at: 0,
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn white_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// White space, then this byte.
    fn token(&mut self, byte: u8) -> Option<()> {
        // Usually there is none.
        if self.peek()? != byte {
            self.white_space();
        }
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn object(&mut self, depth: usize, mut entry: impl FnMut(Name, Range<usize>)) -> Option<()> {
        self.token(b'{')?;
        if self.token(b'}').is_some() {
            return Some(());
        }
        loop {
            self.white_space();
            let name = self.string()?;
            self.token(b':')?;
            let value = self.value(depth.checked_sub(1)?)?;
            entry(name, value);
            if self.token(b',').is_none() {
                return self.token(b'}');
            }
        }
    }

    fn array(&mut self, depth: usize, element: &mut dyn FnMut(Range<usize>)) -> Option<()> {
        self.token(b'[')?;
        if self.token(b']').is_some() {
            return Some(());
        }
        loop {
            let value = self.value(depth.checked_sub(1)?)?;
            element(value);
            if self.token(b',').is_none() {
                return self.token(b']');
            }
        }
    }

    fn value(&mut self, depth: usize) -> Option<Range<usize>> {
        self.white_space();
        let start = self.at;
        match self.peek()? {
            b'"' => {
                self.string()?;
            }
            b'{' => self.object(depth, |_, _| {})?,
            b'[' => self.array(depth, &mut |_| {})?,
            _ => self.scalar()?,
        }
        Some(start..self.at)
    }

    fn string(&mut self) -> Option<Name> {
        self.token(b'"')?;
        let start = self.at;
        let mut is_escaped = false;
        loop {
            self.at += plain_length(&self.bytes[self.at..]);
            match self.peek()? {
                b'"' => {
                    self.at += 1;
                    return Some(Name {
                        range: start..self.at - 1,
                        is_escaped,
                    });
                }
                b'\\' => {
                    is_escaped = true;
                    self.escape()?;
                }
                _ => return None,
            }
        }
    }

    fn escape(&mut self) -> Option<()> {
        self.at += 1;
        let digits = match self.peek()? {
            b'u' => 4,
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => 0,
            _ => return None,
        };
        self.at += 1;
        for _ in 0..digits {
            self.peek()?.is_ascii_hexdigit().then(|| self.at += 1)?;
        }
        Some(())
    }

    fn scalar(&mut self) -> Option<()> {
        let rest = &self.bytes[self.at..];
        let is_part = |byte: &u8| matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'+' | b'-' | b'.');
        let end = rest.iter().position(|byte| !is_part(byte));
        let scalar = &rest[..end.unwrap_or(rest.len())];
        self.at += scalar.len();
        match scalar {
            b"true" | b"false" | b"null" | b"NaN" | b"Infinity" | b"-Infinity" => Some(()),
            number => is_number(number).then_some(()),
        }
    }
}

/// How many bytes of a string come before a special one: a quotation mark, a backslash, a control character. Looks at eight
/// bytes at a time.
fn plain_length(bytes: &[u8]) -> usize {
    let (words, rest) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let marks = mark_special(u64::from_le_bytes(*word));
        if marks != 0 {
            return 8 * index + marks.trailing_zeros() as usize / 8;
        }
    }
    let special = rest
        .iter()
        .position(|byte| matches!(byte, ..0x20 | b'"' | b'\\'));
    bytes.len() - rest.len() + special.unwrap_or(rest.len())
}

/// Sets the highest bit of the first special byte. Bytes after that one may be marked without being special.
fn mark_special(word: u64) -> u64 {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    let below = |word: u64, bound: u8| word.wrapping_sub(ONES * u64::from(bound)) & !word;
    let equal = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    (below(word, 0x20) | equal(b'"') | equal(b'\\')) & (ONES << 7)
}

fn is_number(text: &[u8]) -> bool {
    let (whole, mut rest) = split_digits(text.strip_prefix(b"-").unwrap_or(text));
    if whole.is_empty() || (whole.len() > 1 && whole[0] == b'0') {
        return false;
    }
    if let [b'.', tail @ ..] = rest {
        let (fraction, tail) = split_digits(tail);
        if fraction.is_empty() {
            return false;
        }
        rest = tail;
    }
    match rest {
        [] => true,
        [b'e' | b'E', b'+' | b'-', exponent @ ..] | [b'e' | b'E', exponent @ ..] => {
            let (digits, tail) = split_digits(exponent);
            !digits.is_empty() && tail.is_empty()
        }
        _ => false,
    }
}

/// The digits at the start of the text, and the rest.
fn split_digits(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|byte| !byte.is_ascii_digit());
    text.split_at(end.unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_ends_its_plain_part_at_the_first_special_byte_wherever_that_is() {
        for length in 0..20 {
            for at in 0..length {
                for byte in 0..=u8::MAX {
                    for filling in [b'a', 0x20, 0x21, 0x23, 0x5b, 0x5d, 0x7f, 0x80, 0xff] {
                        let mut bytes = vec![filling; length];
                        bytes[at] = byte;
                        let is_special = byte < 0x20 || byte == b'"' || byte == b'\\';
                        let expected = if is_special { at } else { length };
                        assert_eq!(plain_length(&bytes), expected, "{bytes:?}");
                    }
                }
            }
        }
    }
}
