//! The ledger in memory behind its ports. The verbs stand in files of their own.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use eventflow_core::{
    Admission, AdmitReply, Archive, AuditEntry, Backend, Capabilities, Clock, Durability, EventFilter, EventKey,
    EventLine, EventRecord, Finished, Inspection, Job, LeaseReply, LeaseRequest, Leased, Ledger, Letter, LetterFilter,
    LetterOrder, Page, PauseOrder, PortError, Pulse, Recorded, Registered, Registration, Registry, Renewal, Renewed,
    RetireOrder, Retired, Timestamp, WorkerEntry, WorkerId,
};
use tokio::sync::Notify;
use uuid::Uuid;

use super::clock::ManualClock;
use super::rows::State;

/// The reference for what a ledger does: plain data structures, one lock, a clock that a test moves.
///
/// A batch that is not sorted by key, one row a key, is refused as the infrastructure's fault: no adapter has to take it.
#[derive(Debug)]
pub struct MemoryLedger {
    state: Mutex<State>,
    clock: Arc<ManualClock>,
    notices: Notify,
    inspection: Mutex<Inspection>,
}

impl MemoryLedger {
    /// An empty ledger that tells the time by this clock.
    pub fn new(clock: Arc<ManualClock>) -> Self {
        Self {
            state: Mutex::default(),
            clock,
            notices: Notify::new(),
            inspection: Mutex::new(inspection_of("ledger in memory")),
        }
    }

    /// Its clock.
    pub const fn clock(&self) -> &Arc<ManualClock> {
        &self.clock
    }

    /// What the next inspections say.
    pub fn set_inspection(&self, inspection: Inspection) {
        *self.inspection.lock().unwrap_or_else(PoisonError::into_inner) = inspection;
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

/// What a backend in memory says of itself.
pub(super) fn inspection_of(version: &str) -> Inspection {
    Inspection {
        version: version.to_owned(),
        level: Some(Durability::Memory),
        findings: Vec::new(),
        round_trip_us: 0,
        facts: Vec::new(),
    }
}

#[async_trait]
impl Ledger for MemoryLedger {
    async fn admit(&self, admission: Admission) -> Result<AdmitReply, PortError> {
        if !admission.rows.is_sorted_by(|a, b| a.event.key < b.event.key) {
            let why = "the batch is not sorted by key with one row a key";
            return Err(PortError::infrastructure("admitting a batch", why));
        }
        Ok(self.state().admit(self.now(), &admission))
    }

    async fn lease(&self, request: LeaseRequest) -> Result<LeaseReply, PortError> {
        Ok(self.state().lease(self.now(), &request))
    }

    async fn lease_suspect(&self, request: LeaseRequest) -> Result<Option<Leased>, PortError> {
        Ok(self.state().lease_suspect(self.now(), &request))
    }

    async fn renew(&self, renewal: Renewal) -> Result<Renewed, PortError> {
        Ok(self.state().renew(self.now(), &renewal))
    }

    async fn record(&self, finished: Vec<Finished>) -> Result<Vec<Recorded>, PortError> {
        let now = self.now();
        let mut state = self.state();
        Ok(finished.iter().map(|one| state.record(now, one)).collect())
    }

    async fn register(&self, registration: Registration) -> Result<Registered, PortError> {
        Ok(self.state().register(self.now(), registration))
    }

    async fn leave(&self, worker: WorkerId) -> Result<(), PortError> {
        self.state().leave(self.now(), worker);
        Ok(())
    }

    async fn registry(&self, lease_time: Duration) -> Result<Registry, PortError> {
        Ok(self.state().registry(self.now(), lease_time))
    }

    async fn pause(&self, order: PauseOrder) -> Result<bool, PortError> {
        Ok(self.state().pause(self.now(), &order))
    }

    async fn retire(&self, order: RetireOrder) -> Result<Retired, PortError> {
        Ok(self.state().retire(self.now(), &order))
    }

    async fn rematch(&self, worker: Option<WorkerId>, lease_time: Duration, limit: u32) -> Result<u64, PortError> {
        Ok(self.state().rematch(self.now(), worker, lease_time, limit))
    }

    async fn count(&self, every: Duration) -> Result<bool, PortError> {
        Ok(self.state().count(self.now(), every))
    }
}

#[async_trait]
impl Archive for MemoryLedger {
    async fn get(&self, key: EventKey) -> Result<Option<EventRecord>, PortError> {
        Ok(self.state().get(key))
    }

    async fn list(&self, filter: &EventFilter, page: Page) -> Result<Vec<EventLine>, PortError> {
        Ok(self.state().list(filter, page))
    }

    async fn letters(&self, filter: &LetterFilter, page: Page) -> Result<Vec<Letter>, PortError> {
        Ok(self.state().letters(filter, page))
    }

    async fn letter_counts(&self) -> Result<(u64, u64), PortError> {
        Ok(self.state().letter_counts())
    }

    async fn change_letters(&self, order: LetterOrder) -> Result<Job, PortError> {
        Ok(self.state().change_letters(self.now(), &order))
    }

    async fn job(&self, id: Uuid) -> Result<Option<Job>, PortError> {
        Ok(self.state().jobs.get(&id).cloned())
    }

    async fn audit(&self, after: i64, limit: u32) -> Result<Vec<AuditEntry>, PortError> {
        let state = self.state();
        let behind = state.audit.iter().filter(|entry| entry.seq > after);
        Ok(behind.take(limit as usize).cloned().collect())
    }

    async fn workers(&self, lease_time: Duration) -> Result<Vec<WorkerEntry>, PortError> {
        Ok(self.state().workers(self.now(), lease_time))
    }

    async fn purge(&self, retention: Duration, limit: u32) -> Result<u64, PortError> {
        Ok(self.state().purge(self.now(), retention, limit))
    }
}

#[async_trait]
impl Backend for MemoryLedger {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            name: "memory",
            shared: true,
        }
    }

    async fn inspect(&self, _deadline: Duration) -> Result<Inspection, PortError> {
        Ok(self.inspection.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

#[async_trait]
impl Pulse for MemoryLedger {
    async fn notify(&self) -> Result<(), PortError> {
        self.notices.notify_waiters();
        // Leaves one notice behind for whoever begins to wait just now.
        self.notices.notify_one();
        Ok(())
    }

    async fn noticed(&self) {
        self.notices.notified().await;
    }
}
