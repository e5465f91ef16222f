//! What is broken on purpose: of the network, of processes, of backends.

use std::ops::Range;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One fault.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// What thresholds and reports call it.
    pub id: String,
    /// When it strikes, from the beginning of the load.
    pub at: Duration,
    /// How long it stays; none where it is over as it strikes.
    pub lasts: Option<Duration>,
    /// What happens.
    pub what: What,
}

impl Fault {
    /// The window of one that is over as it strikes, and of one that stays until it is undone where nobody says how long.
    pub const USUAL_WINDOW: Duration = Duration::from_secs(10);

    /// When it is in force or felt, from the beginning of the load, as far as a plan can know.
    pub fn window(&self) -> Range<Duration> {
        self.at..self.at + self.lasts.unwrap_or(Self::USUAL_WINDOW)
    }
}

/// What a fault does.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// To the network between two parts.
    Tcp {
        /// What happens.
        toxic: Toxic,
        /// Between which parts.
        route: Route,
        /// In which direction.
        side: Side,
        /// The part of connections that it touches, over 0 to 1.
        share: f64,
    },
    /// To processes of EventFlow.
    Process {
        /// To whom.
        who: Who,
        /// What happens.
        deed: Deed,
    },
    /// To a backend.
    Backend {
        /// To which.
        backend: Backend,
        /// What happens.
        deed: BackendDeed,
    },
}

/// What can happen to a connection.
#[derive(Clone, Debug, PartialEq)]
pub enum Toxic {
    /// Bytes arrive later, by `delay` plus or minus at most `jitter`; their order stays.
    Latency {
        /// How much later.
        delay: Duration,
        /// At most so much more or less.
        jitter: Duration,
    },
    /// So many bytes a second, at most.
    Bandwidth {
        /// The bytes.
        bytes_per_s: u64,
    },
    /// Bytes arrive in pieces of this size, `delay` apart.
    Slice {
        /// Of one piece.
        bytes: usize,
        /// Between two.
        delay: Duration,
    },
    /// The end of a connection is passed on later.
    SlowClose {
        /// How much later.
        delay: Duration,
    },
    /// Bytes vanish, and nobody is told.
    BlackHole,
    /// Connections are reset.
    Reset,
    /// Connections are reset once so many bytes have passed.
    CutAfter {
        /// The bytes.
        bytes: u64,
    },
    /// No new connection is taken.
    Refuse,
    /// The request goes through, its answer is lost, and the connection ends.
    DropReply,
}

/// Between which parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Route {
    /// Clients and APIs.
    Api,
    /// EventFlow and Redis.
    Redis,
    /// EventFlow and PostgreSQL.
    Postgres,
}

/// Which direction of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// To the server.
    Up,
    /// From the server.
    Down,
    /// Both.
    #[default]
    Both,
}

/// Processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Who {
    /// What they do. On `dev`, the one process is both.
    pub role: Role,
    /// Which of them.
    pub which: Which,
}

/// What a process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// An API.
    Api,
    /// A worker.
    Worker,
}

/// Which of several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// One, drawn by the seed.
    Any,
    /// All.
    All,
    /// The one at this index.
    Nth(usize),
}

/// What happens to a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// SIGKILL; started again after so long.
    Kill {
        /// None: with the usual second.
        respawn: Option<Duration>,
    },
    /// SIGTERM; started again so long after its end.
    Term {
        /// None: with the usual second.
        respawn: Option<Duration>,
    },
    /// SIGSTOP, and SIGCONT when the fault ends.
    Stop,
    /// SIGTERM, one after the other, each started again at once and awaited.
    Restart,
    /// So many of its role from now on, until the fault ends where it does.
    Scale(usize),
}

/// A backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Backend {
    /// Redis.
    Redis,
    /// PostgreSQL.
    Postgres,
    /// The file of `dev`.
    Sqlite,
}

/// What happens to a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BackendDeed {
    /// SIGKILL; started again when the fault ends.
    Kill,
    /// SIGSTOP, and SIGCONT when the fault ends.
    Stop,
    /// Ended in order and started again.
    Restart,
    /// Redis: all is deleted; what was destroyed is read in the same MULTI.
    Flush,
    /// Redis: full until the fault ends.
    #[serde(rename = "maxmemory")]
    MaxMemory,
    /// Writes are refused until the fault ends.
    ReadOnly,
    /// No further connection until the fault ends.
    MaxConnections,
    /// PostgreSQL: a transaction stays open until the fault ends.
    HoldSnapshot,
    /// All that was not synced is lost; started again.
    PowerCut,
}
