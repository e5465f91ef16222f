//! The port to the durable buffer. It keeps what is appended and gives it again until it is settled, nothing else.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::error::PortError;
use crate::event::Event;
use crate::key::EventKey;
use crate::lease::WorkerId;
use crate::time::Timestamp;

/// Where an entry stands in the queue.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId {
    /// The partition.
    pub partition: u16,
    /// The backend's own name for it.
    pub id: String,
}

/// What an append said of an event. Durable when it says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appended {
    /// In the queue. It may still prove a copy when it is admitted.
    Accepted,
    /// A mark stands for this very payload.
    Duplicate,
    /// A mark stands for another payload under this key. Who came first only the ledger knows.
    OtherPayload,
}

/// An entry as a worker gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where it stands.
    pub id: EntryId,
    /// How often it was given to somebody, this time included.
    pub deliveries: u32,
    /// What stands in it.
    pub body: EntryBody,
}

/// What stands in an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryBody {
    /// An event.
    Event(Arc<Event>),
    /// Written by a newer version: left pending for a worker that can read it.
    Newer {
        /// That version.
        version: u32,
    },
    /// No event can be made of it.
    Unreadable {
        /// The key that stands beside the bytes, if that can be read.
        key: Option<EventKey>,
        /// All of it, as it stands.
        bytes: Bytes,
        /// What is wrong.
        why: String,
    },
}

/// What a read gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claimed {
    /// At most as many as were asked for.
    pub entries: Vec<Entry>,
    /// Entries that are gone and that nobody settled: somebody destroyed them. A loss, to be said aloud. Where the group
    /// was made anew it is an estimate, from the last look at what stood in the queue.
    pub destroyed: u64,
    /// Whether the consumer group had to be made anew: what was in the queue may be gone.
    pub group_remade: bool,
}

/// An entry that the ledger has committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// Which entry.
    pub id: EntryId,
    /// Whose key it bears, if it bears one.
    pub key: Option<EventKey>,
    /// Whether its producer chose the id: then its mark stays for the window.
    pub keep_mark: bool,
}

/// An event that is still in the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queued {
    /// The event.
    pub event: Arc<Event>,
    /// Where it stands.
    pub id: EntryId,
}

/// How full one partition is. Exact, since settling deletes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct PartitionDepth {
    /// Which.
    pub partition: u16,
    /// Entries in all.
    pub entries: u64,
    /// Of these: given to a worker and not settled.
    pub pending: u64,
    /// When the first of them was appended, by the queue's clock.
    pub oldest: Option<Timestamp>,
}

/// What a turn of the queue's housekeeping found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Tended {
    /// The de-duplication window in force.
    pub window: Duration,
    /// Entries that nobody held though they had been given: taken up again.
    pub ghosts: u64,
    /// Marks whose entry is gone: removed.
    pub stale_marks: u64,
}

/// What the API and workers do with the queue. Reading has a connection of its own: [`QueueReader`].
#[async_trait]
pub trait Queue: Send + Sync + 'static {
    /// Makes what is missing: consumer groups at the beginning of each partition. Refuses another number of partitions
    /// than the queue was made with.
    async fn ensure(&self) -> Result<(), PortError>;

    /// Appends events, each aligned with its answer; partitions fail apart. Two of one key in one call are duplicates.
    /// An error does not say that the event was not taken.
    async fn append(&self, events: &[Arc<Event>]) -> Vec<Result<Appended, PortError>>;

    /// The event of that key, while it is in the queue.
    async fn find(&self, key: EventKey) -> Result<Option<Queued>, PortError>;

    /// A reader for this worker.
    fn reader(&self, worker: WorkerId) -> Box<dyn QueueReader>;

    /// Settles entries: acknowledged, deleted, and their marks given an end. Works on a full Redis. Returns how many it deleted.
    async fn settle(&self, settlements: &[Settlement]) -> Result<u64, PortError>;

    /// How full it is, by partition. Bounded commands, whatever the backlog.
    async fn depth(&self) -> Result<Vec<PartitionDepth>, PortError>;

    /// One turn of housekeeping, once a second by each worker process: the window, ghosts, marks without an entry.
    async fn tend(&self) -> Result<Tended, PortError>;
}

/// One worker's way to read. Not shared: a blocking read stalls what shares its connection.
#[async_trait]
pub trait QueueReader: Send {
    /// Reads up to `max` entries that nobody was given yet; waits up to `wait` for the first.
    async fn claim(&mut self, max: usize, wait: Duration) -> Result<Claimed, PortError>;

    /// Takes over entries that somebody was given more than `idle` ago, up to `max`. Call again until it gives none:
    /// the cursor is followed to its end.
    async fn take_over(&mut self, idle: Duration, max: usize) -> Result<Claimed, PortError>;
}
