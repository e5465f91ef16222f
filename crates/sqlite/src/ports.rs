//! Where the ports of `eventflow-core` meet this ledger.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use eventflow_core::{
    Admission, AdmitReply, Archive, AuditEntry, Backend, Capabilities, EventFilter, EventKey, EventLine, EventRecord,
    Finished, Inspection, Job, LeaseReply, LeaseRequest, Leased, Ledger, Letter, LetterFilter, LetterOrder, Page,
    PauseOrder, Payload, PortError, Pulse, Recorded, Registered, Registration, Registry, Renewal, Renewed, RetireOrder,
    Retired, WorkerEntry, WorkerId,
};
use tokio::time::Instant;
use uuid::Uuid;

use crate::command::{Asked, Command};
use crate::count::tally;
use crate::error::Failure;
use crate::handlers::{Pause, Register, Retire};
use crate::inspect::{AskSettings, Settings};
use crate::lease::{Lease, LeaseSuspect};
use crate::letters::ChangeLetters;
use crate::purge::Purge;
use crate::rematch::Rematch;
use crate::renew::{Leave, Renew};
use crate::{Sqlite, audit, letters, lookup, purge, registry, rows};

/// Says what was being done when a call failed.
trait Doing<A> {
    fn doing(self, doing: &'static str) -> Result<A, PortError>;
}

impl<A> Doing<A> for Result<A, Failure> {
    fn doing(self, doing: &'static str) -> Result<A, PortError> {
        self.map_err(|failure| failure.while_doing(doing))
    }
}

#[async_trait]
impl Ledger for Sqlite {
    async fn admit(&self, admission: Admission) -> Result<AdmitReply, PortError> {
        // Found here, so that it fails before it shares a transaction with others.
        storable(&admission).doing("admitting a batch")?;
        let asked = self.write(|reply| Command::Admit(Asked::new(admission, reply)));
        asked.await.doing("admitting a batch")
    }

    async fn lease(&self, request: LeaseRequest) -> Result<LeaseReply, PortError> {
        self.operate(Lease(request)).await.doing("leasing what is due")
    }

    async fn lease_suspect(&self, request: LeaseRequest) -> Result<Option<Leased>, PortError> {
        self.operate(LeaseSuspect(request)).await.doing("leasing a suspect")
    }

    async fn renew(&self, renewal: Renewal) -> Result<Renewed, PortError> {
        self.operate(Renew(renewal)).await.doing("renewing leases")
    }

    async fn record(&self, finished: Vec<Finished>) -> Result<Vec<Recorded>, PortError> {
        let asked = self.write(|reply| Command::Record(Asked::new(finished, reply)));
        asked.await.doing("recording outcomes")
    }

    async fn register(&self, registration: Registration) -> Result<Registered, PortError> {
        self.operate(Register(registration)).await.doing("registering a worker")
    }

    async fn leave(&self, worker: WorkerId) -> Result<(), PortError> {
        self.operate(Leave(worker)).await.doing("taking a worker off the list")
    }

    async fn registry(&self, lease_time: Duration) -> Result<Registry, PortError> {
        let now = self.clock.now();
        let read = self.read(async |connection| registry::read(connection, now, lease_time).await);
        read.await.doing("reading the handler list")
    }

    async fn pause(&self, order: PauseOrder) -> Result<bool, PortError> {
        self.operate(Pause(order)).await.doing("pausing or resuming")
    }

    async fn retire(&self, order: RetireOrder) -> Result<Retired, PortError> {
        self.operate(Retire(order)).await.doing("retiring a handler")
    }

    async fn rematch(&self, worker: Option<WorkerId>, lease_time: Duration, limit: u32) -> Result<u64, PortError> {
        let rematch = Rematch {
            worker,
            lease_time,
            limit,
        };
        self.operate(rematch).await.doing("matching waiting rows anew")
    }

    async fn count(&self, every: Duration) -> Result<bool, PortError> {
        let now = self.clock.now();
        let counted = self.read(async |connection| tally(connection, now, every).await).await;
        match counted.doing("counting unfinished rows")? {
            None => Ok(false),
            Some(counts) => self.operate(counts).await.doing("counting unfinished rows"),
        }
    }
}

fn storable(admission: &Admission) -> Result<(), Failure> {
    admission.rows.iter().try_for_each(|row| match &row.event.data {
        Payload::Json(json) => rows::text_of(json).map(|_| ()),
        Payload::Empty | Payload::Binary(_) => Ok(()),
    })
}

#[async_trait]
impl Archive for Sqlite {
    async fn get(&self, key: EventKey) -> Result<Option<EventRecord>, PortError> {
        let read = self.read(async |connection| lookup::get(connection, key).await);
        read.await.doing("looking an event up")
    }

    async fn list(&self, filter: &EventFilter, page: Page) -> Result<Vec<EventLine>, PortError> {
        let read = self.read(async |connection| lookup::list(connection, filter, page).await);
        read.await.doing("listing events")
    }

    async fn letters(&self, filter: &LetterFilter, page: Page) -> Result<Vec<Letter>, PortError> {
        let read = self.read(async |connection| lookup::letters(connection, filter, page).await);
        read.await.doing("listing dead letters")
    }

    async fn letter_counts(&self) -> Result<(u64, u64), PortError> {
        let read = self.read(async |connection| lookup::letter_counts(connection).await);
        read.await.doing("counting dead letters")
    }

    async fn change_letters(&self, order: LetterOrder) -> Result<Job, PortError> {
        self.operate(ChangeLetters(order)).await.doing("changing dead letters")
    }

    async fn job(&self, id: Uuid) -> Result<Option<Job>, PortError> {
        let read = self.read(async |connection| letters::job(connection, id).await);
        read.await.doing("looking a job up")
    }

    async fn audit(&self, after: i64, limit: u32) -> Result<Vec<AuditEntry>, PortError> {
        let read = self.read(async |connection| audit::read(connection, after, limit).await);
        read.await.doing("reading the audit")
    }

    async fn workers(&self, lease_time: Duration) -> Result<Vec<WorkerEntry>, PortError> {
        let now = self.clock.now();
        let read = self.read(async |connection| registry::workers(connection, now, lease_time).await);
        read.await.doing("listing workers")
    }

    async fn purge(&self, retention: Duration, limit: u32) -> Result<u64, PortError> {
        let now = self.clock.now();
        let found = self.read(async |connection| purge::old(connection, now, retention, limit).await);
        let keys = found.await.doing("looking for what retention has outlived")?;
        let purged = self.operate(Purge { keys, retention });
        purged.await.doing("removing what retention has outlived")
    }
}

#[async_trait]
impl Backend for Sqlite {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            name: "SQLite",
            shared: false,
        }
    }

    async fn inspect(&self, deadline: Duration) -> Result<Inspection, PortError> {
        let began = Instant::now();
        let asked = self.ask(|reply| Command::other(AskSettings, reply), deadline);
        let settings = asked.await.doing("inspecting the ledger's file")?;
        let round_trip = began.elapsed();
        let findings = settings.findings(self.asked);
        self.below_level.store(!findings.is_empty(), Ordering::Release);
        Ok(Inspection {
            version: format!("SQLite {}", settings.version),
            level: Some(settings.level()),
            findings,
            round_trip_us: u64::try_from(round_trip.as_micros()).unwrap_or(u64::MAX),
            facts: facts(&settings, &self.path).await,
        })
    }
}

async fn facts(settings: &Settings, path: &Path) -> Vec<(String, String)> {
    let mut log = PathBuf::from(path).into_os_string();
    log.push("-wal");
    // Without a log file nothing waits to be merged.
    let log_bytes = tokio::fs::metadata(log).await.map_or(0, |found| found.len());
    [
        ("file", path.display().to_string()),
        ("pages", settings.pages.to_string()),
        (
            "file_bytes",
            settings.pages.saturating_mul(settings.page_bytes).to_string(),
        ),
        ("wal_bytes", log_bytes.to_string()),
        ("journal_mode", settings.journal.clone()),
        ("synchronous", settings.synchronous.to_string()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

#[async_trait]
impl Pulse for Sqlite {
    async fn notify(&self) -> Result<(), PortError> {
        self.bell.ring();
        Ok(())
    }

    async fn noticed(&self) {
        self.bell.rung().await;
    }
}
