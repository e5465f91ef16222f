//! One run: step by step on the adapter and on the model, whose clock follows the adapter's.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use eventflow_core::{EventKey, EventRecord, PortError};

use super::chooser::Chooser;
use super::compare::{align_lines, differ, differ_in, overviews, plain, records};
use super::coverage::Coverage;
use super::party::Party;
use super::step::{LEASE, Step};
use super::watch::Watch;
use crate::memory::{ManualClock, MemoryLedger};
use crate::rig::LedgerRig;

/// After so many steps all is compared, not only what could have changed.
const ALL_EVERY: usize = 15;

pub(super) struct Course<'a> {
    rig: &'a dyn LedgerRig,
    adapter: Party,
    model: Party,
    memory: Arc<MemoryLedger>,
    chooser: Chooser,
    watch: Watch,
    coverage: Coverage,
    trace: Vec<String>,
    /// What the model knew of each key when it was last compared.
    known: BTreeMap<EventKey, Option<EventRecord>>,
}

impl<'a> Course<'a> {
    pub(super) async fn begin(rig: &'a dyn LedgerRig, seed: u64) -> Self {
        let memory = Arc::new(MemoryLedger::new(ManualClock::at(rig.now().await)));
        let (ledger, archive) = (rig.ledger(), rig.archive());
        let registry = ledger.registry(LEASE).await.expect("a fresh ledger tells its registry");
        Self {
            rig,
            adapter: Party {
                ledger,
                archive,
                ahead: registry.version.0,
            },
            model: Party {
                ledger: memory.clone(),
                archive: memory.clone(),
                ahead: 0,
            },
            chooser: Chooser::new(seed, memory.clone()),
            memory,
            watch: Watch::default(),
            coverage: Coverage::default(),
            trace: Vec::new(),
            known: BTreeMap::new(),
        }
    }

    pub(super) fn end(self) -> (Coverage, Vec<String>) {
        (self.coverage, self.trace)
    }

    pub(super) async fn run(&mut self, steps: usize) -> Result<(), String> {
        for number in 1..=steps {
            let all = number % ALL_EVERY == 0 || number == steps;
            self.step(all).await?;
        }
        Ok(())
    }

    async fn step(&mut self, all: bool) -> Result<(), String> {
        let step = self.chooser.next();
        self.trace.push(step.to_string());
        if let Step::Advance(by) = step {
            self.rig.advance(by).await;
        }
        let now = self.rig.now().await;
        self.memory.clock().set(now);
        let version = self.memory.state().version;
        let reply = self.adapter.perform(&step, version).await.map_err(failed)?;
        let wanted = self.model.perform(&step, version).await.map_err(failed)?;
        self.watch.judge(now, &step, &reply)?;
        differ(
            "the reply",
            &plain(reply, self.adapter.ahead),
            &plain(wanted.clone(), 0),
        )?;
        self.coverage.note(&step, &wanted);
        self.chooser.hear(&step, &wanted);
        self.compare_states(&step).await?;
        self.compare_records(&step, all).await?;
        if all {
            let mine = self.adapter.overview().await.map_err(failed)?;
            let wanted = self.model.overview().await.map_err(failed)?;
            overviews(mine, wanted)?;
        }
        Ok(())
    }

    async fn compare_states(&mut self, step: &Step) -> Result<(), String> {
        let mine = self.adapter.lines().await.map_err(failed)?;
        let mut wanted = self.model.lines().await.map_err(failed)?;
        let states = mine.iter().map(|line| (line.event.key, line.state)).collect();
        self.watch.judge_states(step, states)?;
        align_lines(&mine, &mut wanted);
        differ_in("the list of events", &mine, &wanted)
    }

    /// Compares what the step names and what it has changed in the model, or everything.
    async fn compare_records(&mut self, step: &Step, all: bool) -> Result<(), String> {
        let named: BTreeSet<EventKey> = step.keys().into_iter().collect();
        for key in self.chooser.keys().to_vec() {
            let wanted = self.model.get(key).await.map_err(failed)?;
            let changed = self.known.get(&key).is_none_or(|before| *before != wanted);
            if !(all || changed || named.contains(&key)) {
                continue;
            }
            let mine = self.adapter.get(key).await.map_err(failed)?;
            self.watch.judge_record(step, key, mine.as_ref())?;
            match (&mine, &wanted) {
                (Some(mine), Some(wanted)) => records(mine, wanted)?,
                _ => differ("whether an event is there", &mine, &wanted)?,
            }
            self.known.insert(key, wanted);
        }
        Ok(())
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is given to map_err")]
fn failed(error: PortError) -> String {
    format!("the ledger failed: {error}")
}
