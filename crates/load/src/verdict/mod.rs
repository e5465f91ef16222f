//! The verdict: a pure function of what was found and what was expected.
//!
//! [`reconcile`] lays the journal beside what the store lists and counts, key by key, what became of each event: the
//! [`Tally`]. [`judge`] compares that and all else that was found, the [`Facts`], with what the scenario expects.

mod attempts;
mod bound;
mod count;
mod effect;
mod invariants;
mod judge;
mod metric;
mod questions;
mod reconcile;
mod recovery;
mod row;
mod scopes;
mod show;
mod steady;
mod store;
#[cfg(test)]
mod testing;
mod thresholds;

use std::collections::BTreeMap;
use std::time::Duration;

use eventflow_core::EventKey;
use serde::{Deserialize, Serialize};

use crate::measure::Measures;

pub use count::Finished;
pub use judge::judge;
pub use metric::is_metric;
pub use reconcile::{Reconciled, Unread, reconcile};
pub use recovery::moments;
pub use row::Row;
pub use steady::is_steady;
pub use store::{StoreError, find, rows};

/// All that a run found out, by which it is judged.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// What became of the events; absent where the store was not read to its end.
    pub tally: Option<Tally>,
    /// Why the store was not read to its end.
    pub unread: Option<String>,
    /// Whether all was done: lag, pending, due and running 0 in two fresh readings.
    pub drained: bool,
    /// The steady state as it was before the first fault; one line for each metric asked for.
    pub steady_before: Vec<SteadyReading>,
    /// The same after the drain.
    pub steady_after: Vec<SteadyReading>,
    /// What each fault did, in the order of the scenario.
    pub faults: Vec<FaultReport>,
    /// What was measured.
    pub measures: Measures,
    /// The longest stretch with a backlog and nothing finished, outside of fault windows, in seconds; absent where it
    /// could not be observed.
    pub longest_standstill_s: Option<f64>,
    /// Deadlocks that PostgreSQL counted during the run; absent where it could not be asked.
    pub deadlocks: Option<u64>,
    /// Processes that ended though nobody had asked them to; each was started again.
    pub died_unasked: u64,
    /// Whether a person ended it early.
    pub interrupted: bool,
}

/// What became of the events that were sent. Keys are named up to [`Tally::NAMED`] of a class.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    /// Different events that were sent at least once.
    pub attempted: u64,
    /// Of these: acknowledged.
    pub acked: u64,
    /// Neither acknowledged nor refused: nobody knows.
    pub unknown: u64,
    /// Refused, and nobody acknowledged them. Those refused with a status from 500 on may have been kept nevertheless.
    pub rejected: u64,
    /// Rows that are done.
    pub stored: u64,
    /// Rows that are dead or discarded.
    pub dead: u64,
    /// Rows that are neither: queued, due or running.
    pub unfinished: u64,
    /// Acknowledged, and nowhere.
    pub lost: Class,
    /// Rows beyond the first of one source and id, but for `id-reused`.
    pub duplicate: Class,
    /// Both stored and dead.
    pub both: Class,
    /// Rows of the run's source that it never sent, or that were refused each time at the door, with a status below 500.
    pub unexpected: Class,
    /// Run to their end more than once without a requeue.
    pub run_twice: Class,
    /// Dead, though their kind is to be stored; or with reason `id-reused`.
    pub dead_unasked: Class,
    /// Stored, though their kind is to be dead.
    pub alive_unasked: Class,
    /// Acknowledged, or stored or dead, though their kind is to be refused.
    pub taken_unasked: Class,
    /// Nobody knew, or something failed, and they are stored or dead.
    pub recovered: u64,
    /// Acknowledged, and destroyed by a `flush` of the run, which read their keys as it did.
    pub destroyed: u64,
    /// Dead or discarded events of the run by scope, named as in [`Measures::scopes`]. Where there are none, there is no
    /// scope.
    #[serde(default)]
    pub dead_in: BTreeMap<String, u64>,
}

impl Tally {
    /// How many keys of a class are named.
    pub const NAMED: usize = 20;
}

/// Events of one class.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Class {
    /// How many.
    pub count: u64,
    /// The first of them.
    pub keys: Vec<EventKey>,
}

impl Class {
    /// One more.
    pub fn add(&mut self, key: EventKey) {
        self.count += 1;
        if self.keys.len() < Tally::NAMED {
            self.keys.push(key);
        }
    }
}

/// A metric of the steady state, as it was read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SteadyReading {
    /// Which: `backlog`, `lag`, `due`, `running`, `dead`.
    pub metric: String,
    /// What it was; absent where nobody knew.
    pub value: Option<f64>,
}

/// What a fault did.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FaultReport {
    /// Its id.
    pub id: String,
    /// What it is, for people: `KILL worker[any]`, `reset on postgres, 50 % of connections`.
    pub title: String,
    /// When it was to strike, in seconds from the beginning of the load.
    pub planned_s: f64,
    /// When it struck; absent where it never did.
    pub struck_s: Option<f64>,
    /// When it was over; of a kill, when it had struck.
    pub ended_s: Option<f64>,
    /// What it touched: connections, processes, commands or keys. 0: it did nothing.
    pub touched: u64,
    /// Why it was skipped, or failed.
    pub skipped: Option<String>,
    /// From its strike (a kill) or its end until no older event was unfinished and newer ones were stored, in seconds;
    /// absent where that never came or could not be told.
    pub recovery_s: Option<f64>,
    /// Events that it destroyed on purpose.
    pub destroyed: u64,
    /// What else there is to say.
    pub notes: Vec<String>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// All that was expected holds.
    Pass,
    /// A threshold was missed, and nothing was broken.
    Missed,
    /// An invariant is broken.
    Broken,
    /// Nobody can say: a fault touched nothing or was skipped, there was no full drain, or nothing was acknowledged.
    Inconclusive,
    /// Not steady at the start; no fault was made.
    NotSteady,
    /// A person ended it.
    Interrupted,
}

impl Outcome {
    /// The exit code.
    pub const fn code(self) -> u8 {
        match self {
            Self::Pass => 0,
            Self::Missed => 1,
            Self::Broken => 3,
            Self::Inconclusive => 4,
            Self::NotSteady => 5,
            Self::Interrupted => 130,
        }
    }
}

/// The verdict.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// How it ended.
    pub outcome: Outcome,
    /// Every single thing that was judged, invariants first.
    pub checks: Vec<Check>,
}

/// One thing that was judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// What: `acked_lost`, `steady/accept.p99`, `F2/recovery`, `drained`, `F1 took effect`.
    pub name: String,
    /// What was asked for: `0`, `< 150ms`.
    pub asked: String,
    /// What was found: `3`, `87ms`, `unknown`.
    pub found: String,
    /// How it stands.
    pub stands: Stands,
    /// What a person should know about it, such as the keys that are lost.
    pub why: Option<String>,
}

/// How a check stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stands {
    /// Met.
    Met,
    /// A threshold is missed.
    Missed,
    /// An invariant is broken.
    Broken,
    /// Nobody can say.
    Unknown,
}

/// A moment of a run in seconds from the beginning of its load, as reports have it.
pub(crate) fn seconds(moment: Duration) -> f64 {
    moment.as_secs_f64()
}
