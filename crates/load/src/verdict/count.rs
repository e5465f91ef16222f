//! Counts what became of each event: what was sent under a key, beside the rows that bear it.

use std::time::Duration;

use eventflow_core::{EventKey, EventState, Timestamp};

use super::attempts::Attempts;
use super::questions::Question;
use super::recovery::Recovery;
use super::{Row, Tally, scopes};
use crate::scenario::{Fate, Scenario};

/// An event of the run that is stored or dead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// Its key.
    pub key: EventKey,
    /// The index of its kind in the mix.
    pub kind: u16,
    /// The index of the phase in which it was first sent.
    pub phase: u16,
    /// When it was first to be sent, from the beginning of the load.
    pub intended: Duration,
    /// When it was stored, or dead, from the beginning of the load; never before it was to be sent. By the store's clock,
    /// where the beginning is by efctl's: on two machines these are two clocks.
    pub ended: Duration,
    /// Done, dead or discarded.
    pub state: EventState,
    /// Whether it was acknowledged; otherwise it was recovered.
    pub acked: bool,
}

/// Counts, key by key.
pub(super) struct Counter<'a> {
    /// What has been counted.
    pub(super) tally: Tally,
    /// Follows the faults.
    pub(super) recovery: Recovery,
    scenario: &'a Scenario,
    begin: Timestamp,
}

impl<'a> Counter<'a> {
    pub(super) fn new(scenario: &'a Scenario, begin: Timestamp, moments: &[Option<Duration>]) -> Self {
        Self {
            tally: Tally::default(),
            recovery: Recovery::new(begin, moments),
            scenario,
            begin,
        }
    }

    /// What was sent under a key. A question where it should be in the store and is not.
    pub(super) fn sent(&mut self, attempts: &Attempts, is_there: bool) -> Option<Question> {
        let tally = &mut self.tally;
        let one = |holds: bool| u64::from(holds);
        tally.acked += one(attempts.is_acked());
        tally.unknown += one(attempts.is_unknown());
        tally.rejected += one(attempts.is_rejected());
        tally.attempted += one(attempts.is_acked() || attempts.is_unknown() || attempts.is_rejected());
        if attempts.is_acked() && self.fate(attempts) == Fate::Rejected {
            self.tally.taken_unasked.add(attempts.key);
        }
        if is_there || !attempts.is_acked() {
            return None;
        }
        if attempts.is_destroyed() {
            self.tally.destroyed += 1;
            return None;
        }
        Some(Question::Missing(attempts.clone()))
    }

    /// Rows that bear one key, at least one. Questions go to `questions`.
    pub(super) fn there(
        &mut self,
        attempts: Option<&Attempts>,
        rows: &[Row],
        questions: &mut Vec<Question>,
    ) -> Option<Finished> {
        let first = rows.first()?;
        for row in rows {
            self.row(row);
        }
        for row in rows.iter().skip(1) {
            self.tally.duplicate.add(row.key);
        }
        if rows.iter().any(Row::is_stored) && rows.iter().any(Row::is_dead) {
            self.tally.both.add(first.key);
        }
        match attempts.filter(|attempts| attempts.may_be_there()) {
            None => {
                self.unexpected(first, questions);
                None
            }
            Some(attempts) => self.expected(attempts, first),
        }
    }

    /// Two rows have the name of this one's event, or only this one, under a key that is not its.
    pub(super) fn misnamed(&mut self, row: &Row, has_twin: bool) {
        let class = if has_twin {
            &mut self.tally.duplicate
        } else {
            &mut self.tally.unexpected
        };
        class.add(row.key);
    }

    fn row(&mut self, row: &Row) {
        self.recovery.saw(row);
        let tally = &mut self.tally;
        if row.is_stored() {
            tally.stored += 1;
        } else if row.is_dead() {
            tally.dead += 1;
        } else {
            tally.unfinished += 1;
        }
        if row.runs_done > 1 {
            tally.run_twice.add(row.key);
        }
    }

    fn unexpected(&mut self, row: &Row, questions: &mut Vec<Question>) {
        if !row.is_misnamed() {
            self.tally.unexpected.add(row.key);
        } else if row.is_dead() {
            // Another payload came under an id that was taken, which the plan never does.
            self.tally.dead_unasked.add(row.key);
        } else {
            questions.push(Question::Misnamed(row.clone()));
        }
    }

    fn expected(&mut self, attempts: &Attempts, row: &Row) -> Option<Finished> {
        if row.is_misnamed() {
            self.tally.unexpected.add(row.key);
        }
        let fate = self.fate(attempts);
        let tally = &mut self.tally;
        match fate {
            Fate::Rejected if !attempts.is_acked() => tally.taken_unasked.add(row.key),
            Fate::Stored if row.is_dead() => tally.dead_unasked.add(row.key),
            Fate::Dead if row.is_stored() => tally.alive_unasked.add(row.key),
            Fate::Stored | Fate::Dead | Fate::Rejected => {}
        }
        if row.is_dead() {
            for scope in scopes::of(self.scenario, attempts) {
                *tally.dead_in.entry(scope).or_default() += 1;
            }
        }
        let end = row.end()?;
        tally.recovered += u64::from(!attempts.is_acked());
        Some(Finished {
            key: row.key,
            kind: attempts.kind,
            phase: attempts.phase,
            intended: attempts.intended,
            ended: end.since(self.begin).max(attempts.intended),
            state: row.state,
            acked: attempts.is_acked(),
        })
    }

    fn fate(&self, attempts: &Attempts) -> Fate {
        let kind = self.scenario.mix.get(usize::from(attempts.kind));
        kind.map(|kind| kind.expect).unwrap_or_default()
    }
}
