//! The entries of a small, unchanged object: where they are in its text.

use std::ops::Range;

use super::scanner::Name;

/// Enough for a login and a little more.
const MOST: usize = 8;

/// Where each entry is. Allocates nothing, since nearly every session is only read.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Few {
    spans: [Span; MOST],
    len: u8,
}

#[derive(Clone, Copy, Debug, Default)]
struct Span {
    name: [u16; 2],
    value: [u16; 2],
}

impl Few {
    /// Appends an entry. `false` when it does not fit: there are too many, it is too far into the text, or its name has to
    /// be decoded.
    pub(super) fn push(&mut self, name: &Name, value: &Range<usize>) -> bool {
        let (Some(place), Ok(_)) = (
            self.spans.get_mut(usize::from(self.len)),
            u16::try_from(value.end),
        ) else {
            return false;
        };
        if name.is_escaped {
            return false;
        }
        // All of them are before the end of the value.
        let short = |range: &Range<usize>| [range.start as u16, range.end as u16];
        *place = Span {
            name: short(&name.range),
            value: short(value),
        };
        self.len += 1;
        true
    }

    /// The value under this name; the last, if there are several.
    pub(super) fn find<'a>(&self, source: &'a str, name: &str) -> Option<&'a str> {
        let text = source.as_bytes();
        let spans = self.as_slice().iter().rev();
        let mut spans = spans.filter(|span| usize::from(span.name[1] - span.name[0]) == name.len());
        let span = spans.find(|span| text[range(span.name)] == *name.as_bytes())?;
        Some(&source[range(span.value)])
    }

    /// Each name and its value.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Range<usize>, Range<usize>)> {
        let spans = self.as_slice().iter();
        spans.map(|span| (range(span.name), range(span.value)))
    }

    pub(super) fn len(&self) -> usize {
        usize::from(self.len)
    }

    fn as_slice(&self) -> &[Span] {
        &self.spans[..self.len()]
    }
}

fn range([start, end]: [u16; 2]) -> Range<usize> {
    usize::from(start)..usize::from(end)
}
