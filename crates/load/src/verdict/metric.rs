//! The metrics that thresholds may name, and where each is found.

use std::collections::BTreeMap;

use super::{Facts, show};
use crate::measure::{Percentiles, Scope, float};

/// Whether a threshold may name this metric: a percentile such as `accept.p99`, `service.max` or `end_to_end.p50`, or
/// `rate`, `planned`, `sent`, `late`, `not_sent`, `acked`, `rejected`, `unknown`, `errors`, `success`, `retries`,
/// `duplicates`, `recovery` (only of faults), `dead`.
pub fn is_metric(name: &str) -> bool {
    Metric::parse(name).is_some()
}

/// A metric of a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Metric {
    /// Of a histogram.
    Of(Timed, Figure),
    /// Acknowledged a second.
    Rate,
    /// A count.
    Count(Counted),
    /// The part of what was sent that was acknowledged.
    Success,
    /// How long a fault was felt.
    Recovery,
    /// Dead letters.
    Dead,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timed {
    Accept,
    Service,
    EndToEnd,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Figure {
    Min,
    Mean,
    P50,
    P90,
    P95,
    P99,
    P999,
    Max,
    Count,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counted {
    Planned,
    Sent,
    Late,
    NotSent,
    Acked,
    Rejected,
    Unknown,
    Errors,
    Retries,
    Duplicates,
}

impl Metric {
    /// The metric of that name.
    pub(super) fn parse(name: &str) -> Option<Self> {
        if let Some((timed, figure)) = name.split_once('.') {
            return Some(Self::Of(Timed::parse(timed)?, Figure::parse(figure)?));
        }
        Some(match name {
            "rate" => Self::Rate,
            "success" => Self::Success,
            "recovery" => Self::Recovery,
            "dead" => Self::Dead,
            "planned" => Self::Count(Counted::Planned),
            "sent" => Self::Count(Counted::Sent),
            "late" => Self::Count(Counted::Late),
            "not_sent" => Self::Count(Counted::NotSent),
            "acked" => Self::Count(Counted::Acked),
            "rejected" => Self::Count(Counted::Rejected),
            "unknown" => Self::Count(Counted::Unknown),
            "errors" => Self::Count(Counted::Errors),
            "retries" => Self::Count(Counted::Retries),
            "duplicates" => Self::Count(Counted::Duplicates),
            _ => return None,
        })
    }

    /// What it was in the scope that is measured as `name`; none where nothing was, or where only the store could tell
    /// and was not read.
    pub(super) fn value(self, facts: &Facts, name: &str) -> Option<f64> {
        match self {
            Self::Recovery => {
                let id = name.strip_prefix("fault:")?;
                facts.faults.iter().find(|report| report.id == id)?.recovery_s
            }
            Self::Dead => {
                let tally = facts.tally.as_ref()?;
                Some(float(tally.dead_in.get(name).copied().unwrap_or(0)))
            }
            _ => self.measured(facts.measures.scopes.get(name)?),
        }
    }

    fn measured(self, scope: &Scope) -> Option<f64> {
        match self {
            Self::Of(timed, figure) => figure.of(timed.of(scope)),
            Self::Count(counted) => Some(float(counted.of(scope))),
            Self::Rate => (scope.lasts_s > 0.0).then(|| float(scope.acked) / scope.lasts_s),
            Self::Success => (scope.sent > 0).then(|| float(scope.acked) / float(scope.sent)),
            Self::Recovery | Self::Dead => None,
        }
    }

    /// As people read it.
    pub(super) fn show(self, value: f64) -> String {
        match self {
            Self::Of(_, Figure::Count) | Self::Count(_) | Self::Dead => show::whole(value),
            Self::Of(..) | Self::Recovery => show::span(value),
            Self::Rate => show::rate(value),
            Self::Success => show::share(value),
        }
    }
}

impl Timed {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "accept" => Self::Accept,
            "service" => Self::Service,
            "end_to_end" => Self::EndToEnd,
            _ => return None,
        })
    }

    fn of(self, scope: &Scope) -> &Percentiles {
        match self {
            Self::Accept => &scope.accept,
            Self::Service => &scope.service,
            Self::EndToEnd => &scope.end_to_end,
        }
    }
}

impl Figure {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "min" => Self::Min,
            "mean" => Self::Mean,
            "p50" => Self::P50,
            "p90" => Self::P90,
            "p95" => Self::P95,
            "p99" => Self::P99,
            "p999" | "p99.9" => Self::P999,
            "max" => Self::Max,
            "count" => Self::Count,
            _ => return None,
        })
    }

    fn of(self, percentiles: &Percentiles) -> Option<f64> {
        match self {
            Self::Min => percentiles.min,
            Self::Mean => percentiles.mean,
            Self::P50 => percentiles.p50,
            Self::P90 => percentiles.p90,
            Self::P95 => percentiles.p95,
            Self::P99 => percentiles.p99,
            Self::P999 => percentiles.p999,
            Self::Max => percentiles.max,
            Self::Count => Some(float(percentiles.count)),
        }
    }
}

impl Counted {
    fn of(self, scope: &Scope) -> u64 {
        let sum = |reasons: &BTreeMap<String, u64>| reasons.values().sum::<u64>();
        match self {
            Self::Planned => scope.planned,
            Self::Sent => scope.sent,
            Self::Late => scope.late,
            Self::NotSent => scope.not_sent,
            Self::Acked => scope.acked,
            Self::Rejected => sum(&scope.rejected),
            Self::Unknown => sum(&scope.unknown),
            Self::Errors => sum(&scope.rejected) + sum(&scope.unknown),
            Self::Retries => scope.retries,
            Self::Duplicates => scope.duplicates,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::testing::pass;

    #[test]
    fn every_metric_is_found_where_it_is_measured() {
        let facts = pass();
        for (metric, value, text) in [
            ("accept.min", 0.001, "1ms"),
            ("accept.mean", 0.002, "2ms"),
            ("accept.p50", 0.003, "3ms"),
            ("accept.p90", 0.004, "4ms"),
            ("accept.p95", 0.005, "5ms"),
            ("accept.p99", 0.006, "6ms"),
            ("accept.p999", 0.007, "7ms"),
            ("accept.p99.9", 0.007, "7ms"),
            ("accept.max", 0.008, "8ms"),
            ("accept.count", 96.0, "96"),
            ("service.p50", 0.0003, "300µs"),
            ("end_to_end.max", 1.5, "1.5s"),
            ("rate", 9.6, "9.6/s"),
            ("planned", 101.0, "101"),
            ("sent", 100.0, "100"),
            ("late", 5.0, "5"),
            ("not_sent", 1.0, "1"),
            ("acked", 96.0, "96"),
            ("rejected", 3.0, "3"),
            ("unknown", 1.0, "1"),
            ("errors", 4.0, "4"),
            ("success", 0.96, "96 %"),
            ("retries", 6.0, "6"),
            ("duplicates", 7.0, "7"),
            ("dead", 2.0, "2"),
        ] {
            assert!(is_metric(metric), "{metric}");
            let parsed = Metric::parse(metric).expect("a metric");
            let found = parsed.value(&facts, "phase:steady").expect("it was measured");
            assert!((found - value).abs() < 1e-9, "{metric}: {found}");
            assert_eq!(parsed.show(found), text, "{metric}");
        }
        assert_eq!(Metric::Recovery.value(&facts, "fault:F1"), Some(2.5));
        assert_eq!(Metric::Dead.value(&facts, "phase:warmup"), Some(0.0));
    }

    #[test]
    fn what_is_no_metric_is_not_taken_for_one() {
        for name in [
            "",
            "accept",
            "accept.p98",
            "p99",
            "accept.p99.9.9",
            "lag",
            "Rate",
            "latency.p99",
        ] {
            assert!(!is_metric(name), "{name}");
        }
    }

    #[test]
    fn nothing_is_said_of_what_was_not_measured() {
        let mut facts = pass();
        let metric = |name: &str| Metric::parse(name).expect("a metric");
        assert_eq!(metric("sent").value(&facts, "phase:other"), None);
        facts.measures.scopes.insert("kind:empty".into(), Scope::default());
        for name in ["accept.p99", "rate", "success"] {
            assert_eq!(metric(name).value(&facts, "kind:empty"), None, "{name}");
        }
        facts.tally = None;
        assert_eq!(metric("dead").value(&facts, "run"), None);
    }
}
