//! Flask's tagged JSON, as an object of raw values.
//!
//! A session may hold what other programs wrote: tuples, dates, integers of any size, `NaN`. Values are therefore kept
//! as the text they came as; only the names of the outermost object are looked at. What is taken out is converted
//! then, and what is put in is written as Python would write it.
mod scanner;
mod values;

pub(crate) use values::{from_raw, is_raw, python_float, to_raw, write_string};

use std::ops::Range;

use scanner::{scan_array, scan_object};

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
        scan_object(&source, |name, value| {
            let range = name.range;
            let name = if name.is_escaped {
                // With its quotation marks, it is a JSON string.
                match serde_json::from_str::<String>(&source[range.start - 1..range.end + 1]) {
                    Ok(decoded) => Name::Text(Text::Owned(decoded.into())),
                    Err(_) => Name::Undecodable(range),
                }
            } else {
                Name::Text(Text::Borrowed(range))
            };
            object.entries.push(Entry {
                name,
                value: Text::Borrowed(value),
            });
        })?;
        object.source = source;
        Some(object)
    }

    fn text<'a>(&'a self, text: &'a Text) -> &'a str {
        match text {
            Text::Borrowed(range) => &self.source[range.clone()],
            Text::Owned(text) => text,
        }
    }

    /// Compares bytes, which spares looking for the characters' boundaries, and lengths before that.
    fn is_named(&self, entry: &Entry, name: &str) -> bool {
        match &entry.name {
            Name::Text(Text::Borrowed(range)) => {
                range.len() == name.len()
                    && self.source.as_bytes()[range.clone()] == *name.as_bytes()
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
    scan_array(raw, |range| elements.push(&raw[range]))?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

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
}
