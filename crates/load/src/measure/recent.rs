//! What happened in the last few seconds, for those who watch.

use std::time::Duration;

use hdrhistogram::Histogram;

use super::histogram::{coarse, record};
use super::{Percentiles, float};

/// Whole seconds that are looked back on, beside the one that runs.
const SECONDS: u64 = 5;

/// The last seconds, one slot each; a slot is cleared when its second comes round.
pub(super) struct Recent {
    slots: Vec<Slot>,
}

struct Slot {
    second: u64,
    acked: u64,
    accept: Histogram<u64>,
}

impl Recent {
    pub(super) fn new() -> Self {
        let slot = |second| Slot {
            second,
            acked: 0,
            accept: coarse(),
        };
        Self {
            slots: (0..=SECONDS).map(slot).collect(),
        }
    }

    /// An event was acknowledged at `at`, so long after it was to leave.
    pub(super) fn acked(&mut self, at: Duration, took: Duration) {
        let second = at.as_secs();
        let place = usize::try_from(second % (SECONDS + 1)).unwrap_or_default();
        let slot = &mut self.slots[place];
        if slot.second > second {
            // Whoever waited for the lock so long tells of a second that nobody looks back on.
            return;
        }
        if slot.second < second {
            slot.second = second;
            slot.acked = 0;
            slot.accept.reset();
        }
        slot.acked += 1;
        record(&mut slot.accept, took);
    }

    /// Acknowledgements a second, and their waits, in the last seconds before `now`.
    pub(super) fn read(&self, now: Duration) -> (f64, Percentiles) {
        let since = now.as_secs().saturating_sub(SECONDS);
        let mut acked = 0;
        let mut accept = coarse();
        for slot in self
            .slots
            .iter()
            .filter(|slot| (since..=now.as_secs()).contains(&slot.second))
        {
            acked += slot.acked;
            if accept.add(&slot.accept).is_err() {
                tracing::debug!("two histograms of the same bounds could not be added");
            }
        }
        let span = now.saturating_sub(Duration::from_secs(since));
        let rate = if span.is_zero() {
            0.0
        } else {
            float(acked) / span.as_secs_f64()
        };
        (rate, Percentiles::of(&accept))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn only_the_last_seconds_are_looked_back_on() {
        let mut recent = Recent::new();
        for tenth in 0..200 {
            // Ten a second, slower by the second.
            recent.acked(100 * MS * tenth, MS * (1 + tenth / 10));
        }
        let (rate, accept) = recent.read(Duration::from_secs(20));
        assert!((rate - 10.0).abs() < 1e-9, "{rate}");
        assert_eq!(accept.count, 50);
        assert!(accept.min.is_some_and(|min| min >= 0.0159), "{accept:?}");
        let (rate, accept) = recent.read(Duration::from_mins(1));
        assert!(rate.abs() < 1e-9);
        assert_eq!(accept, Percentiles::default());
    }

    #[test]
    fn the_first_seconds_have_a_rate_too() {
        let mut recent = Recent::new();
        assert!(recent.read(Duration::ZERO).0.abs() < 1e-9);
        for i in 0..50 {
            recent.acked(10 * MS * i, MS);
        }
        let (rate, _) = recent.read(500 * MS);
        assert!((rate - 100.0).abs() < 1e-9, "{rate}");
    }

    #[test]
    fn who_comes_seconds_late_does_not_clear_a_newer_second() {
        let mut recent = Recent::new();
        recent.acked(Duration::from_secs(6), MS);
        recent.acked(Duration::ZERO, MS);
        assert_eq!(recent.read(Duration::from_millis(6_500)).1.count, 1);
    }
}
