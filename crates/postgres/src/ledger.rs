//! The ports `Ledger`, `Backend` and `Pulse`. The verbs stand in files of their own.

use std::time::Duration;

use async_trait::async_trait;
use eventflow_core::{
    Admission, AdmitReply, Backend, Capabilities, Finished, Inspection, LeaseReply, LeaseRequest, Leased, Ledger,
    PauseOrder, PortError, Pulse, Recorded, Registered, Registration, Registry, Renewal, Renewed, RetireOrder, Retired,
    WorkerId,
};

use crate::postgres::Postgres;

#[async_trait]
impl Ledger for Postgres {
    async fn admit(&self, admission: Admission) -> Result<AdmitReply, PortError> {
        const DOING: &str = "admitting a batch";
        if !admission.rows.is_sorted_by(|a, b| a.event.key < b.event.key) {
            let why = "the batch is not sorted by key with one row a key";
            return Err(PortError::infrastructure(DOING, why));
        }
        self.admit_batch(admission).await.map_err(|failure| failure.port(DOING))
    }

    async fn lease(&self, request: LeaseRequest) -> Result<LeaseReply, PortError> {
        self.lease_due(&request)
            .await
            .map_err(|failure| failure.port("leasing"))
    }

    async fn lease_suspect(&self, request: LeaseRequest) -> Result<Option<Leased>, PortError> {
        self.lease_one_suspect(&request)
            .await
            .map_err(|failure| failure.port("leasing a suspect"))
    }

    async fn renew(&self, renewal: Renewal) -> Result<Renewed, PortError> {
        self.renew_leases(&renewal)
            .await
            .map_err(|failure| failure.port("renewing leases"))
    }

    async fn record(&self, finished: Vec<Finished>) -> Result<Vec<Recorded>, PortError> {
        self.record_outcomes(&finished)
            .await
            .map_err(|failure| failure.port("recording outcomes"))
    }

    async fn register(&self, registration: Registration) -> Result<Registered, PortError> {
        self.register_worker(&registration)
            .await
            .map_err(|failure| failure.port("joining the list of workers"))
    }

    async fn leave(&self, worker: WorkerId) -> Result<(), PortError> {
        self.leave_list(worker)
            .await
            .map_err(|failure| failure.port("leaving the list of workers"))
    }

    async fn registry(&self, lease_time: Duration) -> Result<Registry, PortError> {
        let (list, _) = self
            .read_registry(lease_time)
            .await
            .map_err(|failure| failure.port("reading the handler list"))?;
        Ok(list)
    }

    async fn pause(&self, order: PauseOrder) -> Result<bool, PortError> {
        self.pause_handlers(&order)
            .await
            .map_err(|failure| failure.port("pausing or resuming"))
    }

    async fn retire(&self, order: RetireOrder) -> Result<Retired, PortError> {
        self.retire_handler(&order)
            .await
            .map_err(|failure| failure.port("retiring a handler"))
    }

    async fn rematch(&self, worker: Option<WorkerId>, lease_time: Duration, limit: u32) -> Result<u64, PortError> {
        self.rematch_strays(worker, lease_time, limit)
            .await
            .map_err(|failure| failure.port("matching waiting events anew"))
    }

    async fn count(&self, every: Duration) -> Result<bool, PortError> {
        self.count_unfinished(every)
            .await
            .map_err(|failure| failure.port("counting unfinished events"))
    }
}

#[async_trait]
impl Backend for Postgres {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            name: "PostgreSQL",
            shared: true,
        }
    }

    async fn inspect(&self, deadline: Duration) -> Result<Inspection, PortError> {
        self.inspect_server(deadline)
            .await
            .map_err(|failure| failure.port("inspecting the store"))
    }
}

#[async_trait]
impl Pulse for Postgres {
    async fn notify(&self) -> Result<(), PortError> {
        self.notices().notify();
        Ok(())
    }

    async fn noticed(&self) {
        self.notices().noticed().await;
    }
}
