//! What a producer sends, and what it hears.

use eventflow_core::{EventKey, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::schema;

/// An event to send. `CloudEvents` 1.0 attributes; only `type` is needed.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct NewEvent {
    /// What happened, such as `order.created`: 1 to 1,024 bytes.
    #[serde(rename = "type")]
    #[schema(example = "order.created", min_length = 1, max_length = 1024)]
    pub event_type: String,
    /// Who says so; `/` where absent. At most 1,024 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "checkout", min_length = 1, max_length = 1024)]
    pub source: Option<String>,
    /// With `source` the identity of the event, so that it can be sent again; a new UUID v7 where absent. 1 to 255 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 255)]
    pub id: Option<String>,
    /// When it happened; when it was received where absent. RFC 3339 between 1970 and 2200.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schema::time)]
    pub time: Option<Timestamp>,
    /// What it is about. At most 1,024 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 1024)]
    pub subject: Option<String>,
    /// What it carries: any JSON, kept byte for byte.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schema::json)]
    pub data: Option<Box<RawValue>>,
    /// What it carries where that is not JSON, in base64. Not beside `data`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_base64: Option<String>,
    /// Follows the event through logs, handlers and store. At most 128 visible ASCII characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
}

/// What `POST /events` takes as JSON.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum NewEvents {
    /// One event.
    One(NewEvent),
    /// A batch.
    Many(Vec<NewEvent>),
}

/// A `CloudEvents` 1.0 event in structured mode; its extension attributes stand beside these.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CloudEvent {
    /// The version of the specification.
    #[schema(schema_with = schema::specversion)]
    pub specversion: &'static str,
    /// The rest.
    #[serde(flatten)]
    pub event: NewEvent,
}

/// The answer to one event: it is durable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Accepted {
    /// The id, assigned where the producer gave none.
    pub id: String,
    /// The source.
    pub source: String,
    /// Finds the event from now on.
    #[schema(schema_with = schema::key)]
    pub key: EventKey,
    /// Whether it was known already.
    pub status: Acceptance,
    /// What the logs name it by.
    pub correlation_id: String,
}

/// Whether an event was known already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Acceptance {
    /// Taken. It may still prove a copy when a worker admits it.
    Accepted,
    /// Certainly there already, with this very payload.
    Duplicate,
}

/// The answer to a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BatchResult {
    /// Events taken.
    pub accepted: u64,
    /// Events that were there already.
    pub duplicates: u64,
    /// Events not taken.
    pub rejected: u64,
    /// One for each event sent, in its order.
    pub results: Vec<ItemResult>,
}

/// What became of one event of a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ItemResult {
    /// Its index in the batch.
    pub index: usize,
    /// What became of it.
    pub status: ItemStatus,
    /// The id, as far as it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The source, as far as it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The key, as far as it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schema::key)]
    pub key: Option<EventKey>,
    /// What the logs name it by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
    /// Why it was not taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ItemError>,
    /// Of a rejected one: whether the same event may be taken later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retryable: Option<bool>,
}

/// What became of one event of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ItemStatus {
    /// Taken.
    Accepted,
    /// There already.
    Duplicate,
    /// Not taken.
    Rejected,
}

/// Why one event of a batch was not taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ItemError {
    /// The slug of the problem; its type is `/problems/<code>`.
    pub code: String,
    /// A JSON pointer into the event, where it helps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// A sentence that says what to do.
    pub detail: String,
}

impl From<Acceptance> for ItemStatus {
    fn from(acceptance: Acceptance) -> Self {
        match acceptance {
            Acceptance::Accepted => Self::Accepted,
            Acceptance::Duplicate => Self::Duplicate,
        }
    }
}
