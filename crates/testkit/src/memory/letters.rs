//! An operator's work on dead letters, and the end of retention.

use std::collections::BTreeSet;
use std::time::Duration;

use eventflow_core::{EventKey, EventState, Job, LetterAction, LetterOrder, Refusal, SUSPECT_CRASHES, Timestamp};

use super::rows::{State, WorkRow};

/// What an action did to a letter.
enum Change {
    Applied,
    Stored,
}

impl State {
    pub(crate) fn change_letters(&mut self, now: Timestamp, order: &LetterOrder) -> Job {
        if let Some(done) = self.jobs.get(&order.job) {
            return done.clone();
        }
        let mut job = Job {
            id: order.job,
            action: order.action,
            actor: order.actor.clone(),
            at: now,
            applied: 0,
            stored: 0,
            refused: Vec::new(),
        };
        for key in order.keys.iter().copied().collect::<BTreeSet<_>>() {
            match self.change_letter(now, order.action, key) {
                Err(refusal) => job.refused.push((key, refusal)),
                Ok(change) => {
                    job.applied += 1;
                    job.stored += u64::from(matches!(change, Change::Stored));
                    self.note(
                        now,
                        &order.actor,
                        order.action.as_str(),
                        key.to_string(),
                        Some(order.job),
                    );
                }
            }
        }
        self.jobs.insert(order.job, job.clone());
        job
    }

    fn change_letter(&mut self, now: Timestamp, action: LetterAction, key: EventKey) -> Result<Change, Refusal> {
        let row = self.events.get_mut(&key).ok_or(Refusal::Unknown)?;
        let (from, to) = match action {
            LetterAction::Requeue => return self.requeue(now, key),
            LetterAction::Discard => (EventState::Dead, EventState::Discarded),
            LetterAction::Restore => (EventState::Discarded, EventState::Dead),
        };
        if row.state() != from {
            return Err(Refusal::NotDead);
        }
        row.end = to;
        Ok(Change::Applied)
    }

    fn requeue(&mut self, now: Timestamp, key: EventKey) -> Result<Change, Refusal> {
        let row = self.events.get(&key).ok_or(Refusal::Unknown)?;
        let letter = row.letter.as_ref().filter(|_| row.state() == EventState::Dead);
        let letter = letter.ok_or(Refusal::NotDead)?;
        if !letter.reason.can_requeue() {
            return Err(Refusal::NeverRuns);
        }
        let work = self.match_type(&row.event.event_type).map(|handler| WorkRow {
            attempt: letter.attempt,
            base: letter.attempt,
            crashes: letter.crashes.min(SUSPECT_CRASHES),
            requeues: letter.requeues + 1,
            ..WorkRow::fresh(handler, now)
        });
        if work.is_none() && !letter.reason.at_admission() {
            return Err(Refusal::NoHandler);
        }
        let row = self.events.get_mut(&key).ok_or(Refusal::Unknown)?;
        row.letter = None;
        row.end = EventState::Done;
        row.work = work;
        Ok(if row.work.is_some() {
            Change::Applied
        } else {
            Change::Stored
        })
    }

    pub(crate) fn purge(&mut self, now: Timestamp, retention: Duration, limit: u32) -> u64 {
        const AFTER_THE_LAST_ATTEMPT: Duration = Duration::from_hours(24);
        let old = self.events.iter().filter(|(_, row)| {
            matches!(row.state(), EventState::Done | EventState::Discarded)
                && row.event.received_at < now.minus(retention)
                && row
                    .attempts
                    .iter()
                    .all(|attempt| attempt.ended_at <= now.minus(AFTER_THE_LAST_ATTEMPT))
        });
        let keys: Vec<EventKey> = old.map(|(key, _)| *key).take(limit as usize).collect();
        for key in &keys {
            self.events.remove(key);
        }
        self.workers.retain(|_, row| row.renewed_at >= now.minus(retention));
        keys.len() as u64
    }
}
