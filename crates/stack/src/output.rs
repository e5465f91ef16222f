//! What a child writes, line by line, in a buffer of bounded size that can be awaited.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The oldest lines go when there are more than this.
const MOST_LINES: usize = 20_000;
/// The oldest lines go when they are longer than this together, in bytes.
const MOST_BYTES: usize = 8 << 20;
/// A longer line is broken into pieces of this size, in bytes.
const LONGEST_LINE: u64 = 64 << 10;

/// The stream that a line was written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// One line that a process wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Where it was written to.
    pub stream: Stream,
    /// Its text, without the line's end; what is not UTF-8 is replaced.
    pub text: String,
}

/// The lines of one process, shared with the threads that read them.
#[derive(Debug, Default)]
pub(crate) struct Output {
    lines: Mutex<Lines>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Lines {
    kept: VecDeque<Line>,
    bytes: usize,
    open: usize,
}

impl Output {
    /// Reads the pipe to its end on a thread of its own.
    pub(crate) fn follow(self: &Arc<Self>, stream: Stream, pipe: impl Read + Send + 'static) -> std::io::Result<()> {
        self.lines().open += 1;
        let output = Arc::clone(self);
        let reader = move || {
            let mut pipe = BufReader::new(pipe);
            let mut bytes = Vec::new();
            // A pipe that cannot be read has nothing more to say, as one that is closed.
            while matches!(pipe.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut bytes), Ok(1..)) {
                let text = String::from_utf8_lossy(&bytes)
                    .trim_end_matches(['\n', '\r'])
                    .to_owned();
                output.push(Line { stream, text });
                bytes.clear();
            }
            output.lines().open -= 1;
            output.changed.notify_all();
        };
        let started = std::thread::Builder::new()
            .name("stack-output".to_owned())
            .spawn(reader);
        if started.is_err() {
            self.lines().open -= 1;
        }
        started.map(drop)
    }

    /// The first kept line that satisfies `wanted`; `None` when the time is over, or nothing more can come.
    pub(crate) fn wait_for(&self, wanted: impl Fn(&Line) -> bool, within: Duration) -> Option<Line> {
        let find = |lines: &Lines| lines.kept.iter().find(|line| wanted(line)).cloned();
        let (lines, _) = self
            .changed
            .wait_timeout_while(self.lines(), within, |lines| lines.open > 0 && find(lines).is_none())
            .unwrap_or_else(PoisonError::into_inner);
        find(&lines)
    }

    /// Waits until every pipe has been read to its end.
    pub(crate) fn wait_for_end(&self, within: Duration) {
        drop(
            self.changed
                .wait_timeout_while(self.lines(), within, |lines| lines.open > 0),
        );
    }

    /// The lines that are kept, the oldest first.
    pub(crate) fn kept(&self) -> Vec<Line> {
        self.lines().kept.iter().cloned().collect()
    }

    /// The last `count` lines, as one text.
    pub(crate) fn tail(&self, count: usize) -> String {
        let lines = self.lines();
        let skipped = lines.kept.len().saturating_sub(count);
        lines
            .kept
            .iter()
            .skip(skipped)
            .map(|line| line.text.as_str())
            .collect::<Vec<_>>()
            .join("\n")
    }

    fn push(&self, line: Line) {
        let mut lines = self.lines();
        lines.bytes += line.text.len();
        lines.kept.push_back(line);
        while lines.kept.len() > MOST_LINES || lines.bytes > MOST_BYTES {
            let Some(oldest) = lines.kept.pop_front() else { break };
            lines.bytes -= oldest.text.len();
        }
        drop(lines);
        self.changed.notify_all();
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(10);

    fn read(text: &[u8]) -> Arc<Output> {
        let output = Arc::new(Output::default());
        output
            .follow(Stream::Out, std::io::Cursor::new(text.to_vec()))
            .expect("a thread starts");
        output.wait_for_end(SOON);
        output
    }

    #[test]
    fn lines_are_found_and_what_never_comes_is_not_waited_for() {
        let output = read(b"one\r\ntwo\nthree");
        assert_eq!(
            output
                .wait_for(|line| line.text == "two", SOON)
                .map(|line| line.text)
                .as_deref(),
            Some("two")
        );
        assert_eq!(output.wait_for(|line| line.text == "four", SOON), None);
        assert_eq!(output.tail(2), "two\nthree");
    }

    #[test]
    fn the_buffer_is_bounded_in_lines_and_in_bytes() {
        let many = read("line\n".repeat(MOST_LINES + 10).as_bytes());
        assert_eq!(many.kept().len(), MOST_LINES);
        let long = read(&vec![b'x'; MOST_BYTES + (1 << 20)]);
        assert!(long.kept().iter().map(|line| line.text.len()).sum::<usize>() <= MOST_BYTES);
    }
}
