//! When sends are due within a phase: its rate integrated over time, and the inverse of that.

use std::time::Duration;

use super::dice::Dice;
use crate::scenario::Arrivals;

/// A rate that changes evenly from one value to another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ramp {
    /// Events a second at the beginning.
    pub(super) from: f64,
    /// Events a second at the end.
    pub(super) to: f64,
    /// How long.
    pub(super) lasts: Duration,
}

impl Ramp {
    /// Events over the whole of it.
    pub(super) fn total(self) -> f64 {
        f64::midpoint(self.from, self.to) * self.lasts.as_secs_f64()
    }

    /// When so many events have come, from the beginning. Never later than the end.
    fn when(self, events: f64) -> Duration {
        let lasts = self.lasts.as_secs_f64();
        // Half the slope: events after t seconds are from·t + half·t².
        let half = (self.to - self.from) / (2.0 * lasts);
        let root = self.from.mul_add(self.from, 4.0 * half * events).max(0.0).sqrt();
        // This form of the solution loses no digits where the slope is small.
        let seconds = if events <= 0.0 {
            0.0
        } else {
            2.0 * events / (self.from + root)
        };
        Duration::try_from_secs_f64(seconds).map_or(self.lasts, |at| at.min(self.lasts))
    }
}

/// The moments of a phase's sends, from its beginning, in order.
#[derive(Clone, Debug)]
pub(super) struct Moments {
    ramp: Ramp,
    /// Events that will have come by the end.
    total: f64,
    /// Events that have come when the next is due.
    next: f64,
    /// Draws the gaps, where they are not all alike.
    gaps: Option<Dice>,
}

impl Moments {
    /// Those of one phase; `gaps` draws those of [`Arrivals::Poisson`].
    pub(super) fn new(ramp: Ramp, arrivals: Arrivals, mut gaps: Dice) -> Self {
        match arrivals {
            // The first is due at once, and a part of an event is one from a half up.
            Arrivals::Constant => Self {
                ramp,
                total: ramp.total().round(),
                next: 0.0,
                gaps: None,
            },
            Arrivals::Poisson => Self {
                ramp,
                total: ramp.total(),
                next: gaps.gap(),
                gaps: Some(gaps),
            },
        }
    }
}

impl Iterator for Moments {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        if self.next >= self.total {
            return None;
        }
        let at = self.ramp.when(self.next);
        self.next += self.gaps.as_mut().map_or(1.0, Dice::gap);
        Some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(from: f64, to: f64, lasts: Duration, arrivals: Arrivals) -> Vec<Duration> {
        Moments::new(Ramp { from, to, lasts }, arrivals, Dice::new(1, "gaps", 0)).collect()
    }

    #[test]
    fn a_rate_is_integrated_exactly() {
        let evenly = |from, to, lasts| moments(from, to, lasts, Arrivals::Constant).len();
        assert_eq!(evenly(0.0, 2000.0, Duration::from_secs(30)), 30_000);
        assert_eq!(evenly(2000.0, 0.0, Duration::from_secs(30)), 30_000);
        assert_eq!(evenly(2000.0, 2000.0, Duration::from_mins(6)), 720_000);
        assert_eq!(evenly(0.5, 0.5, Duration::from_secs(3)), 2);
        assert_eq!(evenly(0.1, 0.1, Duration::from_secs(3)), 0);
        assert_eq!(evenly(300.0, 300.0, Duration::from_secs(1000) / 300), 1000);
        assert_eq!(evenly(0.0, 0.0, Duration::from_secs(3)), 0);
        assert_eq!(evenly(100.0, 100.0, Duration::ZERO), 0);
    }

    #[test]
    fn an_even_rate_has_even_gaps() {
        let all = moments(200.0, 200.0, Duration::from_secs(1), Arrivals::Constant);
        for (k, at) in (0u32..).zip(&all) {
            assert!(
                at.abs_diff(Duration::from_millis(5) * k) < Duration::from_nanos(10),
                "{k}: {at:?}"
            );
        }
    }

    #[test]
    fn a_ramp_has_half_of_its_end_in_the_middle_of_its_rise() {
        let all = moments(0.0, 1000.0, Duration::from_secs(10), Arrivals::Constant);
        // A quarter of what a ramp from nothing brings comes in its first half.
        let early = all.iter().filter(|at| **at < Duration::from_secs(5)).count();
        assert!((1249..=1251).contains(&early), "{early}");
        let falling = moments(1000.0, 0.0, Duration::from_secs(10), Arrivals::Constant);
        let early = falling.iter().filter(|at| **at < Duration::from_secs(5)).count();
        assert!((3749..=3751).contains(&early), "{early}");
        assert!(all.is_sorted() && falling.is_sorted());
    }

    #[test]
    fn those_who_know_nothing_of_each_other_come_in_exponential_gaps() {
        let all = moments(1000.0, 1000.0, Duration::from_secs(40), Arrivals::Poisson);
        assert!(all.is_sorted());
        // 40,000 on the average, with a deviation of 200.
        assert!((39_000..=41_000).contains(&all.len()), "{}", all.len());
        let above = all
            .windows(2)
            .filter(|pair| pair[1].abs_diff(pair[0]) > Duration::from_millis(1))
            .count();
        // e⁻¹ of the gaps are longer than the average one.
        assert!((14_000..=15_500).contains(&above), "{above}");
        let ramp = moments(0.0, 1000.0, Duration::from_secs(40), Arrivals::Poisson);
        let early = ramp.iter().filter(|at| **at < Duration::from_secs(20)).count();
        assert!((4_500..=5_500).contains(&early), "{early}");
    }
}
