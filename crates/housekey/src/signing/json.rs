//! Flask's tagged JSON, as an object of raw values.
//!
//! A session may hold what other programs wrote: tuples, dates, integers of any size, `NaN`. Values are therefore kept
//! as the text they came as; only the names of the outermost object are looked at. What is taken out is converted
//! then, and what is put in is written as Python would write it.

use std::ops::Range;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Deeper nesting is refused, so that no recursion can run out of stack.
const DEEPEST: usize = 128;

/// How deep a value of the session may be, inside of the session itself and of a tag around that.
const DEEPEST_VALUE: usize = DEEPEST - 2;

/// The names that mark a one-key object as a tagged value: dict, tuple, bytes, markup, UUID, datetime.
const TAGS: [&str; 6] = [" di", " t", " b", " m", " u", " d"];
const TAG_DICT: &str = " di";

/// An object whose values are raw JSON text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Object {
    /// What it was read from; the entries point into it, so that reading costs two allocations.
    source: String,
    entries: Vec<Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    name: Name,
    value: Text,
}

#[derive(Clone, Debug)]
enum Name {
    Text(Text),
    /// Escapes that are no valid text (a lone surrogate): never found by name, and written back as they came.
    Undecodable(Range<usize>),
}

#[derive(Clone, Debug)]
enum Text {
    Borrowed(Range<usize>),
    Owned(Box<str>),
}

impl Object {
    /// Reads what Flask or housekey wrote. `None` when it is no JSON object once Flask's tags are taken off.
    pub(crate) fn parse(source: String) -> Option<Self> {
        let mut object = Self::parse_untagged(source)?;
        let [only] = object.entries.as_slice() else {
            return Some(object);
        };
        match object.name(only) {
            Some(TAG_DICT) => {
                let inner = Self::parse_untagged(object.value(only).to_owned())?;
                let [wrapped] = inner.entries.as_slice() else {
                    return None;
                };
                let name = inner.name(wrapped)?.strip_suffix("__")?.to_owned();
                let value = inner.value(wrapped).to_owned();
                object.entries.clear();
                object.set(&name, value);
                Some(object)
            }
            Some(name) if TAGS.contains(&name) => None,
            _ => Some(object),
        }
    }

    fn parse_untagged(source: String) -> Option<Self> {
        let mut object = Self {
            source: String::new(),
            // A login and a little more.
            entries: Vec::with_capacity(8),
        };
        let mut scanner = Scanner {
            bytes: source.as_bytes(),
            at: 0,
        };
        scanner.object(|name, value| {
            let name = if source.as_bytes()[name.clone()].contains(&b'\\') {
                // With its quotation marks, it is a JSON string.
                match serde_json::from_str::<String>(&source[name.start - 1..name.end + 1]) {
                    Ok(decoded) => Name::Text(Text::Owned(decoded.into())),
                    Err(_) => Name::Undecodable(name),
                }
            } else {
                Name::Text(Text::Borrowed(name))
            };
            object.entries.push(Entry {
                name,
                value: Text::Borrowed(value),
            });
        })?;
        scanner.white_space();
        if scanner.at != source.len() {
            return None;
        }
        object.source = source;
        Some(object)
    }

    fn text<'a>(&'a self, text: &'a Text) -> &'a str {
        match text {
            Text::Borrowed(range) => &self.source[range.clone()],
            Text::Owned(text) => text,
        }
    }

    /// Compares bytes, which spares looking for the characters' boundaries.
    fn is_named(&self, entry: &Entry, name: &str) -> bool {
        match &entry.name {
            Name::Text(Text::Borrowed(range)) => {
                self.source.as_bytes()[range.clone()] == *name.as_bytes()
            }
            Name::Text(Text::Owned(text)) => **text == *name,
            Name::Undecodable(_) => false,
        }
    }

    fn name<'a>(&'a self, entry: &'a Entry) -> Option<&'a str> {
        match &entry.name {
            Name::Text(text) => Some(self.text(text)),
            Name::Undecodable(_) => None,
        }
    }

    fn value<'a>(&'a self, entry: &'a Entry) -> &'a str {
        self.text(&entry.value)
    }

    /// The raw value under this name. Of several, the last, as in Python.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let entry = self
            .entries
            .iter()
            .rev()
            .find(|entry| self.is_named(entry, name))?;
        Some(self.value(entry))
    }

    pub(crate) fn set(&mut self, name: &str, raw: String) {
        self.remove(name);
        self.entries.push(Entry {
            name: Name::Text(Text::Owned(name.into())),
            value: Text::Owned(raw.into()),
        });
    }

    /// Whether there was such a name.
    pub(crate) fn remove(&mut self, name: &str) -> bool {
        let before = self.entries.len();
        let source = &self.source;
        self.entries.retain(|entry| match &entry.name {
            Name::Text(Text::Borrowed(range)) => &source[range.clone()] != name,
            Name::Text(Text::Owned(text)) => **text != *name,
            Name::Undecodable(_) => true,
        });
        self.entries.len() != before
    }

    /// Removes all for which `keep` says no.
    pub(crate) fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        for name in self.names() {
            if !keep(&name) {
                self.remove(&name);
            }
        }
        self.entries
            .retain(|entry| matches!(entry.name, Name::Text(_)));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = self
            .entries
            .iter()
            .filter_map(|entry| self.name(entry))
            .map(str::to_owned)
            .collect();
        names.sort();
        names.dedup();
        names
    }

    /// The text as Flask writes it: names in code-point order, no white space, ASCII only.
    pub(crate) fn to_json(&self) -> String {
        let mut entries: Vec<((bool, &str), &Entry)> = Vec::with_capacity(self.entries.len());
        for entry in self.entries.iter().rev() {
            // A lone surrogate comes after nearly all text in Python's order.
            let name = match &entry.name {
                Name::Text(text) => (false, self.text(text)),
                Name::Undecodable(range) => (true, &self.source[range.clone()]),
            };
            if entries.iter().all(|(other, _)| *other != name) {
                entries.push((name, entry));
            }
        }
        entries.sort_by_key(|(name, _)| *name);

        let tagged = matches!(entries.as_slice(), [((false, name), _)] if TAGS.contains(name));
        let mut json = String::from(if tagged { "{\" di\":{" } else { "{" });
        for (index, ((undecodable, name), entry)) in entries.iter().enumerate() {
            if index > 0 {
                json.push(',');
            }
            match (undecodable, tagged) {
                (true, _) => {
                    json.push('"');
                    json.push_str(name);
                    json.push('"');
                }
                (false, false) => write_string(name, &mut json),
                (false, true) => write_string(&format!("{name}__"), &mut json),
            }
            json.push(':');
            json.push_str(self.value(entry));
        }
        json.push_str(if tagged { "}}" } else { "}" });
        json
    }
}

/// The elements of a raw array, each raw. `None` when it is no array.
pub(crate) fn elements(raw: &str) -> Option<Vec<&str>> {
    let mut elements = Vec::new();
    let mut scanner = Scanner {
        bytes: raw.as_bytes(),
        at: 0,
    };
    scanner.array(DEEPEST, &mut |range| elements.push(&raw[range]))?;
    Some(elements)
}

/// The text of a raw string.
pub(crate) fn as_text(raw: &str) -> Option<std::borrow::Cow<'_, str>> {
    let inner = raw.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        return serde_json::from_str::<String>(raw).ok().map(Into::into);
    }
    Some(inner.into())
}

/// A raw value as a type of the application, Flask's tags taken off: a tuple is a sequence; markup, a UUID, a date
/// and bytes (in base64) are text.
pub(crate) fn from_raw<T: DeserializeOwned>(raw: &str) -> Result<T, serde_json::Error> {
    serde_json::from_value(untagged(serde_json::from_str(raw)?))
}

/// A value as Python's `json.dumps` of Flask's tagged form would write it.
pub(crate) fn to_raw<T: Serialize + ?Sized>(value: &T) -> Result<String, serde_json::Error> {
    let mut json = String::new();
    write_value(&tagged(serde_json::to_value(value)?), &mut json);
    let scanned = Scanner {
        bytes: json.as_bytes(),
        at: 0,
    }
    .value(DEEPEST_VALUE);
    scanned.map(|_| json).ok_or_else(|| {
        serde::ser::Error::custom(format!(
            "it is nested more than {DEEPEST_VALUE} levels deep"
        ))
    })
}

fn untagged(value: Value) -> Value {
    match value {
        Value::Array(values) => values.into_iter().map(untagged).collect(),
        Value::Object(map) => {
            let mut map: serde_json::Map<_, _> = map
                .into_iter()
                .map(|(name, value)| (name, untagged(value)))
                .collect();
            let tag = (map.len() == 1)
                .then(|| TAGS.iter().find(|tag| map.contains_key(**tag)))
                .flatten();
            match tag {
                Some(&TAG_DICT) => match map.remove(TAG_DICT) {
                    Some(Value::Object(inner)) => inner
                        .into_iter()
                        .map(|(name, value)| {
                            (name.strip_suffix("__").unwrap_or(&name).to_owned(), value)
                        })
                        .collect(),
                    other => other.unwrap_or_default(),
                },
                Some(tag) => map.remove(*tag).unwrap_or_default(),
                None => Value::Object(map),
            }
        }
        other => other,
    }
}

fn tagged(value: Value) -> Value {
    match value {
        Value::Array(values) => values.into_iter().map(tagged).collect(),
        Value::Object(map) => {
            let looks_tagged =
                map.len() == 1 && map.keys().all(|name| TAGS.contains(&name.as_str()));
            let map: serde_json::Map<_, _> = map
                .into_iter()
                .map(|(name, value)| {
                    (
                        if looks_tagged {
                            format!("{name}__")
                        } else {
                            name
                        },
                        tagged(value),
                    )
                })
                .collect();
            if looks_tagged {
                serde_json::json!({ TAG_DICT: map })
            } else {
                Value::Object(map)
            }
        }
        other => other,
    }
}

fn write_value(value: &Value, json: &mut String) {
    match value {
        Value::String(text) => write_string(text, json),
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() => json.push_str(&python_float(float)),
            _ => json.push_str(&number.to_string()),
        },
        Value::Array(values) => {
            write_separated(values.iter(), ['[', ']'], json, write_value);
        }
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(name, _)| *name);
            write_separated(
                entries.into_iter(),
                ['{', '}'],
                json,
                |(name, value), json| {
                    write_string(name, json);
                    json.push(':');
                    write_value(value, json);
                },
            );
        }
        other => json.push_str(&other.to_string()),
    }
}

fn write_separated<T>(
    items: impl Iterator<Item = T>,
    brackets: [char; 2],
    json: &mut String,
    write: impl Fn(T, &mut String),
) {
    json.push(brackets[0]);
    for (index, item) in items.enumerate() {
        if index > 0 {
            json.push(',');
        }
        write(item, json);
    }
    json.push(brackets[1]);
}

/// A string as Python writes it with `ensure_ascii`, DEL included.
pub(crate) fn write_string(text: &str, json: &mut String) {
    json.push('"');
    for c in text.chars() {
        match c {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\n' => json.push_str("\\n"),
            '\r' => json.push_str("\\r"),
            '\t' => json.push_str("\\t"),
            '\u{8}' => json.push_str("\\b"),
            '\u{c}' => json.push_str("\\f"),
            ' '..='~' => json.push(c),
            _ => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    json.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
    }
    json.push('"');
}

/// `repr(float)`: as Rust's, but for an exponent's sign and its two digits.
pub(crate) fn python_float(float: f64) -> String {
    let text = format!("{float:?}");
    match text.split_once('e') {
        Some((mantissa, exponent)) => match exponent.strip_prefix('-') {
            Some(digits) => format!("{mantissa}e-{digits:0>2}"),
            None => format!("{mantissa}e+{exponent:0>2}"),
        },
        None => text,
    }
}

/// Finds where values begin and end. Accepts what Python's `json` accepts, `NaN` and the infinities included.
struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Scanner<'_> {
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

    fn object(&mut self, entry: impl FnMut(Range<usize>, Range<usize>)) -> Option<()> {
        self.object_within(DEEPEST, entry)
    }

    fn object_within(
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
            b'{' => self.object_within(depth, |_, _| {})?,
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_not_understood_is_written_back_as_it_came() {
        for json in [
            r#"{"a":NaN,"b":1180591620717411303424,"c":[-Infinity,1E5]}"#,
            r#"{"a":"\ud83d","\udc00":{"x":{" t":[1]}}}"#,
            r#"{"\\udc00":1,"\udc00":2}"#,
            r#"{"d":{" d":"Tue, 14 Nov 2023 22:13:20 GMT"}}"#,
        ] {
            let object = Object::parse(json.to_owned()).unwrap();
            assert_eq!(object.to_json(), json);
        }
    }

    #[test]
    fn of_a_name_written_twice_the_last_counts() {
        let mut object = Object::parse(r#"{"a":1,"b":2,"a":3}"#.to_owned()).unwrap();
        assert_eq!(object.get("a"), Some("3"));
        assert_eq!(object.to_json(), r#"{"a":3,"b":2}"#);
        assert!(object.remove("a"));
        assert_eq!(object.to_json(), r#"{"b":2}"#);
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for json in [
            "",
            "[1]",
            "1",
            "null",
            "{",
            "{}x",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{a:1}",
            "{\"a\":01}",
            "{\"a\":tru}",
            "{\"a\":\"\n\"}",
            "{\"a\":\"\\x\"}",
            "{\" t\":[1,2]}",
            "{\" di\":1}",
            "{\" di\":{\"a\":1,\"b\":2}}",
            "{\"a\":.5}",
            "{\"a\":1e}",
            "{\"a\":-}",
        ] {
            assert!(Object::parse(json.to_owned()).is_none(), "{json}");
        }
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(Object::parse(deep).is_none());
    }

    #[test]
    fn a_dict_that_looks_tagged_is_wrapped_and_unwrapped() {
        let mut object = Object::default();
        object.set(" t", "[1,2]".to_owned());
        let json = r#"{" di":{" t__":[1,2]}}"#;
        assert_eq!(object.to_json(), json);
        assert_eq!(
            Object::parse(json.to_owned()).unwrap().get(" t"),
            Some("[1,2]")
        );

        let value = json!({"x": {" t": 1}});
        let raw = to_raw(&value).unwrap();
        assert_eq!(raw, r#"{"x":{" di":{" t__":1}}}"#);
        assert_eq!(from_raw::<Value>(&raw).unwrap(), value);
    }

    #[test]
    fn floats_are_written_as_python_writes_them() {
        let cases = [
            (604_800.0, "604800.0"),
            (1e16, "1e+16"),
            (1e-7, "1e-07"),
            (-0.0, "-0.0"),
            (1e-5, "1e-05"),
            (0.0001, "0.0001"),
            (123_456_789_012_345_680.0, "1.2345678901234568e+17"),
            (1e300, "1e+300"),
            (604_800.5, "604800.5"),
        ];
        for (float, text) in cases {
            assert_eq!(python_float(float), text);
        }
    }

    #[test]
    fn tagged_values_are_read_as_plain_ones() {
        assert_eq!(
            from_raw::<(String, u8)>(r#"{" t":["a",1]}"#).unwrap(),
            ("a".to_owned(), 1)
        );
        assert_eq!(from_raw::<String>(r#"{" m":"<b>"}"#).unwrap(), "<b>");
        assert_eq!(
            from_raw::<Vec<Vec<u8>>>(r#"[{" t":[1]},[2]]"#).unwrap(),
            [[1], [2]]
        );
    }
}
