//! An event as it travels through the house. Its payload is never parsed again after the door.

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::key::{EventKey, length_prefix};
use crate::time::Timestamp;

/// One event with its identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its primary key, made of `source` and `id`.
    pub key: EventKey,
    /// `CloudEvents` `source`; `/` where the producer named none.
    pub source: String,
    /// `CloudEvents` `id`.
    pub id: String,
    /// Whether the producer chose the id. Only then can it be sent again under the same one.
    pub id_given: bool,
    /// `CloudEvents` `type`.
    pub event_type: String,
    /// `CloudEvents` `subject`.
    pub subject: Option<String>,
    /// When it happened, says its producer; when it was received, where it says nothing.
    pub time: Timestamp,
    /// When the API took it in, by the API's clock.
    pub received_at: Timestamp,
    /// Follows the event through logs, handlers and store. At most 128 visible ASCII characters.
    pub correlation_id: String,
    /// W3C trace context, verbatim.
    pub traceparent: Option<String>,
    /// All further attributes as the text of one JSON object (`datacontenttype`, `dataschema`, extensions).
    pub extensions: Option<String>,
    /// What tells two payloads under one id apart.
    pub fingerprint: Fingerprint,
    /// What it carries, byte for byte.
    pub data: Payload,
}

impl Event {
    /// Bytes that the event takes in memory, roughly: what bounds on bytes are counted in.
    pub fn weight(&self) -> usize {
        const FIXED: usize = 256;
        FIXED
            + self.source.len()
            + self.id.len()
            + self.event_type.len()
            + self.subject.as_ref().map_or(0, String::len)
            + self.correlation_id.len()
            + self.traceparent.as_ref().map_or(0, String::len)
            + self.extensions.as_ref().map_or(0, String::len)
            + self.data.bytes().len()
    }
}

/// The `data` of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// None, or `null`.
    Empty,
    /// The text of one JSON value, valid UTF-8, as the producer wrote it.
    Json(Bytes),
    /// Anything else.
    Binary(Bytes),
}

impl Payload {
    /// The raw bytes; none for an empty payload.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Empty => &[],
            Self::Json(bytes) | Self::Binary(bytes) => bytes,
        }
    }
}

/// The first 16 bytes of SHA-256(u32be length ‖ type ‖ raw bytes of data).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 16]);

impl Fingerprint {
    /// The fingerprint of an event of this type that carries `data`.
    pub fn of(event_type: &str, data: &[u8]) -> Self {
        let mut digest = Sha256::new();
        digest.update(length_prefix(event_type.as_bytes()));
        digest.update(event_type.as_bytes());
        digest.update(data);
        let mut bytes = [0u8; 16];
        bytes.copy_from_slice(&digest.finalize()[..16]);
        Self(bytes)
    }

    /// As stored.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Read back from where it was stored.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

/// Where an event is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventState {
    /// In the queue, not in the ledger yet.
    Queued,
    /// Waiting for an attempt.
    Due,
    /// Leased to a worker, also while that lease has lapsed and nobody has taken it over.
    Running,
    /// Stored, and its handler has done its work.
    Done,
    /// A dead letter.
    Dead,
    /// A dead letter that a person has given up.
    Discarded,
}

impl EventState {
    /// Every state, in the order of a life.
    pub const ALL: [Self; 6] = [
        Self::Queued,
        Self::Due,
        Self::Running,
        Self::Done,
        Self::Dead,
        Self::Discarded,
    ];

    /// The name a user types.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Due => "due",
            Self::Running => "running",
            Self::Done => "done",
            Self::Dead => "dead",
            Self::Discarded => "discarded",
        }
    }

    /// The state of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

impl fmt::Display for EventState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_tells_type_and_data_apart() {
        let a = Fingerprint::of("order", b"{}");
        assert_eq!(a, Fingerprint::of("order", b"{}"));
        assert_ne!(a, Fingerprint::of("order", b"{ }"));
        assert_ne!(a, Fingerprint::of("order{", b"}"));
    }

    #[test]
    fn states_are_read_by_the_names_they_are_written_by() {
        for state in EventState::ALL {
            assert_eq!(EventState::parse(state.as_str()), Some(state));
        }
        assert_eq!(EventState::parse("lost"), None);
    }
}
