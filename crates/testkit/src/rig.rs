//! What a law needs of an adapter under test: its ports, and a hand on its clock.

use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use eventflow_core::{Archive, Clock, Ledger, Queue, Registration, Timestamp, WorkerId};

use crate::memory::{ManualClock, MemoryLedger, MemoryQueue};

/// A fresh and empty ledger, with a store's clock that a test can move on.
#[async_trait]
pub trait LedgerRig: Send + Sync {
    /// The ledger under test.
    fn ledger(&self) -> Arc<dyn Ledger>;

    /// The same ledger, to be read and worked on by operators.
    fn archive(&self) -> Arc<dyn Archive>;

    /// Moves the store's clock on. A real clock below it may go on by itself, by seconds in all.
    async fn advance(&self, by: Duration);

    /// Now, by the store's clock. Asked through the ports, unless an adapter has a shorter way.
    async fn now(&self) -> Timestamp {
        let worker = WorkerId::new();
        let registration = Registration {
            worker,
            name: "what time is it".to_owned(),
            patterns: Vec::new(),
        };
        let ledger = self.ledger();
        ledger.register(registration).await.expect("a worker joins");
        let workers = self.archive().workers(Duration::from_secs(1)).await;
        ledger.leave(worker).await.expect("a worker leaves");
        let workers = workers.expect("the workers are listed");
        let row = workers.iter().find(|row| row.worker == worker);
        row.expect("who joined is on the list").joined_at
    }
}

/// A fresh and empty queue, already ensured, and ways to hurt it.
#[async_trait]
pub trait QueueRig: Send + Sync {
    /// The queue under test.
    fn queue(&self) -> Arc<dyn Queue>;

    /// Everything pending looks as if it had been given `by` earlier than it was.
    async fn age(&self, by: Duration);

    /// Marks that were given an end have reached it.
    async fn expire_marks(&self);

    /// Wipes everything: entries, groups and marks.
    async fn flush(&self);

    /// Deletes the streams with their groups, and leaves the marks.
    async fn delete_streams(&self);

    /// Deletes every entry, and leaves groups, pending lists and marks.
    async fn delete_entries(&self);

    /// Deletes this worker as a consumer, so that nobody holds what it was given.
    async fn forget_consumer(&self, worker: WorkerId);

    /// Makes the queue full, or empties what fills it.
    async fn set_full(&self, full: bool);
}

/// The ledger in memory with its clock.
#[derive(Debug)]
pub struct MemoryLedgerRig {
    ledger: Arc<MemoryLedger>,
}

impl MemoryLedgerRig {
    /// An empty ledger with a clock of its own.
    pub fn new() -> Self {
        Self {
            ledger: Arc::new(MemoryLedger::new(ManualClock::new())),
        }
    }

    /// The ledger with all that it offers beyond its ports.
    pub fn memory(&self) -> Arc<MemoryLedger> {
        self.ledger.clone()
    }
}

impl Default for MemoryLedgerRig {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl LedgerRig for MemoryLedgerRig {
    fn ledger(&self) -> Arc<dyn Ledger> {
        self.ledger.clone()
    }

    fn archive(&self) -> Arc<dyn Archive> {
        self.ledger.clone()
    }

    async fn advance(&self, by: Duration) {
        self.ledger.clock().advance(by);
    }

    async fn now(&self) -> Timestamp {
        self.ledger.clock().now()
    }
}

/// The queue in memory with its clock.
#[derive(Debug)]
pub struct MemoryQueueRig {
    queue: Arc<MemoryQueue>,
}

impl MemoryQueueRig {
    /// An empty queue of so many partitions, with a clock of its own and its groups made.
    pub fn new(partitions: NonZeroU16) -> Self {
        Self {
            queue: Arc::new(MemoryQueue::new(ManualClock::new(), partitions)),
        }
    }

    /// The queue with all that it offers beyond its port.
    pub fn memory(&self) -> Arc<MemoryQueue> {
        self.queue.clone()
    }
}

#[async_trait]
impl QueueRig for MemoryQueueRig {
    fn queue(&self) -> Arc<dyn Queue> {
        self.queue.clone()
    }

    async fn age(&self, by: Duration) {
        self.queue.clock().advance(by);
    }

    async fn expire_marks(&self) {
        self.queue.expire_marks();
    }

    async fn flush(&self) {
        self.queue.flush();
    }

    async fn delete_streams(&self) {
        self.queue.delete_streams();
    }

    async fn delete_entries(&self) {
        self.queue.delete_entries();
    }

    async fn forget_consumer(&self, worker: WorkerId) {
        self.queue.forget_consumer(worker);
    }

    async fn set_full(&self, full: bool) {
        self.queue.set_full(full);
    }
}
