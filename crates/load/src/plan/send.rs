//! One send: an event with its id, its key and its body.

use std::time::Duration;

use bytes::Bytes;
use eventflow_core::EventKey;
use serde_json::Value;
use uuid::Builder;

use super::EPOCH;
use super::course::Slot;
use super::dice::Dice;
use super::template::Occasion;
use crate::scenario::{Kind, Scenario};

/// The length of an id.
const ID: usize = 36;
/// Repeats under an id of their own are counted above the bits of the plan's own numbers.
const REPEATS: u32 = 56;

/// One planned send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Send {
    /// Names this send within the run; numbered in the order of the plan, below 2^56. A client's own retries are the same
    /// send, but for those of [`Plan::afresh`](super::Plan::afresh).
    pub seq: u64,
    /// When it is to be sent, from the beginning of the load.
    pub at: Duration,
    /// In which phase.
    pub phase: u16,
    /// Of which kind.
    pub kind: u16,
    /// The event's id, a UUID v7 whose time is the planned one.
    pub id: String,
    /// The event's key.
    pub key: EventKey,
    /// The event as JSON: `type`, `source`, `id` and, where it has any, `data`.
    pub body: Bytes,
    /// Whether the same event is sent a second time on purpose.
    pub resend: bool,
}

/// The beginning of each kind's body, up to its id.
#[derive(Debug)]
pub(super) struct Heads(Vec<Vec<u8>>);

impl Heads {
    pub(super) fn new(mix: &[Kind], source: &str) -> Self {
        let head = |kind: &Kind| {
            let (event_type, source) = (Value::from(kind.event_type.as_str()), Value::from(source));
            format!("{{\"type\":{event_type},\"source\":{source},\"id\":\"").into_bytes()
        };
        Self(mix.iter().map(head).collect())
    }

    /// Makes the send of this slot.
    pub(super) fn send(&self, scenario: &Scenario, source: &str, slot: Slot) -> Send {
        let id = id(scenario.seed, "id", slot.number, slot.first_at);
        let head = self.head(slot.kind);
        let mut body = Vec::with_capacity(head.len() + ID + 128);
        body.extend_from_slice(head);
        body.extend_from_slice(id.as_bytes());
        body.push(b'"');
        if let Some(kind) = scenario.mix.get(slot.kind) {
            push_data(&mut body, kind, scenario.seed, slot);
        }
        body.push(b'}');
        Send {
            seq: slot.seq,
            at: slot.at,
            phase: u16::try_from(slot.phase).unwrap_or(u16::MAX),
            kind: u16::try_from(slot.kind).unwrap_or(u16::MAX),
            key: EventKey::of(source, &id),
            id,
            body: body.into(),
            resend: slot.resend,
        }
    }

    /// The same event under another id: all of its body but the id stays.
    pub(super) fn afresh(&self, seed: u64, source: &str, first: &Send, repeat: u8) -> Send {
        let seq = first.seq | u64::from(repeat) << REPEATS;
        let id = id(seed, "afresh", seq, first.at);
        let head = self.head(first.kind.into()).len();
        let body = [&first.body[..head], id.as_bytes(), &first.body[head + ID..]].concat();
        Send {
            seq,
            key: EventKey::of(source, &id),
            id,
            body: body.into(),
            ..first.clone()
        }
    }

    fn head(&self, kind: usize) -> &[u8] {
        self.0.get(kind).map_or(&[], Vec::as_slice)
    }
}

/// A UUID v7 whose time is the planned one, so that keys come in the order of sending.
fn id(seed: u64, purpose: &str, number: u64, at: Duration) -> String {
    let micros = u64::try_from(EPOCH.plus(at).as_micros()).unwrap_or(0);
    let mut random = [0; 10];
    Dice::new(seed, purpose, number).fill(&mut random);
    Builder::from_unix_timestamp_millis(micros / 1_000, &random)
        .into_uuid()
        .to_string()
}

fn push_data(body: &mut Vec<u8>, kind: &Kind, seed: u64, slot: Slot) {
    if kind.data.is_none() && kind.size.is_none() {
        return;
    }
    body.extend_from_slice(b",\"data\":");
    let begins = body.len();
    if let Some(template) = &kind.data {
        let occasion = Occasion {
            number: slot.number + 1,
            at: slot.first_at,
        };
        template.render(body, &mut Dice::new(seed, "data", slot.number), occasion);
    }
    if let Some(size) = kind.size {
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        pad(body, begins, size, &mut Dice::new(seed, "padding", slot.number));
    }
}

/// Makes data this large: an object gets a member `padding`, anything else becomes the member `data` of such an object.
/// What is large enough stays as it is; what lacks less than the member takes becomes that much too large.
fn pad(body: &mut Vec<u8>, begins: usize, size: usize, dice: &mut Dice) {
    if body.len() - begins >= size {
        return;
    }
    let data = body.split_off(begins);
    match data.strip_suffix(b"}") {
        Some(object) if object.starts_with(b"{") => {
            body.extend_from_slice(object);
            if !object[1..].iter().all(u8::is_ascii_whitespace) {
                body.push(b',');
            }
        }
        _ if data.is_empty() => body.push(b'{'),
        _ => {
            body.extend_from_slice(b"{\"data\":");
            body.extend_from_slice(&data);
            body.push(b',');
        }
    }
    body.extend_from_slice(b"\"padding\":\"");
    let written = body.len() - begins + 2;
    dice.push_text(body, size.saturating_sub(written));
    body.extend_from_slice(b"\"}");
}
