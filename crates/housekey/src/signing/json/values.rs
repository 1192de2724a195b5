//! The application's values, to and from Flask's tagged JSON in Python's spelling.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::scanner::{DEEPEST, is_within};
use super::{TAG_DICT, TAGS};

/// How deep a session value may be nested, inside the session itself and a tag around that.
const DEEPEST_VALUE: usize = DEEPEST - 2;

/// A raw value as a type of the application, without Flask's tags: a tuple is a sequence; markup, a UUID, a date and bytes
/// (in base64) are text.
pub(crate) fn from_raw<T: DeserializeOwned>(raw: &str) -> Result<T, serde_json::Error> {
    serde_json::from_value(untagged(serde_json::from_str(raw)?))
}

/// A value as Python's `json.dumps` of Flask's tagged form would write it.
pub(crate) fn to_raw<T: Serialize + ?Sized>(value: &T) -> Result<String, serde_json::Error> {
    let mut json = String::new();
    write_value(&tagged(serde_json::to_value(value)?), &mut json);
    if !is_within(&json, DEEPEST_VALUE) {
        return Err(serde::ser::Error::custom(format!(
            "it is nested more than {DEEPEST_VALUE} levels deep"
        )));
    }
    Ok(json)
}

/// Whether a session can hold this value.
pub(crate) fn is_raw(text: &str) -> bool {
    is_within(text, DEEPEST_VALUE)
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

/// `repr(float)`: as in Rust, except for the exponent's sign and two digits.
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

#[cfg(test)]
mod tests {
    use super::*;

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
