//! Ends sessions of our own role that stopped in the middle of a write.
//!
//! A client that is stopped after Bind and Execute but before Sync leaves its transaction open in the state `active`,
//! and no time-out of the server ends that. Who fails by `lock_timeout` looks for such sessions: a session of ours that
//! holds write locks on our tables and has waited for its client for five seconds is not coming back in time.

use std::time::Duration;

use sqlx::Row;
use tokio::time::timeout;

use crate::error::Failure;
use crate::pool::Pool;

const WITHIN: Duration = Duration::from_secs(2);

const END: &str = "SELECT a.pid, pg_terminate_backend(a.pid) AS ended FROM pg_stat_activity a \
    WHERE a.usename = current_user AND a.datname = current_database() AND a.pid <> pg_backend_pid() \
    AND a.state = 'active' AND a.wait_event_type = 'Client' AND a.wait_event = 'ClientRead' \
    AND a.query_start < clock_timestamp() - interval '5 seconds' \
    AND (SELECT 1 FROM pg_locks l WHERE l.pid = a.pid AND l.granted AND l.mode = 'RowExclusiveLock' \
         AND l.relation IN ('events'::regclass, 'work'::regclass, 'workers'::regclass, 'handler_list'::regclass) LIMIT 1) = 1";

/// Ends them; what cannot be asked is tried again by whoever is blocked next.
pub(crate) async fn end_stopped_clients(pool: &Pool) {
    match timeout(WITHIN, end(pool)).await {
        Ok(Ok(ended)) => {
            for pid in ended {
                tracing::warn!(pid, "ended a session of ours that had stopped in the middle of a write");
            }
        }
        Ok(Err(error)) => tracing::warn!(%error, "could not look for stopped sessions"),
        Err(_) => tracing::warn!("looking for stopped sessions took too long"),
    }
}

async fn end(pool: &Pool) -> Result<Vec<i32>, Failure> {
    let mut held = pool.acquire().await?;
    let rows = sqlx::query(END).fetch_all(&mut held.connection).await?;
    held.give_back();
    let pids: Result<Vec<i32>, sqlx::Error> = rows.iter().map(|row| row.try_get("pid")).collect();
    Ok(pids?)
}
