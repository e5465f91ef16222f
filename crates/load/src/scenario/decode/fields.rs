//! The fields of a table: the known ones, in the order of the file.

use serde::de::{DeserializeSeed, Deserializer, Error, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::Node;
use crate::scenario::flaw::{Flaws, Problem};
use crate::scenario::given::GIVEN;
use crate::scenario::near::{listed, suggestion};
use crate::scenario::raw::ROOT_FIELDS;

/// The fields of a table, in the order of the file.
pub(super) struct Fields<'a> {
    entries: std::vec::IntoIter<Entry<'a>>,
    value: Option<&'a Spanned<DeValue<'a>>>,
    flaws: &'a Flaws,
}

type Entry<'a> = (&'a Spanned<DeString<'a>>, &'a Spanned<DeValue<'a>>);

impl<'a> Fields<'a> {
    /// Those of this table. With a list of known ones, the others are said to be unknown, and skipped.
    pub(super) fn new(table: &'a DeTable<'a>, flaws: &'a Flaws, known: Option<&'static [&'static str]>) -> Self {
        let mut entries: Vec<Entry<'a>> = table.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        if let Some(known) = known {
            entries.retain(|(key, _)| {
                let name = key.get_ref().as_ref();
                let is_known = known.contains(&name);
                if !is_known {
                    flaws.hinted(key.span(), format!("unknown field `{name}`"), meant(name, known));
                }
                is_known
            });
        }
        Self {
            entries: entries.into_iter(),
            value: None,
            flaws,
        }
    }
}

/// What somebody who wrote an unknown field may have meant.
fn meant(name: &str, known: &[&str]) -> String {
    if ROOT_FIELDS.contains(&name) && !known.contains(&"phases") {
        return format!("`{name}` belongs to the file itself, above its first `[table]`");
    }
    let suggestion = suggestion(name, known.iter().copied());
    if suggestion.starts_with("allowed") {
        return format!("known here are {}", listed(known));
    }
    suggestion
}

impl<'de> MapAccess<'de> for Fields<'_> {
    type Error = Problem;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Problem> {
        let Some((key, value)) = self.entries.next() else {
            return Ok(None);
        };
        self.value = Some(value);
        seed.deserialize(Key(key)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Problem> {
        let value = self
            .value
            .take()
            .ok_or_else(|| Problem::custom("a field has no value"))?;
        seed.deserialize(Node::new(value, self.flaws))
    }
}

/// The name of a field, and where it stands.
struct Key<'a>(&'a Spanned<DeString<'a>>);

impl<'de> Deserializer<'de> for Key<'_> {
    type Error = Problem;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        visitor.visit_str(self.0.get_ref())
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Problem> {
        if name == GIVEN {
            visitor.visit_seq(LocatedKey { step: 0, key: self.0 })
        } else {
            visitor.visit_newtype_struct(self)
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct seq
        tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// Begin, end and text of a name.
struct LocatedKey<'a> {
    step: u8,
    key: &'a Spanned<DeString<'a>>,
}

impl<'de> SeqAccess<'de> for LocatedKey<'_> {
    type Error = Problem;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Problem> {
        self.step += 1;
        let at = self.key.span();
        match self.step {
            1 => seed.deserialize(at.start.into_deserializer()).map(Some),
            2 => seed.deserialize(at.end.into_deserializer()).map(Some),
            _ => seed.deserialize(Key(self.key)).map(Some),
        }
    }
}
