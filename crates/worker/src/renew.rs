//! Renews every sixth of the lease time. It is the probe of a store that was lost, and the first to speak when it is back.

use std::sync::Arc;
use std::time::Duration;

use eventflow_core::{Registered, Registration, Renewal};

use crate::shared::Shared;
use crate::status::Loop;

/// Runs until all outcomes are recorded.
pub(crate) async fn run(shared: Arc<Shared>) {
    let every = shared.settings.lease / 6;
    // Whoever lost the store tries again within a third of the lease time, well before others take its leases for lapsed.
    let retry = (shared.settings.lease / 30).clamp(Duration::from_millis(50), Duration::from_millis(500));
    let mut sequence = 0;
    let mut wait = every;
    loop {
        shared.status.progress(Loop::Renewer);
        tokio::select! {
            () = shared.recorded.cancelled() => break,
            () = tokio::time::sleep(wait) => {}
            () = shared.store.went_down(), if shared.store.is_up() => {
                // The first try of an outage waits its turn, too.
                tokio::time::sleep(retry).await;
            }
        }
        sequence += 1;
        let renewed = renew(&shared, sequence).await;
        wait = if renewed && shared.store.is_up() { every } else { retry };
    }
    shared.status.ended(Loop::Renewer);
}

async fn renew(shared: &Shared, sequence: u64) -> bool {
    let (runs, awaited) = shared.held.snapshot();
    let renewal = Renewal {
        worker: shared.id,
        lease_time: shared.settings.lease,
        running: runs.iter().map(|(key, token)| (*key, *token)).collect(),
        awaited,
        beat: serde_json::to_string(&shared.beat(sequence)).ok(),
    };
    let renew = shared.store.probe().renew(renewal);
    let answer = shared.patiently(Loop::Renewer, renew).await;
    match shared.store.report_probe(answer) {
        Ok(renewed) => {
            shared.held.lose(&renewed.lost, &runs);
            if renewed.handed_back > 0 {
                tracing::info!(
                    events = renewed.handed_back,
                    "handed back rows whose lease never reached this worker"
                );
            }
            if renewed.unknown {
                register_again(shared).await;
            }
            true
        }
        Err(error) => {
            tracing::debug!(%error, "no renewal");
            false
        }
    }
}

/// The ledger does not know this worker: it was away for long, or the list was changed under it.
async fn register_again(shared: &Shared) {
    let register = shared.store.probe().register(registration(shared));
    let registered = shared.patiently(Loop::Renewer, register).await;
    match shared.store.report(registered) {
        Ok(Registered::Joined(registry)) => {
            tracing::warn!("the ledger did not know this worker; it has joined again");
            shared.list.set(registry);
        }
        Ok(Registered::Tie(a, b)) => {
            tracing::error!(%a, %b, "this worker's handlers tie with others on the list; it cannot join again");
        }
        Err(error) => tracing::debug!(%error, "not joined"),
    }
}

pub(crate) fn registration(shared: &Shared) -> Registration {
    Registration {
        worker: shared.id,
        name: shared.settings.name.clone(),
        patterns: shared.lanes.iter().map(|lane| lane.pattern.clone()).collect(),
    }
}
