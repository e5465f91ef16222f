//! The end of retention. What is old is looked for beside the writer; the writer looks again at the few it is named.

use std::time::Duration;

use async_trait::async_trait;
use eventflow_core::{EventKey, Timestamp};
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use crate::command::Operation;
use crate::error::Failure;
use crate::rows::key_at;
use crate::session::Session;
use crate::sql::{pieces, statement};

/// An event is kept for so long after its last attempt, however old it is.
const AFTER_THE_LAST_ATTEMPT: Duration = Duration::from_hours(24);

/// What makes an event removable, given when it must have been received before and when nothing must have been tried
/// after.
const OLD: &str = "e.received_at < ? AND e.state IN ('done', 'discarded') \
     AND NOT EXISTS (SELECT 1 FROM work w WHERE w.key = e.key) \
     AND NOT EXISTS (SELECT 1 FROM attempts a WHERE a.key = e.key AND a.ended_at > ?)";

/// Removes those of `keys` that are still to go, and workers that have been away as long.
pub(crate) struct Purge {
    pub(crate) keys: Vec<EventKey>,
    pub(crate) retention: Duration,
}

/// The lowest keys that may go.
pub(crate) async fn old(
    connection: &mut SqliteConnection,
    now: Timestamp,
    retention: Duration,
    limit: u32,
) -> Result<Vec<EventKey>, Failure> {
    let rows = statement(format!(
        "SELECT e.key FROM events e INDEXED BY events_received WHERE {OLD} ORDER BY e.key LIMIT ?"
    ))
    .bind(now.minus(retention).as_micros())
    .bind(now.minus(AFTER_THE_LAST_ATTEMPT).as_micros())
    .bind(i64::from(limit))
    .fetch_all(connection)
    .await?;
    keys_of(&rows)
}

fn keys_of(rows: &[SqliteRow]) -> Result<Vec<EventKey>, Failure> {
    rows.iter().map(|row| key_at(row, 0)).collect()
}

#[async_trait]
impl Operation for Purge {
    type Answer = u64;

    async fn run(&self, session: &mut Session<'_>) -> Result<u64, Failure> {
        let before = session.now.minus(self.retention).as_micros();
        let untried_since = session.now.minus(AFTER_THE_LAST_ATTEMPT).as_micros();
        let mut removed = 0;
        for keys in pieces(&self.keys) {
            let select = statement(format!(
                "SELECT e.key FROM events e WHERE {OLD} AND e.key IN ({})",
                keys.marks()
            ));
            let rows = session.rows(keys.bind(select.bind(before).bind(untried_since))).await?;
            removed += remove(&keys_of(&rows)?, session).await?;
        }
        let away = sqlx::query("DELETE FROM workers WHERE renewed_at < ?").bind(before);
        session.run(away).await?;
        Ok(removed)
    }
}

async fn remove(keys: &[EventKey], session: &mut Session<'_>) -> Result<u64, Failure> {
    let mut removed = 0;
    for keys in pieces(keys) {
        for table in ["attempts", "dead_letters"] {
            let delete = statement(format!("DELETE FROM {table} WHERE key IN ({})", keys.marks()));
            session.run(keys.bind(delete)).await?;
        }
        let delete = statement(format!("DELETE FROM events WHERE key IN ({})", keys.marks()));
        removed += session.run(keys.bind(delete)).await?.rows_affected();
    }
    Ok(removed)
}
