//! What must hold, as it is written.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};

use crate::scenario::condition::Bound;
use crate::scenario::decode::LISTED;
use crate::scenario::given::{Entries, Given};
use crate::scenario::written::{Span, Text};

/// What must hold.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
#[schemars(rename = "Expect")]
pub(in crate::scenario) struct RawExpect {
    /// Must hold before the first fault, and again after the drain.
    pub(in crate::scenario) steady_state: Given<RawSteady>,
    /// Whether a fault that touched nothing makes the run inconclusive. Default: true.
    pub(in crate::scenario) faults_took_effect: Given<bool>,
    /// No longer stretch with a backlog and nothing finished, outside of fault windows.
    pub(in crate::scenario) progress: Given<Text<Span>>,
    /// Thresholds: "scope/metric" = "< 150ms"; a scope is a phase, a fault's id, a kind of the mix, or run.
    pub(in crate::scenario) slo: Given<Entries<Text<Bound>>>,
    /// What nobody may bend.
    pub(in crate::scenario) invariants: Given<RawInvariants>,
}

/// The steady state, by metric.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, expecting = "a table such as { backlog = \"< 500\" }")]
#[schemars(rename = "SteadyState")]
pub(in crate::scenario) struct RawSteady {
    /// All that is unfinished.
    pub(in crate::scenario) backlog: Given<Text<Bound>>,
    /// Entries of the queue that no worker has.
    pub(in crate::scenario) lag: Given<Text<Bound>>,
    /// Events that wait for an attempt.
    pub(in crate::scenario) due: Given<Text<Bound>>,
    /// Events that are being run.
    pub(in crate::scenario) running: Given<Text<Bound>>,
    /// Dead letters.
    pub(in crate::scenario) dead: Given<Text<Bound>>,
}

/// What nobody may bend. All are 0 where nothing is said, but for `deadlocks`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
#[schemars(rename = "Invariants")]
pub(in crate::scenario) struct RawInvariants {
    /// Acknowledged events that may be missing.
    pub(in crate::scenario) acked_lost: Given<u64>,
    /// Rows that may share source and id.
    pub(in crate::scenario) duplicate_rows: Given<u64>,
    /// Rows of the run's source that nobody sent.
    pub(in crate::scenario) unexpected_rows: Given<u64>,
    /// Events that may have been run to their end more than once.
    pub(in crate::scenario) run_twice: Given<u64>,
    /// Deadlocks that PostgreSQL may count during the run; not looked at where nothing is said.
    pub(in crate::scenario) deadlocks: Given<u64>,
    /// What must be among the dead letters. Default: exactly the kinds with `expect = "dlq"`.
    pub(in crate::scenario) dlq: Given<RawDead>,
}

/// What must be among the dead letters: one of the two.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(
    default,
    deny_unknown_fields,
    expecting = "a table such as { exactly = \"mix.poison\" } or { at_most = 0 }"
)]
#[schemars(rename = "Dead")]
pub(in crate::scenario) struct RawDead {
    /// All events of these kinds, and no other: `mix.` and the kind's name.
    pub(in crate::scenario) exactly: Given<OneOrMore>,
    /// So many of the run's events at most, whichever.
    pub(in crate::scenario) at_most: Given<u64>,
}

/// A text, or an array of them.
#[derive(Debug)]
pub(in crate::scenario) struct OneOrMore(pub(in crate::scenario) Vec<Given<String>>);

impl<'de> Deserialize<'de> for OneOrMore {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(LISTED, Listing)
    }
}

struct Listing;

impl<'de> Visitor<'de> for Listing {
    type Value = OneOrMore;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text such as \"mix.poison\", or an array of them,")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<OneOrMore, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(OneOrMore(list))
    }
}

impl JsonSchema for OneOrMore {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "OneOrMore".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }],
            "examples": ["mix.poison"],
        })
    }
}
