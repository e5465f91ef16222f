//! The load and its faults, side by side, and the drain after them.

use std::sync::Arc;
use std::time::Duration;

use eventflow_core::{Clock as _, SystemClock};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::{Loaded, Parts, RunError, Stage};
use crate::fault::Driver;
use crate::generate::{self, Generated, Job};
use crate::verdict::{FaultReport, SteadyReading, is_steady};

/// The time between the beginning that is announced and the beginning.
const RUN_UP: Duration = Duration::from_millis(200);
/// How often those who watch are told.
const TICK: Duration = Duration::from_millis(200);

impl Parts {
    /// Sends all, while faults strike. Where the state is not steady just before the first fault, nothing further is sent
    /// and no fault is made.
    pub(super) async fn load(&self, steady: Vec<SteadyReading>, stop: &CancellationToken) -> Result<Loaded, RunError> {
        let begin = Instant::now() + RUN_UP;
        let moment = SystemClock.now().plus(RUN_UP);
        self.watcher.begin(begin);
        self.teller.stage(Stage::Loading);
        let halt = stop.child_token();
        let (armed, seen) = watch::channel(Vec::new());
        let (generated, (steady_before, faults)) = {
            let sending = self.send(begin, halt.clone());
            let striking = self.strike(begin, steady, armed, &halt);
            self.while_told(seen, async { tokio::join!(sending, striking) }).await
        };
        if let Some(failed) = generated.failed {
            return Err(failed.into());
        }
        Ok(Loaded {
            began: moment,
            steady_before,
            faults,
        })
    }

    async fn send(&self, begin: Instant, halt: CancellationToken) -> Generated {
        let job = Job {
            plan: self.plan.clone(),
            scenario: Arc::clone(&self.scenario),
            targets: self.running.apis.clone(),
            token: self.running.token.clone(),
            journal: Arc::clone(&self.journal),
            meter: Arc::clone(&self.meter),
            begin,
        };
        let generated = generate::generate(job, halt.clone()).await;
        if generated.failed.is_some() {
            // Nothing can be proved any more: the faults end too.
            halt.cancel();
        }
        generated
    }

    /// Makes the faults, if the state is steady just before the first of them.
    async fn strike(
        &self,
        begin: Instant,
        steady: Vec<SteadyReading>,
        armed: watch::Sender<Vec<String>>,
        halt: &CancellationToken,
    ) -> (Vec<SteadyReading>, Vec<FaultReport>) {
        let Some(first) = self.scenario.faults.iter().map(|fault| fault.at).min() else {
            return (steady, Vec::new());
        };
        tokio::select! {
            () = halt.cancelled() => {}
            () = tokio::time::sleep_until(begin + first) => {}
        }
        let steady = self.steady_readings();
        if !is_steady(&self.scenario.expect.steady_state, &steady) {
            halt.cancel();
        }
        let driver = Driver::new(&self.scenario, Arc::clone(&self.running));
        let faults = driver.run(begin, halt.clone(), Arc::clone(&self.journal), armed).await;
        (steady, faults)
    }

    /// Waits until nothing is left to do.
    pub(super) async fn drain_all(&self, stop: &CancellationToken) -> bool {
        self.teller.stage(Stage::Draining);
        let (_armed, seen) = watch::channel(Vec::new());
        self.while_told(seen, self.watcher.drained(self.drain(), stop)).await
    }

    /// Tells those who watch how it goes, until `work` is done.
    async fn while_told<T>(&self, armed: watch::Receiver<Vec<String>>, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut readings = self.watcher.subscribe();
        loop {
            tokio::select! {
                done = &mut work => return done,
                Ok(()) = readings.changed() => {
                    if let Some(reading) = readings.borrow_and_update().as_ref() {
                        self.meter.reading(reading.at, reading);
                    }
                }
                _ = ticks.tick() => {
                    let armed = armed.borrow().clone();
                    self.teller.tick(&armed, self.watcher.latest());
                }
            }
        }
    }
}
