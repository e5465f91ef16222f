//! Events out of a body, each with its identity or with what is wrong with it.

use std::sync::Arc;

use bytes::Bytes;
use eventflow_core::{Event, Payload, Timestamp};
use http::HeaderMap;

use super::attributes::Attributes;
use super::media::Format;
use super::{binary, body};
use crate::correlation::Correlation;
use crate::problem::{Refusal, Slug};
use crate::scan::{RawEvent, Scanner, decode};
use crate::settings::Settings;

/// What the events of one request share.
pub(super) struct Context<'a> {
    pub(super) received_at: Timestamp,
    pub(super) correlation: &'a Correlation,
    pub(super) idempotency_key: Option<&'a str>,
    pub(super) max_data: usize,
}

/// An event, or why it is none.
pub(crate) type Item = Result<Arc<Event>, Refusal>;

/// What a body holds.
#[derive(Debug)]
pub(crate) enum Parsed {
    /// One event.
    One(Item),
    /// A batch, in its order.
    Batch(Vec<Item>),
}

/// Reads requests that bring events.
#[derive(Clone, Copy)]
pub(crate) struct Door<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) correlation: &'a Correlation,
    pub(crate) received_at: Timestamp,
}

impl Door<'_> {
    /// Reads a body in the given format.
    pub(crate) fn parse(self, format: Format, held: &body::Held) -> Result<Parsed, Refusal> {
        let idempotency_key = idempotency_key(self.headers)?;
        let context = Context {
            received_at: self.received_at,
            correlation: self.correlation,
            idempotency_key: idempotency_key.as_deref(),
            max_data: self.settings.max_data,
        };
        if let Format::Binary { json } = format {
            let event = binary::event(self.headers, &held.bytes, json, &context);
            return event.map(|item| Parsed::One(item.map(Arc::new)));
        }
        let text = std::str::from_utf8(&held.bytes).map_err(|_| Slug::InvalidUtf8)?;
        let mut scanner = Scanner::new(text);
        let is_batch = scanner.is_batch();
        match (format, is_batch) {
            (Format::CloudEvent, true) | (Format::CloudBatch, false) => {
                return Err(misplaced(scanner));
            }
            _ => {}
        }
        let needs_version = !matches!(format, Format::Json);
        let make = |raw: RawEvent<'_>| event(&raw, text, &held.bytes, needs_version, &context).map(Arc::new);
        if !is_batch {
            let raw = scanner.event().map_err(|_| Slug::MalformedJson)?;
            let raw = raw.ok_or(Slug::MalformedJson)?;
            return Ok(Parsed::One(make(raw)));
        }
        let mut items = Vec::new();
        while let Some(raw) = scanner.event().map_err(|_| Slug::MalformedJson)? {
            if items.len() == self.settings.max_batch {
                let words = format!("Send at most {} events in one batch.", self.settings.max_batch);
                return Err(Refusal::saying(Slug::TooManyEvents, words));
            }
            items.push(make(raw));
        }
        if idempotency_key.is_some() {
            return Err(Slug::IdempotencyKey.into());
        }
        Ok(Parsed::Batch(items))
    }
}

/// An array where one event belongs, or the other way round; unless it is no JSON at all.
fn misplaced(mut scanner: Scanner<'_>) -> Refusal {
    loop {
        match scanner.event() {
            Ok(Some(_)) => {}
            Ok(None) => break,
            Err(_) => return Slug::MalformedJson.into(),
        }
    }
    Refusal::saying(
        Slug::InvalidEvent,
        "Send one object as application/cloudevents+json, an array of them as application/cloudevents-batch+json.",
    )
}

/// The value of `Idempotency-Key`: visible ASCII, 1 to 255 characters, with or without quotes around it.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    let mut values = headers.get_all(eventflow_wire::IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let text = value.to_str().map_err(|_| Slug::IdempotencyKey)?.trim();
    let text = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')).unwrap_or(text);
    let is_usable = (1..=255).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
    if !is_usable || values.next().is_some() {
        return Err(Slug::IdempotencyKey.into());
    }
    Ok(Some(text.to_owned()))
}

/// An event out of a scanned object.
fn event(
    raw: &RawEvent<'_>,
    text: &str,
    body: &Bytes,
    needs_version: bool,
    context: &Context<'_>,
) -> Result<Event, Refusal> {
    if let Some((slug, member)) = raw.fault {
        let name = member.and_then(|i| raw.members.get(i)).map(|(name, _)| name.as_ref());
        return Err(match name.and_then(pointer) {
            Some(pointer) => Refusal::at(slug, pointer),
            None => slug.into(),
        });
    }
    let mut attributes = Attributes::default();
    for (name, range) in &raw.members {
        let value = &text[range.clone()];
        if value == "null" {
            continue;
        }
        let inside = value.strip_prefix('"').and_then(|v| v.strip_suffix('"'));
        match name.as_ref() {
            "data" => attributes.data = Some(Payload::Json(body.slice(range.clone()))),
            // Both are ignored where they are not usable.
            "correlation_id" | "correlationid" => attributes.correlation_id = inside.map(decode),
            "traceparent" => attributes.traceparent = inside.map(decode),
            name => match attributes.slot(name) {
                Some((pointer, slot)) => {
                    let inside = inside.ok_or_else(|| Refusal::at(Slug::InvalidAttribute, pointer))?;
                    *slot = Some(decode(inside));
                }
                None => attributes.extend(name, value)?,
            },
        }
    }
    if needs_version && attributes.specversion.is_none() {
        return Err(Refusal::at(Slug::InvalidEvent, "/specversion"));
    }
    attributes.into_event(context)
}

/// The pointer to a member whose name is known here; others would quote what was sent.
fn pointer(name: &str) -> Option<&'static str> {
    Some(match name {
        "data" => "/data",
        "correlation_id" => "/correlation_id",
        "correlationid" => "/correlationid",
        "traceparent" => "/traceparent",
        name => return Attributes::default().slot(name).map(|(pointer, _)| pointer),
    })
}
