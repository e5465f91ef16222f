//! What a worker says of itself, again and again: cumulative counters, so that a lost beat does no harm.

use serde::{Deserialize, Serialize};

use crate::pattern::Pattern;

/// One heartbeat. Counters count since the incarnation began; a reader subtracts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Beat {
    /// Counts up within the incarnation.
    pub sequence: u64,
    /// The program's version.
    pub version: String,
    /// Entries read from the queue, taken over ones among them.
    pub read: u64,
    /// Entries taken over from another worker.
    pub taken_over: u64,
    /// Entries that were pending and had been destroyed.
    pub destroyed: u64,
    /// Deliveries of entries that only a newer version can read.
    pub newer: u64,
    /// Events admitted as new.
    pub admitted: u64,
    /// Deliveries that proved copies.
    pub copies: u64,
    /// Events admitted as dead letters.
    pub dead_at_admission: u64,
    /// Runs that ended done.
    pub done: u64,
    /// Runs that failed and will be tried again.
    pub retried: u64,
    /// Runs that ended as dead letters.
    pub dead: u64,
    /// Runs that found their dependency away.
    pub unavailable: u64,
    /// Runs handed back unfinished.
    pub handed_back: u64,
    /// Outcomes dropped because the lease was another's.
    pub stale: u64,
    /// Entries read and not admitted yet.
    pub in_hand: u64,
    /// For how long the oldest run has been going, in milliseconds.
    pub longest_run_ms: u64,
    /// Whether the ledger can be used.
    pub store_up: bool,
    /// Loops without progress.
    pub stalled: Vec<String>,
    /// Each handler that this worker carries.
    pub handlers: Vec<HandlerBeat>,
}

/// One handler in one worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandlerBeat {
    /// Its name.
    pub pattern: Pattern,
    /// Events it runs now.
    pub running: u32,
    /// Whether what it depends on is away.
    pub breaker_open: bool,
}
