//! Writes the journal: each call one write, before anything depends on it.

use std::borrow::Cow;
use std::fs::{File, TryLockError};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use eventflow_core::{Clock as _, EventKey, SystemClock};
use tokio::time::Instant;

use super::line::{AnswerLine, HeadLine, Line, SendLine, micros};
use super::{Answer, Head};

/// So many keys stand in one line at most.
const KEYS: usize = 1_000;

/// The journal of a run that goes on. Once a write has failed, every later one fails too: a run without its journal
/// proves nothing.
#[derive(Debug)]
pub struct Journal {
    began: Instant,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    file: File,
    lines: Vec<u8>,
    failed: Option<(io::ErrorKind, String)>,
}

impl Journal {
    /// Begins a journal at `path`; what stood there is gone.
    ///
    /// # Errors
    /// Of the file system; [`io::ErrorKind::WouldBlock`] where another run writes there now.
    pub fn create(path: &Path, head: &Head) -> io::Result<Arc<Self>> {
        let file = File::options().create(true).truncate(false).append(true).open(path)?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => io::Error::new(
                io::ErrorKind::WouldBlock,
                format!("another run writes its journal to {} now", path.display()),
            ),
            TryLockError::Error(error) => error,
        })?;
        file.set_len(0)?;
        Self::on(file, head).map(Arc::new)
    }

    fn on(file: File, head: &Head) -> io::Result<Self> {
        let journal = Self {
            began: Instant::now(),
            inner: Mutex::new(Inner {
                file,
                lines: Vec::new(),
                failed: None,
            }),
        };
        journal.write([Line::Journal(HeadLine::of(head, SystemClock.now()))])?;
        Ok(journal)
    }

    /// The load begins at `begin`: what is intended is counted from there.
    pub fn begin(&self, begin: Instant) -> io::Result<()> {
        let at = micros(begin.saturating_duration_since(self.began));
        self.write([Line::Begin { at }])
    }

    /// An attempt is about to be made: only when this has returned may it be.
    pub fn attempt(&self, send: &crate::plan::Send) -> io::Result<()> {
        self.attempts([send])
    }

    /// Several are about to be made: one write for all.
    pub fn attempts<'a>(&self, sends: impl IntoIterator<Item = &'a crate::plan::Send>) -> io::Result<()> {
        let at = self.now();
        self.write(sends.into_iter().map(|send| Line::Send(SendLine::of(send, at))))
    }

    /// What was heard of the attempt `seq`, once for each.
    pub fn answer(&self, seq: u64, answer: &Answer) -> io::Result<()> {
        self.write([Line::Answer(AnswerLine::of(seq, answer, self.now()))])
    }

    /// Keys that a fault of the run has destroyed, as it read them.
    pub fn destroyed(&self, keys: &[EventKey]) -> io::Result<()> {
        let at = self.now();
        self.write(keys.chunks(KEYS).map(|keys| Line::Destroyed {
            at,
            keys: Cow::Borrowed(keys),
        }))
    }

    /// What else happened: `kind` is `fault`, `process` and the like.
    pub fn note(&self, kind: &str, text: &str) -> io::Result<()> {
        self.write([Line::Note {
            at: self.now(),
            kind: Cow::Borrowed(kind),
            text: Cow::Borrowed(text),
        }])
    }

    /// Nothing more will come. Waits until all of it is on the disk.
    pub fn finish(&self) -> io::Result<()> {
        self.write([Line::End { at: self.now() }])?;
        self.lock().file.sync_data()
    }

    /// Why it can no longer be written, if a write has failed.
    pub fn failure(&self) -> Option<String> {
        self.lock().failed.as_ref().map(|(_, why)| why.clone())
    }

    fn now(&self) -> u64 {
        micros(self.began.elapsed())
    }

    fn write<'a>(&self, lines: impl IntoIterator<Item = Line<'a>>) -> io::Result<()> {
        let mut inner = self.lock();
        let outcome = inner.append(lines);
        if let Err(error) = &outcome {
            inner
                .failed
                .get_or_insert_with(|| (error.kind(), format!("the journal cannot be written: {error}")));
        }
        outcome
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        // A panic between two lines leaves no half of one: they are written by one call.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn append<'a>(&mut self, lines: impl IntoIterator<Item = Line<'a>>) -> io::Result<()> {
        if let Some((kind, why)) = &self.failed {
            return Err(io::Error::new(*kind, why.clone()));
        }
        self.lines.clear();
        for line in lines {
            serde_json::to_writer(&mut self.lines, &line)?;
            self.lines.push(b'\n');
        }
        self.file.write_all(&self.lines)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::testing::{head, send};

    fn lines(path: &Path) -> Vec<String> {
        let text = std::fs::read_to_string(path).expect("the journal");
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn what_was_said_to_be_written_stands_in_the_file_at_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal.ndjson");
        let journal = Journal::create(&path, &head()).expect("a journal");
        assert!(lines(&path)[0].starts_with(r#"{"journal":{"version":1,"scenario":"s","#));
        let (first, second) = (send(0, "a"), send(1, "b"));
        journal.attempt(&first).expect("written");
        assert_eq!(lines(&path).len(), 2);
        journal.attempts([&second, &first]).expect("written");
        assert_eq!(lines(&path).len(), 4);
        let rejected = Answer::Rejected {
            status: 429,
            slug: "quota".into(),
        };
        journal.answer(1, &rejected).expect("written");
        let last = lines(&path).pop().expect("a line");
        assert!(last.starts_with(r#"{"answer":{"seq":1,"at":"#), "{last}");
        assert!(
            last.ends_with(r#""fate":"rejected","status":429,"why":"quota"}}"#),
            "{last}"
        );
        journal.destroyed(&[]).expect("nothing to write");
        journal.finish().expect("written");
        assert_eq!(lines(&path).len(), 6);
        assert_eq!(journal.failure(), None);
    }

    #[test]
    fn a_journal_that_another_run_writes_is_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal.ndjson");
        let first = Journal::create(&path, &head()).expect("a journal");
        let error = Journal::create(&path, &head()).expect_err("it is in use");
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        assert_eq!(lines(&path).len(), 1);
        drop(first);
        Journal::create(&path, &head()).expect("it is free again");
        assert_eq!(lines(&path).len(), 1);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn after_one_failure_nothing_is_written_any_more() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal.ndjson");
        let journal = Journal::create(&path, &head()).expect("a journal");
        let full = File::options().write(true).open("/dev/full").expect("it is there");
        let whole = std::mem::replace(&mut journal.lock().file, full);
        let error = journal.attempt(&send(0, "a")).expect_err("the disk is full");
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        journal.lock().file = whole;
        let error = journal.attempt(&send(1, "b")).expect_err("it has failed before");
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert!(journal.failure().is_some());
        assert_eq!(lines(&path).len(), 1);
    }
}
