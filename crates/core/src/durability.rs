//! What a 202 is worth: the level of durability that is asked for, and the one that is in force.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::error::PortError;

/// What an acknowledged event survives. Each level includes those below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// Nothing is promised.
    Memory,
    /// A kill of the process; a power cut may lose about two seconds.
    Process,
    /// A kill and a power cut of that machine.
    #[default]
    Disk,
}

impl Durability {
    /// The name a user types.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Process => "process",
            Self::Disk => "disk",
        }
    }
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A setting that endangers acknowledged events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What is wrong, in one sentence.
    pub problem: String,
    /// What to type, or to write into which file, line by line.
    pub remedy: Vec<String>,
}

/// What a backend said of itself when it was last asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inspection {
    /// Product and version: `PostgreSQL 15.18`.
    pub version: String,
    /// The level in force; unknown where the backend does not tell.
    pub level: Option<Durability>,
    /// Settings that keep it below the level that was asked for, unless that is assumed, and those for which nobody can
    /// vouch because they throw events away.
    pub findings: Vec<Finding>,
    /// The round trip of the question, in microseconds.
    pub round_trip_us: u64,
    /// Further facts that a person wants to see, by name.
    pub facts: Vec<(String, String)>,
}

/// What a backend can do that others cannot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// What a person calls it: `Redis`, `PostgreSQL`, `SQLite`.
    pub name: &'static str,
    /// Whether several processes may share it.
    pub shared: bool,
}

/// A backend that can be asked how it is.
#[async_trait]
pub trait Backend: Send + Sync + 'static {
    /// What it is.
    fn capabilities(&self) -> Capabilities;

    /// Asks it for its settings, within `deadline`. What it finds is remembered: below the level asked for and not
    /// assumed, every later write is refused until an inspection finds it mended.
    async fn inspect(&self, deadline: Duration) -> Result<Inspection, PortError>;
}
