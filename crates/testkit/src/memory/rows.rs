//! What the ledger in memory consists of: rows, and the few questions that every verb asks of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use eventflow_core::{
    Attempt, AttemptResult, AuditEntry, Death, DeathRecord, Event, EventKey, EventState, Job, LeaseToken, Pattern,
    RegistryVersion, SUSPECT_CRASHES, Timestamp, WorkerId, most_specific,
};
use uuid::Uuid;

/// All rows.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    pub(crate) events: BTreeMap<EventKey, EventRow>,
    pub(crate) version: RegistryVersion,
    pub(crate) paused: bool,
    pub(crate) handlers: BTreeMap<Pattern, HandlerRow>,
    pub(crate) workers: BTreeMap<WorkerId, WorkerRow>,
    pub(crate) counted_at: Option<Timestamp>,
    pub(crate) jobs: BTreeMap<Uuid, Job>,
    pub(crate) audit: Vec<AuditEntry>,
}

/// One event, from its admission to the end of its retention.
#[derive(Clone, Debug)]
pub(crate) struct EventRow {
    pub(crate) event: Arc<Event>,
    /// The state it is in without a work row.
    pub(crate) end: EventState,
    pub(crate) admitted_at: Timestamp,
    pub(crate) copies_seen: u64,
    pub(crate) work: Option<WorkRow>,
    pub(crate) attempts: Vec<Attempt>,
    pub(crate) letter: Option<DeathRecord>,
}

/// The unfinished side of an event.
#[derive(Clone, Debug)]
pub(crate) struct WorkRow {
    pub(crate) handler: Pattern,
    pub(crate) due_at: Timestamp,
    pub(crate) lease: Option<Lease>,
    pub(crate) attempt: u32,
    pub(crate) base: u32,
    pub(crate) crashes: u32,
    pub(crate) requeues: u32,
}

/// Who holds a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lease {
    pub(crate) token: LeaseToken,
    pub(crate) worker: WorkerId,
}

/// A handler on the list.
#[derive(Clone, Debug, Default)]
pub(crate) struct HandlerRow {
    pub(crate) paused: bool,
    pub(crate) due: u64,
    pub(crate) running: u64,
    pub(crate) oldest_due: Option<Timestamp>,
    pub(crate) counted_at: Option<Timestamp>,
}

/// A worker on the list.
#[derive(Clone, Debug)]
pub(crate) struct WorkerRow {
    pub(crate) name: String,
    pub(crate) patterns: BTreeSet<Pattern>,
    pub(crate) joined_at: Timestamp,
    pub(crate) renewed_at: Timestamp,
    pub(crate) unbroken_since: Timestamp,
    pub(crate) beat: Option<String>,
}

impl EventRow {
    pub(crate) fn state(&self) -> EventState {
        match &self.work {
            None => self.end,
            Some(work) if work.lease.is_some() => EventState::Running,
            Some(_) => EventState::Due,
        }
    }

    /// Adds the crash of a lapsed lease to the row and to its history. The lease stays for the caller to replace.
    pub(crate) fn count_crash(&mut self, now: Timestamp) {
        let Some(work) = &mut self.work else { return };
        let Some(lease) = work.lease else { return };
        work.crashes += 1;
        self.attempts.push(Attempt {
            number: work.attempt + 1,
            worker: lease.worker,
            ended_at: now,
            result: AttemptResult::Crashed,
            duration: None,
            error: Some("the worker's lease lapsed".to_owned()),
        });
    }

    /// Ends the work row as a dead letter.
    pub(crate) fn bury(&mut self, now: Timestamp, death: &Death) {
        let Some(work) = self.work.take() else { return };
        self.end = EventState::Dead;
        self.letter = Some(DeathRecord {
            handler: Some(work.handler),
            attempt: work.attempt,
            crashes: work.crashes,
            requeues: work.requeues,
            ..letter_of(death, now)
        });
    }
}

impl WorkRow {
    /// A row that nobody has tried.
    pub(crate) const fn fresh(handler: Pattern, due_at: Timestamp) -> Self {
        Self {
            handler,
            due_at,
            lease: None,
            attempt: 0,
            base: 0,
            crashes: 0,
            requeues: 0,
        }
    }

    /// Whether its lease has ended without an outcome.
    pub(crate) fn is_lapsed(&self, now: Timestamp) -> bool {
        self.lease.is_some() && self.due_at <= now
    }

    /// Crashes, with the one that a lapse would add.
    pub(crate) fn crashes_by(&self, now: Timestamp) -> u32 {
        self.crashes + u32::from(self.is_lapsed(now))
    }

    pub(crate) fn is_suspect(&self, now: Timestamp) -> bool {
        self.crashes_by(now) >= SUSPECT_CRASHES
    }

    /// Whether anybody may take it now; a lapsed one only whom the store has seen without a gap.
    pub(crate) fn can_be_taken(&self, now: Timestamp, mature: bool) -> bool {
        self.due_at <= now && (self.lease.is_none() || mature)
    }

    pub(crate) const fn release(&mut self, due_at: Timestamp) {
        self.lease = None;
        self.due_at = due_at;
    }
}

impl State {
    /// Whether this worker's renewals stand there without a gap for one lease time.
    pub(crate) fn is_mature(&self, worker: WorkerId, lease_time: Duration, now: Timestamp) -> bool {
        self.workers.get(&worker).is_some_and(|row| {
            row.renewed_at > now.minus(lease_time / 3) && row.unbroken_since <= now.minus(lease_time)
        })
    }

    pub(crate) fn is_paused(&self, handler: &Pattern) -> bool {
        self.paused || self.handlers.get(handler).is_some_and(|row| row.paused)
    }

    pub(crate) fn match_type(&self, event_type: &str) -> Option<Pattern> {
        most_specific(self.handlers.keys(), event_type).cloned()
    }

    pub(crate) fn note(&mut self, at: Timestamp, actor: &str, action: &str, subject: String, job: Option<Uuid>) {
        let seq = i64::try_from(self.audit.len()).unwrap_or(i64::MAX - 1) + 1;
        self.audit.push(AuditEntry {
            seq,
            at,
            actor: actor.to_owned(),
            action: action.to_owned(),
            subject,
            job,
        });
    }
}

/// The letter of what died before it was ever tried.
pub(crate) fn letter_of(death: &Death, died_at: Timestamp) -> DeathRecord {
    DeathRecord {
        reason: death.reason,
        message: death.message.clone(),
        cause: death.cause(),
        died_at,
        handler: None,
        attempt: 0,
        crashes: 0,
        requeues: 0,
        original: death.original,
    }
}
