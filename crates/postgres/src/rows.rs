//! Events as rows: read by name, written as arrays.

use std::sync::Arc;

use bytes::Bytes;
use eventflow_core::{Event, EventKey, Fingerprint, Pattern, Payload, Timestamp, WorkerId};
use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::call::Binds;
use crate::error::Failure;
use crate::types::{At, JsonRead, JsonText};

/// The columns of an event `e`, payload included.
macro_rules! event_columns {
    () => {
        "e.key, e.source, e.id, e.id_given, e.type, e.subject, e.time, e.received_at, e.correlation_id, \
         e.traceparent, e.extensions, e.fingerprint, e.data, e.bytes"
    };
}

/// The columns of an event `e`, its payload only where the parameter named is true.
macro_rules! event_columns_if {
    ($with_data:literal) => {
        concat!(
            "e.key, e.source, e.id, e.id_given, e.type, e.subject, e.time, e.received_at, e.correlation_id, \
             e.traceparent, e.extensions, e.fingerprint, \
             CASE WHEN ",
            $with_data,
            " THEN e.data END AS data, CASE WHEN ",
            $with_data,
            " THEN e.bytes END AS bytes"
        )
    };
}

pub(crate) use {event_columns, event_columns_if};

/// Reads an event.
pub(crate) fn event(row: &PgRow) -> Result<Event, Failure> {
    let fingerprint: &[u8] = row.try_get("fingerprint")?;
    let extensions: Option<JsonRead> = row.try_get("extensions")?;
    Ok(Event {
        key: key(row, "key")?,
        source: row.try_get("source")?,
        id: row.try_get("id")?,
        id_given: row.try_get("id_given")?,
        event_type: row.try_get("type")?,
        subject: row.try_get("subject")?,
        time: at(row, "time")?,
        received_at: at(row, "received_at")?,
        correlation_id: row.try_get("correlation_id")?,
        traceparent: row.try_get("traceparent")?,
        extensions: extensions.map(json_text).transpose()?,
        fingerprint: Fingerprint::from_bytes(
            fingerprint
                .try_into()
                .map_err(|_| Failure::Unreadable("a fingerprint of that length".into()))?,
        ),
        data: payload(row)?,
    })
}

fn payload(row: &PgRow) -> Result<Payload, Failure> {
    if let Some(JsonRead(text)) = row.try_get("data")? {
        return Ok(Payload::Json(Bytes::from(text)));
    }
    let bytes: Option<Vec<u8>> = row.try_get("bytes")?;
    Ok(bytes.map_or(Payload::Empty, |bytes| Payload::Binary(Bytes::from(bytes))))
}

/// The text of a `json` value.
pub(crate) fn json_text(JsonRead(text): JsonRead) -> Result<String, Failure> {
    String::from_utf8(text).map_err(|_| Failure::Unreadable("JSON that is not UTF-8".into()))
}

/// Reads a key.
pub(crate) fn key(row: &PgRow, column: &str) -> Result<EventKey, Failure> {
    Ok(EventKey::from_uuid(row.try_get(column)?))
}

/// Reads a moment.
pub(crate) fn at(row: &PgRow, column: &str) -> Result<Timestamp, Failure> {
    let At(time) = row.try_get(column)?;
    Ok(time)
}

/// Reads a moment that may be unknown.
pub(crate) fn at_if(row: &PgRow, column: &str) -> Result<Option<Timestamp>, Failure> {
    let time: Option<At> = row.try_get(column)?;
    Ok(time.map(|At(time)| time))
}

/// Reads a handler's name.
pub(crate) fn pattern(row: &PgRow, column: &str) -> Result<Pattern, Failure> {
    parse_pattern(row.try_get(column)?)
}

/// A handler's name that was read.
pub(crate) fn parse_pattern(text: &str) -> Result<Pattern, Failure> {
    text.parse()
        .map_err(|_| Failure::Unreadable(format!("the handler `{text}`")))
}

/// Reads a worker that may be none.
pub(crate) fn worker_if(row: &PgRow, column: &str) -> Result<Option<WorkerId>, Failure> {
    let worker: Option<Uuid> = row.try_get(column)?;
    Ok(worker.map(WorkerId))
}

/// Reads an `integer` that counts.
pub(crate) fn number(row: &PgRow, column: &str) -> Result<u32, Failure> {
    let number: i32 = row.try_get(column)?;
    Ok(crate::postgres::count(number))
}

/// Reads a `bigint` that counts.
pub(crate) fn big_number(row: &PgRow, column: &str) -> Result<u64, Failure> {
    let number: i64 = row.try_get(column)?;
    Ok(crate::postgres::count(number))
}

/// Puts what identifies and describes events, an array a column, in the order of [`event_columns`].
pub(crate) fn put_events(binds: &mut Binds, events: &[Arc<Event>]) {
    fn all<'a, T>(events: &'a [Arc<Event>], of: impl Fn(&'a Event) -> T) -> Vec<T> {
        events.iter().map(|event| of(event)).collect()
    }
    binds
        .put(all(events, |e| e.key.uuid()))
        .put(all(events, |e| e.source.as_str()))
        .put(all(events, |e| e.id.as_str()))
        .put(all(events, |e| e.id_given))
        .put(all(events, |e| e.event_type.as_str()))
        .put(all(events, |e| e.subject.as_deref()))
        .put(all(events, |e| At(e.time)))
        .put(all(events, |e| At(e.received_at)))
        .put(all(events, |e| e.correlation_id.as_str()))
        .put(all(events, |e| e.traceparent.as_deref()))
        .put(all(events, |e| e.extensions.as_ref().map(|x| JsonText(x.as_bytes()))))
        .put(all(events, |e| &e.fingerprint.as_bytes()[..]))
        .put(all(events, |e| match &e.data {
            Payload::Json(text) => Some(JsonText(text)),
            Payload::Empty | Payload::Binary(_) => None,
        }))
        .put(all(events, |e| match &e.data {
            Payload::Binary(bytes) => Some(&bytes[..]),
            Payload::Empty | Payload::Json(_) => None,
        }));
}
