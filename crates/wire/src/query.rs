//! What may stand behind the question mark.

use eventflow_core::{EventState, Reason, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use crate::schema;

/// Which events to list. What is not set does not restrict.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EventQuery {
    /// Exactly this source. With `id`, the one event of that name, in the queue as well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Exactly this id; `source` is `/` where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Exactly this type.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    #[param(rename = "type")]
    pub event_type: Option<String>,
    /// Only events in this state. Lists cover the ledger: `queued` matches nothing here.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(schema_with = schema::state)]
    pub state: Option<EventState>,
    /// Received at or after.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(schema_with = schema::time)]
    pub from: Option<Timestamp>,
    /// Received before.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(schema_with = schema::time)]
    pub until: Option<Timestamp>,
    /// `next` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(schema_with = schema::uuid)]
    pub cursor: Option<String>,
    /// At most so many, 1 to 1,000; 100 where absent. A stream has no limit unless it is set.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<u32>,
    /// Names of the members to show, with commas between them. Where absent: all but `admitted_at`, `ended_at`, `runs`
    /// and `data`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(example = "key,source,id,state")]
    pub fields: Option<String>,
}

/// Which dead letters to list. What is not set does not restrict.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LetterQuery {
    /// Exactly this type.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    #[param(rename = "type")]
    pub event_type: Option<String>,
    /// Exactly this source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// This class of death.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(schema_with = schema::reason)]
    pub reason: Option<Reason>,
    /// This cause.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// Died at or after.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(schema_with = schema::time)]
    pub from: Option<Timestamp>,
    /// Died before.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(schema_with = schema::time)]
    pub until: Option<Timestamp>,
    /// Those that were discarded, instead of those that are dead.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub discarded: bool,
    /// Whether payloads are shown.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub data: bool,
    /// `next` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(schema_with = schema::uuid)]
    pub cursor: Option<String>,
    /// At most so many, 1 to 1,000; 100 where absent. A stream has no limit unless it is set.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<u32>,
}

/// Which changes to list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AuditQuery {
    /// Changes behind this number; from the first where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<i64>,
    /// At most so many, 1 to 1,000; 100 where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<u32>,
}

/// The members of a line that are shown; `key` always is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "a set of members, each shown or not")]
pub struct EventFields {
    /// `source`
    pub source: bool,
    /// `id`
    pub id: bool,
    /// `type`
    pub event_type: bool,
    /// `state`
    pub state: bool,
    /// `subject`
    pub subject: bool,
    /// `time`
    pub time: bool,
    /// `received_at`
    pub received_at: bool,
    /// `admitted_at`
    pub admitted_at: bool,
    /// `ended_at`
    pub ended_at: bool,
    /// `runs`
    pub runs: bool,
    /// `correlation_id`
    pub correlation_id: bool,
    /// `copies_seen`
    pub copies_seen: bool,
    /// `extensions`
    pub extensions: bool,
    /// `data`, or `data_base64`
    pub data: bool,
}

impl EventFields {
    /// What a person may write.
    pub const NAMES: &str = "key, source, id, type, state, subject, time, received_at, admitted_at, ended_at, runs, \
         correlation_id, copies_seen, extensions, data";

    const NONE: Self = Self {
        source: false,
        id: false,
        event_type: false,
        state: false,
        subject: false,
        time: false,
        received_at: false,
        admitted_at: false,
        ended_at: false,
        runs: false,
        correlation_id: false,
        copies_seen: false,
        extensions: false,
        data: false,
    };

    /// Reads names with commas between them. None where one of them is not known.
    pub fn parse(names: &str) -> Option<Self> {
        let mut fields = Self::NONE;
        for name in names.split(',').map(str::trim) {
            *match name {
                "key" => continue,
                "source" => &mut fields.source,
                "id" => &mut fields.id,
                "type" => &mut fields.event_type,
                "state" => &mut fields.state,
                "subject" => &mut fields.subject,
                "time" => &mut fields.time,
                "received_at" => &mut fields.received_at,
                "admitted_at" => &mut fields.admitted_at,
                "ended_at" => &mut fields.ended_at,
                "runs" => &mut fields.runs,
                "correlation_id" => &mut fields.correlation_id,
                "copies_seen" => &mut fields.copies_seen,
                "extensions" => &mut fields.extensions,
                "data" => &mut fields.data,
                _ => return None,
            } = true;
        }
        Some(fields)
    }

    /// Whether the history of each event must be asked.
    pub const fn of_runs(&self) -> bool {
        self.ended_at || self.runs
    }
}

impl Default for EventFields {
    /// All but the payload, and what must be looked for in an event's history.
    fn default() -> Self {
        Self {
            source: true,
            id: true,
            event_type: true,
            state: true,
            subject: true,
            time: true,
            received_at: true,
            admitted_at: false,
            ended_at: false,
            runs: false,
            correlation_id: true,
            copies_seen: true,
            extensions: true,
            data: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_that_is_told_is_read() {
        let all = EventFields::parse(EventFields::NAMES).expect("all names");
        assert_eq!(
            all,
            EventFields {
                admitted_at: true,
                ended_at: true,
                runs: true,
                data: true,
                ..EventFields::default()
            }
        );
        assert_eq!(EventFields::parse("key"), Some(EventFields::NONE));
        assert_eq!(EventFields::parse("key,payload"), None);
        assert_eq!(EventFields::parse(""), None);
    }
}
