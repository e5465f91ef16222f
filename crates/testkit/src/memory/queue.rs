//! The queue in memory: partitions of entries, marks at the door, and the ways in which a queue gets hurt.

use std::collections::HashMap;
use std::num::NonZeroU16;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use eventflow_core::{
    Appended, Backend, Capabilities, Clock, EntryBody, EntryId, Event, EventKey, Inspection, PartitionDepth, PortError,
    Queue, QueueReader, Queued, Settlement, Tended, Timestamp, WorkerId,
};
use tokio::sync::Notify;

use super::clock::ManualClock;
use super::ledger::inspection_of;
use super::partitions::{Mark, Partition, State, entry_id};
use super::reader::MemoryReader;

/// The de-duplication window of a new queue.
const WINDOW: Duration = Duration::from_mins(10);

/// The reference for what a queue does: nothing is trimmed, settling deletes, marks stand at the door.
#[derive(Debug)]
pub struct MemoryQueue {
    pub(super) shared: Arc<Shared>,
}

/// What the queue shares with its readers.
#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<State>,
    clock: Arc<ManualClock>,
    pub(super) appended: Notify,
    inspection: Mutex<Inspection>,
}

impl Shared {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

impl MemoryQueue {
    /// An empty queue that tells the time by this clock. Its groups stand.
    pub fn new(clock: Arc<ManualClock>, partitions: NonZeroU16) -> Self {
        let state = State {
            partitions: (0..partitions.get()).map(|_| Partition::ensured()).collect(),
            marks: HashMap::new(),
            window: WINDOW,
            full: false,
            next: 1,
        };
        Self {
            shared: Arc::new(Shared {
                state: Mutex::new(state),
                clock,
                appended: Notify::new(),
                inspection: Mutex::new(inspection_of("queue in memory")),
            }),
        }
    }

    /// Its clock.
    pub fn clock(&self) -> &Arc<ManualClock> {
        &self.shared.clock
    }

    /// How long a settled event's mark stays from now on.
    pub fn set_window(&self, window: Duration) {
        self.shared.state().window = window;
    }

    /// Whether it takes anything. Reading and settling go on.
    pub fn set_full(&self, full: bool) {
        self.shared.state().full = full;
    }

    /// What the next inspections say.
    pub fn set_inspection(&self, inspection: Inspection) {
        *self.shared.inspection.lock().unwrap_or_else(PoisonError::into_inner) = inspection;
    }

    /// Wipes all: entries, groups and marks, as FLUSHALL does.
    pub fn flush(&self) {
        let mut state = self.shared.state();
        state.marks.clear();
        state.partitions.iter_mut().for_each(|p| *p = Partition::default());
    }

    /// Wipes entries and groups, and leaves the marks, as deleting the streams does.
    pub fn delete_streams(&self) {
        let mut state = self.shared.state();
        state.partitions.iter_mut().for_each(|p| *p = Partition::default());
    }

    /// Wipes the entries alone: what was pending stays in the books.
    pub fn delete_entries(&self) {
        let mut state = self.shared.state();
        state.partitions.iter_mut().for_each(|p| p.entries.clear());
    }

    /// Forgets who held what this worker was given, as deleting a consumer does. Nobody holds it then.
    pub fn forget_consumer(&self, worker: WorkerId) {
        let mut state = self.shared.state();
        for group in state.partitions.iter_mut().filter_map(|p| p.group.as_mut()) {
            group.pending.retain(|_, holding| holding.worker != worker);
        }
    }

    /// Appends something that is no event that this version can read.
    pub fn append_body(&self, partition: u16, body: EntryBody) -> Option<EntryId> {
        let now = self.shared.now();
        let id = self.shared.state().push(partition, body, now)?;
        self.shared.appended.notify_waiters();
        Some(entry_id(partition, id))
    }

    /// Appends bytes of which no event can be made.
    pub fn append_unreadable(&self, key: Option<EventKey>, bytes: &[u8], why: &str) -> Option<EntryId> {
        let body = EntryBody::Unreadable {
            key,
            bytes: Bytes::copy_from_slice(bytes),
            why: why.to_owned(),
        };
        self.append_body(0, body)
    }

    /// Lets every mark reach its end that was given one.
    pub fn expire_marks(&self) {
        self.shared.state().marks.retain(|_, mark| mark.expires.is_none());
    }

    /// How many marks stand, expired ones not counted.
    pub fn marks(&self) -> usize {
        let now = self.shared.now();
        let state = self.shared.state();
        let stands = |mark: &&Mark| mark.expires.is_none_or(|end| end > now);
        state.marks.values().filter(stands).count()
    }
}

#[async_trait]
impl Queue for MemoryQueue {
    async fn ensure(&self) -> Result<(), PortError> {
        let mut state = self.shared.state();
        for partition in &mut state.partitions {
            partition.group.get_or_insert_default();
        }
        Ok(())
    }

    async fn append(&self, events: &[Arc<Event>]) -> Vec<Result<Appended, PortError>> {
        let now = self.shared.now();
        let said = {
            let mut state = self.shared.state();
            events.iter().map(|event| state.append(event, now)).collect()
        };
        self.shared.appended.notify_waiters();
        said
    }

    async fn find(&self, key: EventKey) -> Result<Option<Queued>, PortError> {
        let state = self.shared.state();
        let Some(mark) = state.marks.get(&key).filter(|mark| mark.expires.is_none()) else {
            return Ok(None);
        };
        let entries = state.partitions.get(usize::from(mark.partition)).map(|p| &p.entries);
        Ok(entries.and_then(|entries| match &entries.get(&mark.entry)?.body {
            EntryBody::Event(event) => Some(Queued {
                event: event.clone(),
                id: entry_id(mark.partition, mark.entry),
            }),
            _ => None,
        }))
    }

    fn reader(&self, worker: WorkerId) -> Box<dyn QueueReader> {
        Box::new(MemoryReader::new(self.shared.clone(), worker))
    }

    async fn settle(&self, settlements: &[Settlement]) -> Result<u64, PortError> {
        let now = self.shared.now();
        let mut state = self.shared.state();
        Ok(settlements.iter().map(|one| u64::from(state.settle(one, now))).sum())
    }

    async fn depth(&self) -> Result<Vec<PartitionDepth>, PortError> {
        let state = self.shared.state();
        let depth = |(partition, p): (u16, &Partition)| PartitionDepth {
            partition,
            entries: p.entries.len() as u64,
            pending: p.group.as_ref().map_or(0, |group| group.pending.len() as u64),
            oldest: p.entries.values().next().map(|row| row.appended_at),
        };
        Ok((0..).zip(&state.partitions).map(depth).collect())
    }

    async fn tend(&self) -> Result<Tended, PortError> {
        let now = self.shared.now();
        let mut state = self.shared.state();
        Ok(Tended {
            window: state.window,
            ghosts: state.partitions.iter_mut().map(|p| p.adopt_ghosts(now)).sum(),
            stale_marks: state.sweep_marks(now),
        })
    }
}

#[async_trait]
impl Backend for MemoryQueue {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            name: "memory",
            shared: true,
        }
    }

    async fn inspect(&self, _deadline: Duration) -> Result<Inspection, PortError> {
        let inspection = self.shared.inspection.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(inspection.clone())
    }
}
