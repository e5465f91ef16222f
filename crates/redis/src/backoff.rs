//! How long to leave Redis alone after a failure.

use std::time::Duration;

use tokio::time::Instant;

const FIRST: Duration = Duration::from_millis(50);
const CAP: Duration = Duration::from_secs(2);

/// Counts failures in a row and says when the next attempt is due.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
    until: Option<Instant>,
}

impl Backoff {
    /// How long to wait still.
    pub(crate) fn left(&self, now: Instant) -> Duration {
        self.until
            .map_or(Duration::ZERO, |until| until.saturating_duration_since(now))
    }

    /// One more failure. `share` in 0..=1 places the wait within the half of its span that is left to chance.
    pub(crate) fn failed(&mut self, now: Instant, share: f64) {
        let span = FIRST.saturating_mul(1 << self.failures.min(10)).min(CAP);
        self.failures = self.failures.saturating_add(1);
        self.until = Some(now + span.mul_f64(0.5 + share.clamp(0.0, 1.0) / 2.0));
    }

    /// It worked: the next failure begins anew.
    pub(crate) fn worked(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_the_cap_and_begin_anew_after_a_success() {
        let now = Instant::now();
        let mut backoff = Backoff::default();
        assert_eq!(backoff.left(now), Duration::ZERO);
        backoff.failed(now, 1.0);
        assert_eq!(backoff.left(now), FIRST);
        backoff.failed(now, 0.0);
        assert_eq!(backoff.left(now), FIRST);
        for _ in 0..100 {
            backoff.failed(now, 1.0);
        }
        assert_eq!(backoff.left(now), CAP);
        assert_eq!(backoff.left(now + CAP), Duration::ZERO);
        backoff.worked();
        assert_eq!(backoff.left(now), Duration::ZERO);
    }
}
