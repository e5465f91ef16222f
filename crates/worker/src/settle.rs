//! Settles what the ledger has committed. A settlement that fails costs a copy, nothing more.

use std::sync::Arc;
use std::time::Duration;

use eventflow_core::{Queue, Settlement};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use crate::settings::ADMIT_EVENTS;
use crate::shared::Shared;
use crate::status::Loop;

/// How long the settlements of one admission wait for those of the next: each call costs a sync of Redis, and nobody waits
/// for it.
const GATHER: Duration = Duration::from_millis(10);

/// Runs until the admitter is gone.
pub(crate) async fn run(shared: Arc<Shared>, queue: Arc<dyn Queue>, mut settlements: mpsc::Receiver<Vec<Settlement>>) {
    while let Some(first) = shared.alive(Loop::Settler, settlements.recv()).await {
        let batch = gather(first, &mut settlements).await;
        if let Err(error) = shared.patiently(Loop::Settler, queue.settle(&batch)).await {
            tracing::warn!(%error, entries = batch.len(), "not settled; they will be given again and found to be copies");
        }
    }
    shared.status.ended(Loop::Settler);
}

/// What comes within a moment of the first, up to an admission's worth.
async fn gather(mut batch: Vec<Settlement>, settlements: &mut mpsc::Receiver<Vec<Settlement>>) -> Vec<Settlement> {
    let until = Instant::now() + GATHER;
    while batch.len() < ADMIT_EVENTS {
        match timeout_at(until, settlements.recv()).await {
            Ok(Some(more)) => batch.extend(more),
            // The admitter is gone, or the moment is over.
            Ok(None) | Err(_) => break,
        }
    }
    batch
}
