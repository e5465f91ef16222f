//! A clock that stands still until a test moves it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use eventflow_core::{Clock, Timestamp};

/// A clock that only a test moves.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// 2026-01-01T00:00:00Z, where a new clock begins.
    pub const START: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);

    /// A clock at [`ManualClock::START`].
    pub fn new() -> Arc<Self> {
        Self::at(Self::START)
    }

    /// A clock that begins at this moment.
    pub fn at(start: Timestamp) -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(start.as_micros())))
    }

    /// Moves it on.
    pub fn advance(&self, by: Duration) {
        self.set(self.now().plus(by));
    }

    /// Moves it to this moment, which may lie in the past: clocks jump.
    pub fn set(&self, to: Timestamp) {
        self.0.store(to.as_micros(), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }
}
