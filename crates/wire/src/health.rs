//! How the service is, for machines that watch it and for people.

use std::collections::BTreeMap;

use eventflow_core::{Durability, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::schema;
use crate::stats::FindingView;

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HealthStatus {
    /// Well.
    Pass,
    /// It works, and somebody should look.
    Warn,
    /// It does not work.
    Fail,
}

/// `application/health+json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// The worst of the checks, where any event can still be taken; `fail` where none can.
    pub status: HealthStatus,
    /// Of the software.
    pub version: String,
    /// In one sentence.
    pub description: String,
    /// By component and measurement: `Redis:durability`, `Redis:round_trip`, `intake:ready`, `worker:progress`.
    pub checks: BTreeMap<String, Vec<Check>>,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Check {
    /// How it is.
    pub status: HealthStatus,
    /// When that was seen, by the API's clock.
    #[schema(schema_with = schema::time)]
    pub time: Timestamp,
    /// A number, where there is one.
    #[serde(rename = "observedValue", default, skip_serializing_if = "Option::is_none")]
    pub observed_value: Option<f64>,
    /// Its unit.
    #[serde(rename = "observedUnit", default, skip_serializing_if = "Option::is_none")]
    pub observed_unit: Option<String>,
    /// What is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    /// The level of durability that is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schema::durability)]
    pub level_asked: Option<Durability>,
    /// The level that is in force; absent where the backend does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schema::durability)]
    pub level_in_force: Option<Durability>,
    /// Whether the level asked for is taken on trust, where the backend tells none or a lower one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assumed: Option<bool>,
    /// Settings that endanger acknowledged events.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<FindingView>,
}

impl Check {
    /// A check without details.
    pub fn new(status: HealthStatus, time: Timestamp, output: Option<String>) -> Self {
        Self {
            status,
            time,
            observed_value: None,
            observed_unit: None,
            output,
            level_asked: None,
            level_in_force: None,
            assumed: None,
            findings: Vec::new(),
        }
    }
}

/// `/livez`: the process works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Liveness {
    /// Always `pass`; anything else is a problem.
    pub status: HealthStatus,
    /// Of the software.
    pub version: String,
}

/// `/readyz`: an event can be taken durably now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Readiness {
    /// Always `pass`; anything else is a problem.
    pub status: HealthStatus,
    /// Where the next event goes.
    pub taken_by: Taker,
}

/// Who takes the next event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Taker {
    /// The queue.
    Queue,
    /// The ledger itself: no queue is configured, or it is away.
    Ledger,
}
