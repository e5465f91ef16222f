//! Numbers. Each says whether it is exact, and how old it is; what is not known is absent, never 0.

use std::collections::BTreeMap;

use eventflow_core::{Durability, Finding, PartitionDepth, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::registry::HandlerView;
use crate::schema;

/// What this API process knows now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Stats {
    /// Of the software.
    pub version: String,
    /// Now, by the API's clock.
    #[schema(schema_with = schema::time)]
    pub at: Timestamp,
    /// Seconds since this process began.
    pub uptime_s: f64,
    /// The level of durability that is asked for.
    #[schema(schema_with = schema::durability)]
    pub durability: Durability,
    /// What this process took in since it began.
    pub intake: IntakeStats,
    /// What waits, all in all.
    pub backlog: BacklogStats,
    /// The queue; absent where none is configured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<QueueStats>,
    /// The ledger's unfinished rows.
    pub ledger: LedgerStats,
    /// Dead letters; absent while the store cannot be asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub letters: Option<LetterStats>,
    /// Workers; absent while the store cannot be asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workers: Option<WorkerStats>,
    /// Handlers, as the list last stood.
    pub handlers: Vec<HandlerView>,
    /// Whether all running is paused, as the list last stood; absent before it was first read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<bool>,
    /// Backends, as they last answered.
    pub backends: Vec<BackendView>,
}

/// Events that came in. Exact, of this process alone, cumulative: subtract two readings for a rate.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct IntakeStats {
    /// Taken, in the queue or in the ledger.
    pub accepted: u64,
    /// Of these: admitted into the ledger by the API itself.
    pub direct: u64,
    /// There already, with this very payload.
    pub duplicates: u64,
    /// Not taken, by the slug of the problem. Whole requests count once, events of a batch each.
    pub rejected: BTreeMap<String, u64>,
    /// Requests that await their answer now.
    pub in_flight: u64,
    /// Taken a second, over the last ten seconds of this process.
    pub accepted_per_s: f64,
}

/// What waits, all in all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BacklogStats {
    /// Entries of the queue and unfinished rows of the ledger, as last known. An estimate; absent while neither is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<u64>,
    /// From here on nothing is taken.
    pub cap: u64,
    /// Always true: the ledger's part is counted every five seconds.
    pub estimate: bool,
}

/// The queue's depth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct QueueStats {
    /// By partition. Exact when they were read; absent where they never were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partitions: Option<Vec<PartitionView>>,
    /// Seconds since they were read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age_s: Option<f64>,
    /// Whether events go past the queue, because it failed.
    pub bypassed: bool,
}

/// One partition of the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PartitionView {
    /// Which.
    pub partition: u16,
    /// Entries in all.
    pub entries: u64,
    /// Of these: given to a worker and not settled.
    pub pending: u64,
    /// Of these: not given to anybody yet.
    pub lag: u64,
    /// When the first of them was appended, by the queue's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schema::time)]
    pub oldest: Option<Timestamp>,
}

/// The ledger's unfinished rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LedgerStats {
    /// Rows that wait; absent before the first count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<u64>,
    /// Rows that are leased; absent before the first count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<u64>,
    /// When the oldest part of them was counted, by the store's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schema::time)]
    pub counted_at: Option<Timestamp>,
    /// Seconds since the list was read from the store by this process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age_s: Option<f64>,
    /// Always true: they are counted every five seconds, by one process for all.
    pub estimate: bool,
}

/// How many letters there are. Exact when they were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LetterStats {
    /// Dead.
    pub dead: u64,
    /// Given up by a person.
    pub discarded: u64,
}

/// How many workers are on the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WorkerStats {
    /// Renewed within the lease time.
    pub living: u64,
    /// Not.
    pub gone: u64,
}

/// A backend, as it last answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BackendView {
    /// What a person calls it.
    pub name: String,
    /// Whether it answered when it was last asked; absent before the first time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reachable: Option<bool>,
    /// Product and version, when it last answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The level of durability that is asked for.
    #[schema(schema_with = schema::durability)]
    pub level_asked: Durability,
    /// The level in force, when it last answered; absent where it does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schema::durability)]
    pub level_in_force: Option<Durability>,
    /// Whether the level asked for is taken on trust, where the backend tells none or a lower one.
    pub assumed: bool,
    /// The round trip of the question, in microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round_trip_us: Option<u64>,
    /// Settings that endanger acknowledged events.
    pub findings: Vec<FindingView>,
    /// Further facts, by name.
    pub facts: BTreeMap<String, String>,
    /// Seconds since it last answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age_s: Option<f64>,
    /// What went wrong when it was last asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A setting that endangers acknowledged events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FindingView {
    /// What is wrong, in one sentence.
    pub problem: String,
    /// What to type, line by line.
    pub remedy: Vec<String>,
}

impl From<PartitionDepth> for PartitionView {
    fn from(depth: PartitionDepth) -> Self {
        Self {
            partition: depth.partition,
            entries: depth.entries,
            pending: depth.pending,
            lag: depth.entries.saturating_sub(depth.pending),
            oldest: depth.oldest,
        }
    }
}

impl From<Finding> for FindingView {
    fn from(finding: Finding) -> Self {
        Self {
            problem: finding.problem,
            remedy: finding.remedy,
        }
    }
}
