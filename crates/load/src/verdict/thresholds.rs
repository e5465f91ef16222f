//! Thresholds of a scenario: per phase, window of a fault and kind.

use super::bound::threshold;
use super::metric::{Metric, Timed};
use super::{Check, Facts, FaultReport, Stands, invariants, scopes};
use crate::scenario::{Scenario, Threshold};

/// A check for each threshold, in the order of the file.
pub(super) fn checks(facts: &Facts, scenario: &Scenario) -> impl Iterator<Item = Check> {
    scenario.expect.slo.iter().map(|slo| check(facts, scenario, slo))
}

fn check(facts: &Facts, scenario: &Scenario, slo: &Threshold) -> Check {
    let name = format!("{}/{}", slo.scope, slo.metric);
    let scope = scopes::named(scenario, &slo.scope);
    let (Some(metric), Some(scope)) = (Metric::parse(&slo.metric), scope) else {
        let why = "the scenario has no such scope, or there is no such metric";
        return threshold(name, &slo.condition, None, |_| String::new(), why);
    };
    let value = metric.value(facts, &scope);
    if metric == Metric::Recovery && value.is_none() {
        return unrecovered(name, facts, slo);
    }
    let why = match (metric, &facts.tally) {
        (Metric::Dead | Metric::Of(Timed::EndToEnd, _), None) => "the store was not read to its end",
        _ => "nothing was recorded",
    };
    threshold(name, &slo.condition, value, |value| metric.show(value), why)
}

/// A recovery that never came misses any bound; one that cannot be told misses none.
fn unrecovered(name: String, facts: &Facts, slo: &Threshold) -> Check {
    let report = facts.faults.iter().find(|report| report.id == slo.scope);
    let (stands, why) = why_unrecovered(facts, report);
    let found = if stands == Stands::Missed { "never" } else { "unknown" };
    Check {
        name,
        asked: slo.condition.text.clone(),
        found: found.to_owned(),
        stands,
        why: Some(why),
    }
}

fn why_unrecovered(facts: &Facts, report: Option<&FaultReport>) -> (Stands, String) {
    match report {
        Some(FaultReport { skipped: Some(why), .. }) => (Stands::Unknown, why.clone()),
        Some(report) if report.struck_s.is_some() => {
            if facts.tally.is_none() {
                (Stands::Unknown, "the store was not read to its end".to_owned())
            } else if !invariants::is_settled(facts) {
                (
                    Stands::Missed,
                    "events that are older than it may be unfinished still".to_owned(),
                )
            } else {
                let why = "nothing that was taken after it was stored: let the load go on for longer than the fault";
                (Stands::Unknown, why.to_owned())
            }
        }
        _ => (Stands::Unknown, "it never struck".to_owned()),
    }
}
