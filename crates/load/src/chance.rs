//! `SplitMix64` (Steele, Lea, Flood 2014), written out: the same seed must give the same run after an upgrade too, and no
//! crate of random numbers promises that of its distributions.

/// What the state grows by with each step.
pub(crate) const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// The finalizer.
pub(crate) const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// What the generator gives in its next step from this state.
pub(crate) const fn next(state: u64) -> u64 {
    mix(state.wrapping_add(STEP))
}
