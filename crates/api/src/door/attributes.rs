//! The rules for attributes, whichever way they come.

use std::borrow::Cow;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use eventflow_core::{Event, EventKey, Fingerprint, Payload, Timestamp};
use uuid::Uuid;

use super::parse::Context;
use crate::correlation;
use crate::problem::{Refusal, Slug};

const MAX_ID: usize = 255;
const MAX_NAME: usize = 1024;
const MAX_EXTENSION_NAME: usize = 64;

/// Attributes as they were found, before they are an event.
#[derive(Default)]
pub(super) struct Attributes<'a> {
    pub(super) specversion: Option<Cow<'a, str>>,
    pub(super) event_type: Option<Cow<'a, str>>,
    pub(super) source: Option<Cow<'a, str>>,
    pub(super) id: Option<Cow<'a, str>>,
    pub(super) time: Option<Cow<'a, str>>,
    pub(super) subject: Option<Cow<'a, str>>,
    pub(super) correlation_id: Option<Cow<'a, str>>,
    pub(super) traceparent: Option<Cow<'a, str>>,
    pub(super) data: Option<Payload>,
    pub(super) data_base64: Option<Cow<'a, str>>,
    /// The inside of a JSON object.
    pub(super) extensions: String,
}

impl<'a> Attributes<'a> {
    /// The slot of a text attribute.
    pub(super) fn slot(&mut self, name: &str) -> Option<(&'static str, &mut Option<Cow<'a, str>>)> {
        Some(match name {
            "specversion" => ("/specversion", &mut self.specversion),
            "type" => ("/type", &mut self.event_type),
            "source" => ("/source", &mut self.source),
            "id" => ("/id", &mut self.id),
            "time" => ("/time", &mut self.time),
            "subject" => ("/subject", &mut self.subject),
            "data_base64" => ("/data_base64", &mut self.data_base64),
            _ => return None,
        })
    }

    /// Keeps a further attribute, whose value is the text of a JSON scalar.
    pub(super) fn extend(&mut self, name: &str, value: &str) -> Result<(), Refusal> {
        let is_name = (1..=MAX_EXTENSION_NAME).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        if !is_name || value.starts_with(['{', '[']) {
            return Err(Slug::InvalidAttribute.into());
        }
        let comma = if self.extensions.is_empty() { "" } else { "," };
        // Writing to a String cannot fail.
        let _ = write!(self.extensions, "{comma}\"{name}\":{value}");
        Ok(())
    }

    /// Checks everything, and gives the event its identity.
    pub(super) fn into_event(self, context: &Context<'_>) -> Result<Event, Refusal> {
        if self.specversion.as_deref().is_some_and(|version| version != "1.0") {
            return Err(Refusal::at(Slug::InvalidEvent, "/specversion"));
        }
        let event_type = self.event_type.filter(|t| !t.is_empty());
        let event_type = event_type.ok_or_else(|| Refusal::at(Slug::InvalidEvent, "/type"))?;
        check("/type", &event_type, MAX_NAME)?;
        let source = self.source.unwrap_or(Cow::Borrowed("/"));
        check("/source", &source, MAX_NAME)?;
        if let Some(subject) = &self.subject {
            check("/subject", subject, MAX_NAME)?;
        }
        let id = identity(self.id, context.idempotency_key)?;
        let time = match &self.time {
            Some(time) => time
                .parse::<Timestamp>()
                .map_err(|_| Refusal::at(Slug::TimestampOutOfRange, "/time"))?,
            None => context.received_at,
        };
        let data = payload(self.data, self.data_base64.as_deref())?;
        check_sizes(&data, &self.extensions, context.max_data)?;
        let traceparent = self.traceparent.filter(|t| correlation::trace_id(t).is_some());
        let correlation_id = correlate(self.correlation_id, traceparent.as_deref(), context);
        let id_given = id.is_some();
        let id = id.map_or_else(|| Uuid::now_v7().to_string(), Cow::into_owned);
        Ok(Event {
            key: EventKey::of(&source, &id),
            fingerprint: Fingerprint::of(&event_type, data.bytes()),
            source: source.into_owned(),
            id,
            id_given,
            event_type: event_type.into_owned(),
            subject: self.subject.map(Cow::into_owned),
            time,
            received_at: context.received_at,
            correlation_id,
            traceparent: traceparent
                .map(Cow::into_owned)
                .or_else(|| context.correlation.traceparent.clone()),
            extensions: (!self.extensions.is_empty()).then(|| format!("{{{}}}", self.extensions)),
            data,
        })
    }
}

/// The id, which `Idempotency-Key` may stand for.
fn identity<'a>(id: Option<Cow<'a, str>>, idempotency_key: Option<&'a str>) -> Result<Option<Cow<'a, str>>, Refusal> {
    if let Some(id) = &id {
        check("/id", id, MAX_ID)?;
    }
    match (id, idempotency_key) {
        (Some(id), Some(key)) if id != key => Err(Slug::IdempotencyKey.into()),
        (id, key) => Ok(id.or(key.map(Cow::Borrowed))),
    }
}

fn payload(data: Option<Payload>, base64: Option<&str>) -> Result<Payload, Refusal> {
    match (data, base64) {
        (Some(_), Some(_)) => Err(Refusal::at(Slug::InvalidData, "/data_base64")),
        (Some(data), None) => Ok(data),
        (None, None) => Ok(Payload::Empty),
        (None, Some(text)) => STANDARD
            .decode(text)
            .map(|bytes| Payload::Binary(Bytes::from(bytes)))
            .map_err(|_| Refusal::at(Slug::InvalidData, "/data_base64")),
    }
}

fn check_sizes(data: &Payload, extensions: &str, max_data: usize) -> Result<(), Refusal> {
    let over = |what, pointer| {
        let words = format!(
            "Send at most {max_data} bytes of {what} in one event, or store it elsewhere and send a reference."
        );
        Err(Refusal::saying(Slug::DataTooLarge, words).pointing(pointer))
    };
    if data.bytes().len() > max_data {
        return over("data", Some("/data"));
    }
    if extensions.len() > max_data {
        return over("extension attributes", None);
    }
    Ok(())
}

/// The event's own correlation id, else the header's, else the event's own trace, else the request's.
fn correlate(own: Option<Cow<'_, str>>, trace: Option<&str>, context: &Context<'_>) -> String {
    let request = &context.correlation.id;
    match (
        own.filter(|id| correlation::is_valid(id)),
        trace.and_then(correlation::trace_id),
    ) {
        (Some(own), _) => own.into_owned(),
        (None, Some(trace)) if !context.correlation.given => trace.to_owned(),
        _ => request.clone(),
    }
}

/// 1 to `max` bytes without control characters or non-characters.
fn check(pointer: &'static str, text: &str, max: usize) -> Result<(), Refusal> {
    let is_bad = |c: char| {
        let code = u32::from(c);
        c.is_control() || (0xfdd0..=0xfdef).contains(&code) || code & 0xfffe == 0xfffe
    };
    if text.is_empty() || text.len() > max || text.chars().any(is_bad) {
        return Err(Refusal::at(Slug::InvalidAttribute, pointer));
    }
    Ok(())
}
