//! The ledger behind a breaker that all loops share: one failure pauses them all, the next renewal that succeeds resumes them.
//!
//! The renewal is the probe, because whoever lost the store has to extend its leases before it does anything else.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use eventflow_core::{Ledger, PortError};
use tokio::sync::watch;
use tokio::time::Instant;

/// The shared way to the ledger.
pub(crate) struct Store {
    ledger: Arc<dyn Ledger>,
    up: watch::Sender<bool>,
    outage: Mutex<Outage>,
}

/// What keeps a store that answers renewals and refuses everything else from being asked in a tight loop.
#[derive(Default)]
struct Outage {
    in_a_row: u32,
    not_before: Option<Instant>,
}

const PAUSE_BASE: Duration = Duration::from_millis(100);
const PAUSE_CAP: Duration = Duration::from_secs(2);

impl Store {
    pub(crate) fn new(ledger: Arc<dyn Ledger>) -> Self {
        Self {
            ledger,
            up: watch::Sender::new(true),
            outage: Mutex::default(),
        }
    }

    /// The ledger, once it can be reached. Report what it says with [`Store::report`].
    pub(crate) async fn ledger(&self) -> &dyn Ledger {
        let mut up = self.up.subscribe();
        // The sender lives as long as `self`, so the wait ends only by the store coming back.
        let _ = up.wait_for(|up| *up).await;
        self.ledger.as_ref()
    }

    /// The ledger, whether it can be reached or not: for the renewal, which finds out.
    pub(crate) fn probe(&self) -> &dyn Ledger {
        self.ledger.as_ref()
    }

    pub(crate) fn is_up(&self) -> bool {
        *self.up.borrow()
    }

    /// Ends when the store is down.
    pub(crate) async fn went_down(&self) {
        let mut up = self.up.subscribe();
        let _ = up.wait_for(|up| !*up).await;
    }

    /// Passes a result on, and pauses all loops where the infrastructure is at fault.
    pub(crate) fn report<T>(&self, result: Result<T, PortError>) -> Result<T, PortError> {
        match &result {
            Ok(_) => self.outage().in_a_row = 0,
            Err(error) if error.is_transient() => self.fail(error),
            Err(_) => {}
        }
        result
    }

    /// Reports a renewal: the one success that ends a pause.
    pub(crate) fn report_probe<T>(&self, result: Result<T, PortError>) -> Result<T, PortError> {
        match &result {
            Ok(_) => {
                let over = self.outage().not_before.is_none_or(|moment| Instant::now() >= moment);
                if over && !self.up.send_replace(true) {
                    tracing::info!("the ledger can be reached again");
                }
            }
            Err(error) => self.fail(error),
        }
        result
    }

    fn fail(&self, error: &PortError) {
        let mut outage = self.outage();
        let pause = PAUSE_BASE.saturating_mul(1 << outage.in_a_row.min(10)).min(PAUSE_CAP);
        outage.in_a_row = outage.in_a_row.saturating_add(1);
        outage.not_before = Some(Instant::now() + pause);
        drop(outage);
        if self.up.send_replace(false) {
            tracing::warn!(%error, "the ledger cannot be used; pausing, nothing is counted");
        }
    }

    fn outage(&self) -> std::sync::MutexGuard<'_, Outage> {
        self.outage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
