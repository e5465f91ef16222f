//! Dead letters, and what is done to them.

use eventflow_core::{EventKey, Job, Letter, LetterAction, Refusal, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::schema;
use crate::view::{DeathView, payload};

/// One dead letter of a list.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LetterView {
    /// Its key.
    #[schema(schema_with = schema::key)]
    pub key: EventKey,
    /// Its source.
    pub source: String,
    /// Its id.
    pub id: String,
    /// Its type.
    #[serde(rename = "type")]
    pub event_type: String,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// When it was received.
    #[schema(schema_with = schema::time)]
    pub received_at: Timestamp,
    /// What the logs name it by.
    pub correlation_id: String,
    /// What it carries, if that is JSON; only where `data` was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schema::json)]
    pub data: Option<Box<RawValue>>,
    /// What it carries, if that is not JSON; only where `data` was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_base64: Option<String>,
    /// Why it died.
    pub death: DeathView,
}

/// A page of dead letters in key order.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LetterPage {
    /// The letters.
    pub letters: Vec<LetterView>,
    /// The `cursor` of the next page; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Which letters to change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LetterKeys {
    /// Their keys, 1 to 1,000.
    #[schema(schema_with = schema::ordered_keys)]
    pub keys: Vec<EventKey>,
}

/// A job over dead letters, as it was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobView {
    /// Its name; the same again changes nothing and shows this job.
    #[schema(schema_with = schema::uuid)]
    pub id: Uuid,
    /// What it did.
    #[schema(schema_with = schema::letter_action)]
    pub action: LetterAction,
    /// Who asked.
    pub actor: String,
    /// When, by the store's clock.
    #[schema(schema_with = schema::time)]
    pub at: Timestamp,
    /// Letters that changed.
    pub applied: u64,
    /// Of these: requeued without a handler for their type, and so stored as done.
    pub stored: u64,
    /// Letters that did not change, and why.
    pub refused: Vec<RefusedLetter>,
}

/// A letter that did not change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RefusedLetter {
    /// Its key.
    #[schema(schema_with = schema::key)]
    pub key: EventKey,
    /// Why: no such event, not dead (any more), no handler takes its type, or it is not an event that can run.
    #[schema(schema_with = schema::refusal)]
    pub why: Refusal,
}

impl From<Letter> for LetterView {
    fn from(letter: Letter) -> Self {
        let (data, data_base64) = payload(&letter.event.data);
        Self {
            key: letter.event.key,
            source: letter.event.source,
            id: letter.event.id,
            event_type: letter.event.event_type,
            subject: letter.event.subject,
            received_at: letter.event.received_at,
            correlation_id: letter.event.correlation_id,
            data,
            data_base64,
            death: letter.death.into(),
        }
    }
}

impl From<Job> for JobView {
    fn from(job: Job) -> Self {
        Self {
            id: job.id,
            action: job.action,
            actor: job.actor,
            at: job.at,
            applied: job.applied,
            stored: job.stored,
            refused: job
                .refused
                .into_iter()
                .map(|(key, why)| RefusedLetter { key, why })
                .collect(),
        }
    }
}
