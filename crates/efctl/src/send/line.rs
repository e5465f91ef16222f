//! One line of input: a JSON object that goes out as it is, but for an id where it has none.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// An event as it will be sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Identified {
    /// The text of its JSON object, on however many lines it stood.
    pub(super) json: String,
    /// Whether its id was set here.
    pub(super) id_assigned: bool,
}

/// Reads a line as an event. All but a missing id is left to the API to judge: it keeps payloads byte for byte.
///
/// # Errors
/// Says what is wrong where the line is not one JSON object.
pub(super) fn identify(line: &[u8], new_id: impl FnOnce() -> String) -> Result<Identified, String> {
    let text = std::str::from_utf8(line).map_err(|_| "not UTF-8".to_owned())?.trim();
    if !text.starts_with('{') {
        return Err("not a JSON object".to_owned());
    }
    let peek: Peek<'_> =
        serde_json::from_str(text).map_err(|e| format!("not JSON: {} (column {})", without_place(&e), e.column()))?;
    let json = match peek {
        Peek { has_id: true, .. } => {
            return Ok(Identified {
                json: text.to_owned(),
                id_assigned: false,
            });
        }
        Peek { null: Some(null), .. } => {
            // The raw value is borrowed from the text, so that its place is the distance of the two.
            let at = null.get().as_ptr() as usize - text.as_ptr() as usize;
            format!("{}\"{}\"{}", &text[..at], new_id(), &text[at + null.get().len()..])
        }
        Peek { empty, .. } => {
            let comma = if empty { "" } else { "," };
            format!("{{\"id\":\"{}\"{comma}{}", new_id(), &text[1..])
        }
    };
    Ok(Identified {
        json,
        id_assigned: true,
    })
}

/// What a JSON error says, without the place: the input is one line of many.
pub(super) fn without_place(error: &serde_json::Error) -> String {
    let said = error.to_string();
    match said.rfind(" at line ") {
        Some(end) => said[..end].to_owned(),
        None => said,
    }
}

/// What must be known of an object to give it an id.
#[derive(Default)]
struct Peek<'a> {
    empty: bool,
    has_id: bool,
    /// The last `null` that stands for an id, which counts as none.
    null: Option<&'a RawValue>,
}

impl<'de> Deserialize<'de> for Peek<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PeekVisitor)
    }
}

struct PeekVisitor;

impl<'de> Visitor<'de> for PeekVisitor {
    type Value = Peek<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut peek = Peek {
            empty: true,
            ..Peek::default()
        };
        while let Some(Name(name)) = map.next_key()? {
            peek.empty = false;
            if name != "id" {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let value: &RawValue = map.next_value().map_err(A::Error::custom)?;
            match value.get() {
                "null" => peek.null = Some(value),
                _ => peek.has_id = true,
            }
        }
        Ok(peek)
    }
}

/// A member's name, borrowed where it bears no escapes.
struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;
        impl<'de> Visitor<'de> for NameVisitor {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Borrowed(name)))
            }

            fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }
        deserializer.deserialize_str(NameVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_id(line: &str) -> Result<(String, bool), String> {
        identify(line.as_bytes(), || "NEW".to_owned()).map(|i| (i.json, i.id_assigned))
    }

    #[test]
    fn an_event_with_an_id_goes_out_byte_for_byte() {
        let line = r#" {"data": {"n":1.000000000000000000001, "id":null}, "id" : "a"}  "#;
        assert_eq!(with_id(line), Ok((line.trim().to_owned(), false)));
        let escaped = r#"{"\u0069d":"a"}"#;
        assert_eq!(with_id(escaped), Ok((escaped.to_owned(), false)));
    }

    #[test]
    fn an_event_without_an_id_gets_one_and_keeps_the_rest() {
        assert_eq!(
            with_id(r#"{"type":"t","data":{"id":7}}"#),
            Ok((r#"{"id":"NEW","type":"t","data":{"id":7}}"#.to_owned(), true))
        );
        assert_eq!(with_id("{ }"), Ok((r#"{"id":"NEW" }"#.to_owned(), true)));
    }

    #[test]
    fn a_null_id_is_none() {
        assert_eq!(
            with_id(r#"{"type":"t","id": null ,"data":null}"#),
            Ok((r#"{"type":"t","id": "NEW" ,"data":null}"#.to_owned(), true))
        );
    }

    #[test]
    fn an_id_that_the_api_will_refuse_is_left_for_it_to_refuse() {
        for line in [r#"{"id":7}"#, r#"{"id":""}"#, r#"{"id":"a","id":null}"#] {
            assert_eq!(with_id(line), Ok((line.to_owned(), false)));
        }
    }

    #[test]
    fn what_is_no_object_says_why() {
        assert_eq!(with_id("[1]"), Err("not a JSON object".into()));
        assert_eq!(with_id("7"), Err("not a JSON object".into()));
        assert_eq!(
            with_id(r#"{"a":1} {"b":2}"#),
            Err("not JSON: trailing characters (column 9)".into())
        );
        assert_eq!(with_id(r#"{"a":}"#), Err("not JSON: expected value (column 6)".into()));
        assert_eq!(
            with_id(r#"{"a":01}"#),
            Err("not JSON: invalid number (column 7)".into())
        );
        assert_eq!(identify(b"{\"a\":\"\xff\"}", String::new), Err("not UTF-8".to_owned()));
    }

    #[test]
    fn deep_nesting_does_not_break_the_reader() {
        let line = format!("{{\"data\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(with_id(&line).is_ok_and(|(_, assigned)| assigned));
    }
}
