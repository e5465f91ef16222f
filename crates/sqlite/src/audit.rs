//! The audit: a row for each change by a person, in the transaction of that change.

use eventflow_core::AuditEntry;
use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use uuid::Uuid;

use crate::error::Failure;
use crate::rows::moment_at;
use crate::session::Session;

/// Writes one row.
pub(crate) async fn note(
    actor: &str,
    action: &'static str,
    subject: String,
    job: Option<Uuid>,
    session: &mut Session<'_>,
) -> Result<(), Failure> {
    let insert = sqlx::query("INSERT INTO audit (at, actor, action, subject, job) VALUES (?, ?, ?, ?, ?)")
        .bind(session.now.as_micros())
        .bind(actor.to_owned())
        .bind(action)
        .bind(subject)
        .bind(job);
    session.run(insert).await?;
    Ok(())
}

/// Rows behind `after`, oldest first.
pub(crate) async fn read(
    connection: &mut SqliteConnection,
    after: i64,
    limit: u32,
) -> Result<Vec<AuditEntry>, Failure> {
    let rows = sqlx::query("SELECT seq, at, actor, action, subject, job FROM audit WHERE seq > ? ORDER BY seq LIMIT ?")
        .bind(after)
        .bind(i64::from(limit))
        .fetch_all(connection)
        .await?;
    rows.iter().map(entry_of).collect()
}

fn entry_of(row: &SqliteRow) -> Result<AuditEntry, Failure> {
    Ok(AuditEntry {
        seq: row.try_get(0)?,
        at: moment_at(row, 1)?,
        actor: row.try_get(2)?,
        action: row.try_get(3)?,
        subject: row.try_get(4)?,
        job: row.try_get(5)?,
    })
}
