//! Events as they are shown.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use eventflow_core::{
    Attempt, AttemptResult, DeathRecord, Event, EventKey, EventRecord, EventState, Pattern, Payload, Queued, Reason,
    Timestamp, Work, WorkerId,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::schema;

/// All that is known of one event.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct EventView {
    /// Its key.
    #[schema(schema_with = schema::key)]
    pub key: EventKey,
    /// Its source.
    pub source: String,
    /// Its id within the source.
    pub id: String,
    /// Whether its producer chose the id.
    pub id_given: bool,
    /// Its type.
    #[serde(rename = "type")]
    pub event_type: String,
    /// Where it is in its life.
    #[schema(schema_with = schema::state)]
    pub state: EventState,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// When it happened, says its producer.
    #[schema(schema_with = schema::time)]
    pub time: Timestamp,
    /// When it was received, by the API's clock.
    #[schema(schema_with = schema::time)]
    pub received_at: Timestamp,
    /// When its row was written, by the store's clock; absent while it is queued.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schema::time)]
    pub admitted_at: Option<Timestamp>,
    /// What the logs name it by.
    pub correlation_id: String,
    /// W3C trace context.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// Further attributes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub extensions: Option<Box<RawValue>>,
    /// What it carries, if that is JSON; byte for byte.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schema::json)]
    pub data: Option<Box<RawValue>>,
    /// What it carries, if that is not JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_base64: Option<String>,
    /// Further deliveries seen, at least.
    pub copies_seen: u64,
    /// Where it stands in the queue, while it is queued.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<QueuePlace>,
    /// What it waits for, while it is due or running.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work: Option<WorkView>,
    /// Its history, oldest first.
    #[serde(default)]
    pub attempts: Vec<AttemptView>,
    /// Why it died, while it is dead or discarded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub death: Option<DeathView>,
    /// Dead letters that came under its id with another payload.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(schema_with = schema::keys)]
    pub id_reused: Vec<EventKey>,
}

/// Where an event stands in the queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QueuePlace {
    /// The partition.
    pub partition: u16,
    /// The queue's own name for the entry.
    pub entry: String,
}

/// The unfinished side of an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WorkView {
    /// Who takes it.
    #[schema(schema_with = schema::pattern)]
    pub handler: Pattern,
    /// When it is due; while it runs, when its lease ends. By the store's clock.
    #[schema(schema_with = schema::time)]
    pub due_at: Timestamp,
    /// The worker that has leased it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schema::uuid)]
    pub worker: Option<WorkerId>,
    /// Attempts counted.
    pub attempt: u32,
    /// How many of them before the last requeue.
    pub base: u32,
    /// Crashes counted.
    pub crashes: u32,
}

/// A row of an event's history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AttemptView {
    /// The number of the attempt, from 1; for a crash, of the one that was cut short.
    pub number: u32,
    /// How it ended.
    #[schema(schema_with = schema::attempt_result)]
    pub result: AttemptResult,
    /// Who ran it.
    #[schema(schema_with = schema::uuid)]
    pub worker: WorkerId,
    /// When it ended, by the store's clock.
    #[schema(schema_with = schema::time)]
    pub ended_at: Timestamp,
    /// Milliseconds it ran; unknown for a crash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<f64>,
    /// What went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Why an event is dead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeathView {
    /// The class.
    #[schema(schema_with = schema::reason)]
    pub reason: Reason,
    /// What a person reads.
    pub message: String,
    /// Groups deaths of one cause.
    pub cause: String,
    /// When, by the store's clock.
    #[schema(schema_with = schema::time)]
    pub died_at: Timestamp,
    /// The handler that had it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schema::pattern)]
    pub handler: Option<Pattern>,
    /// Attempts counted.
    pub attempt: u32,
    /// Crashes counted.
    pub crashes: u32,
    /// How often it had been requeued before.
    pub requeues: u32,
    /// For `id-reused`: the key under which the first payload lives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schema::key)]
    pub original: Option<EventKey>,
}

/// A payload in the two forms that JSON can bear: `data`, `data_base64`.
pub(crate) fn payload(data: &Payload) -> (Option<Box<RawValue>>, Option<String>) {
    match data {
        Payload::Empty => (None, None),
        Payload::Json(bytes) => match raw(std::str::from_utf8(bytes).unwrap_or_default()) {
            Some(json) => (Some(json), None),
            None => (None, Some(STANDARD.encode(bytes))),
        },
        Payload::Binary(bytes) => (None, Some(STANDARD.encode(bytes))),
    }
}

/// A text as raw JSON, if it is JSON.
pub(crate) fn raw(text: &str) -> Option<Box<RawValue>> {
    RawValue::from_string(text.to_owned()).ok()
}

impl EventView {
    fn of(event: &Event, state: EventState) -> Self {
        let (data, data_base64) = payload(&event.data);
        Self {
            key: event.key,
            source: event.source.clone(),
            id: event.id.clone(),
            id_given: event.id_given,
            event_type: event.event_type.clone(),
            state,
            subject: event.subject.clone(),
            time: event.time,
            received_at: event.received_at,
            admitted_at: None,
            correlation_id: event.correlation_id.clone(),
            traceparent: event.traceparent.clone(),
            extensions: event.extensions.as_deref().and_then(raw),
            data,
            data_base64,
            copies_seen: 0,
            queue: None,
            work: None,
            attempts: Vec::new(),
            death: None,
            id_reused: Vec::new(),
        }
    }
}

impl From<EventRecord> for EventView {
    fn from(record: EventRecord) -> Self {
        Self {
            admitted_at: Some(record.admitted_at),
            copies_seen: record.copies_seen,
            work: record.work.map(WorkView::from),
            attempts: record.attempts.into_iter().map(AttemptView::from).collect(),
            death: record.death.map(DeathView::from),
            id_reused: record.id_reused,
            ..Self::of(&record.event, record.state)
        }
    }
}

impl From<Queued> for EventView {
    fn from(queued: Queued) -> Self {
        Self {
            queue: Some(QueuePlace {
                partition: queued.id.partition,
                entry: queued.id.id,
            }),
            ..Self::of(&queued.event, EventState::Queued)
        }
    }
}

impl From<Work> for WorkView {
    fn from(work: Work) -> Self {
        Self {
            handler: work.handler,
            due_at: work.due_at,
            worker: work.worker,
            attempt: work.attempt,
            base: work.base,
            crashes: work.crashes,
        }
    }
}

impl From<Attempt> for AttemptView {
    fn from(attempt: Attempt) -> Self {
        Self {
            number: attempt.number,
            result: attempt.result,
            worker: attempt.worker,
            ended_at: attempt.ended_at,
            duration_ms: attempt.duration.map(|d| d.as_secs_f64() * 1000.0),
            error: attempt.error,
        }
    }
}

impl From<DeathRecord> for DeathView {
    fn from(death: DeathRecord) -> Self {
        Self {
            reason: death.reason,
            message: death.message,
            cause: death.cause,
            died_at: death.died_at,
            handler: death.handler,
            attempt: death.attempt,
            crashes: death.crashes,
            requeues: death.requeues,
            original: death.original,
        }
    }
}
