//! The fields of a span as JSON, written as they come.
//!
//! Every request and every run has a span, and hardly any of them logs a line. The formatter of `tracing-subscriber` sorts
//! fields into a tree before it writes them, and reads its own output again for each that is added: a sixth of what a request
//! costs. This one writes them once; whoever logs a line in the span parses them then.

use std::fmt::{self, Write as _};

use tracing::field::{Field, Visit};
use tracing::span::Record;
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::FormattedFields;
use tracing_subscriber::fmt::format::{FormatFields, Writer};

/// Formats the fields of spans.
#[derive(Debug, Default)]
pub(crate) struct SpanFields;

/// Room for the fields of a request or a run.
const ROOM: usize = 256;

impl<'w> FormatFields<'w> for SpanFields {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'w>, fields: R) -> fmt::Result {
        let mut text = String::with_capacity(ROOM);
        text.push('{');
        fields.record(&mut Members(&mut text));
        text.push('}');
        writer.write_str(&text)
    }

    fn add_fields(&self, current: &'w mut FormattedFields<Self>, fields: &Record<'_>) -> fmt::Result {
        let text = &mut current.fields;
        if text.pop().is_none() {
            text.push('{');
        }
        fields.record(&mut Members(text));
        text.push('}');
        Ok(())
    }
}

/// Writes members into an object that is open.
struct Members<'a>(&'a mut String);

impl Members<'_> {
    fn name(&mut self, field: &Field) {
        if !self.0.ends_with('{') {
            self.0.push(',');
        }
        // Names are identifiers of the program, and need no escapes.
        self.0.push('"');
        self.0.push_str(field.name());
        self.0.push_str("\":");
    }

    fn bare(&mut self, field: &Field, value: impl fmt::Display) {
        self.name(field);
        // A text takes whatever is written into it.
        let _ = write!(self.0, "{value}");
    }

    fn quoted(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        self.name(field);
        self.0.push('"');
        // What a value cannot say of itself is left out.
        let _ = Inside(self.0).write_fmt(value);
        self.0.push('"');
    }
}

impl Visit for Members<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.quoted(field, format_args!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.quoted(field, format_args!("{value}"));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.bare(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.bare(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.bare(field, value);
    }
}

/// The inside of a JSON string.
struct Inside<'a>(&'a mut String);

impl fmt::Write for Inside<'_> {
    fn write_str(&mut self, mut text: &str) -> fmt::Result {
        while let Some(at) = text.bytes().position(|b| b < 0x20 || b == b'"' || b == b'\\') {
            self.0.push_str(&text[..at]);
            match text.as_bytes()[at] {
                byte if byte < 0x20 => write!(self.0, "\\u{byte:04x}")?,
                byte => self.0.extend(['\\', char::from(byte)]),
            }
            text = &text[at + 1..];
        }
        self.0.push_str(text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex, PoisonError};

    use super::*;

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_bears_the_fields_of_its_span_whatever_stands_in_them() {
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .fmt_fields(SpanFields)
            .with_writer(move || writer.clone())
            .finish();
        let odd = "a \"quoted\" \\ text,\nof two lines: ü";
        tracing::subscriber::with_default(subscriber, || {
            let span = tracing::info_span!("request", odd, n = 3, key = tracing::field::Empty);
            span.record("key", "k");
            span.in_scope(|| tracing::info!("said"));
        });
        let text = log.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let line: serde_json::Value = serde_json::from_slice(&text).expect("a line is JSON");
        assert_eq!(
            (line["span"]["odd"].as_str(), line["span"]["key"].as_str()),
            (Some(odd), Some("k"))
        );
        assert_eq!(
            (line["span"]["n"].as_i64(), line["message"].as_str()),
            (Some(3), Some("said"))
        );
    }
}
