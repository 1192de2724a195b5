//! Where values begin and end, without making anything of them.

use std::ops::Range;

/// Deeper nesting is refused, so that no recursion can run out of stack.
pub(super) const DEEPEST: usize = 128;

/// Hands over where each name (between its quotation marks) and each value of an object stands, and nothing but white
/// space behind it.
pub(super) fn scan_object(text: &str, entry: impl FnMut(Range<usize>, Range<usize>)) -> Option<()> {
    let mut scanner = Scanner::new(text);
    scanner.object(DEEPEST, entry)?;
    scanner.white_space();
    (scanner.at == text.len()).then_some(())
}

/// Hands over where each element of an array stands.
pub(super) fn scan_array(text: &str, mut element: impl FnMut(Range<usize>)) -> Option<()> {
    Scanner::new(text).array(DEEPEST, &mut element)
}

/// Whether a value is nested no deeper than this.
pub(super) fn is_within(text: &str, depth: usize) -> bool {
    Scanner::new(text).value(depth).is_some()
}

/// Finds where values begin and end. Accepts what Python's `json` accepts, `NaN` and the infinities included.
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
        self.white_space();
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn object(
        &mut self,
        depth: usize,
        mut entry: impl FnMut(Range<usize>, Range<usize>),
    ) -> Option<()> {
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

    /// The range between the quotation marks.
    fn string(&mut self) -> Option<Range<usize>> {
        self.token(b'"')?;
        let start = self.at;
        loop {
            let rest = &self.bytes[self.at..];
            let plain = memchr::memchr2(b'"', b'\\', rest)?;
            // Without an early end, so that many bytes are looked at in one step.
            let lowest = rest[..plain]
                .iter()
                .fold(u8::MAX, |low, byte| low.min(*byte));
            if lowest < 0x20 {
                return None;
            }
            self.at += plain;
            if rest[plain] == b'"' {
                self.at += 1;
                return Some(start..self.at - 1);
            }
            self.escape()?;
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
        let start = self.at;
        while matches!(
            self.peek(),
            Some(b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'+' | b'-' | b'.')
        ) {
            self.at += 1;
        }
        match &self.bytes[start..self.at] {
            b"true" | b"false" | b"null" | b"NaN" | b"Infinity" | b"-Infinity" => Some(()),
            number => is_number(number).then_some(()),
        }
    }
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

/// The digits that the text begins with, and what follows them.
fn split_digits(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|byte| !byte.is_ascii_digit());
    text.split_at(end.unwrap_or(text.len()))
}
