//! How an event enters the ledger: whoever admits its key first decides.

use std::sync::Arc;
use std::time::Duration;

use crate::event::Event;
use crate::lease::{LeaseToken, WorkerId};
use crate::outcome::Death;
use crate::pattern::Pattern;
use crate::registry::RegistryVersion;

/// A batch to admit in one statement.
#[derive(Clone, Debug)]
pub struct Admission {
    /// The handler list by which the fates were chosen; an older one than the ledger's is refused.
    pub registry: RegistryVersion,
    /// One row a key, sorted by key: see [`reduce`].
    pub rows: Vec<AdmitRow>,
    /// The lease that rows bear whose fate is [`Fate::Start`].
    pub lease: Option<LeaseGrant>,
}

/// The lease that an admission gives to its own worker.
#[derive(Clone, Copy, Debug)]
pub struct LeaseGrant {
    /// Who will run the rows.
    pub worker: WorkerId,
    /// Made before the statement leaves.
    pub token: LeaseToken,
    /// How long it lasts.
    pub lease_time: Duration,
}

/// One event to admit.
#[derive(Clone, Debug)]
pub struct AdmitRow {
    /// The event.
    pub event: Arc<Event>,
    /// What becomes of it if its key is new.
    pub fate: Fate,
    /// Further deliveries of it in the same batch.
    pub copies: u32,
}

/// What becomes of a new row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Its type has no handler: stored, and that is all.
    Done,
    /// It waits for this handler.
    Due(Pattern),
    /// It runs at once under the admission's lease, or is due where its handler or all running is paused.
    Start(Pattern),
    /// It is a dead letter from the first.
    Dead(Death),
}

/// What an admission said of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admitted {
    /// The key is new.
    New {
        /// Whether it bears the admission's lease.
        started: bool,
    },
    /// The ledger has it already. Never run, only counted.
    Copy,
    /// The ledger has another payload under this key. Nothing was written.
    Reused,
}

/// The ledger's answer to an admission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdmitReply {
    /// Committed; aligned with the rows.
    Decided(Vec<Admitted>),
    /// Nothing was written: read the handler list again, then choose the fates anew.
    StaleRegistry,
}

/// Deliveries brought into the form an admission needs.
#[derive(Clone, Debug, Default)]
pub struct Reduced {
    /// One event a key, sorted by key, with how many more deliveries of the same it stands for.
    pub rows: Vec<(Arc<Event>, u32)>,
    /// For each delivery given: the row that stands for it, or none where it bears another payload than that row.
    pub row_of: Vec<Option<usize>>,
}

/// Reduces deliveries to one row a key. The earlier delivery leads; a later one with another fingerprint has no row.
pub fn reduce(deliveries: &[Arc<Event>]) -> Reduced {
    // Stable, so that of one key the earlier delivery comes first.
    let mut order: Vec<usize> = (0..deliveries.len()).collect();
    order.sort_by_key(|i| deliveries[*i].key);
    let mut rows: Vec<(Arc<Event>, u32)> = Vec::with_capacity(deliveries.len());
    let mut row_of = vec![None; deliveries.len()];
    for i in order {
        let event = &deliveries[i];
        match rows.last_mut() {
            Some((leader, copies)) if leader.key == event.key => {
                if leader.fingerprint != event.fingerprint {
                    continue;
                }
                *copies += 1;
            }
            _ => rows.push((Arc::clone(event), 0)),
        }
        row_of[i] = Some(rows.len() - 1);
    }
    Reduced { rows, row_of }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::event;

    #[test]
    fn the_earlier_delivery_leads_and_the_rows_are_sorted() {
        let deliveries: Vec<_> = [("b", "1"), ("a", "1"), ("b", "1"), ("b", "2"), ("a", "1"), ("a", "1")]
            .into_iter()
            .map(|(id, data)| Arc::new(event("t", id, data)))
            .collect();
        let reduced = reduce(&deliveries);
        assert_eq!(reduced.rows.len(), 2);
        assert!(reduced.rows[0].0.key < reduced.rows[1].0.key);
        for (i, delivery) in deliveries.iter().enumerate() {
            match reduced.row_of[i] {
                Some(row) => {
                    assert_eq!(reduced.rows[row].0.key, delivery.key);
                    assert_eq!(reduced.rows[row].0.fingerprint, delivery.fingerprint);
                }
                None => assert_eq!(i, 3),
            }
        }
        let copies: u32 = reduced.rows.iter().map(|(_, copies)| copies).sum();
        assert_eq!(copies, 3);
    }
}
