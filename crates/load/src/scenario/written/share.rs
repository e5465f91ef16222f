//! Parts of a whole, and weights.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// A part of a whole, 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::scenario) struct Share(pub(in crate::scenario) f64);

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_f64(ReadingShare)
    }
}

struct ReadingShare;

impl Visitor<'_> for ReadingShare {
    type Value = Share;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a share from 0 to 1, such as 0.05 for 5 %,")
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Share, E> {
        if (0.0..=1.0).contains(&number) {
            Ok(Share(number))
        } else {
            Err(E::custom(format!(
                "{number} is no share, which is a number from 0 to 1, such as 0.05 for 5 %"
            )))
        }
    }
}

impl JsonSchema for Share {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Share".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number", "minimum": 0, "maximum": 1 })
    }
}

/// A part of the mix, above 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::scenario) struct Weight(pub(in crate::scenario) f64);

impl<'de> Deserialize<'de> for Weight {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_f64(ReadingWeight)
    }
}

struct ReadingWeight;

impl Visitor<'_> for ReadingWeight {
    type Value = Weight;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a weight such as 90 or 0.5")
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Weight, E> {
        if number > 0.0 {
            Ok(Weight(number))
        } else {
            Err(E::custom(format!(
                "a weight of {number} sends nothing; write one above 0, or leave the kind away"
            )))
        }
    }
}

impl JsonSchema for Weight {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Weight".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number", "exclusiveMinimum": 0 })
    }
}
