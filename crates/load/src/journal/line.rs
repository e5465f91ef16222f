//! The lines of a journal, as they stand in the file.

use std::borrow::Cow;
use std::time::Duration;

use eventflow_core::{EventKey, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Answer, Head};

/// The version of the format.
pub(super) const VERSION: u32 = 1;

/// One line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Line<'a> {
    #[serde(borrow)]
    Journal(HeadLine<'a>),
    Begin {
        at: u64,
    },
    #[serde(borrow)]
    Send(SendLine<'a>),
    #[serde(borrow)]
    Answer(AnswerLine<'a>),
    Destroyed {
        at: u64,
        keys: Cow<'a, [EventKey]>,
    },
    Note {
        at: u64,
        #[serde(borrow)]
        kind: Cow<'a, str>,
        #[serde(borrow)]
        text: Cow<'a, str>,
    },
    End {
        at: u64,
    },
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct HeadLine<'a> {
    pub(super) version: u32,
    #[serde(borrow)]
    pub(super) scenario: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) run: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) source: Cow<'a, str>,
    pub(super) seed: u64,
    pub(super) began: Timestamp,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SendLine<'a> {
    pub(super) seq: u64,
    pub(super) at: u64,
    pub(super) key: EventKey,
    #[serde(borrow)]
    pub(super) id: Cow<'a, str>,
    pub(super) intended: u64,
    pub(super) phase: u16,
    pub(super) kind: u16,
    pub(super) resend: bool,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct AnswerLine<'a> {
    pub(super) seq: u64,
    pub(super) at: u64,
    pub(super) fate: Fate,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<u16>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) why: Option<Cow<'a, str>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Fate {
    Acked,
    Duplicate,
    Rejected,
    Unknown,
    NotSent,
}

impl<'a> HeadLine<'a> {
    pub(super) fn of(head: &'a Head, began: Timestamp) -> Self {
        Self {
            version: VERSION,
            scenario: Cow::Borrowed(&head.scenario),
            run: Cow::Borrowed(&head.run),
            source: Cow::Borrowed(&head.source),
            seed: head.seed,
            began,
        }
    }

    pub(super) fn head(&self) -> Head {
        Head {
            scenario: self.scenario.to_string(),
            run: self.run.to_string(),
            source: self.source.to_string(),
            seed: self.seed,
        }
    }
}

impl<'a> SendLine<'a> {
    pub(super) fn of(send: &'a crate::plan::Send, at: u64) -> Self {
        Self {
            seq: send.seq,
            at,
            key: send.key,
            id: Cow::Borrowed(&send.id),
            intended: micros(send.at),
            phase: send.phase,
            kind: send.kind,
            resend: send.resend,
        }
    }
}

impl<'a> AnswerLine<'a> {
    pub(super) fn of(seq: u64, answer: &'a Answer, at: u64) -> Self {
        let (fate, status, why) = match answer {
            Answer::Acked { duplicate: false } => (Fate::Acked, None, None),
            Answer::Acked { duplicate: true } => (Fate::Duplicate, None, None),
            Answer::Rejected { status, slug } => (Fate::Rejected, Some(*status), Some(slug)),
            Answer::Unknown { why } => (Fate::Unknown, None, Some(why)),
            Answer::NotSent => (Fate::NotSent, None, None),
        };
        Self {
            seq,
            at,
            fate,
            status,
            why: why.map(|why| Cow::Borrowed(why.as_str())),
        }
    }
}

/// Whole microseconds.
pub(super) fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}
