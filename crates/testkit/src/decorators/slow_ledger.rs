//! A ledger that holds calls until it is told to go on.

use std::time::Duration;

use async_trait::async_trait;
use eventflow_core::{
    Admission, AdmitReply, Finished, LeaseReply, LeaseRequest, Leased, Ledger, PauseOrder, PortError, Recorded,
    Registered, Registration, Registry, Renewal, Renewed, RetireOrder, Retired, WorkerId,
};

use super::{Slow, Verb};

#[async_trait]
impl<T: Ledger + ?Sized> Ledger for Slow<T> {
    async fn admit(&self, admission: Admission) -> Result<AdmitReply, PortError> {
        self.gate.through(Verb::Admit, self.inner.admit(admission)).await
    }

    async fn lease(&self, request: LeaseRequest) -> Result<LeaseReply, PortError> {
        self.gate.through(Verb::Lease, self.inner.lease(request)).await
    }

    async fn lease_suspect(&self, request: LeaseRequest) -> Result<Option<Leased>, PortError> {
        self.gate
            .through(Verb::LeaseSuspect, self.inner.lease_suspect(request))
            .await
    }

    async fn renew(&self, renewal: Renewal) -> Result<Renewed, PortError> {
        self.gate.through(Verb::Renew, self.inner.renew(renewal)).await
    }

    async fn record(&self, finished: Vec<Finished>) -> Result<Vec<Recorded>, PortError> {
        self.gate.through(Verb::Record, self.inner.record(finished)).await
    }

    async fn register(&self, registration: Registration) -> Result<Registered, PortError> {
        self.gate
            .through(Verb::Register, self.inner.register(registration))
            .await
    }

    async fn leave(&self, worker: WorkerId) -> Result<(), PortError> {
        self.gate.through(Verb::Leave, self.inner.leave(worker)).await
    }

    async fn registry(&self, lease_time: Duration) -> Result<Registry, PortError> {
        self.gate.through(Verb::Registry, self.inner.registry(lease_time)).await
    }

    async fn pause(&self, order: PauseOrder) -> Result<bool, PortError> {
        self.gate.through(Verb::Pause, self.inner.pause(order)).await
    }

    async fn retire(&self, order: RetireOrder) -> Result<Retired, PortError> {
        self.gate.through(Verb::Retire, self.inner.retire(order)).await
    }

    async fn rematch(&self, worker: Option<WorkerId>, lease_time: Duration, limit: u32) -> Result<u64, PortError> {
        self.gate
            .through(Verb::Rematch, self.inner.rematch(worker, lease_time, limit))
            .await
    }

    async fn count(&self, every: Duration) -> Result<bool, PortError> {
        self.gate.through(Verb::Count, self.inner.count(every)).await
    }
}
