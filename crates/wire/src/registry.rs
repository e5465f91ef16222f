//! Handlers and the workers that carry them.

use eventflow_core::{HandlerEntry, Pattern, Registry, Timestamp, WorkerEntry, WorkerId};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::{schema, view};

/// The handler list as the ledger has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Handlers {
    /// Moves on with each handler that comes or goes.
    pub version: i64,
    /// Whether all running is paused.
    pub paused: bool,
    /// Every handler that some worker brought and nobody retired, by name.
    pub handlers: Vec<HandlerView>,
}

/// One handler.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HandlerView {
    /// Its name.
    #[schema(schema_with = schema::pattern)]
    pub pattern: Pattern,
    /// Whether its own running is paused; apart from the pause of all.
    pub paused: bool,
    /// How many living workers carry it. 0: nobody does, and its rows wait.
    pub carriers: u32,
    /// Rows that wait, at the last count. An estimate; absent before the first count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<u64>,
    /// Rows that are leased, at the last count. An estimate; absent before the first count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<u64>,
    /// The due time of the row that waits longest, at the last count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schema::time)]
    pub oldest_due: Option<Timestamp>,
    /// When they were counted, by the store's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schema::time)]
    pub counted_at: Option<Timestamp>,
}

/// The workers on the list.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Workers {
    /// Living and gone; the gone ones leave the list with time.
    pub workers: Vec<WorkerView>,
}

/// One worker process.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct WorkerView {
    /// Its incarnation.
    #[schema(schema_with = schema::uuid)]
    pub id: WorkerId,
    /// What a person calls it: host and process.
    pub name: String,
    /// What it carries.
    #[schema(schema_with = schema::patterns)]
    pub patterns: Vec<Pattern>,
    /// When it joined, by the store's clock.
    #[schema(schema_with = schema::time)]
    pub joined_at: Timestamp,
    /// Its last renewal, by the store's clock.
    #[schema(schema_with = schema::time)]
    pub renewed_at: Timestamp,
    /// Whether that is younger than the lease time.
    pub living: bool,
    /// Rows leased to it now.
    pub running: u64,
    /// Its last heartbeat, as its runtime wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub beat: Option<Box<RawValue>>,
}

/// What to pause or resume.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PauseRequest {
    /// One handler; all running where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schema::pattern_or_null)]
    pub handler: Option<Pattern>,
}

/// What is paused now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PauseResult {
    /// The handler; absent for all running.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schema::pattern)]
    pub handler: Option<Pattern>,
    /// Whether it is paused. Resuming all leaves single pauses as they are.
    pub paused: bool,
}

/// Which handler to take off the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RetireRequest {
    /// Its name.
    #[schema(schema_with = schema::pattern)]
    pub handler: Pattern,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RetireResult {
    /// It is off the list; what waits for it is matched anew, in steps.
    #[schema(schema_with = schema::pattern)]
    pub handler: Pattern,
}

impl From<HandlerEntry> for HandlerView {
    fn from(entry: HandlerEntry) -> Self {
        let counted = entry.counted_at.is_some();
        Self {
            pattern: entry.pattern,
            paused: entry.paused,
            carriers: entry.carriers,
            due: counted.then_some(entry.due),
            running: counted.then_some(entry.running),
            oldest_due: entry.oldest_due,
            counted_at: entry.counted_at,
        }
    }
}

impl From<Registry> for Handlers {
    fn from(registry: Registry) -> Self {
        Self {
            version: registry.version.0,
            paused: registry.paused,
            handlers: registry.handlers.into_iter().map(HandlerView::from).collect(),
        }
    }
}

impl From<WorkerEntry> for WorkerView {
    fn from(entry: WorkerEntry) -> Self {
        Self {
            id: entry.worker,
            name: entry.name,
            patterns: entry.patterns,
            joined_at: entry.joined_at,
            renewed_at: entry.renewed_at,
            living: entry.living,
            running: entry.running,
            beat: entry.beat.as_deref().and_then(view::raw),
        }
    }
}
