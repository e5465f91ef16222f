//! Quantities and names as people write them: `1m30s`, `0..2000/s`, `300KiB`, `100ms..2s`.

mod name;
mod rate;
mod share;
mod size;
mod span;

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, Visitor};

pub(super) use name::Name;
pub(super) use rate::{Rate, decimal, seconds_of};
pub(super) use share::{Share, Weight};
pub(super) use size::{Size, Throughput};
pub(super) use span::{Backoff, Span, span};

/// Why a text is not what it should be, and how it is written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Misread(pub(super) String);

/// What is written as a text of its own kind.
pub(super) trait Written: FromStr<Err = Misread> {
    /// What it is: `a span of time such as "1m30s"`.
    const WHAT: &'static str;
    /// Its form, for editors.
    const PATTERN: &'static str;
    /// How it may look.
    const EXAMPLES: &'static [&'static str];
}

/// A text of a file that was read as what it means.
#[derive(Clone, Debug)]
pub(super) struct Text<T>(pub(super) T);

impl<'de, T: Written> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Reading(PhantomData))
    }
}

struct Reading<T>(PhantomData<T>);

impl<T: Written> Visitor<'_> for Reading<T> {
    type Value = Text<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::WHAT)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        text.parse().map(Text).map_err(E::custom)
    }
}

impl<T: Written> JsonSchema for Text<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        T::WHAT.into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let mut schema = json_schema!({ "type": "string", "pattern": T::PATTERN });
        if !T::EXAMPLES.is_empty() {
            schema.insert("examples".to_owned(), T::EXAMPLES.into());
        }
        schema
    }
}
