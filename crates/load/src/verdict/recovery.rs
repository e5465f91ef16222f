//! How long a fault was felt: until nothing older than it was unfinished, and newer events were stored.

use std::time::Duration;

use eventflow_core::Timestamp;

use super::{FaultReport, Row};
use crate::scenario::{Deed, Scenario, What};

/// The moments from which recovery is counted, in the order of `reports`: a kill's strike, otherwise the fault's end. None
/// for a fault that never struck or was skipped.
pub fn moments(scenario: &Scenario, reports: &[FaultReport]) -> Vec<Option<Duration>> {
    reports.iter().map(|report| moment(scenario, report)).collect()
}

fn moment(scenario: &Scenario, report: &FaultReport) -> Option<Duration> {
    let what = scenario
        .faults
        .iter()
        .find(|fault| fault.id == report.id)
        .map(|fault| &fault.what);
    let is_kill = matches!(
        what,
        Some(What::Process {
            deed: Deed::Kill { .. },
            ..
        })
    );
    let at = if is_kill { report.struck_s } else { report.ended_s };
    at.filter(|_| report.skipped.is_none())
        .and_then(|at| Duration::try_from_secs_f64(at).ok())
}

/// Follows the events of a run, in any order, and keeps for each moment only what decides. An event is older than a
/// moment where the API took it in before it; its end is by the store's clock, so that two clocks are compared where API
/// and store are on two machines.
#[derive(Debug)]
pub(super) struct Recovery {
    faults: Vec<Option<Felt>>,
}

#[derive(Clone, Copy, Debug)]
struct Felt {
    moment: Timestamp,
    /// The last end of an older event.
    old: Timestamp,
    /// The first end of a newer one that was stored.
    new: Option<Timestamp>,
    /// An older one is unfinished still.
    is_open: bool,
}

impl Recovery {
    pub(super) fn new(begin: Timestamp, moments: &[Option<Duration>]) -> Self {
        let felt = |at: &Duration| {
            let moment = begin.plus(*at);
            Felt {
                moment,
                old: moment,
                new: None,
                is_open: false,
            }
        };
        Self {
            faults: moments.iter().map(|at| at.as_ref().map(felt)).collect(),
        }
    }

    /// One more event.
    pub(super) fn saw(&mut self, row: &Row) {
        for felt in self.faults.iter_mut().flatten() {
            let is_older = row.received_at < felt.moment;
            match row.end() {
                None => felt.is_open |= is_older,
                Some(end) if is_older => felt.old = felt.old.max(end),
                Some(end) if row.is_stored() => felt.new = Some(felt.new.map_or(end, |new| new.min(end))),
                Some(_) => {}
            }
        }
    }

    /// In seconds, for each moment; none where it never came or cannot be told.
    pub(super) fn seconds(&self) -> Vec<Option<f64>> {
        self.faults.iter().map(|felt| felt.and_then(Felt::seconds)).collect()
    }
}

impl Felt {
    fn seconds(self) -> Option<f64> {
        let new = self.new.filter(|_| !self.is_open)?;
        Some(self.old.max(new).since(self.moment).as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use eventflow_core::EventState;

    use super::*;
    use crate::scenario::{Fault, Role, Which, Who};
    use crate::verdict::testing::{at, begin, pass, report, row, scenario};

    fn event(received: f64, ended: f64, state: EventState) -> Row {
        Row {
            received_at: at(received),
            admitted_at: Some(at(ended)),
            state,
            ..row("a", state)
        }
    }

    fn recovery(events: &[Row]) -> Option<f64> {
        let mut recovery = Recovery::new(begin(), &[Some(Duration::from_secs(10))]);
        for event in events {
            recovery.saw(event);
        }
        recovery.seconds()[0]
    }

    #[test]
    fn it_lasts_until_the_last_older_event_has_ended_and_a_newer_one_is_stored() {
        let (before, old) = (event(1.0, 2.0, EventState::Done), event(9.0, 17.5, EventState::Done));
        let (new, later) = (event(11.0, 12.0, EventState::Done), event(12.0, 40.0, EventState::Done));
        assert_eq!(recovery(&[new.clone(), old, later.clone(), before.clone()]), Some(7.5));
        assert_eq!(recovery(&[before, later, new]), Some(2.0));
    }

    #[test]
    fn it_never_came_while_an_older_event_is_unfinished() {
        let new = event(11.0, 12.0, EventState::Done);
        assert_eq!(recovery(&[event(9.0, 0.0, EventState::Running), new.clone()]), None);
        assert_eq!(recovery(&[event(11.0, 0.0, EventState::Running), new]), Some(2.0));
    }

    #[test]
    fn it_cannot_be_told_where_nothing_new_was_stored() {
        let (old, dead) = (event(9.0, 9.5, EventState::Done), event(11.0, 12.0, EventState::Dead));
        assert_eq!(recovery(&[old, dead]), None);
        assert_eq!(recovery(&[]), None);
    }

    #[test]
    fn clocks_that_disagree_make_it_no_shorter_than_nothing() {
        assert_eq!(recovery(&[event(11.0, 9.0, EventState::Done)]), Some(0.0));
    }

    #[test]
    fn a_kill_counts_from_its_strike_and_all_else_from_its_end() {
        let mut scenario = scenario();
        scenario.faults.push(Fault {
            id: "F2".into(),
            at: Duration::from_secs(20),
            lasts: None,
            what: What::Process {
                who: Who {
                    role: Role::Worker,
                    which: Which::Any,
                },
                deed: Deed::Kill { respawn: None },
            },
        });
        let kill = FaultReport {
            struck_s: Some(20.5),
            ended_s: Some(25.5),
            ..report("F2")
        };
        let skipped = FaultReport {
            skipped: Some("no cc".into()),
            ..kill.clone()
        };
        let reports = [pass().faults[0].clone(), kill, skipped];
        let seconds: Vec<_> = moments(&scenario, &reports)
            .into_iter()
            .map(|at| at.map(|at| at.as_secs_f64()))
            .collect();
        assert_eq!(seconds, [Some(15.0), Some(20.5), None]);
    }
}
