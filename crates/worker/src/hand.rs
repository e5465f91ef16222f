//! What has been read and is not admitted yet: bounded in events and bytes, so that a worker's memory is.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use eventflow_core::{Entry, EntryBody};
use tokio::sync::Notify;

use crate::settings::{HAND_BYTES, HAND_EVENTS};

#[derive(Default)]
pub(crate) struct Hand {
    events: AtomicUsize,
    bytes: AtomicUsize,
    freed: Notify,
}

impl Hand {
    /// Waits until another read may be made.
    pub(crate) async fn has_room(&self) {
        loop {
            let freed = self.freed.notified();
            if self.events.load(Relaxed) < HAND_EVENTS && self.bytes.load(Relaxed) < HAND_BYTES {
                return;
            }
            freed.await;
        }
    }

    pub(crate) fn took(&self, entries: &[Entry]) {
        self.events.fetch_add(entries.len(), Relaxed);
        self.bytes.fetch_add(entries.iter().map(weight).sum(), Relaxed);
    }

    pub(crate) fn gave_away(&self, entries: &[Entry]) {
        self.events.fetch_sub(entries.len(), Relaxed);
        self.bytes.fetch_sub(entries.iter().map(weight).sum(), Relaxed);
        self.freed.notify_one();
    }

    pub(crate) fn events(&self) -> usize {
        self.events.load(Relaxed)
    }
}

pub(crate) fn weight(entry: &Entry) -> usize {
    match &entry.body {
        EntryBody::Event(event) => event.weight(),
        EntryBody::Unreadable { bytes, .. } => bytes.len(),
        EntryBody::Newer { .. } => 0,
    }
}
