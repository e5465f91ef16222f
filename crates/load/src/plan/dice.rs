//! Chance, drawn from a seed.
//!
//! Every draw is named by the seed, by what it is for and by a number, so that no draw depends on how many were made
//! before it.

use std::num::NonZeroU64;

use crate::chance::{STEP, mix, next};

/// A stream of chance.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// The stream for this purpose and number.
    pub fn new(seed: u64, purpose: &str, number: u64) -> Self {
        let named = purpose.bytes().fold(
            next(seed),
            |state, byte| mix(state.wrapping_add(STEP) ^ u64::from(byte)),
        );
        Self(mix(named ^ mix(number.wrapping_add(STEP))))
    }

    /// 64 bits.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        mix(self.0)
    }

    /// Anything from 0 to 1, without the 1.
    pub fn share(&mut self) -> f64 {
        // The bits of a number from 1 to 2: 52 of them are left to chance.
        f64::from_bits(0x3ff0_0000_0000_0000 | (self.roll() >> 12)) - 1.0
    }

    /// Anything below `end`.
    pub fn below(&mut self, end: NonZeroU64) -> u64 {
        let scaled = (u128::from(self.roll()) * u128::from(end.get())) >> 64;
        u64::try_from(scaled).unwrap_or(u64::MAX)
    }

    /// Whether something of this likelihood, 0 to 1, comes true.
    pub fn comes_true(&mut self, likelihood: f64) -> bool {
        self.share() < likelihood
    }

    /// A gap between two that know nothing of each other, 1 on the average.
    pub fn gap(&mut self) -> f64 {
        -(-self.share()).ln_1p()
    }

    /// Bytes.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.roll().to_be_bytes()[..chunk.len()]);
        }
    }

    /// Appends `length` characters that no compression makes smaller by much: letters, digits, `-` and `_`.
    pub fn push_text(&mut self, out: &mut Vec<u8>, length: usize) {
        const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        self.push_symbols(out, length, 6, LETTERS);
    }

    /// Appends `length` hexadecimal digits.
    pub fn push_hex(&mut self, out: &mut Vec<u8>, length: usize) {
        self.push_symbols(out, length, 4, b"0123456789abcdef");
    }

    /// `symbols` are as many as `bits` can tell apart.
    fn push_symbols(&mut self, out: &mut Vec<u8>, length: usize, bits: u32, symbols: &[u8]) {
        let mut left = length;
        while left > 0 {
            let mut roll = self.roll();
            for _ in 0..(64 / bits) {
                if left == 0 {
                    return;
                }
                let symbol = usize::try_from(roll & ((1 << bits) - 1)).unwrap_or(0);
                out.push(symbols[symbol]);
                roll >>= bits;
                left -= 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_seed_draws_is_fixed_for_all_time() {
        let first_two = |mut dice: Dice| [dice.roll(), dice.roll()];
        // The published stream of SplitMix64 from 0.
        assert_eq!(first_two(Dice(0)), [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4]);
        let of_a_purpose = first_two(Dice::new(7, "data", 1));
        assert_eq!(of_a_purpose, [13_010_135_226_621_155_939, 16_244_196_346_090_495_072]);
    }

    #[test]
    fn streams_differ_by_seed_purpose_and_number() {
        let of = |seed, purpose, number| Dice::new(seed, purpose, number).roll();
        let all = [
            of(1, "a", 1),
            of(2, "a", 1),
            of(1, "b", 1),
            of(1, "a", 2),
            of(1, "ab", 1),
        ];
        for (i, one) in all.iter().enumerate() {
            assert!(!all[..i].contains(one), "{all:?}");
        }
        assert_eq!(of(1, "a", 1), of(1, "a", 1));
    }

    #[test]
    fn draws_stay_within_their_bounds_and_are_spread_over_them() {
        let mut dice = Dice::new(1, "test", 0);
        let three = NonZeroU64::new(3).expect("not 0");
        let mut counts = [0u32; 3];
        let (mut shares, mut gaps) = (0.0, 0.0);
        for _ in 0..30_000 {
            counts[usize::try_from(dice.below(three)).expect("small")] += 1;
            let share = dice.share();
            assert!((0.0..1.0).contains(&share));
            shares += share;
            let gap = dice.gap();
            assert!(gap.is_finite() && gap >= 0.0);
            gaps += gap;
        }
        assert!(counts.iter().all(|count| (9_500..10_500).contains(count)), "{counts:?}");
        assert!((shares / 30_000.0 - 0.5).abs() < 0.01, "{shares}");
        assert!((gaps / 30_000.0 - 1.0).abs() < 0.03, "{gaps}");
        let mut text = Vec::new();
        dice.push_text(&mut text, 23);
        dice.push_hex(&mut text, 17);
        assert_eq!(text.len(), 40);
        assert!(text[23..].iter().all(u8::is_ascii_hexdigit));
    }
}
