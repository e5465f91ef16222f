//! The client's own log: what was sent, before it is sent, and what was heard of it, as it is heard. It is the truth by
//! which a run is judged.
//!
//! A file of NDJSON, only ever appended to. Every call of [`Journal`] is one write to the operating system, so that a
//! kill of efctl loses nothing that was said to be written; only a last line may be torn. Moments (`at`) are microseconds
//! since the journal began, `intended` are microseconds since the load began. One object a line:
//!
//! | line | says |
//! |---|---|
//! | `{"journal":{"version":1,"scenario":…,"run":…,"source":…,"seed":7,"began":"2026-…Z"}}` | the head: always first |
//! | `{"begin":{"at":0}}` | when the load begins |
//! | `{"send":{"seq":0,"at":0,"key":…,"id":…,"intended":0,"phase":0,"kind":0,"resend":false}}` | an attempt, about to be made |
//! | `{"answer":{"seq":0,"at":0,"fate":"acked"}}` | what was heard of it: see [`Answer`] |
//! | `{"destroyed":{"at":0,"keys":[…]}}` | keys that a fault of the run read as it destroyed them |
//! | `{"note":{"at":0,"kind":"fault","text":…}}` | what else happened |
//! | `{"end":{"at":0}}` | the journal is whole |
//!
//! `fate` is `acked`, `duplicate`, `rejected` (with `status` and `why`), `unknown` (with `why`) or `not_sent`.

mod line;
mod read;
mod record;
mod sort;
#[cfg(test)]
pub(crate) mod testing;
mod write;

pub use read::{JournalError, Reader, read};
pub use record::{Heard, Record};
pub use sort::{Sorted, sort};
pub use write::Journal;

/// The name of the file within the folder of a run.
pub const FILE: &str = "journal.ndjson";

/// Whose journal it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The scenario's name.
    pub scenario: String,
    /// The run's id.
    pub run: String,
    /// The `source` that the run's events bear.
    pub source: String,
    /// The seed.
    pub seed: u64,
}

/// What was heard of an attempt, all its tries together. Each attempt has one answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is durable.
    Acked {
        /// It was there already.
        duplicate: bool,
    },
    /// It was refused, and no try before that may have gone through: where one was left without an answer, nobody knows,
    /// and that is [`Answer::Unknown`].
    Rejected {
        /// The HTTP status. From 500 on the event may nevertheless have been kept before something failed.
        status: u16,
        /// The slug of the problem.
        slug: String,
    },
    /// Nobody knows.
    Unknown {
        /// What went wrong: `timeout`, `reset`, …
        why: String,
    },
    /// It was too late, and was never sent.
    NotSent,
}
