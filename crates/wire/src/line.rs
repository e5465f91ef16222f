//! Events as lists show them.

use std::sync::Arc;

use eventflow_core::{Event, EventKey, EventState, Queued, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::query::EventFields;
use crate::schema;
use crate::view::{payload, raw};

/// One line of a list. What `fields` leaves out is absent.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct EventLine {
    /// Its key; always there.
    #[schema(schema_with = schema::key)]
    pub key: EventKey,
    /// Its source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Its type.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub event_type: Option<String>,
    /// Where it is in its life.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schema::state)]
    pub state: Option<EventState>,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// When it happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schema::time)]
    pub time: Option<Timestamp>,
    /// When it was received.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schema::time)]
    pub received_at: Option<Timestamp>,
    /// When its row was written, by the store's clock; only where `fields` asks for it, and not while it is queued.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schema::time)]
    pub admitted_at: Option<Timestamp>,
    /// When its last attempt or crash ended, by the store's clock; only where `fields` asks for it, and not before the
    /// first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schema::time)]
    pub ended_at: Option<Timestamp>,
    /// Attempts that ended as done; only where `fields` asks for it, and not while it is queued.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runs: Option<u32>,
    /// What the logs name it by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
    /// Further deliveries seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copies_seen: Option<u64>,
    /// Further attributes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub extensions: Option<Box<RawValue>>,
    /// What it carries, if that is JSON; only where `fields` asks for `data`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schema::json)]
    pub data: Option<Box<RawValue>>,
    /// What it carries, if that is not JSON; only where `fields` asks for `data`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_base64: Option<String>,
}

/// A page of events in key order.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct EventPage {
    /// The events.
    pub events: Vec<EventLine>,
    /// The `cursor` of the next page; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl EventLine {
    /// A line of the ledger's list that shows `fields`.
    pub fn of(line: eventflow_core::EventLine, fields: EventFields) -> Self {
        Self {
            admitted_at: fields.admitted_at.then_some(line.admitted_at),
            ended_at: line
                .runs
                .filter(|_| fields.ended_at)
                .and_then(|runs| runs.last_ended_at),
            runs: line.runs.filter(|_| fields.runs).map(|runs| runs.done),
            ..Self::of_event(line.event, line.state, line.copies_seen, fields)
        }
    }

    /// A line for an event that is still in the queue.
    pub fn of_queued(queued: Queued, fields: EventFields) -> Self {
        Self::of_event(Arc::unwrap_or_clone(queued.event), EventState::Queued, 0, fields)
    }

    fn of_event(event: Event, state: EventState, copies_seen: u64, fields: EventFields) -> Self {
        let (data, data_base64) = if fields.data {
            payload(&event.data)
        } else {
            (None, None)
        };
        Self {
            key: event.key,
            source: fields.source.then_some(event.source),
            id: fields.id.then_some(event.id),
            event_type: fields.event_type.then_some(event.event_type),
            state: fields.state.then_some(state),
            subject: event.subject.filter(|_| fields.subject),
            time: fields.time.then_some(event.time),
            received_at: fields.received_at.then_some(event.received_at),
            admitted_at: None,
            ended_at: None,
            runs: None,
            correlation_id: fields.correlation_id.then_some(event.correlation_id),
            copies_seen: fields.copies_seen.then_some(copies_seen),
            extensions: event.extensions.as_deref().filter(|_| fields.extensions).and_then(raw),
            data,
            data_base64,
        }
    }
}
