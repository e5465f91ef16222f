//! Strikes each fault at its moment, undoes it at its end, and reports what it did.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Field, Struck, draw, title};
use crate::journal::Journal;
use crate::scenario::{Fault, Scenario};
use crate::target::Running;
use crate::verdict::{FaultReport, seconds};

/// Makes the faults of a scenario.
#[derive(Debug)]
pub struct Driver {
    faults: Vec<Fault>,
    seed: u64,
    running: Arc<Running>,
}

/// Tells and writes down what the faults of a run do.
#[derive(Clone)]
struct Witness {
    begin: Instant,
    stop: CancellationToken,
    journal: Arc<Journal>,
    armed: watch::Sender<Vec<String>>,
}

impl Driver {
    /// The faults of this scenario, on this target.
    pub fn new(scenario: &Scenario, running: Arc<Running>) -> Self {
        Self {
            faults: scenario.faults.clone(),
            seed: scenario.seed,
            running,
        }
    }

    /// Strikes each fault at its moment after `begin`, and undoes it at its end. When `stop` comes nothing further is
    /// struck, and all is undone. `armed` holds the ids of those that are in force. The reports are in the order of the
    /// scenario. Returns when nothing is in force any more.
    pub async fn run(
        self,
        begin: Instant,
        stop: CancellationToken,
        journal: Arc<Journal>,
        armed: watch::Sender<Vec<String>>,
    ) -> Vec<FaultReport> {
        let witness = Witness {
            begin,
            stop,
            journal,
            armed,
        };
        let mut reports: Vec<FaultReport> = self.faults.iter().map(blank).collect();
        let mut striking = JoinSet::new();
        for (order, fault) in self.faults.into_iter().enumerate() {
            let field = Field {
                running: Arc::clone(&self.running),
                lasts: fault.lasts,
                seed: draw(self.seed, order),
            };
            let witness = witness.clone();
            striking.spawn(async move { (order, witness.see(&fault, field).await) });
        }
        while let Some(ended) = striking.join_next().await {
            match ended {
                Ok((order, report)) => reports[order] = report,
                Err(error) => tracing::error!(%error, "a fault's task has failed"),
            }
        }
        reports
    }
}

impl Witness {
    /// One fault, from its moment to its end.
    async fn see(&self, fault: &Fault, field: Field) -> FaultReport {
        let mut report = blank(fault);
        let due = self.begin + fault.at;
        tokio::select! {
            biased;
            () = self.stop.cancelled() => {
                report.skipped = Some("the run was ended before its moment".to_owned());
                return report;
            }
            () = tokio::time::sleep_until(due) => {}
        }
        report.skipped = None;
        report.struck_s = Some(self.elapsed());
        self.armed.send_modify(|armed| armed.push(fault.id.clone()));
        self.note(&format!("{} strikes: {}", fault.id, report.title));
        match field.strike(&fault.what).await {
            Ok(struck) => {
                self.endure(fault, due, struck, &mut report).await;
                report.ended_s = Some(self.elapsed());
            }
            Err(why) => {
                report.skipped = Some(why);
                report.struck_s = None;
            }
        }
        self.armed.send_modify(|armed| armed.retain(|id| *id != fault.id));
        let touched = report.touched;
        match &report.skipped {
            Some(why) => self.note(&format!("{} was skipped, or failed: {why}", fault.id)),
            None => self.note(&format!("{} is over; it touched {touched}", fault.id)),
        }
        report
    }

    /// From the strike to the end.
    async fn endure(&self, fault: &Fault, due: Instant, struck: Struck, report: &mut FaultReport) {
        report.touched = struck.touched;
        report.notes = struck.notes;
        report.destroyed = u64::try_from(struck.destroyed.len()).unwrap_or(u64::MAX);
        if let Err(error) = self.journal.destroyed(&struck.destroyed) {
            // The journal itself says so, and ends the run.
            report
                .notes
                .push(format!("what it destroyed is not in the journal: {error}"));
        }
        let Some(undo) = struck.undo else { return };
        let end = due + fault.lasts.unwrap_or(undo.usual);
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = tokio::time::sleep_until(end) => {}
        }
        match undo.done.await {
            Ok(undone) => {
                report.touched += undone.touched;
                report.notes.extend(undone.notes);
            }
            Err(why) => report.notes.push(format!("it could not be undone in order: {why}")),
        }
    }

    fn note(&self, text: &str) {
        tracing::info!("{text}");
        if let Err(error) = self.journal.note("fault", text) {
            tracing::debug!(%error, "not in the journal");
        }
    }

    fn elapsed(&self) -> f64 {
        seconds(self.begin.elapsed())
    }
}

/// A report of a fault that has not struck.
fn blank(fault: &Fault) -> FaultReport {
    FaultReport {
        id: fault.id.clone(),
        title: title(&fault.what),
        planned_s: seconds(fault.at),
        skipped: Some("its task has failed".to_owned()),
        ..FaultReport::default()
    }
}
