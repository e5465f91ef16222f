//! A value of a file, and where it stands there.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::flaw::Bytes;

/// What may stand in a file: nothing, a value, or something that cannot be read as one; that has been said then, and
/// nothing more needs to be said about it.
#[derive(Clone, Debug)]
pub(super) struct Given<T> {
    at: Option<Bytes>,
    value: Option<T>,
}

/// The name by which the reader of a file knows that a value wants to know where it stands.
pub(super) const GIVEN: &str = "$given";

impl<T> Given<T> {
    /// The value, if it can be read.
    pub(super) const fn get(&self) -> Option<&T> {
        self.value.as_ref()
    }

    /// The value itself, if it can be read.
    pub(super) fn into_inner(self) -> Option<T> {
        self.value
    }

    /// Whether anything stands there.
    pub(super) const fn stands(&self) -> bool {
        self.at.is_some()
    }

    /// Where it stands; the beginning of the file where it does not.
    pub(super) fn at(&self) -> Bytes {
        self.at.clone().unwrap_or_default()
    }
}

impl<T> Default for Given<T> {
    fn default() -> Self {
        Self { at: None, value: None }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Given<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(GIVEN, Located(PhantomData))
    }
}

/// Takes begin, end and value; the value is missing where it could not be read.
struct Located<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Located<T> {
    type Value = Given<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value and where it stands")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Self::Value, A::Error> {
        let begin: usize = parts.next_element()?.unwrap_or_default();
        let end: usize = parts.next_element()?.unwrap_or_default();
        Ok(Given {
            at: Some(begin..end),
            value: parts.next_element()?,
        })
    }
}

impl<T: JsonSchema> JsonSchema for Given<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// A table whose names are free, in the order of the file.
#[derive(Clone, Debug)]
pub(super) struct Entries<T>(pub(super) Vec<(Given<String>, Given<T>)>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Entries<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Collecting(PhantomData))
    }
}

struct Collecting<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Collecting<T> {
    type Value = Entries<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Entries(entries))
    }
}

impl<T: JsonSchema> JsonSchema for Entries<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("TableOf{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({
            "type": "object",
            "additionalProperties": generator.subschema_for::<T>(),
        })
    }
}
