//! Random interleavings of all that can happen to an event, on an adapter and on the model side by side.
//!
//! A seed chooses every step. After each, replies and the state of every key are compared, and the laws are judged on
//! the adapter's answers alone. A run that fails names its seed, its step and all steps before.

mod chooser;
mod compare;
mod course;
mod coverage;
mod operators;
mod outcomes;
mod party;
#[cfg(test)]
mod planted;
mod profile;
mod step;
mod watch;
mod workers;

use std::fmt;
use std::ops::RangeInclusive;

pub use coverage::Coverage;

use crate::rig::LedgerRig;
use course::Course;

/// Makes one `#[tokio::test]` that runs random interleavings against the model in memory.
///
/// `$rig` is as for [`ledger_laws!`](crate::ledger_laws); it is built anew for each seed. See [`Plan`] for the variables
/// that choose seeds and steps.
#[macro_export]
macro_rules! ledger_interleavings {
    ($rig:expr) => {
        #[tokio::test]
        async fn random_interleavings_agree_with_the_model() {
            let plan = $crate::interleavings::Plan::from_env();
            for seed in plan.seeds() {
                if let Some(rig) = $rig {
                    $crate::interleavings::hold(&rig, seed, plan.steps()).await;
                }
            }
        }
    };
}

/// Which seeds to run, and how far.
#[derive(Clone, Debug)]
pub struct Plan {
    seeds: RangeInclusive<u64>,
    steps: usize,
}

impl Plan {
    /// Reads `EVENTFLOW_SEED` (that one alone), `EVENTFLOW_SEEDS` (how many, 8 by default) and `EVENTFLOW_STEPS` (300).
    pub fn from_env() -> Self {
        let seeds = match number("EVENTFLOW_SEED") {
            Some(seed) => seed..=seed,
            None => 1..=number("EVENTFLOW_SEEDS").unwrap_or(8),
        };
        let steps = number("EVENTFLOW_STEPS").and_then(|steps| usize::try_from(steps).ok());
        Self {
            seeds,
            steps: steps.unwrap_or(300),
        }
    }

    /// The seeds, one run each.
    pub fn seeds(&self) -> RangeInclusive<u64> {
        self.seeds.clone()
    }

    /// Steps of a run.
    pub const fn steps(&self) -> usize {
        self.steps
    }
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is a whole number, not {text:?}")),
    )
}

/// Where an adapter and the model went apart, or a law was broken.
#[derive(Clone, Debug)]
pub struct Divergence {
    seed: u64,
    what: String,
    trace: Vec<String>,
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "seed {} fails at step {}: {}",
            self.seed,
            self.trace.len(),
            self.what
        )?;
        writeln!(f, "run it again with EVENTFLOW_SEED={}; its steps were:", self.seed)?;
        self.trace
            .iter()
            .zip(1..)
            .try_for_each(|(step, number)| writeln!(f, "{number:5} {step}"))
    }
}

/// Runs so many steps, and says what they reached.
///
/// # Errors
/// Where adapter and model go apart, a law is broken, or the adapter fails.
pub async fn run(rig: &dyn LedgerRig, seed: u64, steps: usize) -> Result<Coverage, Divergence> {
    let mut course = Course::begin(rig, seed).await;
    let ran = course.run(steps).await;
    let (coverage, trace) = course.end();
    ran.map(|()| coverage).map_err(|what| Divergence { seed, what, trace })
}

/// Runs so many steps.
///
/// # Panics
/// Where adapter and model go apart, a law is broken, or the adapter fails: with seed, step and trace.
pub async fn hold(rig: &dyn LedgerRig, seed: u64, steps: usize) {
    if let Err(divergence) = run(rig, seed, steps).await {
        panic!("{divergence}");
    }
}
