//! What the tests of the verdict begin from: a run in which all was well.

use std::collections::BTreeMap;
use std::time::Duration;

use eventflow_core::{EventKey, EventState, Timestamp};

use super::{Facts, FaultReport, Row, SteadyReading, Tally};
use crate::journal::testing::SOURCE;
use crate::journal::{Heard, Record};
use crate::measure::{Measures, Percentiles, Scope};
use crate::scenario::{
    Arrivals, Behaviour, Comparison, Condition, Expect, Fate, Fault, Invariants, Kind, Phase, Route, Scenario, Side,
    Stretch, Threshold, Toxic, What,
};

/// When the load begins.
pub(super) fn begin() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().expect("a time")
}

/// So many seconds later.
pub(super) fn at(seconds: f64) -> Timestamp {
    begin().plus(Duration::from_secs_f64(seconds))
}

/// The key of an event of the run.
pub(super) fn key(id: &str) -> EventKey {
    EventKey::of(SOURCE, id)
}

/// An attempt, sent when it was intended.
pub(super) fn record(id: &str, intended: f64, heard: Heard) -> Record {
    Record {
        key: key(id),
        intended: Duration::from_secs_f64(intended),
        sent_at: at(intended),
        answered_at: None,
        kind: 0,
        phase: 0,
        heard,
    }
}

/// An event of the run as the store has it.
pub(super) fn row(id: &str, state: EventState) -> Row {
    Row {
        key: key(id),
        source: SOURCE.into(),
        id: id.into(),
        state,
        received_at: at(1.0),
        admitted_at: Some(at(1.5)),
        ended_at: None,
        runs_done: 0,
    }
}

/// A bound in seconds.
pub(super) fn condition(comparison: Comparison, bound: f64) -> Condition {
    Condition {
        comparison,
        bound,
        text: format!("{comparison:?} {bound}"),
    }
}

/// A fault that did what it should.
pub(super) fn report(id: &str) -> FaultReport {
    FaultReport {
        id: id.into(),
        title: "reset on postgres".into(),
        planned_s: 12.0,
        struck_s: Some(12.0),
        ended_s: Some(15.0),
        touched: 4,
        recovery_s: Some(2.5),
        ..FaultReport::default()
    }
}

/// All of a scenario that the verdict looks at.
pub(super) fn scenario() -> Scenario {
    Scenario {
        phases: phases(),
        mix: vec![
            kind("order.created", Fate::Stored),
            kind("poison", Fate::Dead),
            kind("huge", Fate::Rejected),
        ],
        faults: vec![Fault {
            id: "F1".into(),
            at: Duration::from_secs(12),
            lasts: Some(Duration::from_secs(3)),
            what: What::Tcp {
                toxic: Toxic::Reset,
                route: Route::Postgres,
                side: Side::Both,
                share: 1.0,
            },
        }],
        expect: Expect {
            steady_state: BTreeMap::from([("backlog".to_owned(), condition(Comparison::Less, 500.0))]),
            faults_took_effect: true,
            progress: Some(Duration::from_secs(30)),
            slo: vec![
                slo("steady", "accept.p99", condition(Comparison::Less, 0.15)),
                slo("run", "success", condition(Comparison::AtLeast, 0.95)),
                slo("F1", "recovery", condition(Comparison::Less, 20.0)),
            ],
            invariants: Invariants {
                deadlocks: Some(0),
                ..Invariants::default()
            },
        },
        ..crate::scenario::testing::scenario()
    }
}

fn phases() -> Vec<Phase> {
    let send = |name: &str, begins: u64, lasts: u64, measure: bool| Phase {
        name: name.into(),
        begins: Duration::from_secs(begins),
        what: Stretch::Send {
            lasts: Duration::from_secs(lasts),
            from: 10.0,
            to: 10.0,
            arrivals: Arrivals::Constant,
        },
        measure,
    };
    vec![send("warmup", 0, 10, false), send("steady", 10, 30, true)]
}

/// A threshold.
pub(super) fn slo(scope: &str, metric: &str, condition: Condition) -> Threshold {
    Threshold {
        text: format!("{scope}/{metric}"),
        scope: scope.into(),
        metric: metric.into(),
        condition,
    }
}

fn kind(name: &str, expect: Fate) -> Kind {
    Kind {
        name: name.into(),
        weight: 1.0,
        event_type: name.into(),
        data: None,
        size: None,
        resend: 0.0,
        client: Behaviour::Normal,
        expect,
    }
}

/// A run in which all was well.
pub(super) fn pass() -> Facts {
    let scope = scope();
    let steady = vec![SteadyReading {
        metric: "backlog".into(),
        value: Some(3.0),
    }];
    Facts {
        tally: Some(Tally {
            attempted: 100,
            acked: 96,
            unknown: 1,
            rejected: 3,
            stored: 95,
            dead: 2,
            recovered: 1,
            dead_in: BTreeMap::from([("phase:steady".to_owned(), 2)]),
            ..Tally::default()
        }),
        drained: true,
        steady_before: steady.clone(),
        steady_after: steady,
        faults: vec![report("F1")],
        measures: Measures {
            scopes: BTreeMap::from([("run".to_owned(), scope.clone()), ("phase:steady".to_owned(), scope)]),
            ..Measures::default()
        },
        longest_standstill_s: Some(1.0),
        deadlocks: Some(0),
        ..Facts::default()
    }
}

fn scope() -> Scope {
    Scope {
        lasts_s: 10.0,
        planned: 101,
        sent: 100,
        late: 5,
        not_sent: 1,
        retries: 6,
        acked: 96,
        duplicates: 7,
        rejected: BTreeMap::from([("429 quota".to_owned(), 2), ("503 backlog-full".to_owned(), 1)]),
        unknown: BTreeMap::from([("timeout".to_owned(), 1)]),
        accept: Percentiles {
            count: 96,
            min: Some(0.001),
            mean: Some(0.002),
            p50: Some(0.003),
            p90: Some(0.004),
            p95: Some(0.005),
            p99: Some(0.006),
            p999: Some(0.007),
            max: Some(0.008),
        },
        service: Percentiles {
            p50: Some(0.0003),
            ..Percentiles::default()
        },
        end_to_end: Percentiles {
            max: Some(1.5),
            ..Percentiles::default()
        },
    }
}
