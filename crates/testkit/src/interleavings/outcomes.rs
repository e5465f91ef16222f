//! Chooses outcomes: of what runs, and of what a zombie believes to run.

use std::time::Duration;

use eventflow_core::{Death, EventKey, Finished, LeaseToken, Reason, Verdict, WorkerId};
use fastrand::Rng;

use super::chooser::Chooser;
use super::step::Step;
use crate::build;

/// Waits have fractions of a unit of their own: see `step::LEASE`.
const RETRIES: [Duration; 3] = [Duration::ZERO, Duration::from_secs(1_201), Duration::from_secs(4_301)];
const OUTAGES: [Duration; 2] = [Duration::from_secs(1_801), Duration::from_secs(3_701)];

impl Chooser {
    pub(super) fn record(&mut self) -> Option<Step> {
        let place = self.place();
        let worker = self.workers.all[place].clone();
        let mut finished = Vec::new();
        for (key, token) in worker.running {
            if self.rng.u8(0..10) < 7 {
                let crashed = self.has_crashed(key);
                finished.push(finished_of(&mut self.rng, worker.id, key, token, crashed));
            }
        }
        (!finished.is_empty()).then_some(Step::Record(finished))
    }

    fn has_crashed(&self, key: EventKey) -> bool {
        let state = self.model.state();
        let work = state.events.get(&key).and_then(|row| row.work.as_ref());
        work.is_some_and(|work| work.crashes > 0)
    }

    pub(super) fn zombie(&mut self) -> Option<Step> {
        let past = *self.rng.choice(self.workers.past())?;
        let one = finished_of(&mut self.rng, past.worker, past.key, past.token, false);
        Some(Step::Record(vec![one]))
    }
}

/// What has crashed is more often run alone.
fn finished_of(rng: &mut Rng, worker: WorkerId, key: EventKey, token: LeaseToken, crashed: bool) -> Finished {
    let mut finished = build::finished(worker, key, token, verdict(rng));
    finished.duration = Duration::from_millis(rng.u64(0..5000));
    finished.alone = rng.u8(0..10) < if crashed { 6 } else { 2 };
    finished
}

fn verdict(rng: &mut Rng) -> Verdict {
    match rng.u8(0..100) {
        0..30 => Verdict::Done,
        30..50 => Verdict::Retry(RETRIES[rng.usize(0..RETRIES.len())]),
        50..75 => Verdict::Dead(death(rng)),
        75..90 => Verdict::Unavailable(OUTAGES[rng.usize(0..OUTAGES.len())]),
        _ => Verdict::HandBack,
    }
}

fn death(rng: &mut Rng) -> Death {
    if rng.bool() {
        Death::new(Reason::Permanent, format!("order {} is unknown", rng.u8(..)))
    } else {
        Death::new(Reason::AttemptsSpent, "the last of its attempts failed")
    }
}
