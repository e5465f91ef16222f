//! The port to what has happened: looking events up, and an operator's work on dead letters.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::PortError;
use crate::event::{Event, EventState};
use crate::key::EventKey;
use crate::lease::WorkerId;
use crate::outcome::{Attempt, AttemptResult, Reason};
use crate::pattern::Pattern;
use crate::registry::WorkerEntry;
use crate::time::Timestamp;

/// All that the ledger knows of one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRecord {
    /// The event.
    pub event: Event,
    /// Where it is.
    pub state: EventState,
    /// When its row was written, by the store's clock.
    pub admitted_at: Timestamp,
    /// Further deliveries seen, at least.
    pub copies_seen: u64,
    /// What it waits for, while it is due or running.
    pub work: Option<Work>,
    /// Its history, oldest first.
    pub attempts: Vec<Attempt>,
    /// Why it died, while it is dead or discarded.
    pub death: Option<DeathRecord>,
    /// Dead letters that came under its id with another payload.
    pub id_reused: Vec<EventKey>,
}

/// The unfinished side of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Work {
    /// Who takes it.
    pub handler: Pattern,
    /// When it is due; while it runs, when its lease ends.
    pub due_at: Timestamp,
    /// Who has leased it.
    pub worker: Option<WorkerId>,
    /// Attempts counted.
    pub attempt: u32,
    /// How many of them before the last requeue.
    pub base: u32,
    /// Crashes counted.
    pub crashes: u32,
}

/// A death as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeathRecord {
    /// The class.
    pub reason: Reason,
    /// What a person reads.
    pub message: String,
    /// What groups deaths of one cause.
    pub cause: String,
    /// When, by the store's clock.
    pub died_at: Timestamp,
    /// The handler that had it, if one had.
    pub handler: Option<Pattern>,
    /// Attempts counted.
    pub attempt: u32,
    /// Crashes counted.
    pub crashes: u32,
    /// How often it had been requeued before.
    pub requeues: u32,
    /// For `id-reused`: the key under which the first payload lives.
    pub original: Option<EventKey>,
}

/// Which events to list. What is not set does not restrict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Exactly this source.
    pub source: Option<String>,
    /// Exactly this type.
    pub event_type: Option<String>,
    /// This state; `queued` matches nothing here.
    pub state: Option<EventState>,
    /// Received at or after.
    pub from: Option<Timestamp>,
    /// Received before.
    pub until: Option<Timestamp>,
}

/// One line of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventLine {
    /// The event; its payload is left empty where the page was asked for without.
    pub event: Event,
    /// Where it is.
    pub state: EventState,
    /// Further deliveries seen.
    pub copies_seen: u64,
    /// When its row was written, by the store's clock.
    pub admitted_at: Timestamp,
    /// What its history comes to; only where the page was asked for with it.
    pub runs: Option<Runs>,
}

/// What the history of an event comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Runs {
    /// Attempts that ended as done: more than one without a requeue between them is a broken promise.
    pub done: u32,
    /// Attempts counted, crashes not among them.
    pub attempts: u32,
    /// When the last attempt or crash ended, by the store's clock; none before the first.
    pub last_ended_at: Option<Timestamp>,
}

impl Runs {
    /// What a history comes to.
    pub fn of(history: &[Attempt]) -> Self {
        history.iter().fold(Self::default(), |runs, attempt| Self {
            done: runs.done + u32::from(attempt.result == AttemptResult::Done),
            attempts: runs.attempts + u32::from(attempt.result != AttemptResult::Crashed),
            last_ended_at: runs.last_ended_at.max(Some(attempt.ended_at)),
        })
    }
}

impl From<EventRecord> for EventLine {
    fn from(record: EventRecord) -> Self {
        Self {
            runs: Some(Runs::of(&record.attempts)),
            event: record.event,
            state: record.state,
            copies_seen: record.copies_seen,
            admitted_at: record.admitted_at,
        }
    }
}

/// A page of a list, in key order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Begin behind this key.
    pub after: Option<EventKey>,
    /// At most so many.
    pub limit: u32,
    /// Whether payloads are wanted.
    pub with_data: bool,
    /// Whether [`EventLine::runs`] is wanted; of no meaning for dead letters.
    pub with_runs: bool,
}

/// Which dead letters to list. What is not set does not restrict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LetterFilter {
    /// Exactly this type.
    pub event_type: Option<String>,
    /// This source.
    pub source: Option<String>,
    /// This class.
    pub reason: Option<Reason>,
    /// This cause.
    pub cause: Option<String>,
    /// Died at or after.
    pub from: Option<Timestamp>,
    /// Died before.
    pub until: Option<Timestamp>,
    /// Those that were discarded, instead of those that are dead.
    pub discarded: bool,
}

/// One dead letter of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// The event; its payload is left empty where the page was asked for without.
    pub event: Event,
    /// Why it died.
    pub death: DeathRecord,
}

/// What an operator does to dead letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LetterAction {
    /// Run it again, with a new budget of attempts.
    Requeue,
    /// Give it up; the payload stays until retention.
    Discard,
    /// Take a discard back.
    Restore,
}

impl LetterAction {
    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Requeue => "requeue",
            Self::Discard => "discard",
            Self::Restore => "restore",
        }
    }

    /// The action of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Requeue, Self::Discard, Self::Restore]
            .into_iter()
            .find(|action| action.as_str() == name)
    }
}

/// An operator's order over dead letters named by key.
#[derive(Clone, Debug)]
pub struct LetterOrder {
    /// Names the job: the same id again changes nothing and returns the job as it was done.
    pub job: Uuid,
    /// What to do.
    pub action: LetterAction,
    /// To which, at most 1,000.
    pub keys: Vec<EventKey>,
    /// Who asked, for the audit.
    pub actor: String,
}

/// A finished job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its name.
    pub id: Uuid,
    /// What it did.
    pub action: LetterAction,
    /// Who asked.
    pub actor: String,
    /// When, by the store's clock.
    pub at: Timestamp,
    /// Letters that changed.
    pub applied: u64,
    /// Of these: requeued without a handler for their type, and so stored as done.
    pub stored: u64,
    /// Letters that did not change, and why.
    pub refused: Vec<(EventKey, Refusal)>,
}

/// Why a letter did not change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// No event has this key.
    Unknown,
    /// It is not in the state that the action starts from; requeued already, for one.
    NotDead,
    /// Nothing takes its type, and it had a handler once.
    NoHandler,
    /// It can be exported or discarded, never run: its reason is `id-reused` or `unreadable`.
    NeverRuns,
}

/// A change by a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// Counts up; the cursor of a list.
    pub seq: i64,
    /// When, by the store's clock.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// What: `requeue`, `discard`, `restore`, `pause`, `resume`, `retire`.
    pub action: String,
    /// To what: a key or a handler; `*` for all handlers.
    pub subject: String,
    /// The job it was part of.
    pub job: Option<Uuid>,
}

/// Reads, and operators' work.
#[async_trait]
pub trait Archive: Send + Sync + 'static {
    /// All about one event.
    async fn get(&self, key: EventKey) -> Result<Option<EventRecord>, PortError>;

    /// A page of events in key order. No transaction outlives the call.
    async fn list(&self, filter: &EventFilter, page: Page) -> Result<Vec<EventLine>, PortError>;

    /// A page of dead letters in key order.
    async fn letters(&self, filter: &LetterFilter, page: Page) -> Result<Vec<Letter>, PortError>;

    /// How many letters there are: dead, and discarded.
    async fn letter_counts(&self) -> Result<(u64, u64), PortError>;

    /// Carries out an order in one transaction with its audit rows. A requeue matches each type anew: without a handler,
    /// what died at its admission is done and everything else stays dead.
    async fn change_letters(&self, order: LetterOrder) -> Result<Job, PortError>;

    /// The job of that name.
    async fn job(&self, id: Uuid) -> Result<Option<Job>, PortError>;

    /// Changes by people behind `after`, oldest first.
    async fn audit(&self, after: i64, limit: u32) -> Result<Vec<AuditEntry>, PortError>;

    /// The workers on the list. One is living while its last renewal is younger than `lease_time`.
    async fn workers(&self, lease_time: Duration) -> Result<Vec<WorkerEntry>, PortError>;

    /// Removes up to `limit` done and discarded events received more than `retention` ago, with their history, never within
    /// a day after the last attempt. Returns how many; workers away for longer than `retention` go too.
    async fn purge(&self, retention: Duration, limit: u32) -> Result<u64, PortError>;
}
