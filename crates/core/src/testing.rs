//! Events for unit tests of this crate.

use bytes::Bytes;

use crate::event::{Event, Fingerprint, Payload};
use crate::key::EventKey;
use crate::time::Timestamp;

pub(crate) fn event(event_type: &str, id: &str, data: &str) -> Event {
    Event {
        key: EventKey::of("/", id),
        source: "/".into(),
        id: id.into(),
        id_given: true,
        event_type: event_type.into(),
        subject: None,
        time: Timestamp::default(),
        received_at: Timestamp::default(),
        correlation_id: "c".into(),
        traceparent: None,
        extensions: None,
        fingerprint: Fingerprint::of(event_type, data.as_bytes()),
        data: Payload::Json(Bytes::copy_from_slice(data.as_bytes())),
    }
}
