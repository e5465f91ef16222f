//! How an event stands in an entry: its members as plain fields, always in the same order, so that Redis keeps their
//! names once a node and not once an entry, and `redis-cli XRANGE` shows what it is.

use eventflow_core::{Event, Payload};
use redis::Cmd;

/// The version of what stands here.
pub(crate) const VERSION: u32 = 1;

/// The names of the fields.
pub(crate) mod field {
    pub(crate) const VERSION: &str = "v";
    pub(crate) const KEY: &str = "key";
    pub(crate) const SOURCE: &str = "source";
    pub(crate) const ID: &str = "id";
    /// 1 where the producer chose the id, absent where it did not.
    pub(crate) const GIVEN: &str = "given";
    pub(crate) const TYPE: &str = "type";
    /// Microseconds since 1970; absent where it is the time of receipt.
    pub(crate) const TIME: &str = "time";
    /// Microseconds since 1970.
    pub(crate) const RECEIVED: &str = "received";
    pub(crate) const CORRELATION: &str = "correlation";
    /// Absent where there is none.
    pub(crate) const SUBJECT: &str = "subject";
    /// Absent where there is none.
    pub(crate) const TRACEPARENT: &str = "traceparent";
    /// Absent where there are none.
    pub(crate) const EXTENSIONS: &str = "extensions";
    /// 1 where the data is not JSON, absent where it is.
    pub(crate) const BINARY: &str = "binary";
    /// Verbatim; absent where there is none.
    pub(crate) const DATA: &str = "data";
}

/// Fields that every entry has.
const ALWAYS: usize = 7;
/// Bytes of an entry beside the weight of its event, roughly: names, key, numbers and their lengths.
const BESIDE: usize = 256;

/// Arguments that [`write()`] adds, at most.
pub(crate) const ARGUMENTS: usize = 2 + 2 * (ALWAYS + 7);

/// Bytes that [`write()`] adds, roughly.
pub(crate) fn size(event: &Event) -> usize {
    event.weight() + BESIDE
}

/// Writes an event as the append script takes it: fingerprint, number of arguments, fields and values.
pub(crate) fn write(event: &Event, to: &mut Cmd) {
    let time = (event.time != event.received_at).then(|| event.time.as_micros().to_string());
    let optional = optional(event, time.as_deref());
    let fields = ALWAYS + optional.iter().flatten().count();
    to.arg(event.fingerprint.as_bytes()).arg(2 * fields);
    to.arg(field::VERSION).arg(VERSION);
    to.arg(field::KEY).arg(event.key.to_string());
    to.arg(field::SOURCE).arg(&event.source);
    to.arg(field::ID).arg(&event.id);
    to.arg(field::TYPE).arg(&event.event_type);
    to.arg(field::RECEIVED).arg(event.received_at.as_micros());
    to.arg(field::CORRELATION).arg(&event.correlation_id);
    for (name, value) in optional.into_iter().flatten() {
        to.arg(name).arg(value);
    }
}

fn optional<'a>(event: &'a Event, time: Option<&'a str>) -> [Option<(&'static str, &'a [u8])>; 7] {
    fn text<'a>(name: &'static str, value: Option<&'a str>) -> Option<(&'static str, &'a [u8])> {
        value.map(|text| (name, text.as_bytes()))
    }
    let (binary, data) = match &event.data {
        Payload::Empty => (None, None),
        Payload::Json(data) => (None, Some(data)),
        Payload::Binary(data) => (Some((field::BINARY, b"1".as_slice())), Some(data)),
    };
    [
        text(field::GIVEN, event.id_given.then_some("1")),
        text(field::TIME, time),
        text(field::SUBJECT, event.subject.as_deref()),
        text(field::TRACEPARENT, event.traceparent.as_deref()),
        text(field::EXTENSIONS, event.extensions.as_deref()),
        binary,
        data.map(|data| (field::DATA, data.as_ref())),
    ]
}
