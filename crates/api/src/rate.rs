//! How many events a second were taken, over the last ten seconds.

use std::collections::VecDeque;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::counters::Counters;

const SPAN: Duration = Duration::from_secs(10);
const STEP: Duration = Duration::from_secs(1);

/// Samples of a counter.
#[derive(Default)]
pub(crate) struct Rate(Mutex<VecDeque<(Instant, u64)>>);

impl Rate {
    /// Samples the counter of accepted events every second, until `stop`.
    pub(crate) async fn run(&self, counters: &Counters, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(STEP);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                now = ticks.tick() => self.sample(now, counters.accepted.load(Relaxed)),
            }
        }
    }

    fn sample(&self, now: Instant, count: u64) {
        let mut samples = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        samples.push_back((now, count));
        while samples.get(1).is_some_and(|(at, _)| now.duration_since(*at) >= SPAN) {
            samples.pop_front();
        }
    }

    /// Events a second from the oldest sample of the span until `now`, at which the counter stood at `count`.
    pub(crate) fn per_second(&self, now: Instant, count: u64) -> f64 {
        let samples = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((at, before)) = samples.front() else {
            return 0.0;
        };
        let seconds = now.saturating_duration_since(*at).as_secs_f64();
        let events = u32::try_from(count.saturating_sub(*before)).unwrap_or(u32::MAX);
        if seconds > 0.0 {
            f64::from(events) / seconds
        } else {
            0.0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_rate_is_that_of_the_last_ten_seconds() {
        let start = Instant::now();
        let rate = Rate::default();
        assert!(rate.per_second(start, 0).abs() < f64::EPSILON);
        for second in 0..=20u64 {
            let count = if second < 10 { second * 1000 } else { 9000 + second };
            rate.sample(start + Duration::from_secs(second), count);
        }
        let now = start + Duration::from_secs(20);
        assert!(
            (rate.per_second(now, 9020) - 1.0).abs() < 0.2,
            "{}",
            rate.per_second(now, 9020)
        );
    }
}
