//! What a run found, and the verdict on it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use eventflow_wire::Client;
use tokio_util::sync::CancellationToken;

use super::{Loaded, Parts, RunError, Stage};
use crate::measure::Meter;
use crate::report::{Machine, PhaseSpan, Summary};
use crate::verdict::{self, Facts, Reconciled};

/// How long reading the whole store may take.
const READING: Duration = Duration::from_mins(10);
/// How long the target may take to say what it is.
const ASKING: Duration = Duration::from_secs(5);

impl Parts {
    /// Waits for the drain, reads the store, and judges. `deadlocks` is what PostgreSQL had counted before the load.
    pub(super) async fn judged(
        mut self,
        loaded: Loaded,
        deadlocks: Option<u64>,
        stop: &CancellationToken,
    ) -> Result<(Summary, Arc<Meter>), RunError> {
        let begun = self.meter.glance().elapsed;
        let drained = !begun.is_zero() && self.drain_all(stop).await;
        let lasted = self.meter.glance().elapsed;
        self.teller.stage(Stage::Judging);
        let steady_after = if drained { self.steady_readings() } else { Vec::new() };
        // Reading the store keeps the API busy, and whoever is not seen for that does not stand still.
        let longest_standstill_s = self.watcher.end().await;
        self.journal.finish()?;
        let client = self.running.client().await;
        let mut faults = loaded.faults;
        let moments = verdict::moments(&self.scenario, &faults);
        let (tally, unread) = match self.reconciled(&client, &moments).await {
            Ok(reconciled) => {
                for (fault, recovery) in faults.iter_mut().zip(reconciled.recovery) {
                    fault.recovery_s = recovery;
                }
                (Some(reconciled.tally), None)
            }
            Err(why) => (None, Some(why)),
        };
        let counted = self.running.deadlocks().await;
        let facts = Facts {
            tally,
            unread,
            drained,
            steady_before: loaded.steady_before,
            steady_after,
            faults,
            measures: self.meter.measures(),
            longest_standstill_s,
            deadlocks: deadlocks_since(deadlocks, counted),
            died_unasked: self.running.died_unasked(),
            interrupted: stop.is_cancelled(),
        };
        let summary = Summary {
            version: Summary::VERSION,
            scenario: self.scenario.name.clone(),
            purpose: self.scenario.purpose.clone(),
            seed: self.scenario.seed,
            run: self.plan.run().to_string(),
            began: loaded.began,
            lasted_s: lasted.as_secs_f64(),
            target: self.running.kind().map_or_else(
                || {
                    self.running
                        .directs
                        .iter()
                        .map(ToString::to_string)
                        .collect::<Vec<_>>()
                        .join(", ")
                },
                |kind| kind.as_str().to_owned(),
            ),
            told: self.running.told.iter().cloned().chain(self.running.deaths()).collect(),
            durability: self.running.durability.clone(),
            machine: Machine::here(versions(&client).await),
            phases: PhaseSpan::of(&self.scenario, lasted),
            verdict: verdict::judge(&facts, &self.scenario),
            facts,
        };
        Ok((summary, self.meter))
    }

    /// Lays the journal beside the store. Why that could not be done, in words.
    async fn reconciled(&self, client: &Client, moments: &[Option<Duration>]) -> Result<Reconciled, String> {
        let rows = verdict::rows(client, self.plan.source());
        let reading = verdict::reconcile(
            &self.journal_file,
            &self.scenario,
            moments,
            rows,
            |key| verdict::find(client, key),
            |event| self.meter.ended(event.intended, event.kind, event.phase, event.ended),
        );
        match tokio::time::timeout(READING, reading).await {
            Ok(reconciled) => reconciled.map_err(|error| error.to_string()),
            Err(_) => Err(format!("it was not read within {} minutes", READING.as_secs() / 60)),
        }
    }
}

/// What PostgreSQL has counted since. None where it was not read both times, or fell: then it was forgotten in between, as
/// PostgreSQL does when one of its processes crashes.
fn deadlocks_since(before: Option<u64>, now: Option<u64>) -> Option<u64> {
    now?.checked_sub(before?)
}

/// The versions of what took part; without those that did not answer.
async fn versions(client: &Client) -> BTreeMap<String, String> {
    let Ok(stats) = client.clone().with_deadline(ASKING).stats().await else {
        return BTreeMap::new();
    };
    let backends = stats
        .backends
        .into_iter()
        .filter_map(|backend| Some((backend.name, backend.version?)));
    let mut versions: BTreeMap<String, String> = backends.collect();
    versions.insert("EventFlow".to_owned(), stats.version);
    versions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_that_fell_says_nothing() {
        assert_eq!(deadlocks_since(Some(1), Some(3)), Some(2));
        assert_eq!(deadlocks_since(Some(3), Some(1)), None);
        assert_eq!(deadlocks_since(None, Some(1)), None);
        assert_eq!(deadlocks_since(Some(1), None), None);
    }
}
