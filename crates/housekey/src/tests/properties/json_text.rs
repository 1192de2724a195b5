//! The JSON reader reads whatever serde_json and Python read, and changes no meaning.

use serde_json::Map;

use super::*;
use crate::signing::json::Object;

/// JSON text as no serializer writes it: white space, escapes, repeated names.
pub(super) fn json_text() -> impl Strategy<Value = String> {
    let space = || "[ \t\n\r]{0,2}";
    let string = || {
        let piece = prop_oneof![
            "[ a-z_]{1,4}",
            "[^\"\\\\\u{0}-\u{1f}]{1,3}",
            r#"\\["\\/bfnrt]"#,
            r"\\u[0-9a-fA-F]{4}",
            r"\\ud83d\\ude00",
        ];
        vec(piece, 0..4).prop_map(|pieces| format!("\"{}\"", pieces.concat()))
    };
    let scalar = prop_oneof![
        string(),
        "-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,5})?([eE][+-]?[0-9]{1,3})?",
        prop::sample::select(
            &[
                "true",
                "false",
                "null",
                "NaN",
                "Infinity",
                "-Infinity",
                "-",
                "01",
                "tru",
                "1."
            ][..]
        )
        .prop_map(str::to_owned),
    ];
    let any_value = scalar.prop_recursive(3, 16, 4, move |inner| {
        let element = (space(), inner.clone(), space()).prop_map(|(a, b, c)| format!("{a}{b}{c}"));
        let entry = (space(), string(), space(), element.clone())
            .prop_map(|(a, name, b, value)| format!("{a}{name}{b}:{value}"));
        prop_oneof![
            vec(element, 0..4).prop_map(|elements| format!("[{}]", elements.join(","))),
            vec(entry, 0..4).prop_map(|entries| format!("{{{}}}", entries.join(","))),
        ]
    });
    let name = prop_oneof![
        string(),
        prop::sample::select(
            &[
                "\" t\"",
                "\" di\"",
                "\" u\"",
                "\"_user_id\"",
                "\"a\"",
                "\"\\u0061\""
            ][..]
        )
        .prop_map(str::to_owned),
    ];
    vec((name, space(), any_value), 0..5).prop_map(|entries| {
        let entry = |(name, space, value): (String, String, String)| {
            format!("{space}{name}:{space}{value}")
        };
        format!(
            "{{{}}}",
            entries.into_iter().map(entry).collect::<Vec<_>>().join(",")
        )
    })
}

/// Whether Flask would take the whole session for a tagged value.
fn is_tagged(map: &Map<String, Value>) -> bool {
    let tags = [" di", " t", " b", " m", " u", " d"];
    map.len() == 1 && map.keys().all(|key| tags.contains(&key.as_str()))
}

proptest! {
    #[test]
    fn json_that_serde_reads_is_read_and_written_back_with_its_meaning(text in json_text()) {
        if let Ok(map) = serde_json::from_str::<Map<String, Value>>(&text)
            && !is_tagged(&map)
        {
            let object = Object::parse(text);
            prop_assert!(object.is_some());
            let written = object.unwrap().to_json();
            prop_assert_eq!(serde_json::from_str::<Map<String, Value>>(&written).unwrap(), map);
        }
    }

    #[test]
    fn json_that_was_read_is_written_the_same_ever_after(text in json_text()) {
        if let Some(object) = Object::parse(text) {
            let written = object.to_json();
            let again = Object::parse(written.clone()).map(|object| object.to_json());
            prop_assert_eq!(again, Some(written));
        }
    }

    #[test]
    fn no_text_makes_the_json_reader_panic(text in any::<String>(), looks_like in r#"[\[\]{}":,0-9eE+.\\u \-antflsr]{0,40}"#) {
        let _ = Object::parse(text);
        let _ = Object::parse(looks_like.clone());
        let _ = Object::parse(format!("{{\"a\":{looks_like}}}"));
    }
}
