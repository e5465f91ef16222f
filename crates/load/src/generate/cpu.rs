//! How much of a processor this process uses.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tokio::time::Instant;

/// A span of this process, from [`Usage::begin`] on.
pub(super) struct Usage {
    since: Instant,
    used: Duration,
}

impl Usage {
    pub(super) fn begin() -> Self {
        Self {
            since: Instant::now(),
            used: used(),
        }
    }

    /// The part of one processor that was used since, 1 for a whole one.
    pub(super) fn part(&self) -> f64 {
        let lasted = self.since.elapsed();
        if lasted.is_zero() {
            return 0.0;
        }
        used().saturating_sub(self.used).as_secs_f64() / lasted.as_secs_f64()
    }
}

/// Processor time of all threads of this process.
fn used() -> Duration {
    clock_gettime(ClockId::ProcessCPUTime).try_into().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_used_is_told_as_a_part_of_one_processor() {
        let usage = Usage::begin();
        assert!(usage.part().abs() < 1e-9, "no time has passed");
        let mut sum = 0_u64;
        while used() < usage.used + Duration::from_millis(5) {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        tokio::time::advance(Duration::from_millis(10)).await;
        let part = usage.part();
        assert!(part >= 0.5, "{part}");
    }
}
