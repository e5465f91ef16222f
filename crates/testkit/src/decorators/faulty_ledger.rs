//! A ledger that fails when it is told to.

use std::time::Duration;

use async_trait::async_trait;
use eventflow_core::{
    Admission, AdmitReply, AdmitRow, Archive, AuditEntry, EventFilter, EventKey, EventLine, EventRecord, Fate, Fault,
    Finished, Job, LeaseReply, LeaseRequest, Leased, Ledger, Letter, LetterFilter, LetterOrder, Page, PauseOrder,
    PortError, Recorded, Registered, Registration, Registry, Renewal, Renewed, RetireOrder, Retired, WorkerEntry,
    WorkerId,
};
use uuid::Uuid;

use super::{Faulty, Verb};

#[async_trait]
impl<T: Ledger + ?Sized> Ledger for Faulty<T> {
    async fn admit(&self, admission: Admission) -> Result<AdmitReply, PortError> {
        let refused = |row: &AdmitRow| self.plan.refuses(row.event.key) && !matches!(row.fate, Fate::Dead(_));
        if admission.rows.iter().any(refused) {
            return Err(PortError::new(
                Fault::Event,
                "admitting a batch",
                "the store refuses an event",
            ));
        }
        self.plan.through(Verb::Admit, self.inner.admit(admission)).await
    }

    async fn lease(&self, request: LeaseRequest) -> Result<LeaseReply, PortError> {
        self.plan.through(Verb::Lease, self.inner.lease(request)).await
    }

    async fn lease_suspect(&self, request: LeaseRequest) -> Result<Option<Leased>, PortError> {
        self.plan
            .through(Verb::LeaseSuspect, self.inner.lease_suspect(request))
            .await
    }

    async fn renew(&self, renewal: Renewal) -> Result<Renewed, PortError> {
        self.plan.through(Verb::Renew, self.inner.renew(renewal)).await
    }

    async fn record(&self, finished: Vec<Finished>) -> Result<Vec<Recorded>, PortError> {
        self.plan.through(Verb::Record, self.inner.record(finished)).await
    }

    async fn register(&self, registration: Registration) -> Result<Registered, PortError> {
        self.plan
            .through(Verb::Register, self.inner.register(registration))
            .await
    }

    async fn leave(&self, worker: WorkerId) -> Result<(), PortError> {
        self.plan.through(Verb::Leave, self.inner.leave(worker)).await
    }

    async fn registry(&self, lease_time: Duration) -> Result<Registry, PortError> {
        self.plan.through(Verb::Registry, self.inner.registry(lease_time)).await
    }

    async fn pause(&self, order: PauseOrder) -> Result<bool, PortError> {
        self.plan.through(Verb::Pause, self.inner.pause(order)).await
    }

    async fn retire(&self, order: RetireOrder) -> Result<Retired, PortError> {
        self.plan.through(Verb::Retire, self.inner.retire(order)).await
    }

    async fn rematch(&self, worker: Option<WorkerId>, lease_time: Duration, limit: u32) -> Result<u64, PortError> {
        self.plan
            .through(Verb::Rematch, self.inner.rematch(worker, lease_time, limit))
            .await
    }

    async fn count(&self, every: Duration) -> Result<bool, PortError> {
        self.plan.through(Verb::Count, self.inner.count(every)).await
    }
}

#[async_trait]
impl<T: Archive + ?Sized> Archive for Faulty<T> {
    async fn get(&self, key: EventKey) -> Result<Option<EventRecord>, PortError> {
        self.plan.through(Verb::Get, self.inner.get(key)).await
    }

    async fn list(&self, filter: &EventFilter, page: Page) -> Result<Vec<EventLine>, PortError> {
        self.plan.through(Verb::List, self.inner.list(filter, page)).await
    }

    async fn letters(&self, filter: &LetterFilter, page: Page) -> Result<Vec<Letter>, PortError> {
        self.plan.through(Verb::Letters, self.inner.letters(filter, page)).await
    }

    async fn letter_counts(&self) -> Result<(u64, u64), PortError> {
        self.plan.through(Verb::LetterCounts, self.inner.letter_counts()).await
    }

    async fn change_letters(&self, order: LetterOrder) -> Result<Job, PortError> {
        self.plan
            .through(Verb::ChangeLetters, self.inner.change_letters(order))
            .await
    }

    async fn job(&self, id: Uuid) -> Result<Option<Job>, PortError> {
        self.plan.through(Verb::Job, self.inner.job(id)).await
    }

    async fn audit(&self, after: i64, limit: u32) -> Result<Vec<AuditEntry>, PortError> {
        self.plan.through(Verb::Audit, self.inner.audit(after, limit)).await
    }

    async fn workers(&self, lease_time: Duration) -> Result<Vec<WorkerEntry>, PortError> {
        self.plan.through(Verb::Workers, self.inner.workers(lease_time)).await
    }

    async fn purge(&self, retention: Duration, limit: u32) -> Result<u64, PortError> {
        self.plan.through(Verb::Purge, self.inner.purge(retention, limit)).await
    }
}
