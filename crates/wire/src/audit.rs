//! What people have changed.

use eventflow_core::{AuditEntry, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::schema;

/// A change by a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditView {
    /// Counts up.
    pub seq: i64,
    /// When, by the store's clock.
    #[schema(schema_with = schema::time)]
    pub at: Timestamp,
    /// Who: the name of a token, or `anonymous`.
    pub actor: String,
    /// What: `requeue`, `discard`, `restore`, `pause`, `resume`, `retire`.
    pub action: String,
    /// To what: a key or a handler; `*` for all handlers.
    pub subject: String,
    /// The job it was part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schema::uuid)]
    pub job: Option<Uuid>,
}

/// A page of changes, oldest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditPage {
    /// The changes.
    pub entries: Vec<AuditView>,
    /// Ask for `after` this for the next page; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<i64>,
}

impl From<AuditEntry> for AuditView {
    fn from(entry: AuditEntry) -> Self {
        Self {
            seq: entry.seq,
            at: entry.at,
            actor: entry.actor,
            action: entry.action,
            subject: entry.subject,
            job: entry.job,
        }
    }
}
