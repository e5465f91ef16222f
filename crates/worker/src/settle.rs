//! Settles what the ledger has committed. A settlement that fails costs a copy, nothing more.

use std::sync::Arc;

use eventflow_core::{Queue, Settlement};
use tokio::sync::mpsc;

use crate::shared::Shared;
use crate::status::Loop;

/// Runs until the admitter is gone.
pub(crate) async fn run(shared: Arc<Shared>, queue: Arc<dyn Queue>, mut settlements: mpsc::Receiver<Vec<Settlement>>) {
    while let Some(batch) = shared.alive(Loop::Settler, settlements.recv()).await {
        if let Err(error) = shared.patiently(Loop::Settler, queue.settle(&batch)).await {
            tracing::warn!(%error, entries = batch.len(), "not settled; they will be given again and found to be copies");
        }
    }
    shared.status.ended(Loop::Settler);
}
