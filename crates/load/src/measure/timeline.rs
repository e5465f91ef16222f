//! The series over time: a point a second, and wider ones when there would be too many.

use std::time::Duration;

use hdrhistogram::Histogram;

use super::histogram::{coarse, largest, quantile, record};
use super::{Point, Series};

/// The points so far. The last one is open; it is closed when a later one begins.
pub(super) struct Timeline {
    width: Duration,
    points: Vec<Point>,
    /// Response times of the open point.
    open: Histogram<u64>,
}

impl Timeline {
    pub(super) fn new() -> Self {
        Self {
            width: Duration::from_secs(1),
            points: vec![Point::default()],
            open: coarse(),
        }
    }

    /// A send whose moment has come. It counts where it was to leave.
    pub(super) fn planned(&mut self, intended: Duration, now: Duration, in_flight: u64) {
        self.at(now.max(intended), in_flight);
        let place = self.index(intended);
        self.points[place].planned += 1;
    }

    /// The point of `now`, open; the points before it are closed. What comes late counts in the open one.
    pub(super) fn at(&mut self, now: Duration, in_flight: u64) -> &mut Point {
        while self.index(now) >= self.points.len() {
            self.close(in_flight);
            if self.points.len() == Series::POINTS {
                self.widen();
            } else {
                let begins = self.width.as_secs_f64() * super::float(self.points.len() as u64);
                self.points.push(Point {
                    at_s: begins,
                    ..Point::default()
                });
            }
        }
        let last = self.points.len() - 1;
        &mut self.points[last]
    }

    /// An event was acknowledged, so long after it was to leave.
    pub(super) fn acked(&mut self, now: Duration, took: Duration, in_flight: u64) {
        self.at(now, in_flight).acked += 1;
        record(&mut self.open, took);
    }

    /// What stands so far, the open point among it.
    pub(super) fn tell(&self, in_flight: u64) -> Series {
        let mut points = self.points.clone();
        if let Some(last) = points.last_mut() {
            self.finish(last, in_flight);
        }
        Series {
            width_s: self.width.as_secs_f64(),
            points,
        }
    }

    fn index(&self, at: Duration) -> usize {
        usize::try_from(at.as_nanos() / self.width.as_nanos()).unwrap_or(usize::MAX)
    }

    fn close(&mut self, in_flight: u64) {
        if let Some(mut last) = self.points.pop() {
            self.finish(&mut last, in_flight);
            self.points.push(last);
        }
        self.open.reset();
    }

    fn finish(&self, point: &mut Point, in_flight: u64) {
        point.p50 = quantile(&self.open, 0.5);
        point.p95 = quantile(&self.open, 0.95);
        point.p99 = quantile(&self.open, 0.99);
        point.max = largest(&self.open);
        point.in_flight = in_flight;
    }

    /// Doubles the width. All points are closed.
    fn widen(&mut self) {
        self.width *= 2;
        self.points = self.points.chunks(2).map(merged).collect();
    }
}

/// Neighbours as one point. Percentiles cannot be added: the larger one stands, which promises nothing that was not kept.
fn merged(points: &[Point]) -> Point {
    let mut all = points.iter().cloned();
    let first = all.next().unwrap_or_default();
    all.fold(first, |a, b| Point {
        at_s: a.at_s,
        planned: a.planned + b.planned,
        acked: a.acked + b.acked,
        rejected: a.rejected + b.rejected,
        unknown: a.unknown + b.unknown,
        p50: larger(a.p50, b.p50),
        p95: larger(a.p95, b.p95),
        p99: larger(a.p99, b.p99),
        max: larger(a.max, b.max),
        lag: b.lag.or(a.lag),
        backlog: b.backlog.or(a.backlog),
        dead: b.dead.or(a.dead),
        in_flight: b.in_flight,
    })
}

fn larger(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.max(b)),
        (a, b) => a.or(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_point_a_second_also_where_nothing_happened() {
        let mut timeline = Timeline::new();
        timeline.planned(100 * MS, 101 * MS, 0);
        timeline.acked(900 * MS, 800 * MS, 1);
        timeline.at(950 * MS, 1).lag = Some(7);
        timeline.acked(3_200 * MS, 10 * MS, 4);
        let told = timeline.tell(2);
        assert!((told.width_s - 1.0).abs() < 1e-9);
        let starts: Vec<f64> = told.points.iter().map(|point| point.at_s).collect();
        assert_eq!(starts, [0.0, 1.0, 2.0, 3.0]);
        assert_eq!(
            (told.points[0].planned, told.points[0].acked, told.points[0].lag),
            (1, 1, Some(7))
        );
        assert!(told.points[0].p50.is_some_and(|p50| (p50 - 0.8).abs() < 0.01));
        assert_eq!(
            (told.points[1].acked, told.points[1].p50, told.points[1].lag),
            (0, None, None)
        );
        assert_eq!((told.points[1].in_flight, told.points[3].in_flight), (4, 2));
        assert!(
            told.points[3].p50.is_some_and(|p50| (p50 - 0.01).abs() < 0.001),
            "its own alone"
        );
    }

    #[test]
    fn a_held_back_send_is_planned_where_it_was_to_leave() {
        let mut timeline = Timeline::new();
        timeline.acked(5 * SECOND, MS, 0);
        timeline.planned(2 * SECOND, 5 * SECOND, 0);
        let planned: Vec<u64> = timeline.tell(0).points.iter().map(|point| point.planned).collect();
        assert_eq!(planned, [0, 0, 1, 0, 0, 0]);
    }

    #[test]
    fn who_comes_late_counts_in_the_open_point() {
        let mut timeline = Timeline::new();
        timeline.at(2 * SECOND, 0).rejected += 1;
        timeline.acked(1_999 * MS, MS, 0);
        let points = timeline.tell(0).points;
        assert_eq!((points[1].acked, points[2].acked, points[2].rejected), (0, 1, 1));
    }

    #[test]
    fn a_long_run_has_wider_points_and_loses_no_count() {
        let mut timeline = Timeline::new();
        let seconds = 20_000;
        for second in 0..seconds {
            let at = second * SECOND;
            timeline.planned(at, at, 0);
            timeline.acked(at, MS * (1 + second % 7), 3);
            timeline.at(at, 3).backlog = Some(u64::from(second));
        }
        let told = timeline.tell(3);
        assert!(told.points.len() <= Series::POINTS && told.points.len() > Series::POINTS / 2);
        assert!((told.width_s - 8.0).abs() < 1e-9, "{}", told.width_s);
        let sum = |count: fn(&Point) -> u64| told.points.iter().map(count).sum::<u64>();
        assert_eq!(sum(|point| point.acked), u64::from(seconds));
        assert_eq!(sum(|point| point.planned), u64::from(seconds));
        let evenly = |(i, point): (usize, &Point)| (point.at_s - 8.0 * crate::measure::float(i as u64)).abs() < 1e-9;
        assert!(told.points.iter().enumerate().all(evenly));
        assert_eq!(told.points[1].backlog, Some(15), "that at the end of a point");
        assert!(
            told.points[0].max.is_some_and(|max| (max - 0.007).abs() < 0.000_1),
            "the larger one stands"
        );
    }
}
