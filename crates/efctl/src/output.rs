//! Writing: data to stdout, talk to stderr. A closed pipe is no failure, and nothing here panics on one.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, BufWriter, Write};

use eventflow_core::sanitize;
use serde::Serialize;

use crate::failure::Failure;
use crate::look::Look;

/// stdout, as text for people or JSON for programs.
pub(crate) struct Out {
    to: Box<dyn Write + Send>,
    /// Whether JSON was asked for.
    pub(crate) json: bool,
    /// How text may look.
    pub(crate) look: Look,
}

impl Out {
    /// The process's own.
    pub(crate) fn stdout(json: bool) -> Self {
        Self {
            to: Box::new(BufWriter::with_capacity(64 * 1024, io::stdout())),
            json,
            look: Look::of_stdout(),
        }
    }

    /// Writes text that has been made safe, and ends its last line.
    pub(crate) fn text(&mut self, text: &str) -> Result<(), Failure> {
        self.to.write_all(text.as_bytes())?;
        if !text.is_empty() && !text.ends_with('\n') {
            self.to.write_all(b"\n")?;
        }
        Ok(())
    }

    /// Writes one JSON object on one line.
    pub(crate) fn record<T: Serialize>(&mut self, value: &T) -> Result<(), Failure> {
        let json = serde_json::to_string(value).map_err(|e| Failure::No(format!("cannot write JSON: {e}")))?;
        self.to.write_all(on_one_line(&json).as_bytes())?;
        self.to.write_all(b"\n")?;
        Ok(())
    }

    /// Hands over what was written.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        Ok(self.to.flush()?)
    }
}

/// The same JSON value as a line that is safe to show. Payloads are kept byte for byte, so that they may bear line
/// breaks between their tokens, and within strings characters that steer a terminal: those become `\uXXXX`.
fn on_one_line(json: &str) -> Cow<'_, str> {
    if !json.chars().any(unsafe_in_json) {
        return Cow::Borrowed(json);
    }
    let mut line = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        match c {
            // Valid JSON has these between tokens only.
            '\n' | '\r' | '\t' => line.push(' '),
            c if unsafe_in_json(c) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(line, "\\u{unit:04x}");
                }
            }
            c => line.push(c),
        }
    }
    Cow::Owned(line)
}

fn unsafe_in_json(c: char) -> bool {
    matches!(sanitize(c.encode_utf8(&mut [0; 4])), Cow::Owned(_))
}

/// Says something to the person at the terminal.
pub(crate) fn say(words: &str) {
    // Nobody listens on a closed stderr, and there is no other place to say so.
    let _ = writeln!(io::stderr(), "{words}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_one_line_and_the_same_value() {
        let json = "{\"a\":\n\t[1],\"b\":\"x\u{7f}\u{9b}\u{202e}\u{e0041}é\"}";
        let line = on_one_line(json);
        assert_eq!(line, "{\"a\":  [1],\"b\":\"x\\u007f\\u009b\\u202e\\udb40\\udc41é\"}");
        let value = |s: &str| serde_json::from_str::<serde_json::Value>(s).expect("JSON");
        assert_eq!(value(json), value(&line));
        assert!(matches!(on_one_line("{\"a\":1}"), Cow::Borrowed(_)));
    }
}
