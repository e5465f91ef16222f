//! What is wrong with a scenario, where it stands, and what would be right.

use std::cell::RefCell;
use std::fmt;
use std::ops::Range;

use eventflow_core::sanitize;
use serde::Serialize;

/// One thing that is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Flaw {
    /// The file, as it was named.
    pub file: String,
    /// The line, from 1; 0 where it is the file as a whole.
    pub line: usize,
    /// The column in characters, from 1; 0 where it is the file as a whole.
    pub column: usize,
    /// What was found, and why it cannot be.
    pub message: String,
    /// What would be right.
    pub hint: Option<String>,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        write!(f, ": {}", self.message)?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(f, ": {hint}"))
    }
}

/// A scenario that cannot be run, with all that is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Invalid {
    /// In the order of the file; those of files that it names come last. At least one.
    pub problems: Vec<Flaw>,
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, flaw) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            flaw.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Invalid {}

/// Bytes of the text of a scenario.
pub(super) type Bytes = Range<usize>;

/// Collects what is wrong, so that one look at a file finds all of it.
#[derive(Debug, Default)]
pub(super) struct Flaws {
    here: RefCell<Vec<Problem>>,
    elsewhere: RefCell<Vec<Flaw>>,
}

/// A flaw of the file that is being read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    /// Where; none as long as nobody has said it.
    pub(super) at: Option<Bytes>,
    /// What was found, and why it cannot be.
    pub(super) message: String,
    /// What would be right.
    pub(super) hint: Option<String>,
}

impl Flaws {
    /// Something is wrong at these bytes.
    pub(super) fn add(&self, at: Bytes, message: impl Into<String>) {
        self.push(Problem {
            at: Some(at),
            message: message.into(),
            hint: None,
        });
    }

    /// Something is wrong at these bytes, and this would be right.
    pub(super) fn hinted(&self, at: Bytes, message: impl Into<String>, hint: impl Into<String>) {
        self.push(Problem {
            at: Some(at),
            message: message.into(),
            hint: Some(hint.into()),
        });
    }

    /// One more.
    pub(super) fn push(&self, problem: Problem) {
        let mut here = self.here.borrow_mut();
        if !here.contains(&problem) {
            here.push(problem);
        }
    }

    /// Something is wrong in a file that the scenario names.
    pub(super) fn elsewhere(&self, flaw: Flaw) {
        self.elsewhere.borrow_mut().push(flaw);
    }

    /// What was collected; `Ok` where that is nothing.
    pub(super) fn verdict(self, file: &str, text: &str) -> Result<(), Invalid> {
        let mut here = self.here.into_inner();
        here.sort_by_key(|problem| problem.at.as_ref().map_or(0, |at| at.start));
        let flaw = |problem: Problem| {
            let (line, column) = problem.at.map_or((0, 0), |at| position(text, at.start));
            Flaw {
                file: sanitize(file).into_owned(),
                line,
                column,
                message: sanitize(&problem.message).into_owned(),
                hint: problem.hint.map(|hint| sanitize(&hint).into_owned()),
            }
        };
        let mut problems: Vec<Flaw> = here.into_iter().map(flaw).collect();
        problems.extend(self.elsewhere.into_inner());
        if problems.is_empty() {
            Ok(())
        } else {
            Err(Invalid { problems })
        }
    }
}

/// Line and column of a byte of a text, both from 1, the column in characters.
pub(super) fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset.min(text.len())).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (line, before[start..].chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_lines_and_characters() {
        let text = "a\näöü = 1\n";
        assert_eq!(position(text, 0), (1, 1));
        assert_eq!(position(text, 2), (2, 1));
        assert_eq!(position(text, "a\näöü ".len()), (2, 5));
        assert_eq!(position(text, 1_000), (3, 1));
    }

    #[test]
    fn flaws_come_in_the_order_of_the_file_and_once() {
        let flaws = Flaws::default();
        flaws.add(4..5, "second");
        flaws.hinted(0..1, "first", "turn round");
        flaws.add(4..5, "second");
        let invalid = flaws.verdict("x.toml", "one\ntwo\n").expect_err("there are two");
        assert_eq!(invalid.to_string(), "x.toml:1:1: first: turn round\nx.toml:2:1: second");
    }

    #[test]
    fn the_file_as_a_whole_has_no_line() {
        let flaw = Flaw {
            file: "gone.toml".to_owned(),
            line: 0,
            column: 0,
            message: "it cannot be read".to_owned(),
            hint: None,
        };
        assert_eq!(flaw.to_string(), "gone.toml: it cannot be read");
    }

    #[test]
    fn a_file_does_not_steer_the_terminal() {
        let flaws = Flaws::default();
        flaws.add(0..1, "unknown field `\u{1b}[2J`");
        let invalid = flaws.verdict("x.toml", "").expect_err("there is one");
        assert_eq!(invalid.to_string(), "x.toml:1:1: unknown field `\\u{1b}[2J`");
    }
}
