//! The port by which processes tell each other that there is something to do.

use async_trait::async_trait;

use crate::error::PortError;

/// Notices between processes that share a ledger. A lost one does no harm: a poll is the net below it.
#[async_trait]
pub trait Pulse: Send + Sync + 'static {
    /// Tells workers that rows are due. Cheap to call often: at most ten notices a second leave a process.
    async fn notify(&self) -> Result<(), PortError>;

    /// Waits for the next notice from anybody.
    async fn noticed(&self);
}
