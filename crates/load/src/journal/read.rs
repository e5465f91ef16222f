//! Reads a journal as it stands, also one whose run was killed. Memory is bounded by what was in flight at once.

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::time::Duration;

use eventflow_core::Timestamp;

use super::Head;
use super::line::{AnswerLine, Fate, Line, SendLine, VERSION};
use super::record::{Heard, Record};

/// Why a journal cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file cannot be read, or a temporary one beside it not be written.
    #[error("the journal cannot be read: {0}")]
    Io(#[from] io::Error),
    /// It does not begin as one.
    #[error("this is no journal of a run, or one of another version")]
    NoJournal,
    /// A line that is not the last one makes no sense.
    #[error("line {line} of the journal cannot be read: {why}")]
    Line {
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        why: String,
    },
    /// What was written for sorting is not what is read.
    #[error("a temporary file of sorted records was damaged")]
    Damaged,
}

/// Opens the journal at `path`.
///
/// # Errors
/// [`JournalError::Io`] and [`JournalError::NoJournal`].
pub fn read(path: &Path) -> Result<Reader<BufReader<File>>, JournalError> {
    Reader::new(BufReader::with_capacity(256 * 1024, File::open(path)?))
}

/// Gives a record for each attempt, and one for each key destroyed; those in flight at the end come last.
#[derive(Debug)]
pub struct Reader<R> {
    input: R,
    line: Vec<u8>,
    number: u64,
    head: Head,
    began: Timestamp,
    begin: Option<Timestamp>,
    in_flight: HashMap<u64, Record>,
    ready: VecDeque<Record>,
    is_whole: bool,
    is_over: bool,
}

impl<R: BufRead> Reader<R> {
    /// Reads the head.
    fn new(mut input: R) -> Result<Self, JournalError> {
        let mut line = Vec::new();
        input.read_until(b'\n', &mut line)?;
        let (head, began) = match serde_json::from_slice(&line) {
            Ok(Line::Journal(head)) if head.version == VERSION => (head.head(), head.began),
            _ => return Err(JournalError::NoJournal),
        };
        Ok(Self {
            input,
            line,
            number: 1,
            head,
            began,
            begin: None,
            in_flight: HashMap::new(),
            ready: VecDeque::new(),
            is_whole: false,
            is_over: false,
        })
    }

    /// Whose journal it is.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// When the load began; when the journal did, where no load has as far as it was read.
    pub fn begin(&self) -> Timestamp {
        self.begin.unwrap_or(self.began)
    }

    /// Whether its end has been read, and the run said that it was the end.
    pub fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// Reads until a record is ready; none at the end.
    fn step(&mut self) -> Result<Option<Record>, JournalError> {
        while self.ready.is_empty() && !self.is_over {
            self.line.clear();
            let read = self.input.read_until(b'\n', &mut self.line)?;
            if read == 0 || self.line.last() != Some(&b'\n') {
                // A kill in the middle of a write leaves a torn line: what it began to say was not said.
                self.is_over = true;
                self.ready.extend(self.in_flight.drain().map(|(_, record)| record));
                break;
            }
            self.number += 1;
            self.take()?;
        }
        Ok(self.ready.pop_front())
    }

    fn take(&mut self) -> Result<(), JournalError> {
        let number = self.number;
        let wrong = |why: String| JournalError::Line { line: number, why };
        let wall = |at| self.began.plus(Duration::from_micros(at));
        match serde_json::from_slice(&self.line).map_err(|e| wrong(e.to_string()))? {
            Line::Journal(_) => return Err(wrong("a second head".into())),
            Line::Begin { at } => self.begin = Some(wall(at)),
            Line::Send(send) => {
                let record = attempt(&send, wall(send.at));
                // Where a number is given anew, nobody has told what became of the first.
                self.ready.extend(self.in_flight.insert(send.seq, record));
            }
            Line::Answer(answer) => {
                let Some(record) = self.in_flight.remove(&answer.seq) else {
                    return Err(wrong(format!("attempt {} is not in flight", answer.seq)));
                };
                self.ready.push_back(Record {
                    answered_at: Some(wall(answer.at)),
                    heard: heard(&answer),
                    ..record
                });
            }
            Line::Destroyed { at, keys } => {
                let sent_at = wall(at);
                self.ready.extend(keys.iter().map(|key| Record {
                    key: *key,
                    intended: Duration::from_micros(u64::MAX),
                    sent_at,
                    answered_at: None,
                    kind: 0,
                    phase: 0,
                    heard: Heard::Destroyed,
                }));
            }
            Line::Note { .. } => {}
            Line::End { .. } => self.is_whole = true,
        }
        Ok(())
    }
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = Result<Record, JournalError>;

    fn next(&mut self) -> Option<Self::Item> {
        let step = self.step().transpose();
        if let Some(Err(_)) = step {
            self.is_over = true;
            self.in_flight.clear();
        }
        step
    }
}

fn attempt(send: &SendLine<'_>, sent_at: Timestamp) -> Record {
    Record {
        key: send.key,
        intended: Duration::from_micros(send.intended),
        sent_at,
        answered_at: None,
        kind: send.kind,
        phase: send.phase,
        heard: Heard::Nothing,
    }
}

fn heard(answer: &AnswerLine<'_>) -> Heard {
    match answer.fate {
        Fate::Acked | Fate::Duplicate => Heard::Acked,
        Fate::Rejected if answer.status.is_none_or(|status| status >= 500) => Heard::Failed,
        Fate::Rejected => Heard::Refused,
        Fate::Unknown => Heard::Nothing,
        Fate::NotSent => Heard::NotSent,
    }
}

#[cfg(test)]
mod tests {
    use eventflow_core::EventKey;
    use tokio::time::Instant;

    use super::*;
    use crate::journal::testing::{head, send};
    use crate::journal::{Answer, Journal};

    fn read_text(text: &str) -> Result<Vec<Record>, JournalError> {
        Reader::new(text.as_bytes())?.collect()
    }

    fn written(fill: impl FnOnce(&Journal)) -> String {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal.ndjson");
        let journal = Journal::create(&path, &head()).expect("a journal");
        fill(&journal);
        std::fs::read_to_string(&path).expect("the journal")
    }

    fn heard_of(records: &[Record]) -> Vec<(EventKey, Heard)> {
        records.iter().map(|record| (record.key, record.heard)).collect()
    }

    #[test]
    fn each_attempt_is_given_once_with_what_was_heard_of_it() {
        let sends: Vec<_> = ["a", "b", "c", "d", "e", "f"]
            .into_iter()
            .zip(0..)
            .map(|(id, seq)| send(seq, id))
            .collect();
        let rejected = |status| Answer::Rejected {
            status,
            slug: "no \"place\"\n".into(),
        };
        let text = written(|journal| {
            journal.begin(Instant::now()).expect("written");
            journal.attempts(&sends).expect("written");
            journal.answer(2, &Answer::Acked { duplicate: false }).expect("written");
            journal.note("fault", "F1 struck").expect("written");
            journal.answer(0, &Answer::Acked { duplicate: true }).expect("written");
            journal.answer(1, &rejected(413)).expect("written");
            journal.answer(3, &rejected(503)).expect("written");
            journal.answer(4, &Answer::NotSent).expect("written");
            journal.destroyed(&[sends[0].key]).expect("written");
            journal.finish().expect("written");
        });
        let mut reader = Reader::new(text.as_bytes()).expect("a journal");
        let records: Vec<_> = reader.by_ref().map(|record| record.expect("a record")).collect();
        let key = |i: usize| sends[i].key;
        assert_eq!(
            heard_of(&records),
            [
                (key(2), Heard::Acked),
                (key(0), Heard::Acked),
                (key(1), Heard::Refused),
                (key(3), Heard::Failed),
                (key(4), Heard::NotSent),
                (key(0), Heard::Destroyed),
                (key(5), Heard::Nothing),
            ]
        );
        assert_eq!(records[0].intended, sends[2].at);
        assert_eq!(records[0].kind, sends[2].kind);
        assert!(records[0].answered_at >= Some(records[0].sent_at));
        assert_eq!(records[6].answered_at, None);
        assert!(reader.is_whole());
        assert_eq!(reader.head(), &head());
    }

    #[test]
    fn wherever_a_kill_cuts_it_off_it_is_read_and_nothing_acked_is_forgotten() {
        let text = written(|journal| {
            for (id, seq) in ["a", "b"].into_iter().zip(0..) {
                journal.attempt(&send(seq, id)).expect("written");
                journal
                    .answer(seq, &Answer::Acked { duplicate: false })
                    .expect("written");
            }
        });
        let head_ends = text.find('\n').expect("a head") + 1;
        for cut in head_ends..=text.len() {
            let records = read_text(&text[..cut]).expect("it is read");
            let acked = records.iter().filter(|record| record.heard == Heard::Acked).count();
            assert_eq!(acked, text[..cut].matches("\"acked\"}}\n").count(), "cut at {cut}");
            assert_eq!(
                records.len(),
                text[head_ends..cut].matches("\"resend\":false}}\n").count()
            );
        }
    }

    #[test]
    fn what_contradicts_itself_is_refused_with_its_line() {
        let acked = Answer::Acked { duplicate: false };
        let twice = written(|journal| {
            journal.attempt(&send(0, "a")).expect("written");
            journal.answer(0, &acked).expect("written");
            journal.answer(0, &acked).expect("written");
        });
        assert!(matches!(read_text(&twice), Err(JournalError::Line { line: 4, .. })));
        let damaged = twice.replacen("{\"send\"", "{\"sned\"", 1);
        assert!(matches!(read_text(&damaged), Err(JournalError::Line { line: 2, .. })));
        assert!(matches!(read_text(""), Err(JournalError::NoJournal)));
        assert!(matches!(read_text("{}\n"), Err(JournalError::NoJournal)));
        let newer = twice.replacen("\"version\":1", "\"version\":2", 1);
        assert!(matches!(read_text(&newer), Err(JournalError::NoJournal)));
    }

    #[test]
    fn an_attempt_whose_number_is_given_anew_stays_unknown() {
        let text = written(|journal| {
            journal.attempt(&send(0, "a")).expect("written");
            journal.attempt(&send(0, "b")).expect("written");
            journal.answer(0, &Answer::Acked { duplicate: false }).expect("written");
        });
        let records = read_text(&text).expect("it is read");
        assert_eq!(
            heard_of(&records),
            [(send(0, "a").key, Heard::Nothing), (send(0, "b").key, Heard::Acked)]
        );
    }
}
