//! Compares what two ledgers say: all of it, but for moments that differ by less than their clocks may.

use std::fmt::Debug;
use std::time::Duration;

use eventflow_core::{AttemptResult, AuditEntry, DeathRecord, EventLine, EventRecord, Letter, Registered, Timestamp};

use super::party::Overview;
use super::step::Reply;

/// How far apart the same moment may be by the two clocks: far less than any fraction of a unit that tells times apart.
const TOLERANCE: Duration = Duration::from_mins(1);

/// Says where they differ, if they do.
pub(super) fn differ<T: PartialEq + Debug>(what: &str, adapter: &T, model: &T) -> Result<(), String> {
    if adapter == model {
        return Ok(());
    }
    Err(format!("{what} differs\n  adapter: {adapter:#?}\n  model: {model:#?}"))
}

/// Says where two lists differ: in their first difference alone.
pub(super) fn differ_in<T: PartialEq + Debug>(what: &str, adapter: &[T], model: &[T]) -> Result<(), String> {
    let longer = adapter.len().max(model.len());
    (0..longer).try_for_each(|i| differ(&format!("{what} at {i}"), &adapter.get(i), &model.get(i)))
}

/// Brings a reply into the form in which order and moments that nobody promises do not matter.
pub(super) fn plain(reply: Reply, ahead: i64) -> Reply {
    match reply {
        Reply::Renewed(mut renewed) => {
            renewed.lost.sort_unstable();
            Reply::Renewed(renewed)
        }
        Reply::Registered(Registered::Joined(mut registry)) => {
            registry.version.0 -= ahead;
            for handler in &mut registry.handlers {
                // Counted by a lease time that a registration does not name.
                handler.carriers = 0;
                handler.oldest_due = None;
                handler.counted_at = None;
            }
            Reply::Registered(Registered::Joined(registry))
        }
        Reply::Registered(Registered::Tie(a, b)) if a > b => Reply::Registered(Registered::Tie(b, a)),
        Reply::Changed(mut job) => {
            job.at = Timestamp::default();
            Reply::Changed(job)
        }
        reply => reply,
    }
}

/// Takes the other's moment where both mean the same.
fn align(mine: Timestamp, other: &mut Timestamp) {
    if mine.since(*other) <= TOLERANCE && other.since(mine) <= TOLERANCE {
        *other = mine;
    }
}

fn align_some(mine: Option<Timestamp>, other: &mut Option<Timestamp>) {
    if let (Some(mine), Some(other)) = (mine, other) {
        align(mine, other);
    }
}

/// Takes the other list's moments where both mean the same.
pub(super) fn align_lines(mine: &[EventLine], other: &mut [EventLine]) {
    for (mine, other) in mine.iter().zip(other) {
        align(mine.admitted_at, &mut other.admitted_at);
        if let (Some(mine), Some(other)) = (&mine.runs, &mut other.runs) {
            align_some(mine.last_ended_at, &mut other.last_ended_at);
        }
    }
}

fn align_death(mine: Option<&DeathRecord>, other: Option<&mut DeathRecord>) {
    if let (Some(mine), Some(other)) = (mine, other) {
        align(mine.died_at, &mut other.died_at);
    }
}

/// Compares all that two ledgers know of one event.
pub(super) fn records(adapter: &EventRecord, model: &EventRecord) -> Result<(), String> {
    let sorted = |record: &EventRecord| {
        record
            .attempts
            .is_sorted_by_key(|attempt| (attempt.ended_at, attempt.number))
    };
    if !sorted(adapter) {
        return Err(format!("attempts come out of order: {:#?}", adapter.attempts));
    }
    let (adapter, mut model) = (with_plain_history(adapter), with_plain_history(model));
    align(adapter.admitted_at, &mut model.admitted_at);
    align_death(adapter.death.as_ref(), model.death.as_mut());
    if let (Some(mine), Some(other)) = (&adapter.work, &mut model.work) {
        align(mine.due_at, &mut other.due_at);
    }
    for (mine, other) in adapter.attempts.iter().zip(&mut model.attempts) {
        align(mine.ended_at, &mut other.ended_at);
    }
    differ("an event", &adapter, &model)
}

/// A crash and the attempt after it bear one number, and may bear one moment.
fn with_plain_history(record: &EventRecord) -> EventRecord {
    let mut record = record.clone();
    record
        .attempts
        .sort_by_key(|attempt| (attempt.number, attempt.result != AttemptResult::Crashed));
    record
}

/// Compares all that two ledgers show besides their events.
pub(super) fn overviews(mut adapter: Overview, mut model: Overview) -> Result<(), String> {
    for (mine, other) in adapter.registry.handlers.iter().zip(&mut model.registry.handlers) {
        align_some(mine.oldest_due, &mut other.oldest_due);
        align_some(mine.counted_at, &mut other.counted_at);
    }
    for workers in [&mut adapter.workers, &mut model.workers] {
        workers.sort_by_key(|row| row.worker);
        for row in workers {
            row.patterns.sort_unstable();
        }
    }
    for (mine, other) in adapter.workers.iter().zip(&mut model.workers) {
        align(mine.joined_at, &mut other.joined_at);
        align(mine.renewed_at, &mut other.renewed_at);
    }
    align_letters(&adapter.dead, &mut model.dead);
    align_letters(&adapter.discarded, &mut model.discarded);
    adapter.audit = plain_audit(adapter.audit)?;
    model.audit = plain_audit(model.audit)?;
    for (mine, other) in adapter.audit.iter().zip(&mut model.audit) {
        align(mine.at, &mut other.at);
    }
    differ("the handler list", &adapter.registry, &model.registry)?;
    differ_in("the list of workers", &adapter.workers, &model.workers)?;
    differ("the number of letters", &adapter.counts, &model.counts)?;
    differ_in("the list of dead letters", &adapter.dead, &model.dead)?;
    differ_in("the list of discarded letters", &adapter.discarded, &model.discarded)?;
    differ_in("the audit", &adapter.audit, &model.audit)
}

fn align_letters(mine: &[Letter], other: &mut [Letter]) {
    for (mine, other) in mine.iter().zip(other) {
        align_death(Some(&mine.death), Some(&mut other.death));
    }
}

/// Numbers entries by their place; those of one job in the order of their subjects.
fn plain_audit(mut audit: Vec<AuditEntry>) -> Result<Vec<AuditEntry>, String> {
    if !audit.is_sorted_by(|a, b| a.seq < b.seq) {
        return Err(format!("the audit comes out of order: {audit:#?}"));
    }
    for of_one_job in audit.chunk_by_mut(|a, b| a.job.is_some() && a.job == b.job) {
        of_one_job.sort_by(|a, b| a.subject.cmp(&b.subject));
    }
    for (entry, place) in audit.iter_mut().zip(1..) {
        entry.seq = place;
    }
    Ok(audit)
}
