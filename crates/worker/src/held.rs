//! What this worker holds: the leases it runs under, and the tokens whose answer is still to come.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use eventflow_core::{EventKey, LeaseToken};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Every lease from the moment it is asked for to the moment its outcome is recorded.
#[derive(Default)]
pub(crate) struct Held(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    runs: HashMap<EventKey, Run>,
    awaited: HashSet<LeaseToken>,
}

struct Run {
    token: LeaseToken,
    lost: CancellationToken,
    since: Instant,
}

impl Held {
    /// A token for a statement that is about to leave. What bears it is not handed back while it is awaited.
    pub(crate) fn expect(&self) -> LeaseToken {
        let token = LeaseToken::new();
        self.lock().awaited.insert(token);
        token
    }

    /// The answer is in: these rows are run, and the token is awaited no more. Gives each row its sign of a lost lease.
    pub(crate) fn take(&self, token: LeaseToken, keys: impl IntoIterator<Item = EventKey>) -> Vec<CancellationToken> {
        let mut inner = self.lock();
        inner.awaited.remove(&token);
        keys.into_iter()
            .map(|key| {
                let lost = CancellationToken::new();
                let run = Run {
                    token,
                    lost: lost.clone(),
                    since: Instant::now(),
                };
                inner.runs.insert(key, run);
                lost
            })
            .collect()
    }

    /// No answer came, or nothing bears the token: what it may have leased after all is handed back by the next renewal.
    pub(crate) fn give_up(&self, token: LeaseToken) {
        self.lock().awaited.remove(&token);
    }

    /// The outcome is recorded, or another's.
    pub(crate) fn release(&self, key: EventKey, token: LeaseToken) {
        let mut inner = self.lock();
        if inner.runs.get(&key).is_some_and(|run| run.token == token) {
            inner.runs.remove(&key);
        }
    }

    /// The ledger says that these leases are another's: their runs end.
    pub(crate) fn lose(&self, keys: &[EventKey], as_of: &HashMap<EventKey, LeaseToken>) {
        let mut inner = self.lock();
        for key in keys {
            let is_that_lease = inner
                .runs
                .get(key)
                .is_some_and(|run| as_of.get(key) == Some(&run.token));
            if is_that_lease && let Some(run) = inner.runs.remove(key) {
                run.lost.cancel();
            }
        }
    }

    /// What a renewal has to name.
    pub(crate) fn snapshot(&self) -> (HashMap<EventKey, LeaseToken>, Vec<LeaseToken>) {
        let inner = self.lock();
        let runs = inner.runs.iter().map(|(key, run)| (*key, run.token)).collect();
        (runs, inner.awaited.iter().copied().collect())
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().runs.len()
    }

    /// For how long the oldest of them has been held.
    pub(crate) fn longest_run_ms(&self) -> u64 {
        let oldest = self.lock().runs.values().map(|run| run.since).min();
        oldest.map_or(0, |since| {
            u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
        })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
