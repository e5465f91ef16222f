//! Tests a handler without a server.

use eventflow_core::{Clock as _, Event, EventKey, Fingerprint, Payload, SystemClock};
use eventflow_worker::{Context, Handler, Outcome};
use tokio_util::sync::CancellationToken;

/// An event of this type that carries this JSON.
pub fn event(event_type: &str, json: &str) -> Event {
    let now = SystemClock.now();
    let id = format!("test-{event_type}");
    Event {
        key: EventKey::of("/", &id),
        source: "/".into(),
        id,
        id_given: true,
        event_type: event_type.into(),
        subject: None,
        time: now,
        received_at: now,
        correlation_id: "test".into(),
        traceparent: None,
        extensions: None,
        fingerprint: Fingerprint::of(event_type, json.as_bytes()),
        data: Payload::Json(json.as_bytes().to_vec().into()),
    }
}

/// What comes of the first of five attempts.
pub async fn run(handler: &impl Handler, event: &Event) -> Outcome {
    attempt(handler, event, 1).await
}

/// What comes of the `number`-th of five attempts.
pub async fn attempt(handler: &impl Handler, event: &Event, number: u32) -> Outcome {
    let context = Context {
        attempt: number,
        last_attempt: 5,
        worker: "test".into(),
        cancelled: CancellationToken::new(),
    };
    handler.handle(event, &context).await
}
