//! The handler list and the workers, as they are read.

use std::collections::HashMap;
use std::time::Duration;

use eventflow_core::{HandlerEntry, Pattern, Registry, RegistryVersion, Timestamp, WorkerEntry, WorkerId};
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Executor as _, Row as _};
use uuid::Uuid;

use crate::error::Failure;
use crate::rows::{moment_at, moment_if, pattern_at, patterns_at, total_at};

/// By which lease time a registration tells the living, since it names none.
pub(crate) const USUAL_LEASE: Duration = Duration::from_secs(15);

/// The list. To be called within a transaction.
pub(crate) async fn read(
    connection: &mut SqliteConnection,
    now: Timestamp,
    lease_time: Duration,
) -> Result<Registry, Failure> {
    let ledger = connection.fetch_one("SELECT version, paused FROM ledger").await?;
    let carriers = carriers(connection, now.minus(lease_time)).await?;
    let rows = connection
        .fetch_all("SELECT pattern, paused, due, running, oldest_due, counted_at FROM handlers ORDER BY pattern")
        .await?;
    Ok(Registry {
        version: RegistryVersion(ledger.try_get(0)?),
        paused: ledger.try_get(1)?,
        handlers: rows
            .iter()
            .map(|row| handler_of(row, &carriers))
            .collect::<Result<_, _>>()?,
    })
}

fn handler_of(row: &SqliteRow, carriers: &HashMap<Pattern, u32>) -> Result<HandlerEntry, Failure> {
    let pattern = pattern_at(row, 0)?;
    Ok(HandlerEntry {
        carriers: carriers.get(&pattern).copied().unwrap_or(0),
        pattern,
        paused: row.try_get(1)?,
        due: total_at(row, 2)?,
        running: total_at(row, 3)?,
        oldest_due: moment_if(row, 4)?,
        counted_at: moment_if(row, 5)?,
    })
}

async fn carriers(connection: &mut SqliteConnection, alive_since: Timestamp) -> Result<HashMap<Pattern, u32>, Failure> {
    let living = sqlx::query("SELECT patterns FROM workers WHERE renewed_at > ?")
        .bind(alive_since.as_micros())
        .fetch_all(connection)
        .await?;
    let mut carriers = HashMap::new();
    for row in &living {
        for pattern in patterns_at(row, 0)? {
            *carriers.entry(pattern).or_default() += 1;
        }
    }
    Ok(carriers)
}

/// The workers on the list, by their ids, and so in the order in which they began.
pub(crate) async fn workers(
    connection: &mut SqliteConnection,
    now: Timestamp,
    lease_time: Duration,
) -> Result<Vec<WorkerEntry>, Failure> {
    let rows = connection
        .fetch_all(
            "SELECT worker, name, patterns, joined_at, renewed_at, beat, \
             (SELECT count(*) FROM work INDEXED BY work_leased WHERE lease IS NOT NULL AND worker = w.worker) \
             FROM workers w ORDER BY worker",
        )
        .await?;
    let alive_since = now.minus(lease_time);
    rows.iter()
        .map(|row| {
            let renewed_at = moment_at(row, 4)?;
            Ok(WorkerEntry {
                worker: WorkerId(row.try_get::<Uuid, _>(0)?),
                name: row.try_get(1)?,
                patterns: patterns_at(row, 2)?,
                joined_at: moment_at(row, 3)?,
                renewed_at,
                living: renewed_at > alive_since,
                running: total_at(row, 6)?,
                beat: row.try_get(5)?,
            })
        })
        .collect()
}
