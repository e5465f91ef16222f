//! Counts unfinished rows by handler. The counting reads beside the writer, and only its result passes through it.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use eventflow_core::{Pattern, Timestamp};
use sqlx::sqlite::SqliteConnection;
use sqlx::{Executor as _, Row as _};

use crate::command::Operation;
use crate::error::Failure;
use crate::rows::pattern_at;
use crate::session::Session;

/// Unfinished rows of one handler.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    due: i64,
    running: i64,
    oldest_due: Option<i64>,
}

/// Writes what was counted, unless somebody else did within `every`.
pub(crate) struct KeepCounts {
    tallies: HashMap<Pattern, Tally>,
    every: Duration,
}

/// Counts, unless somebody did within `every`.
pub(crate) async fn tally(
    connection: &mut SqliteConnection,
    now: Timestamp,
    every: Duration,
) -> Result<Option<KeepCounts>, Failure> {
    if is_fresh(connection, now, every).await? {
        return Ok(None);
    }
    let mut tallies: HashMap<Pattern, Tally> = HashMap::new();
    let waiting = connection
        .fetch_all(
            "SELECT handler, count(*), min(due_at) FROM work INDEXED BY work_due WHERE lease IS NULL GROUP BY handler",
        )
        .await?;
    for row in &waiting {
        let tally = tallies.entry(pattern_at(row, 0)?).or_default();
        tally.due = row.try_get(1)?;
        tally.oldest_due = row.try_get(2)?;
    }
    let running = connection
        .fetch_all("SELECT handler, count(*) FROM work INDEXED BY work_leased WHERE lease IS NOT NULL GROUP BY handler")
        .await?;
    for row in &running {
        tallies.entry(pattern_at(row, 0)?).or_default().running = row.try_get(1)?;
    }
    Ok(Some(KeepCounts { tallies, every }))
}

async fn is_fresh(connection: &mut SqliteConnection, now: Timestamp, every: Duration) -> Result<bool, Failure> {
    let last: Option<i64> = connection
        .fetch_one("SELECT counted_at FROM ledger")
        .await?
        .try_get(0)?;
    Ok(last.is_some_and(|last| last > now.minus(every).as_micros()))
}

#[async_trait]
impl Operation for KeepCounts {
    type Answer = bool;

    async fn run(&self, session: &mut Session<'_>) -> Result<bool, Failure> {
        if is_fresh(session.connection, session.now, self.every).await? {
            return Ok(false);
        }
        let now = session.now.as_micros();
        for pattern in session.handlers().await?.patterns() {
            let tally = self.tallies.get(pattern).copied().unwrap_or_default();
            let update = sqlx::query(
                "UPDATE handlers SET due = ?, running = ?, oldest_due = ?, counted_at = ? WHERE pattern = ?",
            )
            .bind(tally.due)
            .bind(tally.running)
            .bind(tally.oldest_due)
            .bind(now)
            .bind(pattern.as_str().to_owned());
            session.run(update).await?;
        }
        session
            .run(sqlx::query("UPDATE ledger SET counted_at = ?").bind(now))
            .await?;
        Ok(true)
    }
}
