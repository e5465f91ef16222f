//! What a scenario file says, checked: the load, the faults, and what must hold.
//!
//! These are values that need no further checking: spans are spans, a fault's moment is counted from the beginning of the
//! load, and what a file refers to has been read. [`Scenario::read`] makes one of a file, or says what is wrong with it.

mod ability;
mod check;
mod condition;
mod decode;
mod fault;
mod flaw;
mod given;
mod metric;
mod moment;
mod near;
mod raw;
mod read;
mod schema;
#[cfg(test)]
pub(crate) mod testing;
mod who;
mod written;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use ability::Lack;
pub use fault::{Backend, BackendDeed, Deed, Fault, Role, Route, Side, Toxic, What, Which, Who};
pub use flaw::{Flaw, Invalid};
pub use read::Overrides;
pub use schema::json_schema;

use crate::plan::Template;

/// A checked scenario.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Its name, which is a file name too.
    pub name: String,
    /// What it proves: the comment at the head of its file; empty where there is none.
    pub purpose: String,
    /// Decides ids, payloads and send times.
    pub seed: u64,
    /// In their order, at least one with load.
    pub phases: Vec<Phase>,
    /// What is sent; at least one.
    pub mix: Vec<Kind>,
    /// In the order of their moments.
    pub faults: Vec<Fault>,
    /// Against what.
    pub target: Target,
    /// How it is sent.
    pub load: Load,
    /// What must hold.
    pub expect: Expect,
}

/// A stretch of the load.
#[derive(Clone, Debug, PartialEq)]
pub struct Phase {
    /// Its name.
    pub name: String,
    /// When it begins, from the beginning of the load.
    pub begins: Duration,
    /// What happens in it.
    pub what: Stretch,
    /// Whether what is measured in it counts.
    pub measure: bool,
}

/// What happens in a phase.
#[derive(Clone, Debug, PartialEq)]
pub enum Stretch {
    /// Events are sent.
    Send {
        /// How long.
        lasts: Duration,
        /// Events a second at its beginning; of no meaning in a closed model.
        from: f64,
        /// Events a second at its end.
        to: f64,
        /// How sends are spread.
        arrivals: Arrivals,
    },
    /// Nothing is sent until nothing is left to do. Only the last phase.
    Drain {
        /// Given up after this.
        at_most: Duration,
    },
}

/// How sends are spread in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Arrivals {
    /// Evenly.
    #[default]
    Constant,
    /// As those of many who know nothing of each other: exponential gaps.
    Poisson,
}

/// One kind of event of the mix.
#[derive(Clone, Debug)]
pub struct Kind {
    /// What thresholds and reports call it: its `name`, otherwise its event type.
    pub name: String,
    /// Its part of the mix, against the sum of all weights.
    pub weight: f64,
    /// The event's type.
    pub event_type: String,
    /// The event's data; none for an event without.
    pub data: Option<Template>,
    /// How large data is made by padding, in bytes.
    pub size: Option<u64>,
    /// The part of events that is sent a second time on purpose, 0 to 1.
    pub resend: f64,
    /// How its client behaves.
    pub client: Behaviour,
    /// Where its events must end.
    pub expect: Fate,
}

/// How a client behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Behaviour {
    /// As a good one.
    #[default]
    Normal,
    /// Sends its body in dribbles.
    Slow,
    /// Goes away in the middle of its body.
    Abandon,
}

/// Where events must end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// Stored: done.
    #[default]
    Stored,
    /// Among the dead letters.
    #[serde(rename = "dlq")]
    Dead,
    /// Refused at the door; never acknowledged.
    Rejected,
}

/// Against what a scenario runs.
#[derive(Clone, Debug)]
pub struct Target {
    /// Where it comes from.
    pub place: Place,
    /// The server's binary; none: `eventflow` beside efctl.
    pub server: Option<PathBuf>,
    /// Workers of a private stack.
    pub workers: usize,
    /// APIs of a private stack.
    pub apis: usize,
    /// Settings of the server by their flat names.
    pub settings: BTreeMap<String, String>,
    /// The level of durability, as the setting `durability` has it: disk, process or memory.
    pub durability: String,
}

/// Where the target comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The best private stack that this machine and this file's faults allow.
    Auto,
    /// A private stack.
    Private(StackKind),
    /// An API that runs, with the routes it was started with.
    Running {
        /// Its address; none: `EVENTFLOW_API`.
        api: Option<String>,
        /// Which way its connections go.
        routes: BTreeMap<Route, Through>,
    },
}

/// A private stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StackKind {
    /// Embedded: one process on one file.
    Dev,
    /// PostgreSQL, APIs and workers.
    Postgres,
    /// Redis too.
    Local,
}

/// A route that a running API was started with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Through {
    /// Where the proxy listens.
    pub listen: String,
    /// Where it connects to.
    pub upstream: String,
}

/// How events are sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Load {
    /// When the next is sent.
    pub model: Model,
    /// Requests that await their answer at once, at most.
    pub max_in_flight: usize,
    /// A send that is later than this is dropped and counted `not_sent`.
    pub max_late: Duration,
    /// Deadline of one request.
    pub timeout: Duration,
    /// What a client does about a failure that may pass.
    pub retry: Retry,
}

/// When the next event is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Model {
    /// When its time has come.
    Open,
    /// When one of so many clients has its answer.
    Closed {
        /// How many.
        clients: usize,
    },
}

/// What a client does about a failure that may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Tries after the first.
    pub max: u32,
    /// The shortest wait; it doubles.
    pub base: Duration,
    /// The longest.
    pub cap: Duration,
    /// Whether a repeat bears the first one's id. Without it a repeat is a new event.
    pub reuse_key: bool,
}

/// What must hold.
#[derive(Clone, Debug, Default)]
pub struct Expect {
    /// Must hold before the first fault, and again after the drain. By metric: `backlog`, `lag`, `due`, `running`, `dead`.
    pub steady_state: BTreeMap<String, Condition>,
    /// Whether a fault that touched nothing makes a run inconclusive.
    pub faults_took_effect: bool,
    /// No longer stretch with a backlog and nothing finished, outside of fault windows.
    pub progress: Option<Duration>,
    /// Thresholds, in the order of the file.
    pub slo: Vec<Threshold>,
    /// What nobody may bend.
    pub invariants: Invariants,
}

/// A threshold: `steady/accept.p99 < 150ms`.
#[derive(Clone, Debug, PartialEq)]
pub struct Threshold {
    /// As it stands in the file.
    pub text: String,
    /// A phase, a fault's id, a kind of the mix, or `run` for all that is measured.
    pub scope: String,
    /// What is measured: `accept.p99`, `service.p50`, `end_to_end.max`, `not_sent`, `rate`, `recovery`, `errors`, …
    pub metric: String,
    /// What it must be.
    pub condition: Condition,
}

/// A bound of a number. Spans are in seconds, shares and rates as they are.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// How it is compared.
    pub comparison: Comparison,
    /// With what.
    pub bound: f64,
    /// As it stands in the file: `< 150ms`.
    pub text: String,
}

/// How two numbers are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `==`
    Equal,
    /// `!=`
    Not,
    /// `>=`
    AtLeast,
    /// `>`
    More,
}

/// What nobody may bend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invariants {
    /// Acknowledged events that may be missing.
    pub acked_lost: u64,
    /// Rows that may share source and id.
    pub duplicate_rows: u64,
    /// Rows that nobody sent.
    pub unexpected_rows: u64,
    /// Events that may have been run to their end more than once.
    pub run_twice: u64,
    /// Deadlocks that PostgreSQL may have counted; none: not looked at.
    pub deadlocks: Option<u64>,
    /// What must be among the dead letters.
    pub dead: ExpectedDead,
}

/// What must be among the dead letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExpectedDead {
    /// Exactly the events of the kinds whose fate is dead: all of them, and no other.
    AsTheMix,
    /// So many of the run's events at most, whichever.
    AtMost(u64),
}

impl Default for Invariants {
    fn default() -> Self {
        Self {
            acked_lost: 0,
            duplicate_rows: 0,
            unexpected_rows: 0,
            run_twice: 0,
            deadlocks: None,
            dead: ExpectedDead::AsTheMix,
        }
    }
}
