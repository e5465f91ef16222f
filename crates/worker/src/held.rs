//! What this worker holds: the leases it runs under, and the tokens whose answer is still to come.

use std::collections::{HashMap, HashSet, VecDeque};
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
    /// Made before the last renewal left, which names them as awaited: a statement that leaves after it may commit before it,
    /// and what that leased would be handed back.
    ready: VecDeque<LeaseToken>,
}

/// Statements that may leave while one renewal is under way.
const READY: usize = 64;

struct Run {
    token: LeaseToken,
    lost: CancellationToken,
    since: Instant,
}

impl Held {
    /// A token for a statement that is about to leave. What bears it is not handed back while it is awaited.
    pub(crate) fn expect(&self) -> LeaseToken {
        let mut inner = self.lock();
        let token = inner.ready.pop_front().unwrap_or_default();
        inner.awaited.insert(token);
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
                if let Some(before) = inner.runs.insert(key, run) {
                    // Leased anew under another token: the earlier lease had been lost, and nobody has said so yet.
                    before.lost.cancel();
                }
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

    /// What a renewal has to name: what runs, and the tokens of statements that are under way or may leave after it.
    pub(crate) fn snapshot(&self) -> (HashMap<EventKey, LeaseToken>, Vec<LeaseToken>) {
        let mut inner = self.lock();
        inner.ready.resize_with(READY, LeaseToken::new);
        let runs = inner.runs.iter().map(|(key, run)| (*key, run.token)).collect();
        (runs, inner.awaited.iter().chain(&inner.ready).copied().collect())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_that_leaves_after_a_renewal_bears_a_token_that_it_names() {
        let held = Held::default();
        let (_, awaited) = held.snapshot();
        let tokens: Vec<_> = (0..READY).map(|_| held.expect()).collect();
        assert!(tokens.iter().all(|token| awaited.contains(token)));
        let (given_up, key) = (held.expect(), EventKey::of("/", "1"));
        held.give_up(given_up);
        held.take(tokens[0], [key]);
        let (runs, awaited) = held.snapshot();
        assert_eq!(runs.get(&key), Some(&tokens[0]));
        assert!(!awaited.contains(&tokens[0]) && !awaited.contains(&given_up));
        assert!(awaited.contains(&tokens[1]));
    }

    #[test]
    fn a_lease_that_is_taken_anew_ends_the_run_of_the_one_before() {
        let held = Held::default();
        let (first, second, key) = (held.expect(), held.expect(), EventKey::of("/", "1"));
        let lost = held.take(first, [key]).remove(0);
        let anew = held.take(second, [key]).remove(0);
        assert!(lost.is_cancelled() && !anew.is_cancelled());
        held.release(key, first);
        assert_eq!(held.len(), 1);
    }
}
