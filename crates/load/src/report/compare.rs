//! Two runs side by side: what changed beyond the noise, and whether that is worse.
//!
//! Percentiles and recovery times are compared by their ratio. What went wrong (refused, unknown, not sent) is compared as a
//! share of what was planned, so that runs of different length compare; a share that moved by less than the noise of 1 % is
//! the same. Percentiles that differ by less than [`FINEST`] are the same too: a timer is no finer.

use serde::Serialize;

use super::Summary;
use crate::measure::float;
use crate::measure::{Percentiles, Scope};
use crate::verdict::{Outcome, Stands};

/// Two spans that differ by less are the same, in seconds.
const FINEST: f64 = 0.000_1;
/// The share below which a share's noise does not shrink any more.
const SMALL: f64 = 0.01;
/// A percentile is judged only where at least so many values stand above it.
const ABOVE: f64 = 10.0;

/// What changed from one run to another.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// What the first is: scenario and run.
    pub before: Named,
    /// What the second is.
    pub after: Named,
    /// The part of a number that is noise, over 0: 0.05 for 5 %.
    pub noise: f64,
    /// Why the two may not be comparable.
    pub doubts: Vec<String>,
    /// What both measured, in the order of the reports.
    pub changes: Vec<Change>,
    /// Whether anything is worse.
    pub regressed: bool,
}

/// One of the two runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Named {
    /// The scenario.
    pub scenario: String,
    /// The run's id.
    pub run: String,
    /// How it ended.
    pub outcome: Outcome,
}

/// One number of both runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// Where: `run`, `phase:steady`, `fault:F1`, `kind:order.created`, or `verdict`.
    pub scope: String,
    /// What: `accept.p99`, `rate`, `unknown`, `recovery`, `lost`, or the name of a check.
    pub metric: String,
    /// In the first run; absent where it has none.
    pub before: Option<f64>,
    /// In the second; absent where it has none.
    pub after: Option<f64>,
    /// What the numbers are.
    pub unit: Unit,
    /// What it means.
    pub judged: Judged,
}

/// What a number is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// A span in seconds.
    Seconds,
    /// Events a second.
    PerSecond,
    /// A part of what was planned, 0 to 1.
    Share,
    /// A number of events.
    Count,
    /// How a check stands: 0 met, 1 unknown, 2 missed, 3 broken.
    Stands,
}

/// What a change means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Judged {
    /// Within the noise.
    Same,
    /// Better beyond it.
    Better,
    /// Worse beyond it.
    Worse,
    /// Only one of the runs has it, or too little was recorded to say.
    Unsaid,
}

/// Compares two runs; `noise` is the part of a number that is not a change: 0.05 for 5 %.
pub fn compare(before: &Summary, after: &Summary, noise: f64) -> Comparison {
    let mut changes = checks(before, after);
    changes.extend(classes(before, after));
    for (name, scope) in before.scopes() {
        if let Some(other) = after.facts.measures.scopes.get(name) {
            changes.extend(scopes(name, scope, other, noise));
        }
    }
    changes.extend(recoveries(before, after, noise));
    Comparison {
        before: named(before),
        after: named(after),
        noise,
        doubts: doubts(before, after),
        regressed: changes.iter().any(|change| change.judged == Judged::Worse),
        changes,
    }
}

fn named(summary: &Summary) -> Named {
    Named {
        scenario: summary.scenario.clone(),
        run: summary.run.clone(),
        outcome: summary.verdict.outcome,
    }
}

fn doubts(before: &Summary, after: &Summary) -> Vec<String> {
    let mut doubts = Vec::new();
    let mut differ = |what: &str, a: &str, b: &str| {
        if a != b {
            doubts.push(format!("{what} differs: {a} and {b}"));
        }
    };
    differ("the scenario", &before.scenario, &after.scenario);
    differ("the seed", &before.seed.to_string(), &after.seed.to_string());
    differ("the target", &before.target, &after.target);
    differ("the durability", &before.durability, &after.durability);
    let cores = |summary: &Summary| format!("{} cores", summary.machine.cores);
    differ("the machine", &cores(before), &cores(after));
    for (which, summary) in [("the first run", before), ("the second run", after)] {
        if matches!(summary.verdict.outcome, Outcome::Interrupted | Outcome::NotSteady) {
            doubts.push(format!("{which} did not come to its end: {}", summary.word()));
        }
        if let Some(why) = &summary.facts.measures.generator.bottleneck {
            doubts.push(format!("{which}: {why}"));
        }
    }
    doubts
}

/// Checks of both that stand otherwise than before.
fn checks(before: &Summary, after: &Summary) -> Vec<Change> {
    let old = &before.verdict.checks;
    let both = after.verdict.checks.iter().filter_map(|check| {
        let earlier = old
            .iter()
            .find(|other| other.name == check.name && other.asked == check.asked)?;
        Some((check, earlier)).filter(|(check, earlier)| check.stands != earlier.stands)
    });
    let changes = both.map(|(check, earlier)| Change {
        scope: "verdict".into(),
        metric: check.name.clone(),
        before: Some(badness(earlier.stands)),
        after: Some(badness(check.stands)),
        unit: Unit::Stands,
        judged: if badness(check.stands) > badness(earlier.stands) {
            Judged::Worse
        } else {
            Judged::Better
        },
    });
    changes.collect()
}

const fn badness(stands: Stands) -> f64 {
    match stands {
        Stands::Met => 0.0,
        Stands::Unknown => 1.0,
        Stands::Missed => 2.0,
        Stands::Broken => 3.0,
    }
}

/// What must be 0 in any run, where it was not in one of the two. No noise excuses more of it.
fn classes(before: &Summary, after: &Summary) -> Vec<Change> {
    let (Some(a), Some(b)) = (&before.facts.tally, &after.facts.tally) else {
        return Vec::new();
    };
    let classes = [
        ("lost", a.lost.count, b.lost.count),
        ("duplicate", a.duplicate.count, b.duplicate.count),
        ("both", a.both.count, b.both.count),
        ("unexpected", a.unexpected.count, b.unexpected.count),
        ("run_twice", a.run_twice.count, b.run_twice.count),
        ("dead_unasked", a.dead_unasked.count, b.dead_unasked.count),
        ("alive_unasked", a.alive_unasked.count, b.alive_unasked.count),
        ("taken_unasked", a.taken_unasked.count, b.taken_unasked.count),
    ];
    let changes = classes
        .into_iter()
        .filter(|(_, a, b)| a + b > 0)
        .map(|(metric, a, b)| Change {
            scope: "verdict".into(),
            metric: metric.into(),
            before: Some(float(a)),
            after: Some(float(b)),
            unit: Unit::Count,
            judged: match b.cmp(&a) {
                std::cmp::Ordering::Less => Judged::Better,
                std::cmp::Ordering::Equal => Judged::Same,
                std::cmp::Ordering::Greater => Judged::Worse,
            },
        });
    changes.collect()
}

fn scopes(name: &str, a: &Scope, b: &Scope, noise: f64) -> Vec<Change> {
    let change = |metric: String, before, after, unit, judged| Change {
        scope: name.to_owned(),
        metric,
        before,
        after,
        unit,
        judged,
    };
    let mut changes = Vec::new();
    for (what, a, b) in [
        ("accept", &a.accept, &b.accept),
        ("service", &a.service, &b.service),
        ("end_to_end", &a.end_to_end, &b.end_to_end),
    ] {
        for (which, above, of) in PERCENTILES {
            let (before, after) = (of(a), of(b));
            if before.is_none() && after.is_none() {
                continue;
            }
            let enough = float(a.count.min(b.count)) * above >= ABOVE;
            let judged = if enough {
                slower(before, after, noise)
            } else {
                Judged::Unsaid
            };
            changes.push(change(format!("{what}.{which}"), before, after, Unit::Seconds, judged));
        }
    }
    let (before, after) = (rate(a), rate(b));
    // More is better: the same question with the two exchanged.
    let judged = match (before, after) {
        (Some(before), Some(after)) => by_ratio(after, before, noise),
        _ => Judged::Unsaid,
    };
    changes.push(change("rate".into(), before, after, Unit::PerSecond, judged));
    for (what, of) in SHARES {
        let (before, after) = (share(of(a), a), share(of(b), b));
        if before == Some(0.0) && after == Some(0.0) {
            continue;
        }
        let judged = match (before, after) {
            (Some(before), Some(after)) => by_share(before, after, noise),
            _ => Judged::Unsaid,
        };
        changes.push(change(what.into(), before, after, Unit::Share, judged));
    }
    changes
}

/// A percentile: its name, the part of values that stand above it, and where it is found.
type Percentile = (&'static str, f64, fn(&Percentiles) -> Option<f64>);
const PERCENTILES: [Percentile; 4] = [
    ("p50", 0.5, |p| p.p50),
    ("p95", 0.05, |p| p.p95),
    ("p99", 0.01, |p| p.p99),
    ("p999", 0.001, |p| p.p999),
];

/// What went wrong: its name, and how often it did.
type Wrong = (&'static str, fn(&Scope) -> u64);
const SHARES: [Wrong; 3] = [
    ("rejected", |scope| scope.rejected.values().sum()),
    ("unknown", |scope| scope.unknown.values().sum()),
    ("not_sent", |scope| scope.not_sent),
];

fn recoveries(before: &Summary, after: &Summary, noise: f64) -> Vec<Change> {
    let both = before.facts.faults.iter().filter_map(|fault| {
        let later = after.facts.faults.iter().find(|other| other.id == fault.id)?;
        Some((fault, later)).filter(|(a, b)| a.recovery_s.is_some() || b.recovery_s.is_some())
    });
    let changes = both.map(|(a, b)| Change {
        scope: format!("fault:{}", a.id),
        metric: "recovery".into(),
        before: a.recovery_s,
        after: b.recovery_s,
        unit: Unit::Seconds,
        judged: slower(a.recovery_s, b.recovery_s, noise),
    });
    changes.collect()
}

fn rate(scope: &Scope) -> Option<f64> {
    (scope.lasts_s > 0.0).then(|| float(scope.acked) / scope.lasts_s)
}

fn share(n: u64, scope: &Scope) -> Option<f64> {
    (scope.planned > 0).then(|| float(n) / float(scope.planned))
}

/// Whether a span grew.
fn slower(before: Option<f64>, after: Option<f64>, noise: f64) -> Judged {
    match (before, after) {
        (Some(before), Some(after)) if (after - before).abs() < FINEST => Judged::Same,
        (Some(before), Some(after)) => by_ratio(before, after, noise),
        _ => Judged::Unsaid,
    }
}

/// Whether `after` is larger than `before`, which is worse, by more than the noise.
fn by_ratio(before: f64, after: f64, noise: f64) -> Judged {
    if after > before * (1.0 + noise) {
        Judged::Worse
    } else if before > after * (1.0 + noise) {
        Judged::Better
    } else {
        Judged::Same
    }
}

fn by_share(before: f64, after: f64, noise: f64) -> Judged {
    let within = noise * before.max(after).max(SMALL);
    match after - before {
        more if more > within => Judged::Worse,
        more if -more > within => Judged::Better,
        _ => Judged::Same,
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    fn judged(comparison: &Comparison, scope: &str, metric: &str) -> Option<Judged> {
        let of = |change: &&Change| change.scope == scope && change.metric == metric;
        comparison.changes.iter().find(of).map(|change| change.judged)
    }

    fn scope_of<'a>(summary: &'a mut Summary, name: &str) -> &'a mut Scope {
        summary.facts.measures.scopes.get_mut(name).expect("a scope")
    }

    #[test]
    fn a_run_against_itself_is_the_same() {
        let summary = sample::summary();
        let comparison = compare(&summary, &summary, 0.05);
        assert!(!comparison.regressed && comparison.doubts.is_empty());
        let said = comparison.changes.iter().map(|change| change.judged);
        assert!(
            said.clone()
                .all(|judged| matches!(judged, Judged::Same | Judged::Unsaid)),
            "{comparison:?}"
        );
        assert!(said.clone().count() > 50);
    }

    #[test]
    fn slower_beyond_the_noise_is_a_regression_and_faster_is_not() {
        let before = sample::summary();
        let mut after = sample::summary();
        scope_of(&mut after, "phase:steady").accept.p99 = Some(0.041);
        assert!(!compare(&before, &after, 0.05).regressed, "2.5 % more is noise");
        scope_of(&mut after, "phase:steady").accept.p99 = Some(0.0421);
        let worse = compare(&before, &after, 0.05);
        assert_eq!(judged(&worse, "phase:steady", "accept.p99"), Some(Judged::Worse));
        assert!(worse.regressed);
        let better = compare(&after, &before, 0.05);
        assert_eq!(judged(&better, "phase:steady", "accept.p99"), Some(Judged::Better));
        assert!(!better.regressed);
    }

    #[test]
    fn a_percentile_of_few_values_is_not_judged() {
        let before = sample::summary();
        let mut after = sample::summary();
        scope_of(&mut after, "run").accept.p999 = Some(9.0);
        let comparison = compare(&before, &after, 0.05);
        assert_eq!(judged(&comparison, "run", "accept.p999"), Some(Judged::Unsaid));
        assert!(!comparison.regressed);
    }

    #[test]
    fn spans_below_a_timers_step_are_the_same() {
        assert_eq!(slower(Some(0.000_05), Some(0.000_14), 0.05), Judged::Same);
        assert_eq!(slower(Some(0.000_05), Some(0.000_16), 0.05), Judged::Worse);
        assert_eq!(slower(Some(1.0), None, 0.05), Judged::Unsaid);
    }

    #[test]
    fn less_throughput_and_more_errors_are_worse() {
        let before = sample::summary();
        let mut after = sample::summary();
        let scope = scope_of(&mut after, "run");
        scope.acked = 1_700;
        scope.unknown.insert("reset".into(), 100);
        let comparison = compare(&before, &after, 0.05);
        assert_eq!(judged(&comparison, "run", "rate"), Some(Judged::Worse));
        assert_eq!(judged(&comparison, "run", "unknown"), Some(Judged::Worse));
        assert_eq!(by_share(0.0, 0.000_4, 0.05), Judged::Same, "one of thousands");
    }

    #[test]
    fn more_of_what_must_be_0_is_worse_whatever_the_noise() {
        let mut before = sample::summary();
        let after = sample::summary();
        if let Some(tally) = &mut before.facts.tally {
            tally.lost.count = 2;
        }
        before.verdict.checks[0].stands = Stands::Met;
        let comparison = compare(&before, &after, 0.99);
        assert_eq!(judged(&comparison, "verdict", "lost"), Some(Judged::Worse));
        assert_eq!(judged(&comparison, "verdict", "acked_lost"), Some(Judged::Worse));
        assert!(comparison.regressed);
    }

    #[test]
    fn what_cannot_be_compared_is_doubted() {
        let before = sample::summary();
        let mut after = sample::summary();
        after.seed = 9;
        after.machine.cores = 64;
        after.verdict.outcome = Outcome::Interrupted;
        after.facts.faults[0].recovery_s = Some(30.0);
        let comparison = compare(&before, &after, 0.05);
        assert_eq!(comparison.doubts.len(), 3, "{:?}", comparison.doubts);
        assert_eq!(judged(&comparison, "fault:F2", "recovery"), Some(Judged::Worse));
    }
}
