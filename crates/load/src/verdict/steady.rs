//! The steady state: before the first fault, and again after the drain.

use std::collections::BTreeMap;

use super::bound::threshold;
use super::{Check, Facts, SteadyReading, show};
use crate::scenario::Condition;

/// Whether every metric that is asked for was read, and is what it must be.
pub fn is_steady(expected: &BTreeMap<String, Condition>, readings: &[SteadyReading]) -> bool {
    expected
        .iter()
        .all(|(metric, condition)| value(readings, metric).is_some_and(|value| condition.holds(value)))
}

/// Whether the state was looked at before the first fault, and was not steady.
pub(super) fn began_unsteady(facts: &Facts, expected: &BTreeMap<String, Condition>) -> bool {
    !facts.steady_before.is_empty() && !is_steady(expected, &facts.steady_before)
}

/// Two checks for each metric.
pub(super) fn checks(facts: &Facts, expected: &BTreeMap<String, Condition>) -> Vec<Check> {
    let both = [
        ("steady_before", &facts.steady_before),
        ("steady_after", &facts.steady_after),
    ];
    let each = both.into_iter().flat_map(|(when, readings)| {
        expected.iter().map(move |(metric, condition)| {
            let why = if readings.is_empty() {
                "it was not looked at"
            } else {
                "nobody could tell it"
            };
            let name = format!("{when}/{metric}");
            threshold(name, condition, value(readings, metric), show::whole, why)
        })
    });
    each.collect()
}

fn value(readings: &[SteadyReading], metric: &str) -> Option<f64> {
    readings
        .iter()
        .find(|reading| reading.metric == metric)
        .and_then(|reading| reading.value)
}
