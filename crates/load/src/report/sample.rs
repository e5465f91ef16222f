//! A run for tests: three lost events, a percentile that is missed, a fault that touched nothing.

use std::collections::BTreeMap;

use eventflow_core::EventKey;

use super::{Machine, PhaseSpan, Summary};
use crate::measure::{GeneratorReport, Measures, Percentiles, Point, Scope, Series};
use crate::verdict::{Check, Class, Facts, FaultReport, Outcome, Stands, SteadyReading, Tally, Verdict};

pub(super) fn summary() -> Summary {
    Summary {
        version: Summary::VERSION,
        scenario: "worker-crash".into(),
        purpose: "Proves that a worker can be killed at any moment.".into(),
        seed: 8,
        run: "0190a5d0-0000-7000-8000-000000000001".into(),
        began: "2026-05-01T12:00:00Z".parse().expect("a time"),
        lasted_s: 40.0,
        target: "local".into(),
        told: vec!["auto takes local: redis-server and PostgreSQL are installed".into()],
        durability: "disk".into(),
        machine: Machine {
            cores: 2,
            os: "linux 6.1.0".into(),
            arch: "x86_64".into(),
            versions: BTreeMap::from([("efctl".into(), "0.1.0".into()), ("Redis".into(), "7.0.15".into())]),
        },
        phases: vec![
            phase("warmup", 0.0, 10.0, false),
            phase("steady", 10.0, 30.0, true),
            PhaseSpan {
                sends: false,
                ..phase("drain", 30.0, 40.0, false)
            },
        ],
        facts: facts(),
        verdict: Verdict {
            outcome: Outcome::Broken,
            checks: vec![
                check(
                    "acked_lost",
                    "0",
                    "3",
                    Stands::Broken,
                    Some("lost: 9d4eb02a-cf1e-88c7-9bb1-86cb54b80777"),
                ),
                check("duplicate_rows", "0", "0", Stands::Met, None),
                check("drained", "lag, pending, due and running 0", "all 0", Stands::Met, None),
                check(
                    "F1 took effect",
                    "> 0",
                    "0",
                    Stands::Unknown,
                    Some("it touched nothing"),
                ),
                check("steady/accept.p99", "< 150ms", "187 ms", Stands::Missed, None),
                check("F2/recovery", "< 20s", "3.1 s", Stands::Met, None),
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

fn phase(name: &str, begins_s: f64, ends_s: f64, measured: bool) -> PhaseSpan {
    PhaseSpan {
        name: name.into(),
        begins_s,
        ends_s,
        sends: true,
        measured,
    }
}

fn facts() -> Facts {
    let mut lost = Class::default();
    for _ in 0..3 {
        lost.add(
            "9d4eb02a-cf1e-88c7-9bb1-86cb54b80777"
                .parse::<EventKey>()
                .expect("a key"),
        );
    }
    Facts {
        tally: Some(Tally {
            attempted: 3_500,
            acked: 3_490,
            unknown: 8,
            rejected: 2,
            stored: 3_450,
            dead: 45,
            lost,
            recovered: 8,
            ..Tally::default()
        }),
        drained: true,
        steady_before: vec![SteadyReading {
            metric: "backlog".into(),
            value: Some(12.0),
        }],
        steady_after: vec![SteadyReading {
            metric: "backlog".into(),
            value: None,
        }],
        faults: vec![
            fault("F2", "KILL worker[any]", 15.0, 15.0, 1),
            fault("F1", "reset on redis", 20.0, 24.0, 0),
        ],
        measures: Measures {
            scopes: [
                "run",
                "phase:warmup",
                "phase:steady",
                "fault:F1",
                "fault:F2",
                "kind:poison",
                "kind:order.created",
            ]
            .map(|name| (name.to_owned(), scope()))
            .into(),
            series: series(),
            generator: GeneratorReport {
                lateness: percentiles(0.0004),
                cpu: 0.31,
                peak_in_flight: 87,
                bottleneck: None,
            },
        },
        longest_standstill_s: Some(2.5),
        deadlocks: Some(0),
        ..Facts::default()
    }
}

fn fault(id: &str, title: &str, struck: f64, ended: f64, touched: u64) -> FaultReport {
    FaultReport {
        id: id.into(),
        title: title.into(),
        planned_s: struck,
        struck_s: Some(struck),
        ended_s: Some(ended),
        touched,
        recovery_s: (touched > 0).then_some(3.1),
        ..FaultReport::default()
    }
}

fn scope() -> Scope {
    Scope {
        lasts_s: 20.0,
        planned: 2_000,
        sent: 1_998,
        late: 4,
        not_sent: 2,
        retries: 9,
        acked: 1_988,
        duplicates: 50,
        rejected: BTreeMap::from([("503 backlog-full".into(), 2)]),
        unknown: BTreeMap::from([("timeout".into(), 8)]),
        accept: percentiles(0.004),
        service: percentiles(0.003),
        end_to_end: percentiles(0.02),
    }
}

fn percentiles(p50: f64) -> Percentiles {
    Percentiles {
        count: 1_988,
        min: Some(p50 / 4.0),
        mean: Some(p50 * 1.2),
        p50: Some(p50),
        p90: Some(p50 * 2.0),
        p95: Some(p50 * 4.0),
        p99: Some(p50 * 10.0),
        p999: Some(p50 * 40.0),
        max: Some(p50 * 50.0),
    }
}

/// Forty seconds; in the eleventh nobody knew the backlog.
fn series() -> Series {
    let point = |i: u32| {
        let sending = i < 30;
        let felt = |part: f64| sending.then(|| part * (1.0 + f64::from(i % 5)));
        Point {
            at_s: f64::from(i),
            planned: if sending { 100 } else { 0 },
            acked: if sending { 99 } else { 0 },
            rejected: u64::from(i % 10 == 9 && sending),
            unknown: 0,
            p50: felt(0.002),
            p95: felt(0.01),
            p99: felt(0.03),
            max: felt(0.2),
            lag: (i != 10).then_some(u64::from(i) * 3),
            backlog: (i != 10).then_some(u64::from(i) * 7),
            dead: Some(u64::from(i)),
            in_flight: u64::from(i % 7),
        }
    };
    Series {
        width_s: 1.0,
        points: (0..40).map(point).collect(),
    }
}
