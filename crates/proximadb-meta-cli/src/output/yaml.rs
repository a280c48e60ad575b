//! YAML that readers of 1.1 and of 1.2 read the same: what either would take for a number, a date or a word is quoted.

use std::fmt;
use std::io;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::text::visible;

/// Block YAML, ended by a line feed. Texts with line feeds are quoted, never folded: they come back as they were.
///
/// # Errors
/// None for what JSON can say.
pub(super) fn yaml<T: Serialize>(value: &T) -> io::Result<String> {
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
    let text = serde_saphyr::to_string_with_options(value, options).map_err(|e| io::Error::other(e.to_string()))?;
    Ok(text.trim_end_matches('\n').to_owned() + "\n")
}

/// The value with what would command a terminal escaped in its texts. Line feeds and tabs are the writer's to escape.
pub(super) fn shown(value: Value) -> Value {
    match value {
        Value::String(t) => Value::String(text(&t)),
        Value::Array(items) => items.into_iter().map(shown).collect(),
        Value::Object(map) => map.into_iter().map(|(k, v)| (text(&k), shown(v))).collect::<Map<_, _>>().into(),
        other => other,
    }
}

fn text(t: &str) -> String {
    let mut out = String::with_capacity(t.len());
    for part in t.split_inclusive(['\n', '\t', '\r']) {
        let line = part.trim_end_matches(['\n', '\t', '\r']);
        out.push_str(&visible(line));
        out.push_str(part.get(line.len()..).unwrap_or_default());
    }
    out
}

/// An object whose members keep the order they stand in.
#[derive(Debug, PartialEq)]
pub(super) struct Ordered(Vec<(String, Value)>);

impl Ordered {
    pub(super) fn shown(self) -> Self {
        Self(self.0.into_iter().map(|(k, v)| (text(&k), shown(v))).collect())
    }
}

impl Serialize for Ordered {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(k, v)| (k, v)))
    }
}

impl<'de> Deserialize<'de> for Ordered {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Ordered;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Ordered, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Ordered(members))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Texts that a careless writer gives back as something else.
    const TEXTS: &[&str] = &[
        "",
        " ",
        "no",
        "No",
        "yes",
        "y",
        "n",
        "on",
        "off",
        "true",
        "True",
        "false",
        "null",
        "Null",
        "~",
        "1",
        "-1",
        "+1",
        "1e3",
        "1.0",
        ".5",
        "1.",
        "0x1F",
        "0o17",
        "017",
        "0b1",
        "1_000",
        "12:30:45",
        "190:20:30.15",
        "2001-01-01",
        ".inf",
        "-.Inf",
        ".nan",
        "NaN",
        "=",
        "<<",
        "---",
        "--- x",
        "...",
        "- x",
        "-",
        "?",
        "? x",
        ":",
        ": x",
        "a: b",
        "a:",
        "x #y",
        "#x",
        "&a",
        "*a",
        "!t",
        "!!str x",
        "|",
        ">",
        "%TAG",
        "@x",
        "`x`",
        "'",
        "''",
        "\"",
        "\\",
        "\\n",
        "[",
        "[]",
        "{}",
        "{a: b}",
        "a, b",
        ",",
        "trailing ",
        " leading",
        "tab\tin",
        "\ttab",
        "line\nfeed",
        "line\n",
        "\n",
        "\n\nx\n\n",
        "  x\n y",
        "cr\rlf\r\n",
        "\u{85}",
        "a\u{2028}b",
        "\u{feff}",
        "\u{feff}x",
        "\u{a0}",
        "bell\u{7}",
        "esc\u{1b}[2J",
        "c1\u{9b}2J",
        "\u{202e}x",
        "nul\u{0}",
        "del\u{7f}",
        "böb",
        "画像検索",
        "👩\u{200d}💻",
        "\u{e0001}",
        "می\u{200c}خواهم",
        "\u{fffd}",
        "\u{ffff}",
        "a very long text of more than eighty characters, which some writers fold at blanks, and which must come back as it was",
    ];

    fn read(text: &str) -> Value {
        yaml_serde::from_str(text).unwrap_or_else(|e| panic!("{e}: {text:?}"))
    }

    #[test]
    fn texts_come_back_from_another_reader() {
        for text in TEXTS {
            let deep = json!({"a": {"b": [{"c": text}]}});
            for value in [json!(text), json!([text]), json!({"k": text}), json!({*text: 1}), deep] {
                let written = yaml(&value).unwrap();
                assert!(written.ends_with('\n') && !written.ends_with("\n\n"), "{written:?}");
                assert_eq!(read(&written), value, "{written:?}");
            }
        }
        assert_eq!(read(&yaml(&TEXTS).unwrap()), json!(TEXTS));
    }

    #[test]
    fn values_come_back_from_another_reader() {
        for value in [
            json!(null),
            json!(true),
            json!([]),
            json!({}),
            json!({"a": [], "b": {}, "c": null, "d": [[], [1, [2]], {}]}),
            json!([0, -1, 9_007_199_254_740_991_u64, -9_007_199_254_740_991_i64, u64::MAX, i64::MIN]),
            json!([0.1, 1.5, -2.25, 1e300, 1e-300, 123_456_789.125, 1.797_693_134_862_315_7e308, 5e-324]),
        ] {
            let written = yaml(&value).unwrap();
            assert_eq!(read(&written), value, "{written:?}");
        }
    }

    #[test]
    fn on_a_terminal_nothing_commands_it() {
        for text in TEXTS {
            let written = yaml(&shown(json!({*text: [text]}))).unwrap();
            assert!(written.lines().all(|l| visible(l) == l), "{written:?}");
        }
        assert_eq!(yaml(&shown(json!("a\nb\u{9b}2J"))).unwrap(), "\"a\\nb\\\\u{9b}2J\"\n");
    }

    #[test]
    fn members_keep_their_order() {
        let object: Ordered = serde_json::from_str(r#"{"b": 1, "a": {"w": 2, "x": "no"}}"#).unwrap();
        assert_eq!(yaml(&object).unwrap(), "b: 1\na:\n  w: 2\n  x: \"no\"\n");
        assert_eq!(yaml(&[object]).unwrap(), "- b: 1\n  a:\n    w: 2\n    x: \"no\"\n");
    }
}
