//! The meter: told of everything that happens to a send, it keeps counters and histograms, and never a send.
//!
//! Its memory is a matter of how many scopes a scenario has, not of how long it runs. Moments are spans from the beginning
//! of the load.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;
use tokio::time::Instant;

use super::histogram::{fine, record};
use super::recent::Recent;
use super::scopes::{Place, Scopes, count, sending};
use super::timeline::Timeline;
use super::{Glance, Measures, Percentiles, generator};
use crate::journal::Answer;
use crate::plan::Send;
use crate::scenario::{Phase, Scenario};
use crate::watch::Reading;

/// Measures one run.
pub struct Meter {
    /// The names of the phases that send, and when.
    phases: Vec<(String, Range<Duration>)>,
    begin: OnceLock<Instant>,
    in_flight: AtomicU64,
    peak: AtomicU64,
    state: Mutex<State>,
}

struct State {
    scopes: Scopes,
    timeline: Timeline,
    recent: Recent,
    lateness: Histogram<u64>,
    cpu: f64,
    until: Duration,
}

impl Meter {
    /// A meter for the scopes of a scenario.
    pub fn new(scenario: &Scenario) -> Arc<Self> {
        let named = |phase: &Phase| Some((phase.name.clone(), sending(phase)?));
        Arc::new(Self {
            phases: scenario.phases.iter().filter_map(named).collect(),
            begin: OnceLock::new(),
            in_flight: AtomicU64::new(0),
            peak: AtomicU64::new(0),
            state: Mutex::new(State {
                scopes: Scopes::new(scenario),
                timeline: Timeline::new(),
                recent: Recent::new(),
                lateness: fine(),
                cpu: 0.0,
                until: Duration::MAX,
            }),
        })
    }

    /// The load begins then. Only the first call counts.
    pub fn begin(&self, at: Instant) {
        self.begin.get_or_init(|| at);
    }

    /// The moment of a send has come.
    pub fn planned(&self, send: &Send, now: Duration) {
        let mut state = self.lock();
        state.scopes.each(place(send), |gauge| gauge.counts.planned += 1);
        state.timeline.planned(send.at, now, self.in_flight());
    }

    /// The first try of a send leaves. `held` where it came late because too many were in flight.
    pub fn sent(&self, send: &Send, now: Duration, held: bool) {
        let mut state = self.lock();
        state.scopes.each(place(send), |gauge| {
            gauge.counts.sent += 1;
            gauge.counts.late += u64::from(held);
        });
        if !held {
            record(&mut state.lateness, now.saturating_sub(send.at));
        }
    }

    /// A send is repeated after a failure.
    pub fn retried(&self, send: &Send) {
        self.lock().scopes.each(place(send), |gauge| gauge.counts.retries += 1);
    }

    /// A try of a send was answered, whatever the answer, so long after it left.
    pub fn tried(&self, send: &Send, took: Duration) {
        self.lock()
            .scopes
            .each(place(send), |gauge| record(&mut gauge.service, took));
    }

    /// What became of a send in the end, its repeats among it.
    pub fn answered(&self, send: &Send, now: Duration, answer: &Answer) {
        let (place, in_flight) = (place(send), self.in_flight());
        let mut state = self.lock();
        match answer {
            Answer::Acked { duplicate } => {
                let took = now.saturating_sub(send.at);
                state.scopes.each(place, |gauge| gauge.acked(took, *duplicate));
                state.timeline.acked(now, took, in_flight);
                state.recent.acked(now, took);
            }
            Answer::Rejected { status, slug } => {
                let reason = format!("{status} {slug}");
                let reason = reason.trim_end();
                state
                    .scopes
                    .each(place, |gauge| count(&mut gauge.counts.rejected, reason));
                state.timeline.at(now, in_flight).rejected += 1;
            }
            Answer::Unknown { why } => {
                state.scopes.each(place, |gauge| count(&mut gauge.counts.unknown, why));
                state.timeline.at(now, in_flight).unknown += 1;
            }
            Answer::NotSent => state.scopes.each(place, |gauge| gauge.counts.not_sent += 1),
        }
    }

    /// A request is in flight for as long as the guard lives.
    pub fn fly(&self) -> Flight<'_> {
        let flying = self.in_flight.fetch_add(1, Relaxed) + 1;
        self.peak.fetch_max(flying, Relaxed);
        Flight(&self.in_flight)
    }

    /// Found in the store: an event that was to leave at `intended` has ended, stored or dead, at `end`.
    pub fn ended(&self, intended: Duration, kind: u16, phase: u16, end: Duration) {
        let place = Place { intended, phase, kind };
        let took = end.saturating_sub(intended);
        self.lock()
            .scopes
            .each(place, |gauge| record(&mut gauge.end_to_end, took));
    }

    /// What `/stats` said at that moment.
    pub fn reading(&self, at: Duration, reading: &Reading) {
        let in_flight = self.in_flight();
        let mut state = self.lock();
        let point = state.timeline.at(at, in_flight);
        point.lag = reading.lag;
        point.backlog = reading.backlog;
        point.dead = reading.dead;
    }

    /// The generator has used that part of one processor, 1 for a whole one.
    pub fn used(&self, cpu: f64) {
        self.lock().cpu = cpu;
    }

    /// Sending was ended at that moment, before its time.
    pub fn cut(&self, at: Duration) {
        self.lock().until = at;
    }

    /// All that was measured so far.
    pub fn measures(&self) -> Measures {
        let in_flight = self.in_flight();
        let peak = self.peak.load(Relaxed);
        let state = self.lock();
        Measures {
            scopes: state.scopes.tell(state.until),
            series: state.timeline.tell(in_flight),
            generator: generator::report(&state.lateness, state.cpu, peak),
        }
    }

    /// The histograms that hold something, in microseconds, named `scope.metric`: `phase:steady.accept`.
    pub fn histograms(&self) -> Vec<(String, Histogram<u64>)> {
        self.lock().scopes.histograms()
    }

    /// How it goes, for those who watch.
    pub fn glance(&self) -> Glance {
        let begin = self.begin.get();
        let elapsed = begin.map_or(Duration::ZERO, |begin| Instant::now().saturating_duration_since(*begin));
        let running = begin.and(self.phases.iter().find(|(_, span)| span.contains(&elapsed)));
        let state = self.lock();
        let (rate, recent) = state.recent.read(elapsed);
        let all = state.scopes.all();
        Glance {
            elapsed,
            phase: running.map(|(name, _)| name.clone()),
            planned: all.counts.planned,
            sent: all.counts.sent,
            acked: all.counts.acked,
            rejected: all.counts.rejected.values().sum(),
            unknown: all.counts.unknown.values().sum(),
            not_sent: all.counts.not_sent,
            late: all.counts.late,
            retries: all.counts.retries,
            rate,
            recent,
            overall: Percentiles::of(&all.accept),
            in_flight: self.in_flight(),
        }
    }

    fn in_flight(&self) -> u64 {
        self.in_flight.load(Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Counters are valid whatever their holder was doing.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request in flight, also where its task is dropped.
#[derive(Debug)]
pub struct Flight<'a>(&'a AtomicU64);

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

fn place(send: &Send) -> Place {
    Place {
        intended: send.at,
        phase: send.phase,
        kind: send.kind,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::testing::{SECOND, scenario, send};

    const MS: Duration = Duration::from_millis(1);

    fn acked() -> Answer {
        Answer::Acked { duplicate: false }
    }

    fn through(meter: &Meter, send: &Send, late: Duration, service: Duration, answer: &Answer) {
        let left = send.at + late;
        meter.planned(send, left);
        meter.sent(send, left, false);
        meter.tried(send, service);
        meter.answered(send, left + service, answer);
    }

    #[test]
    fn response_times_are_counted_from_the_intended_moment() {
        let meter = Meter::new(&scenario());
        let held = send(1, 12 * SECOND, 1, 0);
        meter.planned(&held, 14 * SECOND);
        meter.sent(&held, 14 * SECOND, true);
        meter.tried(&held, 5 * MS);
        meter.answered(&held, 14 * SECOND + 5 * MS, &acked());
        let measures = meter.measures();
        let run = &measures.scopes["run"];
        assert_eq!((run.planned, run.sent, run.late, run.acked), (1, 1, 1, 1));
        assert!(run.accept.max.is_some_and(|max| (max - 2.005).abs() < 0.005), "{run:?}");
        assert!(
            run.service.max.is_some_and(|max| (max - 0.005).abs() < 0.001),
            "{run:?}"
        );
        assert_eq!(measures.generator.lateness.count, 0, "it was not the generator's fault");
    }

    #[test]
    fn warm_up_has_its_phase_but_no_part_in_the_run() {
        let meter = Meter::new(&scenario());
        through(&meter, &send(1, SECOND, 0, 0), MS, MS, &acked());
        through(&meter, &send(2, 11 * SECOND, 1, 1), MS, MS, &acked());
        let scopes = meter.measures().scopes;
        let acked = |scope: &str| scopes[scope].acked;
        assert_eq!((acked("run"), acked("phase:warmup"), acked("phase:steady")), (1, 1, 1));
        assert_eq!((acked("kind:order"), acked("kind:poison")), (0, 1));
        assert_eq!(meter.glance().acked, 2, "who watches sees everything");
    }

    #[test]
    fn every_end_is_counted_once_and_under_its_name() {
        let meter = Meter::new(&scenario());
        let answers = [
            acked(),
            Answer::Acked { duplicate: true },
            Answer::Rejected {
                status: 503,
                slug: "backlog-full".into(),
            },
            Answer::Rejected {
                status: 404,
                slug: String::new(),
            },
            Answer::Unknown { why: "timeout".into() },
        ];
        for (seq, answer) in (0..).zip(&answers) {
            through(&meter, &send(seq, 21 * SECOND, 1, 0), MS, MS, answer);
        }
        let late = send(9, 21 * SECOND, 1, 0);
        meter.planned(&late, 32 * SECOND);
        meter.answered(&late, 32 * SECOND, &Answer::NotSent);
        let scopes = meter.measures().scopes;
        for scope in ["run", "phase:steady", "kind:order", "fault:F1"] {
            let scope = &scopes[scope];
            assert_eq!((scope.planned, scope.sent, scope.not_sent), (6, 5, 1));
            assert_eq!((scope.acked, scope.duplicates), (2, 1));
            let rejected: Vec<_> = scope
                .rejected
                .iter()
                .map(|(why, count)| (why.as_str(), *count))
                .collect();
            assert_eq!(rejected, [("404", 1), ("503 backlog-full", 1)]);
            assert_eq!(scope.unknown.get("timeout"), Some(&1));
            assert_eq!((scope.accept.count, scope.service.count), (2, 5));
        }
        assert_eq!(scopes["fault:kill"].planned, 0);
    }

    #[test]
    fn the_end_of_an_event_is_counted_where_its_send_was() {
        let meter = Meter::new(&scenario());
        meter.ended(24 * SECOND, 0, 1, 25 * SECOND);
        meter.ended(12 * SECOND, 1, 1, 11 * SECOND);
        let scopes = meter.measures().scopes;
        assert_eq!(scopes["run"].end_to_end.count, 2);
        assert_eq!(scopes["fault:kill"].end_to_end.count, 1);
        let poison = &scopes["kind:poison"].end_to_end;
        assert!(
            poison.max.is_some_and(|max| max < 0.001),
            "another clock may be behind: {poison:?}"
        );
    }

    #[test]
    fn only_histograms_that_hold_something_are_given() {
        let meter = Meter::new(&scenario());
        assert!(meter.histograms().is_empty());
        through(&meter, &send(1, SECOND, 0, 0), MS, MS, &acked());
        let names: Vec<String> = meter.histograms().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["phase:warmup.accept", "phase:warmup.service"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_glance_tells_the_phase_and_the_last_seconds() {
        let meter = Meter::new(&scenario());
        assert_eq!(meter.glance(), Glance::default());
        meter.begin(Instant::now() + SECOND);
        assert_eq!(
            (meter.glance().elapsed, meter.glance().phase),
            (Duration::ZERO, Some("warmup".into()))
        );
        tokio::time::advance(12 * SECOND).await;
        for i in 0..20_u32 {
            let at = 10 * SECOND + 50 * MS * i;
            through(&meter, &send(u64::from(i), at, 1, 0), MS, MS, &acked());
        }
        let flight = meter.fly();
        let glance = meter.glance();
        assert_eq!((glance.elapsed, glance.phase.as_deref()), (11 * SECOND, Some("steady")));
        assert_eq!(
            (glance.planned, glance.sent, glance.acked, glance.in_flight),
            (20, 20, 20, 1)
        );
        assert!(
            (glance.rate - 4.0).abs() < 1e-9,
            "twenty in five seconds: {}",
            glance.rate
        );
        assert_eq!((glance.recent.count, glance.overall.count), (20, 20));
        drop(flight);
        tokio::time::advance(60 * SECOND).await;
        let glance = meter.glance();
        assert_eq!((glance.phase, glance.in_flight, glance.recent.count), (None, 0, 0));
        assert_eq!(meter.measures().generator.peak_in_flight, 1);
    }
}
