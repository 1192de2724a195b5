//! Flask's tagged JSON, as an object of raw values.
//!
//! A session may hold values of other programs: tuples, dates, integers of any size, `NaN`. So values stay the text that
//! they came as, and only the names of the outermost object are looked at. A value is converted when it is read, and a new
//! value is written as Python would write it.
mod few;
mod scanner;
mod values;

pub(crate) use values::{from_raw, is_raw, python_float, to_raw, write_string};

use std::borrow::Cow;
use std::ops::Range;

use few::Few;
use scanner::{scan_array, scan_object};

/// The names that mark a one-key object as a tagged value: dict, tuple, bytes, markup, UUID, datetime.
const TAGS: [&str; 6] = [" di", " t", " b", " m", " u", " d"];
const TAG_DICT: &str = " di";

/// An object whose values are raw JSON text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Object {
    /// The text that it was read from. The entries point into it, so reading costs one allocation.
    source: String,
    entries: Entries,
}

/// The entries, in order. Both kinds behave the same; the small one is faster to read.
#[derive(Clone, Debug)]
enum Entries {
    /// As they came, and only a few.
    Few(Few),
    All(Vec<Entry>),
}

impl Default for Entries {
    fn default() -> Self {
        Self::All(Vec::new())
    }
}

#[derive(Clone, Debug)]
struct Entry {
    name: Name,
    value: Text,
}

#[derive(Clone, Debug)]
enum Name {
    Text(Text),
    /// Escapes that are not valid text (a lone surrogate): never found by name, and written back as they came.
    Undecodable(Range<usize>),
}

#[derive(Clone, Debug)]
enum Text {
    Borrowed(Range<usize>),
    Owned(Box<str>),
}

impl Object {
    /// Reads what Flask or housekey wrote. `None` when it is not a JSON object once Flask's tags are removed.
    pub(crate) fn parse(source: String) -> Option<Self> {
        let mut object = Self::parse_untagged(source)?;
        if !object.has_one_entry() {
            return Some(object);
        }
        let entries = object.all();
        let [only] = &*entries else {
            return None;
        };
        match object.name(only) {
            Some(TAG_DICT) => {
                let inner = Self::parse_untagged(object.value(only).to_owned())?;
                let entries = inner.all();
                let [wrapped] = &*entries else {
                    return None;
                };
                let name = inner.name(wrapped)?.strip_suffix("__")?.to_owned();
                let value = inner.value(wrapped).to_owned();
                object = Self::default();
                object.set(&name, value);
                Some(object)
            }
            Some(name) if TAGS.contains(&name) => None,
            _ => Some(object),
        }
    }

    fn parse_untagged(source: String) -> Option<Self> {
        let mut entries = Entries::Few(Few::default());
        scan_object(&source, |name, value| {
            if let Entries::Few(few) = &mut entries
                && few.push(&name, &value)
            {
                return;
            }
            let name = match name.is_escaped {
                true => decode_name(&source, name.range),
                false => Name::Text(Text::Borrowed(name.range)),
            };
            entries.all_mut().push(Entry {
                name,
                value: Text::Borrowed(value),
            });
        })?;
        Some(Self { source, entries })
    }

    fn has_one_entry(&self) -> bool {
        match &self.entries {
            Entries::Few(few) => few.len() == 1,
            Entries::All(all) => all.len() == 1,
        }
    }

    fn all(&self) -> Cow<'_, [Entry]> {
        match &self.entries {
            Entries::Few(few) => entries_of(few).into(),
            Entries::All(all) => all.into(),
        }
    }

    fn text<'a>(&'a self, text: &'a Text) -> &'a str {
        match text {
            Text::Borrowed(range) => &self.source[range.clone()],
            Text::Owned(text) => text,
        }
    }

    /// Compares bytes, which skips looking for character boundaries, and lengths before that.
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

    /// The raw value under this name; the last if there are several, as in Python.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        match &self.entries {
            Entries::Few(few) => few.find(&self.source, name),
            Entries::All(all) => {
                let mut all = all.iter().rev();
                let entry = all.find(|entry| self.is_named(entry, name))?;
                Some(self.value(entry))
            }
        }
    }

    pub(crate) fn set(&mut self, name: &str, raw: String) {
        self.remove(name);
        self.entries.all_mut().push(Entry {
            name: Name::Text(Text::Owned(name.into())),
            value: Text::Owned(raw.into()),
        });
    }

    /// Whether there was such a name.
    pub(crate) fn remove(&mut self, name: &str) -> bool {
        if self.get(name).is_none() {
            return false;
        }
        let source = &self.source;
        self.entries.all_mut().retain(|entry| match &entry.name {
            Name::Text(Text::Borrowed(range)) => &source[range.clone()] != name,
            Name::Text(Text::Owned(text)) => **text != *name,
            Name::Undecodable(_) => true,
        });
        true
    }

    /// Removes all entries for which `keep` is false.
    pub(crate) fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        for name in self.names() {
            if !keep(&name) {
                self.remove(&name);
            }
        }
        let entries = self.entries.all_mut();
        entries.retain(|entry| matches!(entry.name, Name::Text(_)));
    }

    pub(crate) fn is_empty(&self) -> bool {
        match &self.entries {
            Entries::Few(few) => few.len() == 0,
            Entries::All(all) => all.is_empty(),
        }
    }

    pub(crate) fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = self
            .all()
            .iter()
            .filter_map(|entry| self.name(entry).map(str::to_owned))
            .collect();
        names.sort();
        names.dedup();
        names
    }

    /// The text as Flask writes it: names in code-point order, no white space, ASCII only.
    pub(crate) fn to_json(&self) -> String {
        let all = self.all();
        let mut entries: Vec<((bool, &str), &Entry)> = Vec::with_capacity(all.len());
        for entry in all.iter().rev() {
            // In Python's order, a lone surrogate sorts after nearly all text.
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

impl Entries {
    /// All entries, for changing.
    fn all_mut(&mut self) -> &mut Vec<Entry> {
        if let Self::Few(few) = self {
            *self = Self::All(entries_of(few));
        }
        match self {
            Self::All(all) => all,
            Self::Few(_) => unreachable!("there are none but these two"),
        }
    }
}

fn entries_of(few: &Few) -> Vec<Entry> {
    let entry = |(name, value)| Entry {
        name: Name::Text(Text::Borrowed(name)),
        value: Text::Borrowed(value),
    };
    few.iter().map(entry).collect()
}

#[cold]
fn decode_name(source: &str, range: Range<usize>) -> Name {
    // With its quotation marks it is a JSON string.
    match serde_json::from_str::<String>(&source[range.start - 1..range.end + 1]) {
        Ok(decoded) => Name::Text(Text::Owned(decoded.into())),
        Err(_) => Name::Undecodable(range),
    }
}

/// The elements of a raw array, each raw. `None` when it is not an array.
pub(crate) fn elements(raw: &str) -> Option<Vec<&str>> {
    let mut elements = Vec::new();
    scan_array(raw, |range| elements.push(&raw[range]))?;
    Some(elements)
}

/// The text of a raw string.
pub(crate) fn as_text(raw: &str) -> Option<Cow<'_, str>> {
    let inner = raw.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        return serde_json::from_str::<String>(raw).ok().map(Into::into);
    }
    Some(inner.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
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

    /// Reads all entries into a list, however many there are.
    fn read_in_full(text: &str) -> Option<Object> {
        let mut object = Object::parse(text.to_owned())?;
        object.entries.all_mut();
        Some(object)
    }

    proptest! {
        #[test]
        fn a_small_object_says_the_same_as_the_list_of_its_entries(
            text in "[{]((\"(a|b|_user_id| t| di|\\\\u0061|é|)\":(1|\"x\"|[{]\"a\":2[}]|[\\[]3[\\]]),?){0,3}){0,4}[}]",
            removed in "a|b|c",
        ) {
            let both = (Object::parse(text.clone()), read_in_full(&text));
            let (Some(mut few), Some(mut all)) = both else { return Ok(()) };
            for step in 0..3 {
                prop_assert_eq!(few.names(), all.names());
                prop_assert_eq!(few.to_json(), all.to_json());
                prop_assert_eq!(few.is_empty(), all.is_empty());
                for name in ["a", "b", "_user_id", " t", "é", "", "\"", "a\":1,\"b"] {
                    prop_assert_eq!(few.get(name), all.get(name));
                }
                match step {
                    0 => prop_assert_eq!(few.remove(&removed), all.remove(&removed)),
                    1 => {
                        few.set("b", "4".to_owned());
                        all.set("b", "4".to_owned());
                    }
                    _ => {}
                }
            }
        }
    }

    #[test]
    fn an_ordinary_session_takes_the_short_way_and_others_the_long_one() {
        let is_few = |text: &str| {
            let object = Object::parse(text.to_owned()).unwrap();
            matches!(object.entries, Entries::Few(_))
        };
        assert!(is_few(r#"{"_fresh":true,"_user_id":"1","next":null}"#));
        let nine: Vec<_> = (0..9).map(|number| format!("\"{number}\":1")).collect();
        assert!(!is_few(&format!("{{{}}}", nine.join(","))));
        assert!(is_few(&format!("{{{}}}", nine[1..].join(","))));
        assert!(!is_few(r#"{"\u0061":1}"#));
        for length in [65_000, 70_000] {
            let long = format!("{{\"a\":\"{}\",\"b\":2}}", "x".repeat(length));
            assert_eq!(is_few(&long), length == 65_000);
            assert_eq!(Object::parse(long).unwrap().get("b"), Some("2"));
        }
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
