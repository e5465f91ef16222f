//! A queue under test with the few gestures that nearly every law makes.

use std::sync::Arc;
use std::time::Duration;

use eventflow_core::{
    Appended, Claimed, Entry, EntryBody, Event, EventKey, PartitionDepth, Queue, QueueReader, Queued, Settlement,
};

use crate::rig::QueueRig;

/// The idle time of every law: long beside what a test may last.
pub const IDLE: Duration = Duration::from_hours(1);

/// A queue under test. Every gesture panics where the queue fails.
pub struct Desk<'a> {
    rig: &'a dyn QueueRig,
    /// The queue.
    pub queue: Arc<dyn Queue>,
}

impl<'a> Desk<'a> {
    /// Sets it up.
    pub fn new(rig: &'a dyn QueueRig) -> Self {
        Self {
            rig,
            queue: rig.queue(),
        }
    }

    /// The ways to hurt it.
    pub const fn rig(&self) -> &'a dyn QueueRig {
        self.rig
    }

    /// Appends events, and hears of each.
    pub async fn append_all(&self, events: &[Arc<Event>]) -> Vec<Appended> {
        let said = self.queue.append(events).await;
        said.into_iter()
            .map(|said| said.expect("an append is answered"))
            .collect()
    }

    /// Appends one event.
    pub async fn append(&self, event: impl Into<Arc<Event>>) -> Appended {
        let said = self.append_all(&[event.into()]).await;
        assert_eq!(said.len(), 1, "one answer an event");
        said[0]
    }

    /// Reads what nobody was given yet, without waiting.
    pub async fn claim(&self, reader: &mut dyn QueueReader, max: usize) -> Claimed {
        reader.claim(max, Duration::ZERO).await.expect("the queue is read")
    }

    /// Reads until nothing comes, in reads of 128.
    pub async fn claim_all(&self, reader: &mut dyn QueueReader) -> Vec<Entry> {
        let mut entries = Vec::new();
        loop {
            let claimed = self.claim(reader, 128).await;
            if claimed.entries.is_empty() && !claimed.group_remade {
                return entries;
            }
            entries.extend(claimed.entries);
        }
    }

    /// Takes over everything that is idle for [`IDLE`].
    pub async fn take_over_all(&self, reader: &mut dyn QueueReader) -> Claimed {
        let mut all = Claimed::default();
        loop {
            let claimed = reader.take_over(IDLE, 128).await.expect("idle entries are taken over");
            all.destroyed += claimed.destroyed;
            all.group_remade |= claimed.group_remade;
            if claimed.entries.is_empty() {
                return all;
            }
            all.entries.extend(claimed.entries);
        }
    }

    /// Settles entries, and hears how many were deleted.
    pub async fn settle(&self, settlements: &[Settlement]) -> u64 {
        self.queue.settle(settlements).await.expect("entries are settled")
    }

    /// Looks an event up.
    pub async fn find(&self, key: EventKey) -> Option<Queued> {
        self.queue.find(key).await.expect("an event is looked up")
    }

    /// Entries in all, and how many of them are pending.
    pub async fn depth(&self) -> (u64, u64) {
        let depth: Vec<PartitionDepth> = self.queue.depth().await.expect("the depth is told");
        (
            depth.iter().map(|p| p.entries).sum(),
            depth.iter().map(|p| p.pending).sum(),
        )
    }
}

/// The event of an entry.
pub(super) fn event_of(entry: &Entry) -> &Arc<Event> {
    match &entry.body {
        EntryBody::Event(event) => event,
        body => panic!("an event was to be expected, not {body:?}"),
    }
}

/// The keys of entries, sorted.
pub(super) fn keys_of(entries: &[Entry]) -> Vec<EventKey> {
    let mut keys: Vec<EventKey> = entries.iter().map(|entry| event_of(entry).key).collect();
    keys.sort_unstable();
    keys
}

/// What settles this entry, as the ledger's answer allows.
pub(super) fn settlement(entry: &Entry) -> Settlement {
    let event = event_of(entry);
    Settlement {
        id: entry.id.clone(),
        key: Some(event.key),
        keep_mark: event.id_given,
    }
}
