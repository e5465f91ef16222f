//! The port `Archive`. The verbs stand in files of their own.

use std::time::Duration;

use async_trait::async_trait;
use eventflow_core::{
    Archive, AuditEntry, EventFilter, EventKey, EventLine, EventRecord, Job, Letter, LetterFilter, LetterOrder, Page,
    PortError, WorkerEntry,
};
use uuid::Uuid;

use crate::postgres::Postgres;

#[async_trait]
impl Archive for Postgres {
    async fn get(&self, key: EventKey) -> Result<Option<EventRecord>, PortError> {
        self.find(key)
            .await
            .map_err(|failure| failure.port("looking an event up"))
    }

    async fn list(&self, filter: &EventFilter, page: Page) -> Result<Vec<EventLine>, PortError> {
        self.list_events(filter, page)
            .await
            .map_err(|failure| failure.port("listing events"))
    }

    async fn letters(&self, filter: &LetterFilter, page: Page) -> Result<Vec<Letter>, PortError> {
        self.list_letters(filter, page)
            .await
            .map_err(|failure| failure.port("listing dead letters"))
    }

    async fn letter_counts(&self) -> Result<(u64, u64), PortError> {
        self.count_letters()
            .await
            .map_err(|failure| failure.port("counting dead letters"))
    }

    async fn change_letters(&self, order: LetterOrder) -> Result<Job, PortError> {
        self.carry_out(&order)
            .await
            .map_err(|failure| failure.port("changing dead letters"))
    }

    async fn job(&self, id: Uuid) -> Result<Option<Job>, PortError> {
        self.find_job(id)
            .await
            .map_err(|failure| failure.port("looking a job up"))
    }

    async fn audit(&self, after: i64, limit: u32) -> Result<Vec<AuditEntry>, PortError> {
        self.read_audit(after, limit)
            .await
            .map_err(|failure| failure.port("reading the audit"))
    }

    async fn workers(&self, lease_time: Duration) -> Result<Vec<WorkerEntry>, PortError> {
        self.list_workers(lease_time)
            .await
            .map_err(|failure| failure.port("listing workers"))
    }

    async fn purge(&self, retention: Duration, limit: u32) -> Result<u64, PortError> {
        self.purge_old(retention, limit)
            .await
            .map_err(|failure| failure.port("removing what is past its retention"))
    }
}
