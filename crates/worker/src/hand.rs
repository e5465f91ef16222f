//! What has been read and is not admitted yet: bounded in events and bytes, so that a worker's memory is.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use eventflow_core::{Entry, EntryBody};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::settings::{HAND_BYTES, HAND_EVENTS};

#[derive(Default)]
pub(crate) struct Hand {
    events: AtomicUsize,
    bytes: AtomicUsize,
    /// When each read came, and how much of it is still here, the oldest first.
    reads: Mutex<VecDeque<(Instant, usize)>>,
    freed: Notify,
}

impl Hand {
    /// Waits until another read may be made.
    pub(crate) async fn has_room(&self) {
        self.until(|events, bytes| events < HAND_EVENTS && bytes < HAND_BYTES)
            .await;
    }

    /// Waits until all of it is admitted.
    pub(crate) async fn is_empty(&self) {
        self.until(|events, _| events == 0).await;
    }

    async fn until(&self, holds: impl Fn(usize, usize) -> bool) {
        loop {
            let freed = self.freed.notified();
            if holds(self.events.load(Relaxed), self.bytes.load(Relaxed)) {
                return;
            }
            freed.await;
        }
    }

    pub(crate) fn took(&self, entries: &[Entry]) {
        self.events.fetch_add(entries.len(), Relaxed);
        self.bytes.fetch_add(entries.iter().map(weight).sum(), Relaxed);
        self.reads().push_back((Instant::now(), entries.len()));
    }

    pub(crate) fn gave_away(&self, entries: &[Entry]) {
        self.events.fetch_sub(entries.len(), Relaxed);
        self.bytes.fetch_sub(entries.iter().map(weight).sum(), Relaxed);
        self.forget(entries.len());
        self.freed.notify_one();
    }

    pub(crate) fn events(&self) -> usize {
        self.events.load(Relaxed)
    }

    /// For how long the oldest of it has been here. Whoever takes over entries that are older takes them from itself.
    pub(crate) fn age(&self) -> Duration {
        self.reads().front().map_or(Duration::ZERO, |(came, _)| came.elapsed())
    }

    fn forget(&self, mut entries: usize) {
        let mut reads = self.reads();
        while let Some((_, left)) = reads.front_mut() {
            if *left > entries {
                *left -= entries;
                return;
            }
            entries -= *left;
            reads.pop_front();
        }
    }

    fn reads(&self) -> MutexGuard<'_, VecDeque<(Instant, usize)>> {
        self.reads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) fn weight(entry: &Entry) -> usize {
    match &entry.body {
        EntryBody::Event(event) => event.weight(),
        EntryBody::Unreadable { bytes, .. } => bytes.len(),
        EntryBody::Newer { .. } => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use eventflow_core::EntryId;

    fn entries(n: usize) -> Vec<Entry> {
        let entry = Entry {
            id: EntryId {
                partition: 0,
                id: "1".into(),
            },
            deliveries: 1,
            body: EntryBody::Newer { version: 2 },
        };
        vec![entry; n]
    }

    #[tokio::test(start_paused = true)]
    async fn its_age_is_that_of_the_oldest_read_of_which_something_is_left() {
        let hand = Hand::default();
        assert_eq!(hand.age(), Duration::ZERO);
        hand.took(&entries(3));
        tokio::time::advance(Duration::from_secs(5)).await;
        hand.took(&entries(2));
        tokio::time::advance(Duration::from_secs(1)).await;
        hand.gave_away(&entries(2));
        assert_eq!(hand.age(), Duration::from_secs(6));
        hand.gave_away(&entries(2));
        assert_eq!(hand.age(), Duration::from_secs(1));
        hand.gave_away(&entries(1));
        assert_eq!(hand.age(), Duration::ZERO);
    }
}
