//! Judges the laws on the adapter's answers alone: a model that shared a fault would not see it.

use std::collections::{BTreeMap, BTreeSet};

use eventflow_core::{
    AdmitReply, Admitted, AttemptResult, EventKey, EventRecord, EventState, LeaseToken, LetterAction, Pattern,
    Recorded, Renewal, Timestamp, WorkerId,
};

use super::step::{LEASE, Reply, Step};

#[derive(Default)]
pub(super) struct Watch {
    held: BTreeMap<EventKey, Held>,
    states: BTreeMap<EventKey, EventState>,
    /// Attempts counted and crashes written, as last seen.
    histories: BTreeMap<EventKey, (u32, usize)>,
    paused: BTreeSet<Pattern>,
    all_paused: bool,
}

struct Held {
    token: LeaseToken,
    worker: WorkerId,
    until: Timestamp,
}

impl Watch {
    /// Judges an answer, by what was granted and ended before.
    pub(super) fn judge(&mut self, now: Timestamp, step: &Step, reply: &Reply) -> Result<(), String> {
        match (step, reply) {
            (
                Step::Admit {
                    rows,
                    lease: Some(grant),
                    ..
                },
                Reply::Admitted(AdmitReply::Decided(said)),
            ) => {
                for (row, said) in rows.iter().zip(said) {
                    if *said == (Admitted::New { started: true }) {
                        self.granted(now, row.event.key, grant.token, grant.worker)?;
                    }
                }
            }
            (Step::Lease(request) | Step::LeaseSuspect(request), _) => {
                for row in reply.leased() {
                    if self.all_paused || self.paused.contains(&row.handler) {
                        return Err(format!("{} was leased while {} is paused", row.event.key, row.handler));
                    }
                    self.granted(now, row.event.key, request.token, request.worker)?;
                }
            }
            (Step::Renew(renewal), Reply::Renewed(renewed)) => self.renewed(now, renewal, &renewed.lost),
            (Step::Record(finished), Reply::Recorded(said)) => {
                for (one, said) in finished.iter().zip(said) {
                    self.recorded(one.key, one.lease, *said)?;
                }
            }
            (Step::Leave(worker), _) => self.held.retain(|_, held| held.worker != *worker),
            (Step::Pause(order), Reply::Paused(true)) => match &order.handler {
                None => self.all_paused = order.paused,
                Some(handler) if order.paused => drop(self.paused.insert(handler.clone())),
                Some(handler) => drop(self.paused.remove(handler)),
            },
            (Step::Retire(order), Reply::Retired(eventflow_core::Retired::Gone)) => {
                self.paused.remove(&order.handler);
            }
            _ => {}
        }
        Ok(())
    }

    fn renewed(&mut self, now: Timestamp, renewal: &Renewal, lost: &[EventKey]) {
        self.held.retain(|key, held| {
            if held.worker != renewal.worker {
                return true;
            }
            if !renewal.running.contains(&(*key, held.token)) {
                return renewal.awaited.contains(&held.token);
            }
            // A worker may believe in several leases of one key; one at most is not lost.
            let believed = renewal.running.iter().filter(|(running, _)| running == key).count();
            held.until = now.plus(LEASE);
            lost.iter().filter(|lost| *lost == key).count() < believed
        });
    }

    fn granted(&mut self, now: Timestamp, key: EventKey, token: LeaseToken, worker: WorkerId) -> Result<(), String> {
        let until = now.plus(LEASE);
        let before = self.held.insert(key, Held { token, worker, until });
        match before {
            Some(before) if before.until > now => Err(format!("two current leases on {key}")),
            _ => Ok(()),
        }
    }

    fn recorded(&mut self, key: EventKey, token: LeaseToken, said: Recorded) -> Result<(), String> {
        let bears = self.held.get(&key).is_some_and(|held| held.token == token);
        match said {
            Recorded::Counted if !bears => Err(format!("an outcome of {key} counted without its lease")),
            Recorded::Counted => {
                self.held.remove(&key);
                Ok(())
            }
            // A row that died of its lapse, or was matched anew, has ended its lease as well.
            Recorded::Stale => Ok(()),
        }
    }

    /// Judges how the states of all events have moved.
    pub(super) fn judge_states(&mut self, step: &Step, states: BTreeMap<EventKey, EventState>) -> Result<(), String> {
        for (key, before) in &self.states {
            let after = states.get(key).copied();
            if after != Some(*before) && !may_move(step, *before, after) {
                return Err(format!("{key} went from {before} to {after:?}"));
            }
        }
        self.states = states;
        Ok(())
    }

    /// Judges what one event shows.
    pub(super) fn judge_record(
        &mut self,
        step: &Step,
        key: EventKey,
        record: Option<&EventRecord>,
    ) -> Result<(), String> {
        let Some(record) = record else {
            self.histories.remove(&key);
            return Ok(());
        };
        let counted: Vec<u32> = record
            .attempts
            .iter()
            .filter(|attempt| attempt.result != AttemptResult::Crashed)
            .map(|attempt| attempt.number)
            .collect();
        let total = u32::try_from(counted.len()).unwrap_or(u32::MAX);
        if !counted.iter().copied().eq(1..=total) {
            return Err(format!("{key} counts its attempts as {counted:?}"));
        }
        let said = record.work.as_ref().map(|work| work.attempt);
        let said = said.or(record.death.as_ref().map(|death| death.attempt));
        if said.is_some_and(|said| said != total) {
            return Err(format!("{key} says {said:?} attempts and has {total} in its history"));
        }
        let crashes = record.attempts.len() - counted.len();
        let before = self.histories.insert(key, (total, crashes)).unwrap_or_default();
        let may_count = matches!(step, Step::Record(_)) && total == before.0 + 1;
        if total != before.0 && !may_count {
            return Err(format!("{key} went from {} attempts to {total}", before.0));
        }
        let may_crash = matches!(step, Step::Lease(_) | Step::LeaseSuspect(_) | Step::Rematch(_));
        if crashes != before.1 && !(may_crash && crashes == before.1 + 1) {
            return Err(format!("{key} went from {} crashes to {crashes}", before.1));
        }
        is_whole(record)
            .then_some(())
            .ok_or_else(|| format!("{key} is in two places: {record:#?}"))
    }
}

/// Whether the parts of a record fit its state: one place, and no other.
fn is_whole(record: &EventRecord) -> bool {
    let holder = record.work.as_ref().map(|work| work.worker.is_some());
    match record.state {
        EventState::Queued => false,
        EventState::Due => holder == Some(false) && record.death.is_none(),
        EventState::Running => holder == Some(true) && record.death.is_none(),
        EventState::Done => holder.is_none() && record.death.is_none(),
        EventState::Dead | EventState::Discarded => holder.is_none() && record.death.is_some(),
    }
}

/// Which step may move an event so.
fn may_move(step: &Step, before: EventState, after: Option<EventState>) -> bool {
    use EventState::{Dead, Discarded, Done, Due, Running};
    match (before, after) {
        (Due, Some(Running)) => matches!(step, Step::Lease(_) | Step::LeaseSuspect(_)),
        (Due, Some(Dead)) => matches!(step, Step::Rematch(_)),
        (Running, Some(Due)) => matches!(
            step,
            Step::Record(_) | Step::Renew(_) | Step::Leave(_) | Step::Rematch(_)
        ),
        (Running, Some(Done)) => matches!(step, Step::Record(_)),
        (Running, Some(Dead)) => matches!(
            step,
            Step::Record(_) | Step::Lease(_) | Step::LeaseSuspect(_) | Step::Rematch(_)
        ),
        (Dead, Some(Due | Done)) => is_action(step, LetterAction::Requeue),
        (Dead, Some(Discarded)) => is_action(step, LetterAction::Discard),
        (Discarded, Some(Dead)) => is_action(step, LetterAction::Restore),
        (Done | Discarded, None) => matches!(step, Step::Purge(_)),
        _ => false,
    }
}

fn is_action(step: &Step, action: LetterAction) -> bool {
    matches!(step, Step::Letters(order) if order.action == action)
}
