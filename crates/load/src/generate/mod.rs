//! Sends at the planned moments, and tells the journal and the meter what became of it.
//!
//! In the open model response times count from the intended moment, also where a send had to wait because too many were in
//! flight; what waited too long is dropped and counted, never hidden. In the closed model each client sends when it has its
//! answer. Either way an attempt stands in the journal before its first byte leaves, and its end when it has ended.

mod alarm;
mod answer;
mod body;
mod closed;
mod cpu;
mod exchange;
mod http;
mod open;
mod repeat;
mod story;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

use crate::journal::Journal;
use crate::measure::Meter;
use crate::plan::Plan;
use crate::scenario::{Model, Scenario};
use alarm::Alarm;
use cpu::Usage;
use exchange::Exchanges;
use http::{Http, Post};

/// A load to generate.
pub struct Job {
    /// What is sent, and when.
    pub plan: Plan,
    /// What the plan was made of.
    pub scenario: Arc<Scenario>,
    /// The APIs, which take turns.
    pub targets: Vec<Url>,
    /// What the client shows to be let in.
    pub token: Option<String>,
    /// Where every attempt is written down.
    pub journal: Arc<Journal>,
    /// What measures it.
    pub meter: Arc<Meter>,
    /// The beginning of the load, from which all moments count.
    pub begin: Instant,
}

/// A load that was generated.
#[derive(Debug)]
pub struct Generated {
    /// When the last send had ended, from the beginning of the load.
    pub ended: Duration,
    /// Whether it was ended before its time.
    pub stopped: bool,
    /// Why it had to be given up, if it had to.
    pub failed: Option<Failed>,
}

/// Why a load had to be given up.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// What was sent cannot be written down any more, so that nothing could be proved.
    #[error("the journal cannot be written: {0}")]
    Journal(#[source] io::Error),
    /// There is nothing to send with.
    #[error("cannot send: {0}")]
    Setup(Cow<'static, str>),
}

/// Sends all that is planned, from `job.begin` on, and returns when every send has ended.
///
/// Once `stop` is cancelled nothing more is sent or repeated; what is in flight still has its deadline.
pub async fn generate(job: Job, stop: CancellationToken) -> Generated {
    match Http::new(&job.targets, job.token.as_deref(), job.scenario.load.timeout) {
        Ok(http) => through(&job, http, Alarm::fine(), &stop).await,
        Err(failed) => Generated {
            ended: Duration::ZERO,
            stopped: true,
            failed: Some(failed),
        },
    }
}

async fn through<P: Post>(job: &Job, post: P, alarm: Alarm, stop: &CancellationToken) -> Generated {
    let usage = Usage::begin();
    let exchanges = Exchanges::new(job, post, stop);
    job.meter.begin(job.begin);
    exchanges.begin_journal();
    let load = &job.scenario.load;
    let running = TaskTracker::new();
    match load.model {
        Model::Open => open::send_all(&exchanges, job.plan.sends(), load.max_late, alarm, &running).await,
        Model::Closed { clients } => closed::start(&exchanges, &job.plan, &job.scenario, clients, &running),
    }
    running.close();
    tokio::select! {
        biased;
        () = exchanges.halt().cancelled() => job.meter.cut(exchanges.now()),
        () = running.wait() => {}
    }
    running.wait().await;
    job.meter.used(usage.part());
    Generated {
        ended: exchanges.now(),
        stopped: exchanges.halt().is_cancelled(),
        failed: exchanges.failure(),
    }
}
