//! How an event becomes a dead letter, and how a crash is noted.

use eventflow_core::{Death, EventKey, Pattern, Reason, WorkerId};
use uuid::Uuid;

use crate::error::Failure;
use crate::session::Session;

/// What is noted of a run that nobody ended.
const LAPSED: &str = "the worker's lease lapsed";

/// A dead letter to write.
pub(crate) struct Burial<'a> {
    pub(crate) key: EventKey,
    pub(crate) death: &'a Death,
    pub(crate) handler: Option<&'a Pattern>,
    pub(crate) attempt: u32,
    pub(crate) crashes: u32,
    pub(crate) requeues: u32,
}

impl<'a> Burial<'a> {
    /// Of an event that was dead from the first.
    pub(crate) fn at_admission(key: EventKey, death: &'a Death) -> Self {
        Self {
            key,
            death,
            handler: None,
            attempt: 0,
            crashes: 0,
            requeues: 0,
        }
    }
}

/// Writes the dead letter alone.
pub(crate) async fn bury(burial: Burial<'_>, session: &mut Session<'_>) -> Result<(), Failure> {
    let insert = sqlx::query(
        "INSERT INTO dead_letters (key, discarded, reason, message, cause, died_at, handler, attempt, crashes, requeues, \
         original) VALUES (?, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(burial.key.uuid())
    .bind(burial.death.reason.as_str())
    .bind(burial.death.message.clone())
    .bind(burial.death.cause())
    .bind(session.now.as_micros())
    .bind(burial.handler.map(|handler| handler.as_str().to_owned()))
    .bind(i64::from(burial.attempt))
    .bind(i64::from(burial.crashes))
    .bind(i64::from(burial.requeues))
    .bind(burial.death.original.map(EventKey::uuid));
    session.run(insert).await?;
    Ok(())
}

/// Ends an unfinished event as a dead letter.
pub(crate) async fn die(burial: Burial<'_>, session: &mut Session<'_>) -> Result<(), Failure> {
    let key = burial.key.uuid();
    session
        .run(sqlx::query("DELETE FROM work WHERE key = ?").bind(key))
        .await?;
    session
        .run(sqlx::query("UPDATE events SET state = 'dead' WHERE key = ?").bind(key))
        .await?;
    bury(burial, session).await
}

/// Why an event is dead whose workers' leases lapsed so often.
pub(crate) fn crashed(crashes: u32) -> Death {
    Death::new(Reason::Crashed, format!("its worker's lease lapsed {crashes} times"))
}

/// Notes that the run of attempt `number` was cut short, under the worker that had it.
pub(crate) async fn note_crash(
    key: EventKey,
    number: u32,
    worker: Option<WorkerId>,
    session: &mut Session<'_>,
) -> Result<(), Failure> {
    let insert = sqlx::query(
        "INSERT INTO attempts (key, number, nth, worker, ended_at, result, duration, error) \
         VALUES (?1, ?2, (SELECT 1 + coalesce(max(nth), 0) FROM attempts WHERE key = ?1 AND number = ?2), ?3, ?4, \
         'crashed', NULL, ?5)",
    )
    .bind(key.uuid())
    .bind(i64::from(number))
    .bind(worker.map_or(Uuid::nil(), |worker| worker.0))
    .bind(session.now.as_micros())
    .bind(LAPSED);
    session.run(insert).await?;
    Ok(())
}
