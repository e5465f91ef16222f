//! Values for the tests of the faces.

use std::time::Duration;

use eventflow_load::measure::{Glance as Measured, Measures, Percentiles, Scope};
use eventflow_load::report::{Machine, PhaseSpan, Summary};
use eventflow_load::run::{Glance, Stage};
use eventflow_load::verdict::{Check, Class, Facts, FaultReport, Outcome, Stands, Tally, Verdict};
use eventflow_load::watch::Reading;
use tokio::time::Instant;

use super::view::{Phase, Shape};

/// A warm-up of ten seconds, thirty steady seconds, and a drain.
pub(super) fn shape() -> Shape {
    let phase = |name: &str, begins, sends: Option<u64>| Phase {
        name: name.into(),
        begins: Duration::from_secs(begins),
        sends: sends.map(Duration::from_secs),
    };
    Shape {
        phases: vec![
            phase("warmup", 0, Some(10)),
            phase("steady", 10, Some(30)),
            phase("drain", 40, None),
        ],
    }
}

/// That load so many seconds after its beginning.
pub(super) fn glance(seconds: u64, stage: Stage) -> Glance {
    let reading = Reading {
        backlog: Some(120),
        dead: Some(3),
        ..Reading::blank(Instant::now())
    };
    Glance {
        meter: Measured {
            elapsed: Duration::from_secs(seconds),
            phase: (stage == Stage::Loading).then(|| "steady".to_owned()),
            rate: 1_998.0,
            unknown: 2,
            in_flight: 12,
            recent: percentiles(0.0021, 0.008, 0.031),
            ..Measured::default()
        },
        armed: vec!["F1 reset on redis".into()],
        reading: Some(reading),
        stage,
        ..Glance::default()
    }
}

fn percentiles(p50: f64, p95: f64, p99: f64) -> Percentiles {
    Percentiles {
        count: 1_990,
        p50: Some(p50),
        p95: Some(p95),
        p99: Some(p99),
        p999: Some(p99 * 2.0),
        max: Some(p99 * 3.0),
        ..Percentiles::default()
    }
}

/// A run that lost an event and missed a threshold, and whose fault touched nothing.
pub(super) fn summary() -> Summary {
    let mut lost = Class::default();
    lost.add("9d4eb02a-cf1e-88c7-9bb1-86cb54b80777".parse().expect("a key"));
    let scope = Scope {
        lasts_s: 20.0,
        planned: 2_000,
        sent: 2_000,
        acked: 1_990,
        accept: percentiles(0.0021, 0.008, 0.187),
        service: percentiles(0.002, 0.007, 0.03),
        end_to_end: percentiles(0.02, 0.08, 0.31),
        ..Scope::default()
    };
    Summary {
        version: Summary::VERSION,
        scenario: "worker-crash".into(),
        purpose: String::new(),
        seed: 8,
        run: "0190a5d0-0000-7000-8000-000000000001".into(),
        began: "2026-05-01T12:00:00Z".parse().expect("a time"),
        lasted_s: 40.0,
        target: "local".into(),
        told: Vec::new(),
        durability: "disk".into(),
        machine: Machine::default(),
        phases: vec![PhaseSpan {
            name: "steady".into(),
            begins_s: 0.0,
            ends_s: 30.0,
            sends: true,
            measured: true,
        }],
        facts: Facts {
            tally: Some(Tally {
                attempted: 2_000,
                acked: 1_990,
                unknown: 10,
                stored: 1_989,
                lost,
                ..Tally::default()
            }),
            drained: true,
            faults: vec![FaultReport {
                id: "F1".into(),
                title: "reset on redis".into(),
                struck_s: Some(20.0),
                ended_s: Some(24.0),
                ..FaultReport::default()
            }],
            measures: Measures {
                scopes: ["phase:steady", "fault:F1", "run"]
                    .map(|name| (name.to_owned(), scope.clone()))
                    .into(),
                ..Measures::default()
            },
            ..Facts::default()
        },
        verdict: Verdict {
            outcome: Outcome::Broken,
            checks: vec![
                check(
                    "acked_lost",
                    "0",
                    "1",
                    Stands::Broken,
                    Some("9d4eb02a-cf1e-88c7-9bb1-86cb54b80777"),
                ),
                check("duplicate_rows", "0", "0", Stands::Met, None),
                check("drained", "yes", "yes", Stands::Met, None),
                check("F1 took effect", "> 0", "0", Stands::Unknown, None),
                check("steady/accept.p99", "< 150ms", "187ms", Stands::Missed, None),
            ],
        },
    }
}

fn check(name: &str, asked: &str, found: &str, stands: Stands, why: Option<&str>) -> Check {
    Check {
        name: name.into(),
        asked: asked.into(),
        found: found.into(),
        stands,
        why: why.map(str::to_owned),
    }
}
