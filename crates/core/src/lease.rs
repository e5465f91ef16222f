//! The right to run an event: a pair of key and token that one worker holds for a while.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::event::Event;
use crate::key::EventKey;
use crate::pattern::Pattern;

/// One incarnation of a worker process.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WorkerId(pub Uuid);

/// Made by a worker before it asks; each statement that leases has one of its own.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaseToken(pub Uuid);

impl WorkerId {
    /// A new incarnation.
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }
}

impl LeaseToken {
    /// A token that no statement has had.
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }
}

impl Default for WorkerId {
    fn default() -> Self {
        Self::new()
    }
}

impl Default for LeaseToken {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for LeaseToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// From this many crashes on, an event runs alone in its process.
pub const SUSPECT_CRASHES: u32 = 2;
/// At this many crashes it is dead.
pub const FATAL_CRASHES: u32 = 7;

/// Asks for rows to run.
#[derive(Clone, Debug)]
pub struct LeaseRequest {
    /// Who asks.
    pub worker: WorkerId,
    /// The token that every row of the answer will bear.
    pub token: LeaseToken,
    /// How long the lease lasts from now, by the store's clock.
    pub lease_time: Duration,
    /// How many of each handler at most: a fair turn for each.
    pub wants: Vec<(Pattern, u32)>,
    /// Rows are given in due order until their payloads weigh this much; the first is given whatever it weighs.
    pub max_bytes: usize,
}

/// A row that this worker may run now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leased {
    /// What to run.
    pub event: Event,
    /// By which handler.
    pub handler: Pattern,
    /// The lease.
    pub token: LeaseToken,
    /// Attempts counted so far.
    pub attempt: u32,
    /// How many of them were counted before the last requeue. The budget counts from there.
    pub base: u32,
    /// Crashes counted so far, a lapse that this lease ended among them.
    pub crashes: u32,
}

/// What a lease statement gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeaseReply {
    /// Oldest due first.
    pub leased: Vec<Leased>,
    /// Whether a suspect was due before the first of them, and so is whose turn it is.
    pub suspect_first: bool,
    /// Rows that this statement found to have crashed too often, and brought to the dead letters.
    pub died: u64,
}

/// Keeps a worker living and its leases alive.
#[derive(Clone, Debug)]
pub struct Renewal {
    /// Who renews.
    pub worker: WorkerId,
    /// How long leases last from now.
    pub lease_time: Duration,
    /// What it runs, or holds the unrecorded outcome of.
    pub running: Vec<(EventKey, LeaseToken)>,
    /// Tokens of statements whose answer is still to come: what bears them is left alone.
    pub awaited: Vec<LeaseToken>,
    /// The heartbeat to show to others, the text of one JSON object.
    pub beat: Option<String>,
}

/// What a renewal found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Renewed {
    /// Which of `running` are no longer this worker's.
    pub lost: Vec<EventKey>,
    /// Rows under this worker's name that it neither runs nor awaits: due again, nothing counted.
    pub handed_back: u64,
    /// Whether the worker has to register again: the ledger does not know it.
    pub unknown: bool,
}
