//! How an event and what belongs to it stand in rows. JSON is kept as text and everything else as bytes, so that each
//! payload comes back byte for byte.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use eventflow_core::{DeathRecord, Event, EventKey, Fingerprint, Pattern, Payload, Reason, Timestamp, WorkerId};
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;
use uuid::Uuid;

use crate::error::Failure;
use crate::sql::Statement;

/// What [`event_of`] reads, in its order.
pub(crate) const EVENT: &str = "e.key, e.source, e.id, e.id_given, e.type, e.subject, e.time, e.received_at, \
     e.correlation_id, e.traceparent, e.extensions, e.fingerprint, e.data, e.bytes";

/// The same, with the payload left behind.
pub(crate) const EVENT_WITHOUT_DATA: &str = "e.key, e.source, e.id, e.id_given, e.type, e.subject, e.time, \
     e.received_at, e.correlation_id, e.traceparent, e.extensions, e.fingerprint, NULL, NULL";

/// How many columns that is.
pub(crate) const EVENT_WIDTH: usize = 14;

/// What [`bind_event`] binds, in its order, behind `key, state, copies_seen, admitted_at`.
pub(crate) const INSERTED: &str = "key, state, copies_seen, admitted_at, time, received_at, fingerprint, id_given, \
     source, id, type, subject, correlation_id, traceparent, extensions, data, bytes";

/// Its question marks.
pub(crate) const INSERTED_ROW: &str = "(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)";

/// What [`death_of`] reads, in its order.
pub(crate) const DEATH: &str =
    "d.reason, d.message, d.cause, d.died_at, d.handler, d.attempt, d.crashes, d.requeues, d.original";

/// Binds one row of `events`.
pub(crate) fn bind_event(
    statement: Statement,
    event: &Event,
    state: &'static str,
    copies: u32,
    now: Timestamp,
) -> Result<Statement, Failure> {
    let (data, bytes) = match &event.data {
        Payload::Empty => (None, None),
        Payload::Json(json) => (Some(text_of(json)?.to_owned()), None),
        Payload::Binary(bytes) => (None, Some(bytes.to_vec())),
    };
    Ok(statement
        .bind(event.key.uuid())
        .bind(state)
        .bind(i64::from(copies))
        .bind(now.as_micros())
        .bind(event.time.as_micros())
        .bind(event.received_at.as_micros())
        .bind(event.fingerprint.as_bytes().to_vec())
        .bind(event.id_given)
        .bind(event.source.clone())
        .bind(event.id.clone())
        .bind(event.event_type.clone())
        .bind(event.subject.clone())
        .bind(event.correlation_id.clone())
        .bind(event.traceparent.clone())
        .bind(event.extensions.clone())
        .bind(data)
        .bind(bytes))
}

/// The text of a JSON payload.
pub(crate) fn text_of(json: &Bytes) -> Result<&str, Failure> {
    std::str::from_utf8(json).map_err(|_| Failure::NotText)
}

/// Reads an event back from the first [`EVENT_WIDTH`] columns.
pub(crate) fn event_of(row: &SqliteRow) -> Result<Event, Failure> {
    let data = match (
        row.try_get::<Option<String>, _>(12)?,
        row.try_get::<Option<Vec<u8>>, _>(13)?,
    ) {
        (Some(json), _) => Payload::Json(Bytes::from(json)),
        (None, Some(bytes)) => Payload::Binary(Bytes::from(bytes)),
        (None, None) => Payload::Empty,
    };
    Ok(Event {
        key: key_at(row, 0)?,
        source: row.try_get(1)?,
        id: row.try_get(2)?,
        id_given: row.try_get(3)?,
        event_type: row.try_get(4)?,
        subject: row.try_get(5)?,
        time: moment_at(row, 6)?,
        received_at: moment_at(row, 7)?,
        correlation_id: row.try_get(8)?,
        traceparent: row.try_get(9)?,
        extensions: row.try_get(10)?,
        fingerprint: fingerprint_at(row, 11)?,
        data,
    })
}

/// Reads a death back from the nine columns that begin at `from`.
pub(crate) fn death_of(row: &SqliteRow, from: usize) -> Result<DeathRecord, Failure> {
    let handler: Option<String> = row.try_get(from + 4)?;
    Ok(DeathRecord {
        reason: reason_of(row.try_get(from)?)?,
        message: row.try_get(from + 1)?,
        cause: row.try_get(from + 2)?,
        died_at: moment_at(row, from + 3)?,
        handler: handler.map(pattern_of).transpose()?,
        attempt: count_at(row, from + 5)?,
        crashes: count_at(row, from + 6)?,
        requeues: count_at(row, from + 7)?,
        original: row.try_get::<Option<Uuid>, _>(from + 8)?.map(EventKey::from_uuid),
    })
}

pub(crate) fn reason_of(name: &str) -> Result<Reason, Failure> {
    Reason::parse(name).ok_or(Failure::Unreadable("reason of a dead letter"))
}

pub(crate) fn key_at(row: &SqliteRow, column: usize) -> Result<EventKey, Failure> {
    Ok(EventKey::from_uuid(row.try_get(column)?))
}

pub(crate) fn worker_at(row: &SqliteRow, column: usize) -> Result<Option<WorkerId>, Failure> {
    Ok(row.try_get::<Option<Uuid>, _>(column)?.map(WorkerId))
}

pub(crate) fn fingerprint_at(row: &SqliteRow, column: usize) -> Result<Fingerprint, Failure> {
    let bytes: &[u8] = row.try_get(column)?;
    let bytes = bytes.try_into().map_err(|_| Failure::Unreadable("fingerprint"))?;
    Ok(Fingerprint::from_bytes(bytes))
}

pub(crate) fn moment_at(row: &SqliteRow, column: usize) -> Result<Timestamp, Failure> {
    Ok(Timestamp::from_micros(row.try_get(column)?))
}

pub(crate) fn moment_if(row: &SqliteRow, column: usize) -> Result<Option<Timestamp>, Failure> {
    Ok(row.try_get::<Option<i64>, _>(column)?.map(Timestamp::from_micros))
}

pub(crate) fn count_at(row: &SqliteRow, column: usize) -> Result<u32, Failure> {
    u32::try_from(row.try_get::<i64, _>(column)?).map_err(|_| Failure::Unreadable("count"))
}

pub(crate) fn total_at(row: &SqliteRow, column: usize) -> Result<u64, Failure> {
    u64::try_from(row.try_get::<i64, _>(column)?).map_err(|_| Failure::Unreadable("count"))
}

pub(crate) fn pattern_at(row: &SqliteRow, column: usize) -> Result<Pattern, Failure> {
    pattern_of(row.try_get(column)?)
}

pub(crate) fn pattern_of(text: String) -> Result<Pattern, Failure> {
    Pattern::try_from(text).map_err(|_| Failure::Unreadable("pattern of a handler"))
}

/// Patterns as a JSON array.
pub(crate) fn patterns_to_text(patterns: &BTreeSet<&Pattern>) -> Result<String, Failure> {
    serde_json::to_string(patterns).map_err(|_| Failure::Unreadable("patterns of a worker"))
}

pub(crate) fn patterns_at(row: &SqliteRow, column: usize) -> Result<Vec<Pattern>, Failure> {
    serde_json::from_str(row.try_get(column)?).map_err(|_| Failure::Unreadable("patterns of a worker"))
}

/// A length of time in microseconds.
pub(crate) fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

pub(crate) fn duration_at(row: &SqliteRow, column: usize) -> Result<Option<Duration>, Failure> {
    let micros: Option<i64> = row.try_get(column)?;
    Ok(micros.map(|micros| Duration::from_micros(u64::try_from(micros).unwrap_or(0))))
}

/// An event's weight, as `work` keeps it.
pub(crate) fn weight_of(event: &Event) -> i64 {
    i64::try_from(event.weight()).unwrap_or(i64::MAX)
}
