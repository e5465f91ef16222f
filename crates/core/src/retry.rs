//! When a failed attempt is made again.

use std::time::Duration;

/// The longest that anything waits for its next try, whatever is asked for.
pub const LONGEST_WAIT: Duration = Duration::from_hours(24);

/// How often, and how far apart, the attempts of one handler are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Attempts in all, at least 1.
    pub attempts: u32,
    /// The longest wait after the first failure.
    pub base: Duration,
    /// The longest wait at all.
    pub cap: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts: 5,
            base: Duration::from_secs(1),
            cap: Duration::from_mins(5),
        }
    }
}

impl RetryPolicy {
    /// The wait after the `failed`-th failure (from 1): exponential backoff with full jitter, `random` of
    /// \[0, min(cap, base · 2ⁿ⁻¹)\], `random` in \[0, 1). What the handler asked for is honoured up to a day, and not cut by the cap.
    /// (M. Brooker, "Exponential Backoff And Jitter", 2015.)
    pub fn wait(&self, failed: u32, asked: Option<Duration>, random: f64) -> Duration {
        if let Some(asked) = asked {
            return asked.min(LONGEST_WAIT);
        }
        let doublings = failed.saturating_sub(1).min(63);
        let ceiling = self.base.as_secs_f64() * 2f64.powi(i32::try_from(doublings).unwrap_or(63));
        let ceiling = ceiling.min(self.cap.as_secs_f64());
        Duration::from_secs_f64((ceiling * random.clamp(0.0, 1.0)).min(LONGEST_WAIT.as_secs_f64()))
    }

    /// Whether the budget is spent once `attempt` attempts are counted of which `base` stood before the last requeue.
    pub fn is_spent(&self, attempt: u32, base: u32) -> bool {
        attempt.saturating_sub(base) >= self.attempts.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_wait_is_within_its_bounds(failed in 0u32..=1_000_000, random in 0.0f64..1.0, base_ms in 0u64..100_000, cap_ms in 0u64..10_000_000) {
            let policy = RetryPolicy { attempts: 5, base: Duration::from_millis(base_ms), cap: Duration::from_millis(cap_ms) };
            let wait = policy.wait(failed, None, random);
            prop_assert!(wait <= policy.cap.min(Duration::from_hours(24)));
            if failed <= 1 {
                prop_assert!(wait <= policy.base);
            }
        }
    }

    #[test]
    fn the_ceiling_doubles_up_to_the_cap() {
        let policy = RetryPolicy {
            attempts: 5,
            base: Duration::from_secs(1),
            cap: Duration::from_secs(5),
        };
        let ceilings: Vec<u64> = (1..=5).map(|n| policy.wait(n, None, 1.0).as_secs()).collect();
        assert_eq!(ceilings, [1, 2, 4, 5, 5]);
        assert_eq!(
            policy.wait(1, Some(Duration::from_secs(40)), 0.0),
            Duration::from_secs(40)
        );
    }

    #[test]
    fn a_requeue_starts_the_budget_anew() {
        let policy = RetryPolicy {
            attempts: 2,
            ..RetryPolicy::default()
        };
        assert!(!policy.is_spent(1, 0));
        assert!(policy.is_spent(2, 0));
        assert!(!policy.is_spent(3, 2));
        assert!(policy.is_spent(4, 2));
    }
}
