//! What is done first with a file: whoever gets its lock knows that nobody else lives, so every lease in it has lapsed
//! and every worker on its list is gone.

use eventflow_core::{EventKey, FATAL_CRASHES, Pattern, WorkerId};

use crate::death::{Burial, crashed, die, note_crash};
use crate::error::Failure;
use crate::rows::{count_at, key_at, pattern_at, worker_at};
use crate::session::Session;

struct Lapsed {
    key: EventKey,
    handler: Pattern,
    worker: Option<WorkerId>,
    attempt: u32,
    crashes: u32,
    requeues: u32,
}

/// Ends every lease as a crash, and empties the list of workers. Returns how many leases it ended.
pub(crate) async fn lapse_all(session: &mut Session<'_>) -> Result<usize, Failure> {
    let rows = session
        .rows(sqlx::query(
            "SELECT key, handler, worker, attempt, crashes, requeues FROM work INDEXED BY work_leased \
             WHERE lease IS NOT NULL ORDER BY due_at, key",
        ))
        .await?;
    for row in &rows {
        let lapsed = Lapsed {
            key: key_at(row, 0)?,
            handler: pattern_at(row, 1)?,
            worker: worker_at(row, 2)?,
            attempt: count_at(row, 3)?,
            crashes: count_at(row, 4)?.saturating_add(1),
            requeues: count_at(row, 5)?,
        };
        end(&lapsed, session).await?;
    }
    session.run(sqlx::query("DELETE FROM workers")).await?;
    Ok(rows.len())
}

async fn end(lapsed: &Lapsed, session: &mut Session<'_>) -> Result<(), Failure> {
    note_crash(lapsed.key, lapsed.attempt.saturating_add(1), lapsed.worker, session).await?;
    if lapsed.crashes >= FATAL_CRASHES {
        let death = crashed(lapsed.crashes);
        let burial = Burial {
            key: lapsed.key,
            death: &death,
            handler: Some(&lapsed.handler),
            attempt: lapsed.attempt,
            crashes: lapsed.crashes,
            requeues: lapsed.requeues,
        };
        return die(burial, session).await;
    }
    let update = sqlx::query("UPDATE work SET lease = NULL, worker = NULL, due_at = ?, crashes = ? WHERE key = ?")
        .bind(session.now.as_micros())
        .bind(i64::from(lapsed.crashes))
        .bind(lapsed.key.uuid());
    session.run(update).await?;
    Ok(())
}
