//! Renews and records: what a worker says of the rows that bear its leases.

use std::collections::BTreeSet;

use eventflow_core::{
    Attempt, AttemptResult, EventKey, EventState, Finished, LeaseToken, Recorded, Renewal, Renewed, Timestamp, Verdict,
    WorkerId,
};

use super::rows::{Lease, State};

impl State {
    pub(crate) fn renew(&mut self, now: Timestamp, renewal: &Renewal) -> Renewed {
        let unknown = !self.keep_living(now, renewal);
        let mut unmatched: BTreeSet<(EventKey, LeaseToken)> = renewal.running.iter().copied().collect();
        let mut handed_back = 0;
        for (key, row) in &mut self.events {
            let Some(work) = &mut row.work else { continue };
            let Some(lease) = work.lease.filter(|lease| lease.worker == renewal.worker) else {
                continue;
            };
            if unmatched.remove(&(*key, lease.token)) {
                work.due_at = now.plus(renewal.lease_time);
            } else if !renewal.awaited.contains(&lease.token) {
                work.release(now);
                handed_back += 1;
            }
        }
        Renewed {
            lost: unmatched.into_iter().map(|(key, _)| key).collect(),
            handed_back,
            unknown,
        }
    }

    /// False where the worker is not on the list.
    fn keep_living(&mut self, now: Timestamp, renewal: &Renewal) -> bool {
        let Some(row) = self.workers.get_mut(&renewal.worker) else {
            return false;
        };
        if now.since(row.renewed_at) > renewal.lease_time / 3 {
            row.unbroken_since = now;
        }
        row.renewed_at = now;
        if let Some(beat) = &renewal.beat {
            row.beat = Some(beat.clone());
        }
        true
    }

    pub(crate) fn leave(&mut self, now: Timestamp, worker: WorkerId) {
        self.workers.remove(&worker);
        for work in self.events.values_mut().filter_map(|row| row.work.as_mut()) {
            if work.lease.is_some_and(|lease| lease.worker == worker) {
                work.release(now);
            }
        }
    }

    pub(crate) fn record(&mut self, now: Timestamp, finished: &Finished) -> Recorded {
        let Some(row) = self.events.get_mut(&finished.key) else {
            return Recorded::Stale;
        };
        let Some(work) = &mut row.work else {
            return Recorded::Stale;
        };
        if work.lease.map(|lease: Lease| lease.token) != Some(finished.lease) {
            return Recorded::Stale;
        }
        if finished.alone && finished.verdict != Verdict::HandBack {
            work.crashes = 0;
        }
        if finished.verdict.counts() {
            work.attempt += 1;
            row.attempts.push(attempt_of(now, finished, work.attempt));
        }
        match &finished.verdict {
            Verdict::Done => {
                row.work = None;
                row.end = EventState::Done;
            }
            Verdict::Retry(wait) | Verdict::Unavailable(wait) => work.release(now.plus(*wait)),
            Verdict::HandBack => work.release(now),
            Verdict::Dead(death) => row.bury(now, death),
        }
        Recorded::Counted
    }
}

fn attempt_of(now: Timestamp, finished: &Finished, number: u32) -> Attempt {
    let done = finished.verdict == Verdict::Done;
    Attempt {
        number,
        worker: finished.worker,
        ended_at: now,
        result: if done {
            AttemptResult::Done
        } else {
            AttemptResult::Failed
        },
        duration: Some(finished.duration),
        error: finished.error.clone().filter(|_| !done),
    }
}
