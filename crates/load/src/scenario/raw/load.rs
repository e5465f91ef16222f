//! How events are sent, as it is written.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::scenario::given::Given;
use crate::scenario::written::{Backoff, Span, Text};

/// How events are sent.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
#[schemars(rename = "Load")]
pub(in crate::scenario) struct RawLoad {
    /// When the next event is sent: at its time, or when a client has its answer. Default: open.
    pub(in crate::scenario) model: Given<ModelName>,
    /// Of a closed model: how many clients there are.
    pub(in crate::scenario) clients: Given<u32>,
    /// Of an open model: requests that await their answer at once, at most; what is held back is late. Default: 1000.
    pub(in crate::scenario) max_in_flight: Given<u32>,
    /// Of an open model: a send that is later than this is dropped and counted `not_sent`. Default: 10s.
    pub(in crate::scenario) max_late: Given<Text<Span>>,
    /// Deadline of one request. Default: 10s.
    pub(in crate::scenario) timeout: Given<Text<Span>>,
    /// What a client does about a failure that may pass.
    pub(in crate::scenario) retry: Given<RawRetry>,
}

/// When the next event is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::scenario) enum ModelName {
    /// At its time, whatever became of the others.
    Open,
    /// When one of `clients` has its answer.
    Closed,
}

/// What a client does about a failure that may pass.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(
    default,
    deny_unknown_fields,
    expecting = "a table such as { max = 3, backoff = \"100ms..2s\" }"
)]
#[schemars(rename = "Retry")]
pub(in crate::scenario) struct RawRetry {
    /// Tries after the first. Default: 3.
    pub(in crate::scenario) max: Given<u32>,
    /// The shortest wait, which doubles, and the longest. Default: 100ms..2s.
    pub(in crate::scenario) backoff: Given<Text<Backoff>>,
    /// Whether a repeat bears the id of the first, so that it cannot be stored twice. Default: true.
    pub(in crate::scenario) reuse_key: Given<bool>,
}
