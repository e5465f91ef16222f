//! The port to the queue, kept on Redis.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use async_trait::async_trait;
use eventflow_core::{
    Appended, Event, EventKey, PartitionDepth, PortError, Queue, QueueReader, Queued, Settlement, Tended, WorkerId,
};

use crate::claim::RedisReader;
use crate::connection::Link;
use crate::consumers::Due;
use crate::gate::Gate;
use crate::ghosts::Cursors;
use crate::marks::Sweep;
use crate::options::{ConfigError, RedisOptions, client};
use crate::window::Window;
use crate::{append, depth, ensure, find, settle, tend};

/// A queue on Redis. Connects when it is first used: Redis may be away at the start.
pub struct RedisQueue {
    pub(crate) inner: Arc<Inner>,
}

/// What all ways into the queue share.
pub(crate) struct Inner {
    pub(crate) options: RedisOptions,
    pub(crate) link: Link,
    pub(crate) window: Window,
    pub(crate) ghosts: Cursors,
    pub(crate) sweep: Sweep,
    pub(crate) consumers_due: Due,
    /// How many entries there were when that was last looked at, all groups being there.
    pub(crate) last_seen: AtomicU64,
}

impl RedisQueue {
    /// A queue with these options, not yet connected.
    ///
    /// # Errors
    /// Where the URL is none of Redis, or there are more than [`MAX_PARTITIONS`](crate::MAX_PARTITIONS).
    pub fn new(options: RedisOptions) -> Result<Self, ConfigError> {
        let client = client(&options)?;
        let gate = Gate::new(options.durability, options.assume_durability);
        let inner = Inner {
            link: Link::new(client, Arc::new(gate)),
            window: Window::new(options.dedup_window, options.dedup_marks),
            ghosts: Cursors::new(options.partitions.get()),
            sweep: Sweep::default(),
            consumers_due: Due::default(),
            last_seen: AtomicU64::new(0),
            options,
        };
        Ok(Self { inner: Arc::new(inner) })
    }
}

impl Inner {
    /// Every partition.
    pub(crate) fn partitions(&self) -> impl Iterator<Item = u16> + use<> {
        0..self.options.partitions.get()
    }

    /// The partition that holds this event.
    pub(crate) fn partition_of(&self, key: EventKey) -> u16 {
        key.partition(self.options.partitions)
    }

    /// There may be marks whose entry is gone.
    pub(crate) fn want_sweep(&self) {
        self.sweep.want();
    }
}

#[async_trait]
impl Queue for RedisQueue {
    async fn ensure(&self) -> Result<(), PortError> {
        let made = ensure::ensure(&self.inner).await;
        made.map(|_| ())
            .map_err(|error| error.port("making the queue in Redis"))
    }

    async fn append(&self, events: &[Arc<Event>]) -> Vec<Result<Appended, PortError>> {
        append::append(&self.inner, events).await
    }

    async fn find(&self, key: EventKey) -> Result<Option<Queued>, PortError> {
        let found = find::find(&self.inner, key).await;
        found.map_err(|error| error.port("looking an event up in Redis"))
    }

    fn reader(&self, worker: WorkerId) -> Box<dyn QueueReader> {
        Box::new(RedisReader::new(Arc::clone(&self.inner), worker))
    }

    async fn settle(&self, settlements: &[Settlement]) -> Result<u64, PortError> {
        let settled = settle::settle(&self.inner, settlements).await;
        settled.map_err(|error| error.port("settling in Redis"))
    }

    async fn depth(&self) -> Result<Vec<PartitionDepth>, PortError> {
        let depth = depth::depth(&self.inner).await;
        depth.map_err(|error| error.port("measuring the queue in Redis"))
    }

    async fn tend(&self) -> Result<Tended, PortError> {
        let tended = tend::tend(&self.inner).await;
        tended.map_err(|error| error.port("tending the queue in Redis"))
    }
}
