//! Housekeeping: the handler list, counts, rows of retired handlers, the queue's own, and the end of the retention time.

use std::sync::Arc;
use std::time::Duration;

use eventflow_core::{Archive, PortError};
use tokio::time::Instant;

use crate::shared::Shared;
use crate::status::Loop;
use crate::tick::TICK;

/// How old a count may be before somebody counts again.
const COUNT_EVERY: Duration = Duration::from_secs(5);
/// Rows of one purge, small enough to disturb nobody.
const PURGE_ROWS: u32 = 500;
/// How long a purge rests when it found less than it asked for.
const PURGE_REST: Duration = Duration::from_mins(1);
/// Rows of retired handlers matched anew in one step.
const REMATCH_ROWS: u32 = 500;

/// Runs until the worker drains.
pub(crate) async fn run(shared: Arc<Shared>, archive: Arc<dyn Archive>) {
    let mut duties = Duties {
        count_at: Instant::now(),
        purge_at: Instant::now() + TICK,
    };
    loop {
        shared.status.progress(Loop::Janitor);
        tokio::select! {
            () = shared.draining.cancelled() => break,
            () = tokio::time::sleep(TICK) => {}
        }
        if let Some(queue) = &shared.queue {
            match shared.patiently(Loop::Janitor, queue.tend()).await {
                Ok(tended) if tended.ghosts > 0 => {
                    tracing::warn!(
                        entries = tended.ghosts,
                        "entries that nobody held are in somebody's hands again"
                    );
                }
                Ok(_) => {}
                Err(error) => tracing::debug!(%error, "the queue was not tended"),
            }
        }
        if shared.store.is_up() {
            match shared.list.refresh(&shared, Loop::Janitor).await {
                Ok(()) => duties.turn(&shared, archive.as_ref()).await,
                Err(error) => tracing::debug!(%error, "the handler list cannot be read"),
            }
        }
    }
    shared.status.ended(Loop::Janitor);
}

struct Duties {
    count_at: Instant,
    purge_at: Instant,
}

impl Duties {
    /// What fails here waits for its next time and pauses nobody: events go on without it.
    async fn turn(&mut self, shared: &Shared, archive: &dyn Archive) {
        if Instant::now() >= self.count_at {
            self.count_at = Instant::now() + COUNT_EVERY;
            if let Err(error) = count(shared).await {
                tracing::warn!(%error, "unfinished rows were not counted");
            }
            if let Err(error) = rematch(shared).await {
                tracing::warn!(%error, "rows of retired handlers were not matched anew");
            }
        }
        if Instant::now() >= self.purge_at {
            let rest = match purge(shared, archive).await {
                Ok(removed) if removed >= u64::from(PURGE_ROWS) => TICK,
                Ok(_) => PURGE_REST,
                Err(error) => {
                    tracing::warn!(%error, "what is past its retention was not purged");
                    PURGE_REST
                }
            };
            self.purge_at = Instant::now() + rest;
        }
    }
}

async fn count(shared: &Shared) -> Result<bool, PortError> {
    let count = shared.store.probe().count(COUNT_EVERY);
    shared.patiently(Loop::Janitor, count).await
}

async fn rematch(shared: &Shared) -> Result<(), PortError> {
    let ledger = shared.store.probe();
    let rematch = ledger.rematch(Some(shared.id), shared.settings.lease, REMATCH_ROWS);
    let rows = shared.patiently(Loop::Janitor, rematch).await?;
    if rows > 0 {
        tracing::info!(rows, "rows of retired handlers were matched anew");
    }
    Ok(())
}

async fn purge(shared: &Shared, archive: &dyn Archive) -> Result<u64, PortError> {
    let purge = archive.purge(shared.settings.retention, PURGE_ROWS);
    let removed = shared.patiently(Loop::Janitor, purge).await?;
    if removed > 0 {
        tracing::debug!(events = removed, "purged");
    }
    Ok(removed)
}
