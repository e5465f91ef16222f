//! The metrics that a threshold may name, and what each counts. What a metric is worth is found by the verdict.

use super::condition::Unit;

/// Metrics of the steady state.
pub(super) const STEADY: [&str; 5] = ["backlog", "lag", "due", "running", "dead"];

/// What is timed.
const TIMED: [&str; 3] = ["accept", "service", "end_to_end"];

/// What is told of what is timed.
const FIGURES: [&str; 10] = [
    "min", "mean", "p50", "p90", "p95", "p99", "p999", "p99.9", "max", "count",
];

/// What is told of sends.
const PLAIN: [(&str, Unit); 14] = [
    ("rate", Unit::Rate),
    ("planned", Unit::Count),
    ("sent", Unit::Count),
    ("late", Unit::Count),
    ("not_sent", Unit::Count),
    ("acked", Unit::Count),
    ("rejected", Unit::Count),
    ("unknown", Unit::Count),
    ("errors", Unit::Count),
    ("success", Unit::Share),
    ("retries", Unit::Count),
    ("duplicates", Unit::Count),
    ("dead", Unit::Count),
    (RECOVERY, Unit::Span),
];

/// The metric that only faults have.
pub(super) const RECOVERY: &str = "recovery";

/// What a metric counts; none where there is no such metric.
pub(super) fn unit(metric: &str) -> Option<Unit> {
    if let Some((timed, figure)) = metric.split_once('.') {
        let known = TIMED.contains(&timed) && FIGURES.contains(&figure);
        return known.then_some(if figure == "count" { Unit::Count } else { Unit::Span });
    }
    PLAIN.iter().find(|(name, _)| *name == metric).map(|(_, unit)| *unit)
}

/// All metrics of a threshold.
pub(super) fn names() -> Vec<String> {
    let timed = TIMED
        .iter()
        .flat_map(|timed| FIGURES.iter().map(move |figure| format!("{timed}.{figure}")));
    timed.chain(PLAIN.iter().map(|(name, _)| (*name).to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::is_metric;

    #[test]
    fn every_metric_counts_something_and_is_known_to_the_verdict() {
        for name in names() {
            assert!(unit(&name).is_some(), "{name}");
            assert!(is_metric(&name), "{name}");
        }
        for name in ["accept", "accept.p98", "p99", "accept.p99.9.9", "recovery.p99", ""] {
            assert_eq!(unit(name), None, "{name}");
            assert!(!is_metric(name), "{name}");
        }
    }

    #[test]
    fn times_are_spans_and_sends_are_counted() {
        assert_eq!(unit("end_to_end.p99.9"), Some(Unit::Span));
        assert_eq!(unit("service.count"), Some(Unit::Count));
        assert_eq!(unit("recovery"), Some(Unit::Span));
        assert_eq!(unit("success"), Some(Unit::Share));
    }
}
