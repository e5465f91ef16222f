//! Where a value stands between the bottom and the top of a chart, and which values are named beside it.

/// The finest that is measured, in seconds.
const FINEST: f64 = 1e-6;
/// Steps of an axis of moments, in seconds.
const MOMENTS: [f64; 16] = [
    1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1_800.0, 3_600.0, 7_200.0, 14_400.0, 43_200.0,
];

/// An axis of values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Axis {
    /// From 0 to `top`, `step` apart.
    Linear {
        /// At the top.
        top: f64,
        /// Between two that are named.
        step: f64,
    },
    /// Powers of ten between these.
    Log {
        /// The power at the bottom.
        bottom: i32,
        /// The power at the top.
        top: i32,
    },
}

impl Axis {
    /// From 0 to a round number not below `most`, in about four steps.
    pub(super) fn linear(most: f64) -> Self {
        if !most.is_finite() || most <= 0.0 {
            return Self::Linear { top: 1.0, step: 1.0 };
        }
        let rough = most / 4.0;
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0]
            .into_iter()
            .map(|n| n * power)
            .find(|step| *step >= rough * 0.999);
        let step = step.unwrap_or(10.0 * power);
        Self::Linear {
            top: (most / step).ceil() * step,
            step,
        }
    }

    /// Whole powers of ten around `least` and `most`, which are spans in seconds.
    pub(super) fn log(least: f64, most: f64) -> Self {
        let power = |value: f64, round: fn(f64) -> f64| {
            #[expect(clippy::cast_possible_truncation, reason = "the logarithm of a span is small")]
            let power = round(value.max(FINEST).log10()) as i32;
            power
        };
        let bottom = power(least, f64::floor);
        Self::Log {
            bottom,
            top: power(most, f64::ceil).max(bottom + 1),
        }
    }

    /// 0 at the bottom, 1 at the top.
    pub(super) fn place(self, value: f64) -> f64 {
        let part = match self {
            Self::Linear { top, .. } => value / top,
            Self::Log { bottom, top } => (value.max(FINEST).log10() - f64::from(bottom)) / f64::from(top - bottom),
        };
        part.clamp(0.0, 1.0)
    }

    /// The values that are named, from the bottom up.
    pub(super) fn ticks(self) -> Vec<f64> {
        match self {
            Self::Linear { top, step } => {
                let all = (0..=20).map(|i| f64::from(i) * step);
                all.take_while(|tick| *tick <= top * 1.001).collect()
            }
            Self::Log { bottom, top } => {
                // One power alone says little.
                let between: &[f64] = if top - bottom < 2 { &[1.0, 2.0, 5.0] } else { &[1.0] };
                let ticks = (bottom..=top).flat_map(|power| between.iter().map(move |n| n * 10_f64.powi(power)));
                let highest = 10_f64.powi(top) * 1.001;
                ticks.filter(|tick| *tick <= highest).collect()
            }
        }
    }
}

/// The moments that are named below a chart of `end_s` seconds.
pub(super) fn moments(end_s: f64) -> Vec<f64> {
    let step = MOMENTS.into_iter().find(|step| end_s / step <= 12.0);
    let step = step.unwrap_or_else(|| (end_s / 12.0 / 86_400.0).ceil() * 86_400.0);
    (0..=12)
        .map(|i| f64::from(i) * step)
        .take_while(|at| *at <= end_s)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_numbers_are_named() {
        assert_eq!(Axis::linear(1_930.0).ticks(), [0.0, 500.0, 1_000.0, 1_500.0, 2_000.0]);
        assert_eq!(Axis::linear(3.0).ticks(), [0.0, 1.0, 2.0, 3.0]);
        assert_eq!(Axis::linear(0.0).ticks(), [0.0, 1.0]);
        assert_eq!(Axis::linear(f64::NAN).ticks(), [0.0, 1.0]);
    }

    #[test]
    fn latencies_stand_between_powers_of_ten() {
        let axis = Axis::log(0.0021, 1.9);
        assert_eq!(axis, Axis::Log { bottom: -3, top: 1 });
        assert!((axis.place(0.1) - 0.5).abs() < 1e-9);
        assert_eq!(axis.ticks().len(), 5);
        assert!(axis.place(0.0) < f64::EPSILON, "nothing falls off");
        assert!((axis.place(99.0) - 1.0).abs() < f64::EPSILON);
        assert_eq!(Axis::log(0.002, 0.003).ticks().len(), 4, "1, 2, 5 and 10 ms");
        assert_eq!(Axis::log(0.0, 0.0).ticks().len(), 4);
    }

    #[test]
    fn moments_are_those_of_a_clock() {
        assert_eq!(moments(40.0), [0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 35.0, 40.0]);
        assert_eq!(moments(0.0), [0.0]);
        assert!(moments(90_000.0).len() <= 13);
        assert!(moments(9_000_000.0).len() <= 13);
    }
}
