//! What a worker is doing: counters, the pulse of its loops, whether it is ready or stalled. Cheap to read from outside.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::time::Instant;

use crate::settings::STALLED_AFTER;

/// The loops that must keep going.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loop {
    Reader,
    Admitter,
    Settler,
    Leaser,
    Recorder,
    Renewer,
    Janitor,
}

impl Loop {
    const ALL: [Self; 7] = [
        Self::Reader,
        Self::Admitter,
        Self::Settler,
        Self::Leaser,
        Self::Recorder,
        Self::Renewer,
        Self::Janitor,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Admitter => "admitter",
            Self::Settler => "settler",
            Self::Leaser => "leaser",
            Self::Recorder => "recorder",
            Self::Renewer => "renewer",
            Self::Janitor => "janitor",
        }
    }
}

/// Counts since the start.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) read: AtomicU64,
    pub(crate) taken_over: AtomicU64,
    pub(crate) destroyed: AtomicU64,
    pub(crate) newer: AtomicU64,
    pub(crate) admitted: AtomicU64,
    pub(crate) copies: AtomicU64,
    pub(crate) dead_at_admission: AtomicU64,
    pub(crate) done: AtomicU64,
    pub(crate) retried: AtomicU64,
    pub(crate) dead: AtomicU64,
    pub(crate) unavailable: AtomicU64,
    pub(crate) handed_back: AtomicU64,
    pub(crate) stale: AtomicU64,
}

pub(crate) fn add(counter: &AtomicU64, n: usize) {
    counter.fetch_add(n as u64, Relaxed);
}

pub(crate) fn read(counter: &AtomicU64) -> u64 {
    counter.load(Relaxed)
}

/// A shared view of one worker.
#[derive(Clone, Debug)]
pub struct Status(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    born: Instant,
    ready: AtomicBool,
    /// Milliseconds since `born` of each loop's last progress; 0 where it does not run.
    progress: [AtomicU64; Loop::ALL.len()],
    counters: Counters,
}

impl Status {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Inner {
            born: Instant::now(),
            ready: AtomicBool::new(false),
            progress: Default::default(),
            counters: Counters::default(),
        }))
    }

    /// Whether it is on the list and takes work.
    pub fn is_ready(&self) -> bool {
        self.0.ready.load(Relaxed)
    }

    /// The loops that have made no progress for 30 s though they should.
    pub fn stalled(&self) -> Vec<&'static str> {
        let now = self.0.born.elapsed();
        Loop::ALL
            .into_iter()
            .filter(|l| {
                let last = self.0.progress[*l as usize].load(Relaxed);
                last > 0 && now.saturating_sub(Duration::from_millis(last)) > STALLED_AFTER
            })
            .map(Loop::name)
            .collect()
    }

    pub(crate) fn set_ready(&self, ready: bool) {
        self.0.ready.store(ready, Relaxed);
    }

    /// A loop goes on.
    pub(crate) fn progress(&self, of: Loop) {
        let now = u64::try_from(self.0.born.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.0.progress[of as usize].store(now.max(1), Relaxed);
    }

    /// A loop has ended as it should.
    pub(crate) fn ended(&self, of: Loop) {
        self.0.progress[of as usize].store(0, Relaxed);
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.0.counters
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_loop_without_progress_is_stalled_and_one_that_ended_is_not() {
        let status = Status::new();
        status.progress(Loop::Reader);
        status.progress(Loop::Leaser);
        tokio::time::advance(Duration::from_secs(29)).await;
        status.progress(Loop::Leaser);
        assert!(status.stalled().is_empty());
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(status.stalled(), ["reader"]);
        status.ended(Loop::Reader);
        assert!(status.stalled().is_empty());
    }
}
