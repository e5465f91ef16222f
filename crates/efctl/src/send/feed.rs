//! Where events come from: a file, stdin, or one event again and again. Read on a thread of its own, since reading may
//! block; batches wait in a short queue, so that memory is bounded whatever the input.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::Path;

use eventflow_wire::NewEvent;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::line::identify;
use super::report::Rejection;
use crate::failure::Failure;

/// Events of one request. The API takes 1,000; smaller ones go out side by side.
pub(super) const BATCH_EVENTS: usize = 500;
/// Bytes of one request, but for a single event that is longer. The API takes 1 MiB.
const BATCH_BYTES: usize = 512 * 1024;
/// Batches that wait to be sent.
const WAITING: usize = 2;
/// The longest line that is sent; longer ones are skipped, and counted as rejected.
const LONGEST_LINE: usize = 4 * 1024 * 1024;
/// Read ahead.
const BUFFER: usize = 1024 * 1024;

/// One event on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    /// The line of the input that it stood on, from 1; of repeated ones, which it is.
    pub(super) line: u64,
    /// The text of its JSON object.
    pub(super) json: String,
    /// Whether its id was set here.
    pub(super) id_assigned: bool,
}

/// What the reader hands over.
#[derive(Debug)]
pub(super) enum Fed {
    /// Events to send together.
    Batch(Vec<Item>),
    /// A line that is no event.
    Bad(Rejection),
    /// The input broke off.
    Broken(io::Error),
}

/// How much there is to send, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Size {
    Unknown,
    Events(u64),
    Bytes(u64),
}

/// Where events come from.
pub(super) enum Source {
    Lines {
        from: Box<dyn io::Read + Send>,
        size: Size,
    },
    Repeated {
        /// The event's JSON object without an id.
        json: String,
        count: u64,
    },
}

impl Source {
    /// The lines of that file.
    ///
    /// # Errors
    /// `Usage` where it cannot be opened.
    pub(super) fn file(path: &Path) -> Result<Self, Failure> {
        let cannot = |e: io::Error| Failure::Usage(format!("cannot read {}: {e}", path.display()));
        let file = File::open(path).map_err(cannot)?;
        let about = file.metadata().map_err(cannot)?;
        if about.is_dir() {
            return Err(Failure::Usage(format!("{} is a folder", path.display())));
        }
        Ok(Self::Lines {
            from: Box::new(file),
            size: if about.is_file() {
                Size::Bytes(about.len())
            } else {
                Size::Unknown
            },
        })
    }

    /// The lines of stdin.
    pub(super) fn stdin() -> Self {
        Self::Lines {
            from: Box::new(io::stdin()),
            size: Size::Unknown,
        }
    }

    /// The same event `count` times, each under an id of its own.
    pub(super) fn repeated(event: &NewEvent, count: u64) -> Result<Self, Failure> {
        let json = serde_json::to_string(event).map_err(|e| Failure::No(format!("cannot write the event: {e}")))?;
        Ok(Self::Repeated { json, count })
    }

    /// How much it is.
    pub(super) fn size(&self) -> Size {
        match self {
            Self::Lines { size, .. } => *size,
            Self::Repeated { count, .. } => Size::Events(*count),
        }
    }

    /// Reads it on a thread of its own, until its end or until nobody takes what was read.
    pub(super) fn start(self) -> mpsc::Receiver<Fed> {
        let (tx, rx) = mpsc::channel(WAITING);
        std::thread::spawn(move || {
            let feed = Feed {
                tx,
                batch: Batch::default(),
            };
            match self {
                Self::Lines { from, .. } => feed.lines(BufReader::with_capacity(BUFFER, from)),
                Self::Repeated { json, count } => feed.repeated(&json, count),
            }
        });
        rx
    }
}

#[derive(Default)]
struct Batch {
    items: Vec<Item>,
    bytes: usize,
}

/// Nobody takes what is read any more.
struct Unwanted;

struct Feed {
    tx: mpsc::Sender<Fed>,
    batch: Batch,
}

impl Feed {
    fn lines<R: io::Read>(mut self, mut input: BufReader<R>) {
        let mut line = Vec::new();
        for number in 1.. {
            // What was read must not wait for what is still to be written, as with `tail -f`.
            let may_block = !input.buffer().contains(&b'\n');
            if may_block && self.hand_over().is_err() {
                return;
            }
            let fed = match read_line(&mut input, &mut line) {
                Ok(Read::End) => break,
                Ok(Read::Whole) => self.take(number, without_mark(number, &line)),
                Ok(Read::TooLong) => self.reject(number, "line-too-long", "a line has at most 4 MiB"),
                Err(e) => {
                    // The events before it are good, and what broke off is told behind them.
                    let _ = self.hand_over().and_then(|()| self.give(Fed::Broken(e)));
                    return;
                }
            };
            if fed.is_err() {
                return;
            }
        }
        // At the end it makes no difference whether anybody still listens.
        let _ = self.hand_over();
    }

    fn repeated(mut self, json: &str, count: u64) {
        for number in 1..=count {
            if self.take(number, json.as_bytes()).is_err() {
                return;
            }
        }
        let _ = self.hand_over();
    }

    fn take(&mut self, line: u64, text: &[u8]) -> Result<(), Unwanted> {
        if text.iter().all(u8::is_ascii_whitespace) {
            return Ok(());
        }
        match identify(text, || Uuid::now_v7().to_string()) {
            Ok(event) => self.add(Item {
                line,
                json: event.json,
                id_assigned: event.id_assigned,
            }),
            Err(why) => self.reject(line, "malformed-line", &why),
        }
    }

    fn add(&mut self, item: Item) -> Result<(), Unwanted> {
        let bytes = item.json.len() + 1;
        if self.batch.bytes + bytes > BATCH_BYTES {
            self.hand_over()?;
        }
        self.batch.bytes += bytes;
        self.batch.items.push(item);
        if self.batch.items.len() == BATCH_EVENTS {
            self.hand_over()?;
        }
        Ok(())
    }

    fn reject(&self, line: u64, code: &str, detail: &str) -> Result<(), Unwanted> {
        self.give(Fed::Bad(Rejection {
            line,
            code: code.to_owned(),
            detail: detail.to_owned(),
        }))
    }

    fn hand_over(&mut self) -> Result<(), Unwanted> {
        let batch = std::mem::take(&mut self.batch);
        if batch.items.is_empty() {
            return Ok(());
        }
        self.give(Fed::Batch(batch.items))
    }

    fn give(&self, fed: Fed) -> Result<(), Unwanted> {
        self.tx.blocking_send(fed).map_err(|_| Unwanted)
    }
}

/// The line without the byte order mark that some editors write before the first one.
fn without_mark(number: u64, line: &[u8]) -> &[u8] {
    match line.strip_prefix(b"\xef\xbb\xbf") {
        Some(rest) if number == 1 => rest,
        _ => line,
    }
}

enum Read {
    End,
    Whole,
    TooLong,
}

/// Reads up to the next line break or the end. Of a line that is too long nothing is kept.
fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<Read> {
    let limit = u64::try_from(LONGEST_LINE).unwrap_or(u64::MAX);
    line.clear();
    if input.by_ref().take(limit).read_until(b'\n', line)? == 0 {
        return Ok(Read::End);
    }
    if line.last() == Some(&b'\n') || line.len() < LONGEST_LINE {
        return Ok(Read::Whole);
    }
    line.clear();
    line.shrink_to(BUFFER);
    skip_line(input)?;
    Ok(Read::TooLong)
}

fn skip_line(input: &mut impl BufRead) -> io::Result<()> {
    loop {
        let found = input.fill_buf()?;
        let (used, ended) = match found.iter().position(|b| *b == b'\n') {
            Some(at) => (at + 1, true),
            None => (found.len(), found.is_empty()),
        };
        input.consume(used);
        if ended {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(input: &str) -> Vec<Fed> {
        let mut rx = Source::Lines {
            from: Box::new(io::Cursor::new(input.to_owned())),
            size: Size::Unknown,
        }
        .start();
        let mut all = Vec::new();
        while let Some(fed) = rx.blocking_recv() {
            all.push(fed);
        }
        all
    }

    fn lines_of(fed: &[Fed]) -> Vec<u64> {
        let batches = fed.iter().filter_map(|fed| match fed {
            Fed::Batch(items) => Some(items),
            _ => None,
        });
        batches.flatten().map(|item| item.line).collect()
    }

    #[test]
    fn blank_lines_are_skipped_and_bad_ones_named_by_number() {
        let fed = read("{\"id\":\"a\"}\r\n\n  \n[1]\n{\"id\":\"b\"}\n{\"id\":\n{\"id\":\"c\"}");
        assert_eq!(lines_of(&fed), [1, 5, 7]);
        let bad: Vec<(u64, &str)> = fed
            .iter()
            .filter_map(|fed| match fed {
                Fed::Bad(bad) => Some((bad.line, bad.code.as_str())),
                _ => None,
            })
            .collect();
        assert_eq!(bad, [(4, "malformed-line"), (6, "malformed-line")]);
    }

    #[test]
    fn a_byte_order_mark_is_skipped_where_the_input_begins() {
        let fed = read("\u{feff}{\"id\":\"a\"}\n\u{feff}{\"id\":\"b\"}\n");
        assert_eq!(lines_of(&fed), [1]);
        assert!(fed.iter().any(|fed| matches!(fed, Fed::Bad(bad) if bad.line == 2)));
    }

    #[test]
    fn batches_are_bounded_in_events_and_in_bytes() {
        let many = "{\"id\":\"a\"}\n".repeat(1_234);
        let fed = read(&many);
        assert_eq!(lines_of(&fed).len(), 1_234);
        let heavy = format!("{{\"id\":\"a\",\"data\":\"{}\"}}\n", "x".repeat(300_000)).repeat(3);
        let heavy = read(&heavy);
        for fed in fed.iter().chain(&heavy) {
            let Fed::Batch(items) = fed else { panic!("{fed:?}") };
            assert!(items.len() <= BATCH_EVENTS);
            assert!(items.len() == 1 || items.iter().map(|i| i.json.len() + 1).sum::<usize>() <= BATCH_BYTES);
        }
        assert_eq!(heavy.len(), 3);
    }

    #[test]
    fn a_line_without_end_is_not_held_in_memory() {
        let input = format!(
            "{{\"id\":\"a\"}}\n{}\n{{\"id\":\"b\"}}\n",
            "x".repeat(LONGEST_LINE + 10)
        );
        let fed = read(&input);
        assert_eq!(lines_of(&fed), [1, 3]);
        assert!(
            fed.iter()
                .any(|fed| matches!(fed, Fed::Bad(bad) if bad.line == 2 && bad.code == "line-too-long"))
        );
    }

    #[test]
    fn repeated_events_have_ids_of_their_own() {
        let event = NewEvent {
            event_type: "t".into(),
            ..NewEvent::default()
        };
        let mut rx = Source::repeated(&event, 1_001).expect("an event").start();
        let mut seen = std::collections::BTreeSet::new();
        while let Some(Fed::Batch(items)) = rx.blocking_recv() {
            assert!(items.iter().all(|item| item.id_assigned));
            seen.extend(items.into_iter().map(|item| item.json));
        }
        assert_eq!(seen.len(), 1_001);
    }
}
