//! The whole of a run: from a checked scenario to a summary with its verdict.
//!
//! The target is started, and awaited until it is steady; the load is sent while faults strike and somebody watches; then
//! nothing is sent until nothing is left to do, the store is read, and what was found is judged. A run that is ended early
//! still undoes its faults and says what it found.

mod glance;
mod judging;
mod loading;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use eventflow_core::{Clock as _, SystemClock, Timestamp};
use hdrhistogram::Histogram;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::glance::Teller;
pub use self::glance::{Glance, Stage};
use crate::generate::Failed;
use crate::journal::{self, Head, Journal};
use crate::measure::Meter;
use crate::plan::{Plan, RunId};
use crate::report::{self, Summary};
use crate::scenario::{Fault, Scenario, Stretch};
use crate::target::{self, Order, Running, TargetError};
use crate::verdict::{FaultReport, SteadyReading, is_steady};
use crate::watch::Watcher;

/// How long a target may take to be steady before the load. Just before the first fault it must be so at once.
const STEADY_WAIT: Duration = Duration::from_secs(10);

/// What is to be run.
#[derive(Debug)]
pub struct RunJob {
    /// The scenario.
    pub scenario: Scenario,
    /// Its text, which is kept beside the outputs.
    pub scenario_text: String,
    /// The folder for the outputs. It is there.
    pub out: PathBuf,
    /// The address of the API that runs, where the scenario names none.
    pub api: Option<String>,
    /// The token to present to it.
    pub token: Option<String>,
    /// The server's binary, over what the scenario says.
    pub server: Option<PathBuf>,
}

/// A run that has ended, and is judged.
#[derive(Debug)]
pub struct Ended {
    /// All about it.
    pub summary: Summary,
    /// Its histograms, as they were written.
    pub histograms: Vec<(String, Histogram<u64>)>,
    /// The files it left in its folder.
    pub files: Vec<PathBuf>,
}

/// Why there is nothing to judge.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The target could not be started or reached.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The load had to be given up.
    #[error(transparent)]
    Load(#[from] Failed),
    /// The run cannot be written down.
    #[error("the run cannot be written down: {0}")]
    Written(#[from] io::Error),
}

/// What the parts of a run share.
struct Parts {
    scenario: Arc<Scenario>,
    plan: Plan,
    running: Arc<Running>,
    watcher: Watcher,
    meter: Arc<Meter>,
    journal: Arc<Journal>,
    journal_file: PathBuf,
    teller: Arc<Teller>,
}

/// What the load left to be judged.
struct Loaded {
    /// When it began, by this machine's clock.
    began: Timestamp,
    steady_before: Vec<SteadyReading>,
    faults: Vec<FaultReport>,
}

/// Runs a scenario to its verdict. `glances` tells how it goes; `stop` ends it early.
///
/// # Errors
/// [`RunError`] where there is nothing to judge. The target is gone then too.
pub async fn run(job: RunJob, glances: watch::Sender<Glance>, stop: CancellationToken) -> Result<Ended, RunError> {
    let scenario = Arc::new(job.scenario);
    let plan = Plan::new(&scenario, RunId::new());
    let meter = Meter::new(&scenario);
    let teller = Arc::new(Teller::new(glances, Arc::clone(&meter)));
    let journal_file = job.out.join(journal::FILE);
    let journal = Journal::create(&journal_file, &head(&scenario, &plan))?;
    let order = Order {
        scenario: &scenario,
        out: &job.out,
        api: job.api,
        token: job.token,
        server: job.server,
    };
    let running = Arc::new(target::start(order, &stop).await?);
    teller.told(&running.told);
    let parts = Parts {
        watcher: Watcher::start(&running, scenario.faults.iter().map(Fault::window).collect()),
        scenario,
        plan,
        running: Arc::clone(&running),
        meter,
        journal,
        journal_file,
        teller,
    };
    // A run is large, and whoever awaits it need not carry it about.
    let judged = Box::pin(parts.drive(&stop)).await;
    running.stop().await;
    let (summary, meter) = judged?;
    let histograms = meter.histograms();
    let files = report::write(&job.out, &summary, &histograms, &job.scenario_text)?;
    Ok(Ended {
        summary,
        histograms,
        files,
    })
}

impl Parts {
    async fn drive(self, stop: &CancellationToken) -> Result<(Summary, Arc<Meter>), RunError> {
        let deadlocks = self.running.deadlocks().await;
        let begin = self.wait_until_steady(stop).await;
        let loaded = match begin {
            Ok(steady) => self.load(steady, stop).await?,
            Err(unsteady) => Loaded {
                began: SystemClock.now(),
                steady_before: unsteady,
                faults: Vec::new(),
            },
        };
        self.judged(loaded, deadlocks, stop).await
    }

    /// Waits until the target is steady. What was read then, or what was not steady until the end.
    async fn wait_until_steady(&self, stop: &CancellationToken) -> Result<Vec<SteadyReading>, Vec<SteadyReading>> {
        self.teller.stage(Stage::Steady);
        let expected = &self.scenario.expect.steady_state;
        let mut readings = self.watcher.subscribe();
        let deadline = Instant::now() + STEADY_WAIT;
        loop {
            let steady = self.steady_readings();
            if is_steady(expected, &steady) {
                return Ok(steady);
            }
            tokio::select! {
                () = stop.cancelled() => return Ok(steady),
                () = tokio::time::sleep_until(deadline) => return Err(steady),
                changed = readings.changed() => if changed.is_err() {
                    return Err(steady);
                },
            }
        }
    }

    /// The metrics of the steady state as they stand.
    fn steady_readings(&self) -> Vec<SteadyReading> {
        let reading = self.watcher.latest();
        let metrics = self.scenario.expect.steady_state.keys();
        let read = metrics.map(|metric| SteadyReading {
            metric: metric.clone(),
            value: reading.as_ref().and_then(|reading| reading.metric(metric)),
        });
        read.collect()
    }

    /// How long the drain may take. A checked scenario has one.
    fn drain(&self) -> Duration {
        let drain = self.scenario.phases.iter().find_map(|phase| match phase.what {
            Stretch::Drain { at_most } => Some(at_most),
            Stretch::Send { .. } => None,
        });
        drain.unwrap_or_default()
    }
}

fn head(scenario: &Scenario, plan: &Plan) -> Head {
    Head {
        scenario: scenario.name.clone(),
        run: plan.run().to_string(),
        source: plan.source().to_owned(),
        seed: scenario.seed,
    }
}
