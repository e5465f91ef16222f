//! Records outcomes by group commit: what has ended while a statement was under way goes into the next one.

use std::sync::Arc;

use eventflow_core::{Finished, PortError, Recorded, Verdict};
use tokio::sync::mpsc;

use crate::settings::BATCH_EVENTS;
use crate::shared::Shared;
use crate::slots::Lane;
use crate::status::{Loop, add};
use crate::tick::TICK;

/// A run that has ended.
pub(crate) struct Ended {
    pub(crate) finished: Finished,
    pub(crate) lane: Lane,
}

/// Runs until all is recorded, or the drain gives up.
pub(crate) async fn run(shared: Arc<Shared>, mut outcomes: mpsc::Receiver<Ended>) {
    let mut batch = Vec::with_capacity(BATCH_EVENTS);
    loop {
        shared.status.progress(Loop::Recorder);
        tokio::select! {
            biased;
            _ = outcomes.recv_many(&mut batch, BATCH_EVENTS) => {}
            () = shared.recorded.cancelled() => break,
            () = tokio::time::sleep(TICK) => continue,
        }
        record(&shared, &batch).await;
        batch.clear();
    }
    shared.status.ended(Loop::Recorder);
}

async fn record(shared: &Shared, batch: &[Ended]) {
    let finished: Vec<_> = batch.iter().map(|ended| ended.finished.clone()).collect();
    match persist(shared, finished).await {
        Some(Ok(recorded)) => settle(shared, batch, &recorded),
        Some(Err(error)) if batch.len() > 1 => {
            tracing::warn!(%error, outcomes = batch.len(), "a batch of outcomes is refused; recording one by one");
            for ended in batch {
                let alone = persist(shared, vec![ended.finished.clone()]).await;
                settle_one(shared, ended, alone);
            }
        }
        Some(Err(error)) => settle_one(shared, &batch[0], Some(Err(error))),
        None => tracing::warn!(
            outcomes = batch.len(),
            "the ledger is away at the end of the drain; outcomes are not recorded"
        ),
    }
}

fn settle_one(shared: &Shared, ended: &Ended, answer: Option<Result<Vec<Recorded>, PortError>>) {
    match answer {
        Some(Ok(recorded)) => settle(shared, std::slice::from_ref(ended), &recorded),
        Some(Err(error)) => {
            tracing::error!(%error, key = %ended.finished.key, "an outcome cannot be recorded; the event is handed back");
            shared.held.release(ended.finished.key, ended.finished.lease);
        }
        None => {}
    }
}

/// Records until the infrastructure lets it, or the drain gives up.
async fn persist(shared: &Shared, finished: Vec<Finished>) -> Option<Result<Vec<Recorded>, PortError>> {
    loop {
        let ledger = tokio::select! {
            ledger = shared.ledger(Loop::Recorder) => ledger,
            () = shared.recorded.cancelled() => return None,
        };
        let answer = shared.patiently(Loop::Recorder, ledger.record(finished.clone())).await;
        match shared.store.report(answer) {
            Err(error) if error.is_transient() => {}
            answer => return Some(answer),
        }
        if shared.recorded.is_cancelled() {
            return None;
        }
    }
}

fn settle(shared: &Shared, batch: &[Ended], recorded: &[Recorded]) {
    for (ended, recorded) in batch.iter().zip(recorded) {
        let finished = &ended.finished;
        shared.held.release(finished.key, finished.lease);
        if *recorded == Recorded::Stale {
            add(&shared.status.counters().stale, 1);
            tracing::warn!(key = %finished.key, "an outcome came too late and is dropped: the lease is another's");
        }
        let due_at_once = match finished.verdict {
            Verdict::HandBack => true,
            Verdict::Retry(wait) => wait < TICK,
            _ => false,
        };
        if due_at_once {
            shared.slots.expect_more(ended.lane);
        }
    }
}
