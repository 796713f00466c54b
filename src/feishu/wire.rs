//! Lenient reading of Feishu's JSON: a value that cannot be used costs itself, not its row, and a
//! row not its page.
//!
//! Feishu's documents and SDKs disagree about types (64-bit counts come as strings or numbers), so
//! every scalar is taken as it comes and judged where its meaning is known.

use std::{borrow::Cow, collections::HashMap, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{self, Visitor},
};
use serde_json::value::RawValue;

/// Declares a row of a list: a JSON object whose fields are read through its methods.
macro_rules! row {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name<'a>($crate::feishu::wire::Object<'a>);

        impl<'a> $name<'a> {
            /// Reads one item of the list; none if it is no object.
            #[must_use]
            pub fn parse(item: &'a str) -> Option<Self> {
                serde_json::from_str(item).ok().map(Self)
            }
        }
    };
}
pub(super) use row;

/// A JSON object whose values are looked at one by one.
#[derive(Debug)]
pub(super) struct Object<'a>(HashMap<Cow<'a, str>, &'a RawValue>);

/// A scalar as Feishu sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scalar<'a> {
    /// Left out, `null`, or a string with nothing but blanks in it.
    Absent,
    /// A number, as it was written.
    Number(&'a str),
    /// A string, without the blanks around it.
    Text(String),
    /// A boolean.
    Bool(bool),
    /// An array, an object, or a string that cannot be decoded.
    Other,
}

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Object<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
                let mut fields = HashMap::with_capacity(map.size_hint().unwrap_or(48));
                while let Some((Text(name), value)) = map.next_entry::<Text, &RawValue>()? {
                    fields.insert(Cow::Owned(name), value);
                }
                Ok(Object(fields))
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

impl<'a> Object<'a> {
    /// The field as it was sent; none if it was left out or `null`.
    pub(super) fn raw(&self, field: &str) -> Option<&'a str> {
        self.0.get(field).map(|raw| raw.get()).filter(|raw| *raw != "null")
    }

    /// The names of its fields, in no order.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(AsRef::as_ref)
    }

    /// The field as a scalar.
    pub(super) fn scalar(&self, field: &str) -> Scalar<'a> {
        self.raw(field).map_or(Scalar::Absent, scalar)
    }

    /// The field as an object; none if it is anything else.
    pub(super) fn object(&self, field: &str) -> Option<Object<'a>> {
        serde_json::from_str(self.raw(field)?).ok()
    }

    /// The field as text: a string, or a number as it was written. Blanks around it are kept,
    /// since they may belong to a name.
    pub(super) fn text(&self, field: &str) -> Option<String> {
        let raw = self.raw(field)?;
        match raw.as_bytes().first()? {
            b'"' => decode(raw),
            b'0'..=b'9' | b'-' => Some(raw.to_owned()),
            _ => None,
        }
    }

    /// The field as an integer: a number, or a string of digits.
    pub(super) fn integer(&self, field: &str) -> Option<i64> {
        match self.scalar(field) {
            Scalar::Number(number) => number.parse().ok(),
            Scalar::Text(text) => text.parse().ok(),
            _ => None,
        }
    }
}

impl Scalar<'_> {
    /// A yes or no, written as a boolean, a number, or as text: `true`, `1`, `"true"`, `"1"`; none
    /// where it is absent or neither.
    pub(super) fn yes_or_no(&self) -> Option<bool> {
        match self {
            Self::Bool(flag) => Some(*flag),
            Self::Number(number) => number.parse().ok().map(|number: f64| number != 0.0),
            Self::Text(text) => match text.to_ascii_lowercase().as_str() {
                "true" | "1" => Some(true),
                "false" | "0" => Some(false),
                _ => None,
            },
            Self::Absent | Self::Other => None,
        }
    }
}

fn scalar(raw: &str) -> Scalar<'_> {
    match raw.as_bytes().first() {
        Some(b'"') => match decode(raw) {
            Some(text) if text.trim().is_empty() => Scalar::Absent,
            Some(text) => Scalar::Text(text.trim().to_owned()),
            None => Scalar::Other,
        },
        Some(b't') => Scalar::Bool(true),
        Some(b'f') => Scalar::Bool(false),
        Some(b'0'..=b'9' | b'-') => Scalar::Number(raw),
        _ => Scalar::Other,
    }
}

fn decode(raw: &str) -> Option<String> {
    serde_json::from_str::<Text>(raw).ok().map(|text| text.0)
}

/// A string in which half a surrogate pair (`"\ud83d"`) becomes U+FFFD instead of an error: one
/// torn name must not cost the page.
struct Text(String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Lossy;
        impl Visitor<'_> for Lossy {
            type Value = Text;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Text, E> {
                Ok(Text(text.to_owned()))
            }
            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Text, E> {
                Ok(Text(String::from_utf8_lossy(bytes).into_owned()))
            }
        }
        // serde_json decodes strings asked for as bytes without refusing lone surrogates.
        deserializer.deserialize_bytes(Lossy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scalar_is_taken_as_it_comes() {
        let object: Object<'_> = serde_json::from_str(
            r#"{"a": 1, "b": " 2 ", "c": null, "d": "", "e": "  ", "f": true, "g": [1], "h": {},
                "i": 1e999, "j": 18446744073709551616, "k": "é\ud83d!"}"#,
        )
        .unwrap();
        assert_eq!(object.scalar("a"), Scalar::Number("1"));
        assert_eq!(object.scalar("b"), Scalar::Text("2".to_owned()));
        for absent in ["c", "d", "e", "nothing"] {
            assert_eq!(object.scalar(absent), Scalar::Absent, "{absent}");
        }
        assert_eq!(object.scalar("f"), Scalar::Bool(true));
        assert_eq!(object.scalar("g"), Scalar::Other);
        assert_eq!(object.scalar("h"), Scalar::Other);
        assert_eq!(object.scalar("i"), Scalar::Number("1e999"));
        assert_eq!(object.scalar("j"), Scalar::Number("18446744073709551616"));
        let torn = object.text("k").unwrap();
        assert!(
            torn.starts_with('é') && torn.contains('\u{fffd}') && torn.ends_with('!'),
            "{torn}"
        );
    }

    #[test]
    fn text_keeps_its_blanks_and_takes_numbers() {
        let object: Object<'_> =
            serde_json::from_str(r#"{"a": " x", "b": 12, "c": true}"#).unwrap();
        assert_eq!(object.text("a").as_deref(), Some(" x"));
        assert_eq!(object.text("b").as_deref(), Some("12"));
        assert_eq!(object.text("c"), None);
    }

    #[test]
    fn integers_and_flags_come_as_themselves_or_as_text() {
        let object: Object<'_> =
            serde_json::from_str(r#"{"a": 7, "b": "8", "c": 1.5, "d": "true"}"#).unwrap();
        assert_eq!((object.integer("a"), object.integer("b")), (Some(7), Some(8)));
        assert_eq!((object.integer("c"), object.integer("d")), (None, None));
        for (written, read) in [
            (vec!["true", "1", "\"true\"", "\"True\"", "\"1\""], Some(true)),
            (vec!["false", "0", "0.0", "\"FALSE\"", "\"0\""], Some(false)),
            (vec!["null", "\"\"", "\"maybe\"", "[]", "{}"], None),
        ] {
            for json in written {
                let object = format!("{{\"flag\": {json}}}");
                let object: Object<'_> = serde_json::from_str(&object).unwrap();
                assert_eq!(object.scalar("flag").yes_or_no(), read, "{json}");
            }
        }
    }
}
