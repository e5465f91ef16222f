//! A ledger that takes part in a run: the adapter or the model.

use std::sync::Arc;
use std::time::Duration;

use eventflow_core::{
    Admission, Archive, AuditEntry, EventFilter, EventKey, EventLine, EventRecord, Ledger, Letter, LetterFilter, Page,
    PortError, Registry, RegistryVersion, WorkerEntry,
};

use super::step::{LEASE, RETENTION, Reply, Step};

pub(super) struct Party {
    pub(super) ledger: Arc<dyn Ledger>,
    pub(super) archive: Arc<dyn Archive>,
    /// Its handler list's version less the model's, as the run began.
    pub(super) ahead: i64,
}

/// All that a ledger shows besides its events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Overview {
    pub(super) registry: Registry,
    pub(super) workers: Vec<WorkerEntry>,
    pub(super) counts: (u64, u64),
    pub(super) dead: Vec<Letter>,
    pub(super) discarded: Vec<Letter>,
    pub(super) audit: Vec<AuditEntry>,
}

const ALL: Page = Page {
    after: None,
    limit: 1000,
    with_data: true,
    with_runs: true,
};

impl Party {
    /// Carries a step out. `version` is that of the model's handler list.
    pub(super) async fn perform(&self, step: &Step, version: RegistryVersion) -> Result<Reply, PortError> {
        let ledger = &self.ledger;
        Ok(match step.clone() {
            Step::Advance(_) => Reply::Nothing,
            Step::Admit { rows, behind, lease } => Reply::Admitted(
                ledger
                    .admit(Admission {
                        registry: RegistryVersion(version.0 + self.ahead - behind),
                        rows,
                        lease,
                    })
                    .await?,
            ),
            Step::Lease(request) => Reply::Leased(ledger.lease(request).await?),
            Step::LeaseSuspect(request) => Reply::Suspect(ledger.lease_suspect(request).await?.map(Box::new)),
            Step::Renew(renewal) => Reply::Renewed(ledger.renew(renewal).await?),
            Step::Record(finished) => Reply::Recorded(ledger.record(finished).await?),
            Step::Register(registration) => Reply::Registered(ledger.register(registration).await?),
            Step::Leave(worker) => {
                ledger.leave(worker).await?;
                Reply::Nothing
            }
            Step::Pause(order) => Reply::Paused(ledger.pause(order).await?),
            Step::Retire(order) => Reply::Retired(ledger.retire(order).await?),
            Step::Rematch(worker) => Reply::Rematched(ledger.rematch(worker, LEASE, 1000).await?),
            Step::Count => Reply::Counted(ledger.count(Duration::ZERO).await?),
            Step::Letters(order) => Reply::Changed(self.archive.change_letters(order).await?),
            Step::Purge(limit) => Reply::Purged(self.archive.purge(RETENTION, limit).await?),
        })
    }

    pub(super) async fn get(&self, key: EventKey) -> Result<Option<EventRecord>, PortError> {
        self.archive.get(key).await
    }

    /// What the list says of every event.
    pub(super) async fn lines(&self) -> Result<Vec<EventLine>, PortError> {
        self.archive.list(&EventFilter::default(), ALL).await
    }

    pub(super) async fn overview(&self) -> Result<Overview, PortError> {
        let discarded = LetterFilter {
            discarded: true,
            ..LetterFilter::default()
        };
        let mut overview = Overview {
            registry: self.ledger.registry(LEASE).await?,
            workers: self.archive.workers(LEASE).await?,
            counts: self.archive.letter_counts().await?,
            dead: self.archive.letters(&LetterFilter::default(), ALL).await?,
            discarded: self.archive.letters(&discarded, ALL).await?,
            audit: self.archive.audit(0, 100_000).await?,
        };
        overview.registry.version.0 -= self.ahead;
        Ok(overview)
    }
}
