//! Settles what the ledger has committed. A settlement that fails costs a copy, nothing more.

use std::sync::Arc;

use eventflow_core::{Queue, Settlement};
use tokio::sync::mpsc;

/// Runs until the admitter is gone.
pub(crate) async fn run(queue: Arc<dyn Queue>, mut settlements: mpsc::Receiver<Vec<Settlement>>) {
    while let Some(batch) = settlements.recv().await {
        if let Err(error) = queue.settle(&batch).await {
            tracing::warn!(%error, entries = batch.len(), "not settled; they will be given again and found to be copies");
        }
    }
}
