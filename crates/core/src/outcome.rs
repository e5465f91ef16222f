//! How an attempt ends, and what is kept of it.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::key::EventKey;
use crate::lease::{LeaseToken, WorkerId};
use crate::time::Timestamp;

/// The end of one run, to be recorded under the lease it ran under.
#[derive(Clone, Debug)]
pub struct Finished {
    /// Which event.
    pub key: EventKey,
    /// The outcome counts only if the row still bears this.
    pub lease: LeaseToken,
    /// What becomes of the row.
    pub verdict: Verdict,
    /// Who ran it.
    pub worker: WorkerId,
    /// When it began, by the worker's clock.
    pub started_at: Timestamp,
    /// How long it took.
    pub duration: Duration,
    /// What went wrong.
    pub error: Option<String>,
    /// Whether it had its process to itself. Its crashes are forgiven then.
    pub alone: bool,
}

/// What becomes of a row whose run has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Done. Counts an attempt.
    Done,
    /// Due again after the wait. Counts an attempt.
    Retry(Duration),
    /// Dead. Counts an attempt.
    Dead(Death),
    /// What its handler depends on is away: due again after the wait. Counts nothing.
    Unavailable(Duration),
    /// Not run, or not to its end, through no fault of its own: due at once. Counts nothing.
    HandBack,
}

impl Verdict {
    /// Whether an attempt is counted.
    pub const fn counts(&self) -> bool {
        matches!(self, Self::Done | Self::Retry(_) | Self::Dead(_))
    }
}

/// Whether an outcome counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// Written.
    Counted,
    /// Dropped: the row bears another lease, or none.
    Stale,
}

/// Why an event is a dead letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Death {
    /// The class.
    pub reason: Reason,
    /// What a person reads.
    pub message: String,
    /// For `id-reused`: the key under which the first payload lives.
    pub original: Option<EventKey>,
}

impl Death {
    /// A death without an original.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
            original: None,
        }
    }

    /// What groups deaths of one cause: 16 hexadecimal digits over reason and message, in which runs of digits and
    /// hexadecimal runs of eight and more count as alike.
    pub fn cause(&self) -> String {
        let mut digest = Sha256::new();
        digest.update(self.reason.as_str());
        digest.update([0]);
        digest.update(normalised(&self.message));
        digest.finalize()[..8].iter().fold(String::new(), |mut hex, byte| {
            use fmt::Write as _;
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }
}

fn normalised(message: &str) -> String {
    let mut out = String::with_capacity(message.len());
    let mut rest = message;
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
        if end == 0 {
            out.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let word = &rest[..end];
        let is_hex_id = word.len() >= 8 && word.bytes().all(|b| b.is_ascii_hexdigit());
        if is_hex_id {
            out.push('#');
        } else {
            push_without_digits(&mut out, word);
        }
        rest = &rest[end..];
    }
    out
}

fn push_without_digits(out: &mut String, word: &str) {
    let mut in_digits = false;
    for c in word.chars() {
        if !c.is_ascii_digit() {
            out.push(c);
        } else if !in_digits {
            out.push('#');
        }
        in_digits = c.is_ascii_digit();
    }
}

/// The class of a death, with a stable name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// Its handler said that trying again is of no use.
    Permanent,
    /// The last attempt of its budget failed.
    AttemptsSpent,
    /// It ended the process that ran it too often.
    Crashed,
    /// Another payload came under an id that was taken.
    IdReused,
    /// The store refuses it for what it contains.
    Unstorable,
    /// A queue entry that nobody could admit.
    Unreadable,
    /// Its handler was retired and nothing else takes its type.
    NoHandler,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 7] = [
        Self::Permanent,
        Self::AttemptsSpent,
        Self::Crashed,
        Self::IdReused,
        Self::Unstorable,
        Self::Unreadable,
        Self::NoHandler,
    ];

    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Permanent => "permanent",
            Self::AttemptsSpent => "attempts-spent",
            Self::Crashed => "crashed",
            Self::IdReused => "id-reused",
            Self::Unstorable => "unstorable",
            Self::Unreadable => "unreadable",
            Self::NoHandler => "no-handler",
        }
    }

    /// The reason of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == name)
    }

    /// Whether it was dead when it was admitted, and never had a handler.
    pub const fn at_admission(self) -> bool {
        matches!(self, Self::IdReused | Self::Unstorable | Self::Unreadable)
    }

    /// Whether it can be requeued at all: what is not an event, or not the event of its id, never runs.
    pub const fn can_requeue(self) -> bool {
        !matches!(self, Self::IdReused | Self::Unreadable)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A row of an event's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The number of the attempt, from 1; for a crash, the number of the one that was cut short.
    pub number: u32,
    /// Who ran it.
    pub worker: WorkerId,
    /// When it ended, by the store's clock.
    pub ended_at: Timestamp,
    /// How it ended.
    pub result: AttemptResult,
    /// How long it ran; unknown for a crash.
    pub duration: Option<Duration>,
    /// What went wrong.
    pub error: Option<String>,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptResult {
    /// The handler has done its work.
    Done,
    /// It failed, panicked, ran out of time or said that the event is dead.
    Failed,
    /// The lease lapsed. Not counted as an attempt.
    Crashed,
}

impl AttemptResult {
    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Crashed => "crashed",
        }
    }

    /// The result of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Done, Self::Failed, Self::Crashed]
            .into_iter()
            .find(|result| result.as_str() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_ids_do_not_split_a_cause() {
        let cause = |m: &str| Death::new(Reason::Permanent, m).cause();
        assert_eq!(cause("order 17 at 10.0.0.1"), cause("order 4711 at 10.2.0.13"));
        assert_eq!(cause("id deadbeef01 unknown"), cause("id 0123456789abcdef unknown"));
        assert_ne!(cause("no field `a`"), cause("no field `b`"));
        assert_ne!(cause("x"), Death::new(Reason::AttemptsSpent, "x").cause());
        assert_eq!(cause("ü 1").len(), 16);
    }

    #[test]
    fn reasons_are_read_by_the_names_they_are_written_by() {
        for reason in Reason::ALL {
            assert_eq!(Reason::parse(reason.as_str()), Some(reason));
        }
    }
}
