//! The port to where an event lives. All that can happen to it is one statement on its row.
//!
//! Every write is safe to repeat: a committed statement can lose its reply. Times are the store's own.
//! The laws that an implementation keeps are tests: `eventflow-testkit`, `laws`.

use std::time::Duration;

use async_trait::async_trait;

use crate::admission::{Admission, AdmitReply};
use crate::error::PortError;
use crate::lease::{LeaseReply, LeaseRequest, Leased, Renewal, Renewed, WorkerId};
use crate::outcome::{Finished, Recorded};
use crate::registry::{PauseOrder, Registered, Registration, Registry, RetireOrder, Retired};

/// What workers and the API write. Reading and operators' work is [`Archive`](crate::Archive).
#[async_trait]
pub trait Ledger: Send + Sync + 'static {
    /// Admits a batch: one statement, all or nothing. A row of which the statement saw neither insert nor row
    /// is asked for again before it is called anything.
    ///
    /// # Errors
    /// [`Fault::Event`](crate::Fault::Event) where a row cannot be stored: nothing was written, bisect.
    async fn admit(&self, admission: Admission) -> Result<AdmitReply, PortError>;

    /// Leases what is due, oldest first, for handlers that are not paused. Suspects are left alone. A lapsed lease is
    /// taken only where the store itself sees that the asking worker's renewals stand there without a gap for one
    /// lease time; that adds a crash, and at [`FATAL_CRASHES`](crate::FATAL_CRASHES) the row dies instead.
    async fn lease(&self, request: LeaseRequest) -> Result<LeaseReply, PortError>;

    /// Leases the one suspect that is due longest, for a worker that runs nothing else.
    async fn lease_suspect(&self, request: LeaseRequest) -> Result<Option<Leased>, PortError>;

    /// Renews: the worker lives, what it runs is extended, what bears its name otherwise is handed back.
    /// A gap between two renewals of more than a third of the lease time begins the worker's standing anew.
    async fn renew(&self, renewal: Renewal) -> Result<Renewed, PortError>;

    /// Records outcomes, each only if the row still bears its lease. Aligned with what was given.
    async fn record(&self, finished: Vec<Finished>) -> Result<Vec<Recorded>, PortError>;

    /// Writes a worker and its patterns into the list, before it is ready. New patterns move the version on.
    async fn register(&self, registration: Registration) -> Result<Registered, PortError>;

    /// Takes a worker off the list. What still bears its name is due again, nothing counted.
    async fn leave(&self, worker: WorkerId) -> Result<(), PortError>;

    /// The handler list as it stands. A worker is living while its last renewal is younger than `lease_time`.
    async fn registry(&self, lease_time: Duration) -> Result<Registry, PortError>;

    /// Pauses or resumes one handler, or all. False where there is no such handler. Audited.
    async fn pause(&self, order: PauseOrder) -> Result<bool, PortError>;

    /// Takes a handler that nobody carries off the list. Audited.
    async fn retire(&self, order: RetireOrder) -> Result<Retired, PortError>;

    /// Matches up to `limit` waiting rows anew whose handler is off the list; what matches nothing is dead with reason
    /// `no-handler`. Lapsed rows count a crash, and are matched only for a `worker` that might take them over. Returns how many it moved.
    async fn rematch(&self, worker: Option<WorkerId>, lease_time: Duration, limit: u32) -> Result<u64, PortError>;

    /// Counts unfinished rows by handler into the list, unless somebody did within `every`. True where it counted.
    async fn count(&self, every: Duration) -> Result<bool, PortError>;
}
