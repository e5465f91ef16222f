//! A run that goes on, in words: what the bars and the lines both say.

use std::fmt::Write as _;
use std::time::Duration;

use eventflow_core::sanitize;
use eventflow_load::measure::Glance as Measured;
use eventflow_load::run::{Glance, Stage};
use eventflow_load::scenario::{Scenario, Stretch};

use crate::moment::{count, count_or_unknown, rate, span, span_s};

/// What of a scenario its faces show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// The phases, in their order.
    pub(super) phases: Vec<Phase>,
}

/// A phase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Phase {
    /// Its name, safe to show.
    pub(super) name: String,
    /// When it begins, from the beginning of the load.
    pub(super) begins: Duration,
    /// How long it sends; none of the drain.
    pub(super) sends: Option<Duration>,
}

impl Shape {
    /// That of a scenario.
    pub(super) fn of(scenario: &Scenario) -> Self {
        let phases = scenario.phases.iter().map(|phase| Phase {
            name: sanitize(&phase.name).into_owned(),
            begins: phase.begins,
            sends: match phase.what {
                Stretch::Send { lasts, .. } => Some(lasts),
                Stretch::Drain { .. } => None,
            },
        });
        Self {
            phases: phases.collect(),
        }
    }

    /// How much of the load is to come; none where it is over.
    fn left(&self, elapsed: Duration) -> Option<Duration> {
        let ends = self.phases.iter().filter_map(|phase| Some(phase.begins + phase.sends?));
        ends.max()?.checked_sub(elapsed).filter(|left| !left.is_zero())
    }
}

impl Phase {
    /// How much of it has passed.
    pub(super) fn passed(&self, elapsed: Duration) -> Duration {
        let since = elapsed.saturating_sub(self.begins);
        self.sends.map_or(since, |lasts| since.min(lasts))
    }
}

/// What is being done.
pub(super) const fn stage(stage: Stage) -> &'static str {
    match stage {
        Stage::Starting => "starting the target",
        Stage::Steady => "waiting for the steady state",
        Stage::Loading => "sending",
        Stage::Draining => "waiting until nothing is left to do",
        Stage::Judging => "reading the store and judging",
    }
}

/// Rate, percentiles of the last seconds, and what is in flight.
pub(super) fn felt(measured: &Measured) -> String {
    let recent = &measured.recent;
    let known = |seconds: Option<f64>| seconds.map_or_else(|| "-".to_owned(), span_s);
    format!(
        "{}  p50 {}  p95 {}  p99 {}  in flight {}",
        rate(measured.rate),
        known(recent.p50),
        known(recent.p95),
        known(recent.p99),
        count(measured.in_flight)
    )
}

/// What waits, and what went wrong so far: only what there is.
pub(super) fn troubles(glance: &Glance) -> String {
    let reading = glance.reading.as_ref();
    let mut said = format!("backlog {}", count_or_unknown(reading.and_then(|r| r.backlog)));
    let measured = &glance.meter;
    let more = [
        ("dead", reading.and_then(|r| r.dead).unwrap_or(0)),
        ("refused", measured.rejected),
        ("unknown", measured.unknown),
        ("retries", measured.retries),
        ("late", measured.late),
        ("not sent", measured.not_sent),
    ];
    for (name, n) in more.into_iter().filter(|(_, n)| *n > 0) {
        let _ = write!(said, "  {name} {}", count(n));
    }
    said
}

/// The faults that are at work; nothing where none is.
pub(super) fn armed(glance: &Glance) -> Option<String> {
    if glance.armed.is_empty() {
        return None;
    }
    let names: Vec<String> = glance.armed.iter().map(|name| sanitize(name).into_owned()).collect();
    Some(format!("at work: {}", names.join("; ")))
}

/// How long the load goes on; nothing where it is over or has not begun.
pub(super) fn left(glance: &Glance, shape: &Shape) -> Option<String> {
    if glance.stage != Stage::Loading {
        return None;
    }
    shape
        .left(glance.meter.elapsed)
        .map(|left| format!("{} left", span(left)))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{glance, shape};
    use super::*;

    #[test]
    fn a_glance_in_words() {
        let glance = glance(35, Stage::Loading);
        assert_eq!(
            felt(&glance.meter),
            "1,998/s  p50 2.1 ms  p95 8.0 ms  p99 31 ms  in flight 12"
        );
        assert_eq!(troubles(&glance), "backlog 120  dead 3  unknown 2");
        assert_eq!(armed(&glance).as_deref(), Some("at work: F1 reset on redis"));
        assert_eq!(left(&glance, &shape()).as_deref(), Some("5.0 s left"));
    }

    #[test]
    fn what_nobody_knows_is_no_zero() {
        let mut glance = glance(35, Stage::Draining);
        glance.reading = None;
        glance.meter.recent.p99 = None;
        assert!(troubles(&glance).starts_with("backlog ?"));
        assert!(felt(&glance.meter).contains("p99 -"));
        assert_eq!(left(&glance, &shape()), None);
    }

    #[test]
    fn a_phase_passes_and_then_stays_passed() {
        let shape = shape();
        let passed = |phase: usize, s| shape.phases[phase].passed(Duration::from_secs(s)).as_secs();
        assert_eq!(
            [passed(0, 5), passed(0, 35), passed(1, 5), passed(1, 35)],
            [5, 10, 0, 25]
        );
        assert_eq!(passed(2, 45), 5);
    }

    #[test]
    fn names_cannot_steer_the_terminal() {
        let mut glance = glance(35, Stage::Loading);
        glance.armed = vec!["F1\u{1b}[2J".into()];
        assert_eq!(armed(&glance).as_deref(), Some("at work: F1\\u{1b}[2J"));
    }
}
