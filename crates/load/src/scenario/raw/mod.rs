//! A scenario file as it is written. The docs here are what an editor shows, by way of the JSON Schema.
//!
//! Everything may be missing or unreadable: what must stand, and what goes together, is checked behind it.

mod data;
mod expect;
mod load;
mod target;

use schemars::JsonSchema;
use serde::Deserialize;

pub(super) use data::{Data, Setting};
pub(super) use expect::{RawDead, RawExpect, RawInvariants, RawSteady};
pub(super) use load::{ModelName, RawLoad, RawRetry};
pub(super) use target::{Level, RawRoutes, RawTarget, RawThrough, StackName};

use super::given::Given;
use super::moment::Moment;
use super::who::Processes;
use super::written::{Name, Rate, Share, Size, Span, Text, Throughput, Weight};
use super::{Arrivals, Backend, BackendDeed, Behaviour, Fate, Route, Side};

/// Fields of the file itself that stand above its first `[table]`.
pub(super) const ROOT_FIELDS: [&str; 5] = ["schema", "seed", "phases", "mix", "faults"];

/// One file: the load, the faults, and what must hold. Root arrays stand before the first `[table]`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
#[schemars(rename = "Scenario", extend("required" = ["schema", "name", "phases", "mix"]))]
pub(super) struct RawScenario {
    /// The version of this format: 1.
    #[schemars(extend("const" = 1))]
    pub(super) schema: Given<u64>,
    /// What the scenario is called, in reports and as a file's name.
    pub(super) name: Given<Text<Name>>,
    /// Decides ids, payloads and send times: the same seed, the same load. Default: 1.
    pub(super) seed: Given<u64>,
    /// What happens, in this order. The last may be the drain; without one, a drain of at most 2 m is added.
    pub(super) phases: Given<Vec<Given<RawPhase>>>,
    /// What is sent.
    pub(super) mix: Given<Vec<Given<RawKind>>>,
    /// What is broken on purpose.
    pub(super) faults: Given<Vec<Given<RawFault>>>,
    /// Against what it runs. Default: `stack = "auto"` where there are faults, otherwise the API of `EVENTFLOW_API`.
    pub(super) target: Given<RawTarget>,
    /// How events are sent.
    pub(super) load: Given<RawLoad>,
    /// What must hold.
    pub(super) expect: Given<RawExpect>,
}

/// A stretch of the load: one that sends has `for` and `rate`, the drain has `until`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(
    default,
    deny_unknown_fields,
    expecting = "a table such as { name = \"steady\", for = \"1m\", rate = \"100/s\" }"
)]
#[schemars(rename = "Phase", extend("required" = ["name"]))]
pub(super) struct RawPhase {
    /// What moments, thresholds and reports call it.
    pub(super) name: Given<Text<Name>>,
    /// How long it lasts.
    #[serde(rename = "for")]
    pub(super) lasts: Given<Text<Span>>,
    /// Events in a time, or a ramp from one rate to another.
    pub(super) rate: Given<Text<Rate>>,
    /// How sends are spread: evenly, or with exponential gaps. Default: constant.
    pub(super) arrivals: Given<Arrivals>,
    /// Whether what is measured in it counts for the run as a whole. Default: true.
    pub(super) measure: Given<bool>,
    /// Only in the last phase: nothing is sent until nothing is left to do.
    pub(super) until: Given<Until>,
    /// When the drain is given up. Default: 2m.
    pub(super) at_most: Given<Text<Span>>,
}

/// What a phase waits for.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Until {
    /// Lag, pending, due and running are 0 in two readings.
    Drained,
}

/// One kind of event.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(
    default,
    deny_unknown_fields,
    expecting = "a table such as { weight = 1, event = \"order.created\" }"
)]
#[schemars(rename = "Kind", extend("required" = ["event"]))]
pub(super) struct RawKind {
    /// Its part of the mix, against the sum of all weights. Default: 1.
    pub(super) weight: Given<Weight>,
    /// The event's type.
    pub(super) event: Given<String>,
    /// What thresholds and reports call it. Default: the event's type.
    pub(super) name: Given<Text<Name>>,
    /// A template file beside the scenario, or the data itself.
    pub(super) data: Given<Data>,
    /// How large the data is made by padding.
    pub(super) size: Given<Size>,
    /// The share of its events that is sent a second time on purpose. Default: 0.
    pub(super) resend: Given<Share>,
    /// How its client behaves. Default: normal.
    pub(super) client: Given<Behaviour>,
    /// Where its events must end. Default: stored.
    pub(super) expect: Given<Fate>,
}

/// A fault: of the network (`tcp`), of processes (`proc`), or of a backend (`backend`).
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(
    default,
    deny_unknown_fields,
    expecting = "a table such as { at = \"steady+5s\", proc = \"worker[any]\", signal = \"KILL\" }"
)]
#[schemars(rename = "Fault", extend("required" = ["at"]))]
pub(super) struct RawFault {
    /// What thresholds and reports call it. Default: F1, F2, … by its place in the file.
    pub(super) id: Given<Text<Name>>,
    /// When it strikes: from the beginning of a phase, or of the load.
    pub(super) at: Given<Text<Moment>>,
    /// How long it stays.
    #[serde(rename = "for")]
    pub(super) lasts: Given<Text<Span>>,
    /// What happens to the connections of a route.
    pub(super) tcp: Given<ToxicName>,
    /// Which connections: between clients and API, or between EventFlow and a backend.
    pub(super) route: Given<Route>,
    /// In which direction. Default: both.
    pub(super) side: Given<Side>,
    /// The share of connections that is touched, above 0. Default: 1.
    pub(super) share: Given<Share>,
    /// Of `latency`, `slice` and `slow_close`: how much later.
    pub(super) delay: Given<Text<Span>>,
    /// Of `latency`: at most so much more or less than `delay`.
    pub(super) jitter: Given<Text<Span>>,
    /// Of `bandwidth`: bytes a second.
    pub(super) rate: Given<Text<Throughput>>,
    /// Of `slice`: of one piece. Of `cut_after`: until the connection is reset.
    pub(super) bytes: Given<Size>,
    /// Which processes.
    #[serde(rename = "proc")]
    pub(super) processes: Given<Text<Processes>>,
    /// What is sent to them. STOP is followed by CONT when the fault ends.
    pub(super) signal: Given<Signal>,
    /// When a process that was ended is started again. Default: 1s.
    pub(super) respawn: Given<Text<Span>>,
    /// So many processes of the role, until the fault ends where it has `for`.
    pub(super) scale: Given<u32>,
    /// Which backend.
    pub(super) backend: Given<Backend>,
    /// What happens to the backend; of processes: restart.
    #[serde(rename = "do")]
    pub(super) deed: Given<BackendDeed>,
}

/// What can happen to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ToxicName {
    /// Bytes arrive later, by `delay` plus or minus at most `jitter`.
    Latency,
    /// At most `rate` bytes a second.
    Bandwidth,
    /// Bytes arrive in pieces of `bytes`, `delay` apart.
    Slice,
    /// The end of a connection is passed on later, by `delay`.
    SlowClose,
    /// Bytes vanish, and nobody is told.
    BlackHole,
    /// Connections are reset.
    Reset,
    /// Connections are reset once `bytes` have passed.
    CutAfter,
    /// No new connection is taken.
    Refuse,
    /// The request goes through, its answer is lost, and the connection ends.
    DropReply,
}

/// What is sent to a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Signal {
    /// It ends at once.
    Kill,
    /// It ends in order.
    Term,
    /// It stands still until the fault ends.
    Stop,
}
