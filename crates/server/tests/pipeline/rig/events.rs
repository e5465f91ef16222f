//! Events to send.

use std::path::Path;

use eventflow_core::EventKey;
use eventflow_wire::NewEvent;
use serde_json::value::RawValue;

/// An event of the source `/`.
pub(crate) fn event(event_type: &str, id: &str) -> NewEvent {
    with_data(event_type, id, &serde_json::json!({ "of": id }))
}

/// An event that the simulated handler fails as told.
pub(crate) fn failing(id: &str, fail: &str) -> NewEvent {
    with_data("efctl.sim.order", id, &serde_json::json!({ "fail": fail }))
}

/// An event for a handler of the errands: done once the gate is there.
pub(crate) fn errand(event_type: &str, id: &str, gate: Option<(&Path, &str)>) -> NewEvent {
    let data = match gate {
        Some((gate, otherwise)) => serde_json::json!({ "gate": gate, "otherwise": otherwise }),
        None => serde_json::json!({}),
    };
    with_data(event_type, id, &data)
}

fn with_data(event_type: &str, id: &str, data: &serde_json::Value) -> NewEvent {
    NewEvent {
        event_type: event_type.to_owned(),
        id: Some(id.to_owned()),
        data: Some(RawValue::from_string(data.to_string()).expect("JSON")),
        ..NewEvent::default()
    }
}

/// The key of an event of the source `/`.
pub(crate) fn key(id: &str) -> EventKey {
    EventKey::of("/", id)
}

/// The keys of events of the source `/`.
pub(crate) fn keys<'a>(ids: impl IntoIterator<Item = &'a str>) -> Vec<EventKey> {
    ids.into_iter().map(key).collect()
}
