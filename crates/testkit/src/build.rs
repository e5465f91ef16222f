//! Builds events, rows and orders in a line each.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use eventflow_core::{
    Admission, AdmitRow, Death, Event, EventKey, Fate, Fingerprint, Finished, LeaseGrant, LeaseRequest, LeaseToken,
    Leased, LetterAction, LetterOrder, Pattern, Payload, Reason, Registration, RegistryVersion, Renewal, Timestamp,
    Verdict, WorkerId,
};
use uuid::Uuid;

use crate::memory::ManualClock;

/// Begins an event of this type that its producer calls `id`, with the text of one JSON value as data.
///
/// Source is `/`; it happened and was received at [`ManualClock::START`].
pub fn event(event_type: &str, id: &str, json: &str) -> EventBuilder {
    let data = if json.is_empty() {
        Payload::Empty
    } else {
        Payload::Json(Bytes::copy_from_slice(json.as_bytes()))
    };
    EventBuilder(Event {
        key: EventKey::of("/", id),
        source: "/".to_owned(),
        id: id.to_owned(),
        id_given: true,
        event_type: event_type.to_owned(),
        subject: None,
        time: ManualClock::START,
        received_at: ManualClock::START,
        correlation_id: format!("correlation-{id}"),
        traceparent: None,
        extensions: None,
        fingerprint: Fingerprint::of(event_type, json.as_bytes()),
        data,
    })
}

/// An event in the making.
#[derive(Clone, Debug)]
pub struct EventBuilder(Event);

impl EventBuilder {
    /// Another source than `/`.
    #[must_use]
    pub fn source(mut self, source: &str) -> Self {
        source.clone_into(&mut self.0.source);
        self
    }

    /// The API made the id, not the producer.
    #[must_use]
    pub const fn generated_id(mut self) -> Self {
        self.0.id_given = false;
        self
    }

    /// With a subject.
    #[must_use]
    pub fn subject(mut self, subject: &str) -> Self {
        self.0.subject = Some(subject.to_owned());
        self
    }

    /// When it happened.
    #[must_use]
    pub const fn time(mut self, time: Timestamp) -> Self {
        self.0.time = time;
        self
    }

    /// When it was received.
    #[must_use]
    pub const fn received_at(mut self, received_at: Timestamp) -> Self {
        self.0.received_at = received_at;
        self
    }

    /// With this correlation id.
    #[must_use]
    pub fn correlation_id(mut self, id: &str) -> Self {
        id.clone_into(&mut self.0.correlation_id);
        self
    }

    /// With this trace context.
    #[must_use]
    pub fn traceparent(mut self, traceparent: &str) -> Self {
        self.0.traceparent = Some(traceparent.to_owned());
        self
    }

    /// With further attributes, the text of one JSON object.
    #[must_use]
    pub fn extensions(mut self, json: &str) -> Self {
        self.0.extensions = Some(json.to_owned());
        self
    }

    /// With these bytes as data, whatever they are.
    #[must_use]
    pub fn binary(mut self, bytes: &[u8]) -> Self {
        self.0.data = Payload::Binary(Bytes::copy_from_slice(bytes));
        self
    }

    /// The event, with key and fingerprint of what it has become.
    pub fn build(mut self) -> Event {
        self.0.key = EventKey::of(&self.0.source, &self.0.id);
        self.0.fingerprint = Fingerprint::of(&self.0.event_type, self.0.data.bytes());
        self.0
    }

    /// The same, to be shared.
    pub fn shared(self) -> Arc<Event> {
        Arc::new(self.build())
    }
}

impl From<EventBuilder> for Arc<Event> {
    fn from(builder: EventBuilder) -> Self {
        builder.shared()
    }
}

/// The pattern of this text.
///
/// # Panics
/// Where the text is no pattern.
pub fn pattern(text: &str) -> Pattern {
    text.parse().expect("a test names a valid pattern")
}

/// The patterns of these texts.
///
/// # Panics
/// Where one of them is no pattern.
pub fn patterns(texts: &[&str]) -> Vec<Pattern> {
    texts.iter().map(|text| pattern(text)).collect()
}

/// A worker that joins with these patterns.
pub fn registration(worker: WorkerId, texts: &[&str]) -> Registration {
    Registration {
        worker,
        name: format!("worker-{worker}"),
        patterns: patterns(texts),
    }
}

/// A row of an admission.
pub fn row(event: impl Into<Arc<Event>>, fate: Fate) -> AdmitRow {
    AdmitRow {
        event: event.into(),
        fate,
        copies: 0,
    }
}

/// An admission by this version of the handler list. Sorts the rows.
pub fn admission(registry: RegistryVersion, mut rows: Vec<AdmitRow>, lease: Option<LeaseGrant>) -> Admission {
    rows.sort_by_key(|row| row.event.key);
    Admission { registry, rows, lease }
}

/// A request for up to 100 rows of each handler, of any weight, under a new token.
pub fn lease_request(worker: WorkerId, handlers: &[&str], lease_time: Duration) -> LeaseRequest {
    LeaseRequest {
        worker,
        token: LeaseToken::new(),
        lease_time,
        wants: patterns(handlers).into_iter().map(|pattern| (pattern, 100)).collect(),
        max_bytes: usize::MAX,
    }
}

/// A renewal of these leases that awaits nothing.
pub fn renewal(worker: WorkerId, lease_time: Duration, running: &[(EventKey, LeaseToken)]) -> Renewal {
    Renewal {
        worker,
        lease_time,
        running: running.to_vec(),
        awaited: Vec::new(),
        beat: None,
    }
}

/// The outcome of a run of 5 ms, in company. What failed says so.
pub fn finished(worker: WorkerId, key: EventKey, lease: LeaseToken, verdict: Verdict) -> Finished {
    let failed = matches!(verdict, Verdict::Retry(_) | Verdict::Dead(_));
    Finished {
        key,
        lease,
        verdict,
        worker,
        started_at: ManualClock::START,
        duration: Duration::from_millis(5),
        error: failed.then(|| "it failed".to_owned()),
        alone: false,
    }
}

/// The outcome of a leased row.
pub fn outcome(worker: WorkerId, leased: &Leased, verdict: Verdict) -> Finished {
    finished(worker, leased.event.key, leased.token, verdict)
}

/// The death that a handler asks for.
pub fn permanent(message: &str) -> Death {
    Death::new(Reason::Permanent, message)
}

/// An order by the operator `test` under a new job.
pub fn letter_order(action: LetterAction, keys: &[EventKey]) -> LetterOrder {
    LetterOrder {
        job: Uuid::now_v7(),
        action,
        keys: keys.to_vec(),
        actor: "test".to_owned(),
    }
}

/// An event that came under a taken id, as the dead letter of its own that it becomes.
pub fn reused(event: &Event) -> AdmitRow {
    let mut letter = event.clone();
    letter.key = EventKey::of_reused(&event.source, &event.id, &event.fingerprint);
    let death = Death {
        original: Some(event.key),
        ..Death::new(Reason::IdReused, "another payload came under an id that was taken")
    };
    row(Arc::new(letter), Fate::Dead(death))
}
