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
            match queue.tend().await {
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
        if shared.store.is_up()
            && let Err(error) = duties.turn(&shared, archive.as_ref()).await
        {
            tracing::debug!(%error, "housekeeping was not done");
        }
    }
    shared.status.ended(Loop::Janitor);
}

struct Duties {
    count_at: Instant,
    purge_at: Instant,
}

impl Duties {
    async fn turn(&mut self, shared: &Shared, archive: &dyn Archive) -> Result<(), PortError> {
        shared.list.refresh(&shared.store).await?;
        if Instant::now() >= self.count_at {
            self.count_at = Instant::now() + COUNT_EVERY;
            shared.store.report(shared.store.probe().count(COUNT_EVERY).await)?;
            let rematched = shared
                .store
                .probe()
                .rematch(Some(shared.id), shared.settings.lease, REMATCH_ROWS);
            let rows = shared.store.report(rematched.await)?;
            if rows > 0 {
                tracing::info!(rows, "rows of retired handlers were matched anew");
            }
        }
        if Instant::now() >= self.purge_at {
            let removed = shared
                .store
                .report(archive.purge(shared.settings.retention, PURGE_ROWS).await)?;
            let rest = if removed < u64::from(PURGE_ROWS) {
                PURGE_REST
            } else {
                TICK
            };
            self.purge_at = Instant::now() + rest;
            if removed > 0 {
                tracing::debug!(events = removed, "purged");
            }
        }
        Ok(())
    }
}
