//! The scopes of a run: what is counted in each, and to which of them a send belongs.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use hdrhistogram::Histogram;

use super::histogram::{fine, record};
use super::{Percentiles, Scope};
use crate::scenario::{Phase, Scenario, Stretch};

/// Different reasons that are told apart within a scope; what the other side answers must not fill the memory.
const REASONS: usize = 64;
/// Under which the reasons beyond that are counted.
const OTHERS: &str = "others";

/// By what a send belongs to scopes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// When it is to leave, from the beginning of the load.
    pub(super) intended: Duration,
    /// Its phase.
    pub(super) phase: u16,
    /// Its kind.
    pub(super) kind: u16,
}

/// What is measured within one scope.
pub(super) struct Gauge {
    /// The counters; spans and percentiles are filled in when it is told.
    pub(super) counts: Scope,
    /// From the intended send to the acknowledgement.
    pub(super) accept: Histogram<u64>,
    /// From the send of a try to its answer.
    pub(super) service: Histogram<u64>,
    /// From the intended send to the end of the event.
    pub(super) end_to_end: Histogram<u64>,
    name: String,
    spans: Vec<Range<Duration>>,
}

/// All scopes, the first being everything that was sent, which reports do not have.
pub(super) struct Scopes {
    gauges: Vec<Gauge>,
    /// By phase: whether it is measured, and the scope of one that sends.
    phases: Vec<(bool, Option<usize>)>,
    /// The scope of the first kind; the others follow.
    first_kind: usize,
    /// The windows of faults, with their scopes.
    windows: Vec<(Range<Duration>, usize)>,
}

const ALL: usize = 0;
const RUN: usize = 1;

impl Scopes {
    pub(super) fn new(scenario: &Scenario) -> Self {
        let sending: Vec<Option<Range<Duration>>> = scenario.phases.iter().map(sending).collect();
        let measured: Vec<Range<Duration>> = (scenario.phases.iter().zip(&sending))
            .filter(|(phase, _)| phase.measure)
            .filter_map(|(_, span)| span.clone())
            .collect();
        let mut gauges = vec![
            Gauge::new(String::new(), sending.iter().flatten().cloned().collect()),
            Gauge::new("run".to_owned(), measured.clone()),
        ];
        let mut phases = Vec::with_capacity(scenario.phases.len());
        for (phase, span) in scenario.phases.iter().zip(&sending) {
            phases.push((phase.measure, span.as_ref().map(|_| gauges.len())));
            gauges.extend(
                span.clone()
                    .map(|span| Gauge::new(format!("phase:{}", phase.name), vec![span])),
            );
        }
        let first_kind = gauges.len();
        gauges.extend(
            scenario
                .mix
                .iter()
                .map(|kind| Gauge::new(format!("kind:{}", kind.name), measured.clone())),
        );
        let mut windows = Vec::with_capacity(scenario.faults.len());
        for fault in &scenario.faults {
            let window = fault.window();
            windows.push((window.clone(), gauges.len()));
            let within = sending.iter().flatten().map(|span| overlap(span, &window)).collect();
            gauges.push(Gauge::new(format!("fault:{}", fault.id), within));
        }
        Self {
            gauges,
            phases,
            first_kind,
            windows,
        }
    }

    /// Does something in every scope of a send.
    pub(super) fn each(&mut self, place: Place, mut what: impl FnMut(&mut Gauge)) {
        what(&mut self.gauges[ALL]);
        let (measured, phase) = self.phases.get(usize::from(place.phase)).copied().unwrap_or_default();
        if let Some(phase) = phase {
            what(&mut self.gauges[phase]);
        }
        if measured {
            what(&mut self.gauges[RUN]);
            if let Some(kind) = self.gauges.get_mut(self.first_kind + usize::from(place.kind)) {
                what(kind);
            }
        }
        for (window, fault) in &self.windows {
            if window.contains(&place.intended) {
                what(&mut self.gauges[*fault]);
            }
        }
    }

    /// Everything that was sent, measured or not.
    pub(super) fn all(&self) -> &Gauge {
        &self.gauges[ALL]
    }

    /// What reports have, by name; a load that was ended at `until` lasted no longer.
    pub(super) fn tell(&self, until: Duration) -> BTreeMap<String, Scope> {
        let told = self.gauges.iter().skip(RUN);
        told.map(|gauge| (gauge.name.clone(), gauge.tell(until))).collect()
    }

    /// The histograms that hold something, named `scope.metric`.
    pub(super) fn histograms(&self) -> Vec<(String, Histogram<u64>)> {
        let gauges = self.gauges.iter().skip(RUN);
        let each = gauges.flat_map(|gauge| {
            [
                ("accept", &gauge.accept),
                ("service", &gauge.service),
                ("end_to_end", &gauge.end_to_end),
            ]
            .map(|(metric, histogram)| (&gauge.name, metric, histogram))
        });
        each.filter(|(_, _, histogram)| !histogram.is_empty())
            .map(|(scope, metric, histogram)| (format!("{scope}.{metric}"), histogram.clone()))
            .collect()
    }
}

impl Gauge {
    fn new(name: String, spans: Vec<Range<Duration>>) -> Self {
        Self {
            counts: Scope::default(),
            accept: fine(),
            service: fine(),
            end_to_end: fine(),
            name,
            spans,
        }
    }

    /// An event was acknowledged, so long after it was to leave.
    pub(super) fn acked(&mut self, took: Duration, duplicate: bool) {
        self.counts.acked += 1;
        self.counts.duplicates += u64::from(duplicate);
        record(&mut self.accept, took);
    }

    fn tell(&self, until: Duration) -> Scope {
        let lasted: Duration = self
            .spans
            .iter()
            .map(|span| span.end.min(until).saturating_sub(span.start))
            .sum();
        Scope {
            lasts_s: lasted.as_secs_f64(),
            accept: Percentiles::of(&self.accept),
            service: Percentiles::of(&self.service),
            end_to_end: Percentiles::of(&self.end_to_end),
            ..self.counts.clone()
        }
    }
}

/// Counts a reason, as long as there are not too many.
pub(super) fn count(reasons: &mut BTreeMap<String, u64>, reason: &str) {
    if let Some(count) = reasons.get_mut(reason) {
        *count += 1;
    } else if reasons.len() < REASONS {
        reasons.insert(reason.to_owned(), 1);
    } else {
        *reasons.entry(OTHERS.to_owned()).or_default() += 1;
    }
}

/// When a phase sends, if it does.
pub(super) fn sending(phase: &Phase) -> Option<Range<Duration>> {
    match phase.what {
        Stretch::Send { lasts, .. } => Some(phase.begins..phase.begins + lasts),
        Stretch::Drain { .. } => None,
    }
}

fn overlap(a: &Range<Duration>, b: &Range<Duration>) -> Range<Duration> {
    a.start.max(b.start)..a.end.min(b.end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::testing::{SECOND, scenario};

    fn names(scopes: &mut Scopes, intended: u64, phase: u16, kind: u16) -> Vec<String> {
        let mut names = Vec::new();
        let place = Place {
            intended: SECOND * u32::try_from(intended).expect("small"),
            phase,
            kind,
        };
        scopes.each(place, |gauge| names.push(gauge.name.clone()));
        names
    }

    #[test]
    fn a_send_belongs_to_its_phase_its_kind_and_the_windows_of_faults() {
        let mut scopes = Scopes::new(&scenario());
        assert_eq!(names(&mut scopes, 3, 0, 1), ["", "phase:warmup"]);
        assert_eq!(names(&mut scopes, 12, 1, 0), ["", "phase:steady", "run", "kind:order"]);
        assert_eq!(names(&mut scopes, 12, 1, 1), ["", "phase:steady", "run", "kind:poison"]);
        assert_eq!(
            names(&mut scopes, 20, 1, 0),
            ["", "phase:steady", "run", "kind:order", "fault:F1"]
        );
        let both = names(&mut scopes, 24, 1, 0);
        assert_eq!(both[4..], ["fault:F1", "fault:kill"]);
        assert_eq!(
            names(&mut scopes, 25, 1, 0)[4..],
            ["fault:kill"],
            "a window ends before its end"
        );
    }

    #[test]
    fn warm_up_counts_in_the_windows_of_faults_but_not_in_the_run() {
        let mut scenario = scenario();
        scenario.faults[0].at = SECOND;
        let mut scopes = Scopes::new(&scenario);
        assert_eq!(names(&mut scopes, 2, 0, 0), ["", "phase:warmup", "fault:F1"]);
    }

    #[test]
    fn scopes_last_as_long_as_something_was_sent_in_them() {
        let scopes = Scopes::new(&scenario());
        let lasts = |until| -> Vec<(String, f64)> {
            let told = scopes.tell(until);
            told.into_iter().map(|(name, scope)| (name, scope.lasts_s)).collect()
        };
        let whole = [
            ("fault:F1", 5.0),
            ("fault:kill", 6.0),
            ("kind:order", 20.0),
            ("kind:poison", 20.0),
            ("phase:steady", 20.0),
            ("phase:warmup", 10.0),
            ("run", 20.0),
        ];
        let near = |told: &[(String, f64)], expected: &[(&str, f64)]| {
            let pairs = told.iter().zip(expected);
            told.len() == expected.len() && pairs.into_iter().all(|(a, b)| a.0 == b.0 && (a.1 - b.1).abs() < 1e-9)
        };
        assert!(near(&lasts(Duration::MAX), &whole), "{:?}", lasts(Duration::MAX));
        let cut = lasts(SECOND * 21);
        let cut_at = |name: &str| cut.iter().find(|(n, _)| n == name).map(|(_, lasts)| *lasts);
        assert_eq!(cut_at("run"), Some(11.0));
        assert_eq!(cut_at("phase:warmup"), Some(10.0));
        assert_eq!(cut_at("fault:F1"), Some(1.0));
        assert_eq!(cut_at("fault:kill"), Some(0.0));
    }

    #[test]
    fn reasons_that_others_choose_are_bounded() {
        let mut reasons = BTreeMap::new();
        for n in 0..1_000 {
            count(&mut reasons, &format!("418 {n}"));
        }
        count(&mut reasons, "418 3");
        assert_eq!(reasons.len(), REASONS + 1);
        assert_eq!(reasons["418 3"], 2);
        assert_eq!(reasons.values().sum::<u64>(), 1_001);
    }
}
