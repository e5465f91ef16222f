//! Draws from a few who are many: the members of a population by Zipf's law.
//!
//! Rejection-inversion after Hörmann and Derflinger (1996): no table, whatever the size of the population.

use crate::plan::dice::Dice;

/// A population of `size`, of whom member k is drawn k^-exponent times as often as the first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Zipf {
    size: f64,
    exponent: f64,
    /// The integral before the first member, and behind the last.
    first: f64,
    last: f64,
    /// Within so much of a member no comparison is needed.
    surely: f64,
}

impl Zipf {
    /// `exponent` is above 0, `size` at least 1.
    pub(super) fn new(exponent: f64, size: u32) -> Self {
        let mut zipf = Self {
            size: size.into(),
            exponent,
            first: 0.0,
            last: 0.0,
            surely: 0.0,
        };
        zipf.first = zipf.integral(1.5) - 1.0;
        zipf.last = zipf.integral(zipf.size + 0.5);
        zipf.surely = 2.0 - zipf.inverse(zipf.integral(2.5) - zipf.density(2.0));
        zipf
    }

    /// A member's number, from 1 to the size: a whole number.
    pub(super) fn draw(self, dice: &mut Dice) -> f64 {
        loop {
            let at = (self.first - self.last).mul_add(dice.share(), self.last);
            let x = self.inverse(at);
            let member = (x + 0.5).floor().clamp(1.0, self.size);
            if member - x <= self.surely || at >= self.integral(member + 0.5) - self.density(member) {
                return member;
            }
        }
    }

    fn density(self, x: f64) -> f64 {
        (-self.exponent * x.ln()).exp()
    }

    fn integral(self, x: f64) -> f64 {
        let log = x.ln();
        let t = (1.0 - self.exponent) * log;
        let slope = if t.abs() > 1e-8 { t.exp_m1() / t } else { 1.0 + t / 2.0 };
        slope * log
    }

    fn inverse(self, y: f64) -> f64 {
        let t = (y * (1.0 - self.exponent)).max(-1.0);
        let slope = if t.abs() > 1e-8 { t.ln_1p() / t } else { 1.0 - t / 2.0 };
        (slope * y).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_drawn_by_zipfs_law() {
        for exponent in [0.5, 1.0, 1.1, 2.0] {
            let zipf = Zipf::new(exponent, 5);
            let mut dice = Dice::new(3, "zipf", 0);
            let mut counts = [0u32; 5];
            for _ in 0..50_000 {
                let member = zipf.draw(&mut dice);
                let place = (1..=5)
                    .position(|k| (f64::from(k) - member).abs() < f64::EPSILON)
                    .expect("a whole number within");
                counts[place] += 1;
            }
            let weights: Vec<f64> = (1..=5).map(|k| f64::from(k).powf(-exponent)).collect();
            let sum: f64 = weights.iter().sum();
            for (count, weight) in counts.iter().zip(&weights) {
                let wanted = 50_000.0 * weight / sum;
                assert!((f64::from(*count) - wanted).abs() < 800.0, "{exponent}: {counts:?}");
            }
        }
    }

    #[test]
    fn a_population_of_one_has_one_member() {
        let mut dice = Dice::new(3, "zipf", 0);
        let zipf = Zipf::new(1.1, 1);
        assert!((0..100).all(|_| (zipf.draw(&mut dice) - 1.0).abs() < f64::EPSILON));
    }
}
