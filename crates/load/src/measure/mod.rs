//! What is measured: two HDR histograms for each scope, and a series over time. Memory is bounded however long a run is.

mod generator;
mod glance;
mod histogram;
mod meter;
mod recent;
mod scopes;
#[cfg(test)]
pub(crate) mod testing;
mod timeline;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use glance::Glance;
pub use meter::{Flight, Meter};

/// A count as a number that can be divided.
#[expect(clippy::cast_precision_loss, reason = "nothing that is counted here comes near 2^52")]
pub(crate) const fn float(count: u64) -> f64 {
    count as f64
}

/// All that was measured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Measures {
    /// By scope: `run` for all phases that are measured, `phase:steady`, `fault:F1`, `kind:order.created`.
    pub scopes: BTreeMap<String, Scope>,
    /// The series, a point a second (or more, in long runs: see `width_s`).
    pub series: Series,
    /// How the generator itself did.
    pub generator: GeneratorReport,
}

/// What was measured within one scope.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Scope {
    /// How long it lasted, in seconds.
    pub lasts_s: f64,
    /// Sends that were planned.
    pub planned: u64,
    /// Sends that were made, repeats not among them.
    pub sent: u64,
    /// Sends that came later than planned because too many were in flight.
    pub late: u64,
    /// Sends that were dropped because they were too late.
    pub not_sent: u64,
    /// Repeats after failures.
    pub retries: u64,
    /// Sends that ended acknowledged.
    pub acked: u64,
    /// Of these: said to be duplicates.
    pub duplicates: u64,
    /// Sends that ended refused, by status and slug: `429 quota`, `503 backlog-full`.
    pub rejected: BTreeMap<String, u64>,
    /// Sends of which nobody knows, by what went wrong: `timeout`, `reset`, `refused`, `abandoned`.
    pub unknown: BTreeMap<String, u64>,
    /// From the intended send to the acknowledgement: what a user would have felt, its repeats among it.
    pub accept: Percentiles,
    /// From the actual send of a try to its answer.
    pub service: Percentiles,
    /// From the intended send to the end of the event, by the store's clock: stored, or dead.
    pub end_to_end: Percentiles,
}

/// Percentiles of a histogram, in seconds. All absent where nothing was recorded.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Percentiles {
    /// How many were recorded.
    pub count: u64,
    /// The smallest.
    pub min: Option<f64>,
    /// The arithmetic mean.
    pub mean: Option<f64>,
    /// The median.
    pub p50: Option<f64>,
    /// 90 %.
    pub p90: Option<f64>,
    /// 95 %.
    pub p95: Option<f64>,
    /// 99 %.
    pub p99: Option<f64>,
    /// 99.9 %.
    pub p999: Option<f64>,
    /// The largest.
    pub max: Option<f64>,
}

/// A series over time. Every column has as many points as the others.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// Seconds of one point. It doubles, and neighbours are merged, when there are more than [`Series::POINTS`].
    pub width_s: f64,
    /// The points, in order.
    pub points: Vec<Point>,
}

impl Series {
    /// Points that are kept at most.
    pub const POINTS: usize = 3_600;
}

/// One point of the series, by the moment of the answer, but for `planned`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Where it begins, in seconds from the beginning of the load.
    pub at_s: f64,
    /// Sends that were planned.
    pub planned: u64,
    /// Acknowledged.
    pub acked: u64,
    /// Refused.
    pub rejected: u64,
    /// Of which nobody knows.
    pub unknown: u64,
    /// Response times, in seconds; absent where nothing was answered.
    pub p50: Option<f64>,
    /// The same.
    pub p95: Option<f64>,
    /// The same.
    pub p99: Option<f64>,
    /// The same.
    pub max: Option<f64>,
    /// Entries of the queue that no worker has, at the end of the point; absent where unknown.
    pub lag: Option<u64>,
    /// All that is unfinished; absent where unknown.
    pub backlog: Option<u64>,
    /// Dead letters.
    pub dead: Option<u64>,
    /// Requests that awaited their answer.
    pub in_flight: u64,
}

/// How the generator itself did.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GeneratorReport {
    /// How late sends left that nothing held back, in seconds: the pacer's own error.
    pub lateness: Percentiles,
    /// The part of one processor that this process used, 1 for a whole one.
    pub cpu: f64,
    /// Requests in flight at once, at most.
    pub peak_in_flight: u64,
    /// Whether the generator was itself the bottleneck, and why.
    pub bottleneck: Option<String>,
}
