//! The de-duplication window: how long the mark of a settled event stays. Bounded in time, in count and in memory.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The window is never shorter, so that it can grow again.
const SHORTEST: Duration = Duration::from_millis(100);

/// The window in force in this process.
pub(crate) struct Window {
    longest: Duration,
    most_marks: u64,
    millis: AtomicU64,
}

/// What the window is judged by.
pub(crate) struct Pressure {
    /// Marks with an expiry, all of them settled.
    pub(crate) marks: u64,
    /// Bytes.
    pub(crate) used_memory: u64,
    /// Bytes; 0 where there is no limit.
    pub(crate) max_memory: u64,
}

impl Window {
    pub(crate) fn new(longest: Duration, most_marks: u64) -> Self {
        Self {
            longest,
            most_marks,
            millis: AtomicU64::new(millis(longest)),
        }
    }

    pub(crate) fn get(&self) -> Duration {
        Duration::from_millis(self.millis.load(Ordering::Relaxed))
    }

    /// Once a second: halved under pressure, else doubled back.
    pub(crate) fn tune(&self, pressure: &Pressure) -> Duration {
        let next = if self.is_too_much(pressure) {
            (self.get() / 2).max(SHORTEST.min(self.longest))
        } else {
            (self.get() * 2).min(self.longest)
        };
        self.millis.store(millis(next), Ordering::Relaxed);
        next
    }

    fn is_too_much(&self, pressure: &Pressure) -> bool {
        let is_over_70_percent =
            pressure.max_memory > 0 && u128::from(pressure.used_memory) * 10 > u128::from(pressure.max_memory) * 7;
        pressure.marks > self.most_marks || is_over_70_percent
    }
}

fn millis(window: Duration) -> u64 {
    u64::try_from(window.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pressure(marks: u64, used_memory: u64, max_memory: u64) -> Pressure {
        Pressure {
            marks,
            used_memory,
            max_memory,
        }
    }

    #[test]
    fn it_shrinks_under_pressure_and_grows_back() {
        let full = Duration::from_mins(10);
        let window = Window::new(full, 100);
        assert_eq!(window.tune(&pressure(100, 70, 100)), full);
        assert_eq!(window.tune(&pressure(101, 0, 0)), full / 2);
        assert_eq!(window.tune(&pressure(0, 71, 100)), full / 4);
        for _ in 0..100 {
            window.tune(&pressure(101, 0, 0));
        }
        assert_eq!(window.get(), SHORTEST);
        for _ in 0..100 {
            window.tune(&pressure(0, 1, 0));
        }
        assert_eq!(window.get(), full);
    }

    #[test]
    fn no_window_stays_none() {
        let window = Window::new(Duration::ZERO, 100);
        assert_eq!(window.tune(&pressure(101, 0, 0)), Duration::ZERO);
        assert_eq!(window.tune(&pressure(0, 0, 0)), Duration::ZERO);
    }
}
