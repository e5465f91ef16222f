//! The limit of the embedded ledger: one prepared statement inserts 500 rows into a file, a transaction each, in WAL with
//! FULL. Row by row, half of the time would go into handing rows from one thread to another.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Row as _};
use tokio::time::Instant;
use uuid::Uuid;

use super::post::Incoming;
use crate::event::{Kind, Request};

/// Rows of one transaction.
const ROWS: usize = 500;

const MAKE: &str = "CREATE TABLE rig (key BLOB NOT NULL PRIMARY KEY, source TEXT NOT NULL, type TEXT NOT NULL, \
    time TEXT NOT NULL, correlation_id TEXT NOT NULL, data TEXT) STRICT";
const INSERT: &str = "INSERT INTO rig (key, source, type, time, correlation_id, data) VALUES ";
const VALUES: &str = "(?, ?, ?, ?, ?, ?)";
const ON_CONFLICT: &str = " ON CONFLICT (key) DO NOTHING";

/// Inserts so many orders into a new file, and says how long that took and what was in force.
pub(crate) async fn insert_limit(file: &Path, events: usize) -> Result<(Duration, String)> {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full);
    let mut ledger = options.connect().await?;
    sqlx::query(MAKE).execute(&mut ledger).await?;
    let version = sqlx::query("SELECT sqlite_version()").fetch_one(&mut ledger).await?;
    let synchronous = sqlx::query("PRAGMA synchronous").fetch_one(&mut ledger).await?;
    let journal = sqlx::query("PRAGMA journal_mode").fetch_one(&mut ledger).await?;
    let in_force = format!(
        "SQLite {}: journal_mode {}, synchronous {} (2 is FULL)",
        version.try_get::<String, _>(0)?,
        journal.try_get::<String, _>(0)?,
        synchronous.try_get::<i64, _>(0)?
    );
    let request = Request::single(Kind::Stored, ([127, 0, 0, 1], 80).into());
    let event: Incoming<'_> = serde_json::from_slice(request.body())?;
    let began = Instant::now();
    let mut left = events;
    while left > 0 {
        let count = left.min(ROWS);
        let mut insert = sqlx::query(AssertSqlSafe(statement(count)));
        for _ in 0..count {
            insert = insert
                .bind(Uuid::now_v7())
                .bind(event.source)
                .bind(event.event_type)
                .bind(event.time)
                .bind(event.correlation_id)
                .bind(event.data.get());
        }
        // A statement outside of a transaction is one.
        insert.execute(&mut ledger).await?;
        left -= count;
    }
    let elapsed = began.elapsed();
    ledger.close().await?;
    Ok((elapsed, in_force))
}

/// The statement for so many rows; prepared once for each number.
fn statement(rows: usize) -> String {
    format!("{INSERT}{}{ON_CONFLICT}", vec![VALUES; rows].join(", "))
}

/// Events in the file of an embedded ledger.
pub(crate) async fn rows(file: &Path) -> Result<u64> {
    let mut ledger = SqliteConnectOptions::new()
        .filename(file)
        .read_only(true)
        .connect()
        .await?;
    let row = sqlx::query("SELECT count(*) FROM events")
        .fetch_one(&mut ledger)
        .await?;
    ledger.close().await?;
    Ok(u64::try_from(row.try_get::<i64, _>(0)?)?)
}
