//! The histograms of a run: 1 µs to 1 h. What lies outside is counted at the nearer end, so that none grows.

use std::time::Duration;

use hdrhistogram::Histogram;

use super::Percentiles;

/// The longest span that is told apart, in microseconds: an hour.
const LONGEST: u64 = 3_600_000_000;

/// A histogram for what is judged and kept: three significant digits, about 190 KB.
pub(super) fn fine() -> Histogram<u64> {
    new(3)
}

/// A histogram for what is only looked at: two significant digits, about 30 KB.
pub(super) fn coarse() -> Histogram<u64> {
    new(2)
}

fn new(digits: u8) -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST, digits).expect("the bounds are constants that a histogram can have")
}

/// Counts a span.
pub(super) fn record(histogram: &mut Histogram<u64>, span: Duration) {
    let micros = u64::try_from(span.as_micros()).unwrap_or(LONGEST);
    histogram.saturating_record(micros.max(1));
}

/// The value below which that part of a histogram lies, in seconds; none where nothing was recorded.
pub(super) fn quantile(histogram: &Histogram<u64>, part: f64) -> Option<f64> {
    (!histogram.is_empty()).then(|| seconds(histogram.value_at_quantile(part)))
}

/// The largest value, in seconds; none where nothing was recorded.
pub(super) fn largest(histogram: &Histogram<u64>) -> Option<f64> {
    (!histogram.is_empty()).then(|| seconds(histogram.max()))
}

impl Percentiles {
    /// What a histogram of microseconds holds.
    pub(super) fn of(histogram: &Histogram<u64>) -> Self {
        if histogram.is_empty() {
            return Self::default();
        }
        let quantile = |part| quantile(histogram, part);
        Self {
            count: histogram.len(),
            min: Some(seconds(histogram.min())),
            mean: Some(histogram.mean() / 1e6),
            p50: quantile(0.5),
            p90: quantile(0.9),
            p95: quantile(0.95),
            p99: quantile(0.99),
            p999: quantile(0.999),
            max: largest(histogram),
        }
    }
}

fn seconds(micros: u64) -> f64 {
    Duration::from_micros(micros).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_histogram_tells_nothing_but_that() {
        assert_eq!(Percentiles::of(&fine()), Percentiles::default());
        assert_eq!(quantile(&coarse(), 0.5), None);
        assert_eq!(largest(&coarse()), None);
    }

    #[test]
    fn percentiles_are_right_to_three_digits() {
        let mut histogram = fine();
        for millis in 1..=1_000 {
            record(&mut histogram, Duration::from_millis(millis));
        }
        let told = Percentiles::of(&histogram);
        assert_eq!(told.count, 1_000);
        let near = |told: Option<f64>, value: f64| told.is_some_and(|told| (told - value).abs() <= value / 1_000.0);
        assert!(near(told.min, 0.001), "{told:?}");
        assert!(near(told.mean, 0.5005), "{told:?}");
        assert!(near(told.p50, 0.5), "{told:?}");
        assert!(near(told.p90, 0.9), "{told:?}");
        assert!(near(told.p95, 0.95), "{told:?}");
        assert!(near(told.p99, 0.99), "{told:?}");
        assert!(near(told.p999, 0.999), "{told:?}");
        assert!(near(told.max, 1.0), "{told:?}");
    }

    #[test]
    fn what_lies_outside_is_counted_at_the_nearer_end() {
        let mut histogram = fine();
        record(&mut histogram, Duration::ZERO);
        record(&mut histogram, Duration::from_hours(30));
        record(&mut histogram, Duration::MAX);
        assert_eq!(histogram.len(), 3);
        assert_eq!(histogram.min(), 1);
        assert!(histogram.max() >= LONGEST && histogram.max() < LONGEST + LONGEST / 500);
    }
}
