//! What a person who watches sees of a load that runs.

use std::time::Duration;

use serde::Serialize;

use super::Percentiles;

/// A glance at a load. Everything that was sent counts here, what is not measured too.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Glance {
    /// From the beginning of the load; zero before it.
    pub elapsed: Duration,
    /// The name of the phase that runs; none while no load has been announced, and behind the last phase that sends.
    pub phase: Option<String>,
    /// Sends whose moment has come.
    pub planned: u64,
    /// Sends that were made, repeats not among them.
    pub sent: u64,
    /// Sends that ended acknowledged.
    pub acked: u64,
    /// Sends that ended refused.
    pub rejected: u64,
    /// Sends of which nobody knows.
    pub unknown: u64,
    /// Sends that were dropped because they were too late.
    pub not_sent: u64,
    /// Sends that came later than planned because too many were in flight.
    pub late: u64,
    /// Repeats after failures.
    pub retries: u64,
    /// Acknowledgements a second, over the last five seconds and the one that runs.
    pub rate: f64,
    /// From the intended send to the acknowledgement, over the same seconds.
    pub recent: Percentiles,
    /// The same since the beginning.
    pub overall: Percentiles,
    /// Requests that await their answer.
    pub in_flight: u64,
}
