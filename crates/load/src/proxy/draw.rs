//! Draws that depend on nothing but a seed and the numbers of what is drawn for.

use crate::chance::next;

/// A number of at least 0 and below 1. The same seed and numbers always give the same one.
pub(super) fn draw(seed: u64, numbers: &[u64]) -> f64 {
    let drawn = numbers.iter().fold(next(seed), |state, number| next(state ^ *number));
    #[expect(
        clippy::cast_precision_loss,
        reason = "53 bits are what the fraction of a double holds"
    )]
    let fraction = (drawn >> 11) as f64;
    fraction / FRACTIONS
}

/// 2 to the power of 53.
const FRACTIONS: f64 = 9_007_199_254_740_992.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_numbers_draw_the_same_and_others_another() {
        assert!((draw(7, &[1, 2]) - draw(7, &[1, 2])).abs() < f64::EPSILON);
        assert!((draw(7, &[1, 2]) - draw(7, &[2, 1])).abs() > f64::EPSILON);
        assert!((draw(7, &[1, 2]) - draw(8, &[1, 2])).abs() > f64::EPSILON);
    }

    #[test]
    fn draws_fill_the_range_evenly() {
        let mut tenths = [0_u32; 10];
        for number in 0..10_000 {
            let drawn = draw(42, &[number]);
            assert!((0.0..1.0).contains(&drawn));
            let tenth = (1..10).filter(|bound| drawn >= f64::from(*bound) / 10.0).count();
            tenths[tenth] += 1;
        }
        for tenth in tenths {
            assert!((850..1_150).contains(&tenth), "{tenths:?}");
        }
    }
}
