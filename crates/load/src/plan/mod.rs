//! The plan: what is sent, and when, as a pure function of the scenario and its seed.
//!
//! The same seed gives the same ids, payloads and intended times, byte for byte; only `source`, and with it every key,
//! differs from run to run. Nothing is kept of what was planned: a send is made when it is asked for, and again when it is
//! repeated, so that a plan takes the same memory whatever its length.

mod arrivals;
mod course;
mod dice;
mod firsts;
mod send;
mod template;
mod timeline;
mod words;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use eventflow_core::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::scenario::Scenario;
use course::Course;
use send::Heads;

pub use dice::Dice;
pub use send::Send;
pub use template::{Template, TemplateFlaw};
pub use timeline::{FaultLine, KindLine, PhaseLine, Timeline};

/// When the load begins for what must not know the wall clock: `{{now}}`, and the time that leads the ids. It is
/// 2025-01-01T00:00:00Z.
pub const EPOCH: Timestamp = Timestamp::from_micros(1_735_689_600_000_000);

/// One run of a scenario: a UUID v7.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(Uuid);

impl RunId {
    /// A run that begins now.
    #[expect(clippy::new_without_default, reason = "each one is another, which no default is")]
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for RunId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// What is sent, and when. A clone is the same plan.
#[derive(Clone, Debug)]
pub struct Plan(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    scenario: Scenario,
    run: RunId,
    source: String,
    heads: Heads,
}

impl Plan {
    /// The plan of this run.
    pub fn new(scenario: &Scenario, run: RunId) -> Self {
        let source = format!("efctl-load/{}/{run}", scenario.name);
        Self(Arc::new(Inner {
            heads: Heads::new(&scenario.mix, &source),
            scenario: scenario.clone(),
            run,
            source,
        }))
    }

    /// The `source` of every event of this run.
    pub fn source(&self) -> &str {
        &self.0.source
    }

    /// The run.
    pub fn run(&self) -> RunId {
        self.0.run
    }

    /// All sends of an open model in the order of their moments, those repeated on purpose among them.
    pub fn sends(&self) -> impl Iterator<Item = Send> + std::marker::Send + use<> {
        self.made(Course::open(&self.0.scenario))
    }

    /// The sends of a phase of a closed model, without an end: each is due when a client has its answer. `at` is the
    /// phase's beginning.
    pub fn stream(&self, phase: usize) -> impl Iterator<Item = Send> + std::marker::Send + use<> {
        self.made(Course::closed(&self.0.scenario, phase))
    }

    fn made(&self, course: Course) -> impl Iterator<Item = Send> + std::marker::Send + use<> {
        let plan = Arc::clone(&self.0);
        course.map(move |slot| plan.heads.send(&plan.scenario, &plan.source, slot))
    }

    /// The same event under another id and `seq`, for a client whose repeats are new events; they are counted from 1. Always
    /// the same for the same send and repeat.
    pub fn afresh(&self, send: &Send, repeat: u8) -> Send {
        self.0.heads.afresh(self.0.scenario.seed, &self.0.source, send, repeat)
    }

    /// What will happen when. It goes through all that is planned, some ten million sends a second.
    pub fn timeline(&self) -> Timeline {
        Timeline::of(&self.0.scenario)
    }
}

#[cfg(test)]
mod tests;
