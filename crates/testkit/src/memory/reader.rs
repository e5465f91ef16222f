//! One worker's way to read the queue in memory.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use eventflow_core::{Claimed, Entry, PortError, QueueReader, Timestamp, WorkerId};

use super::partitions::{Group, Holding, Partition, entry_id};
use super::queue::Shared;

pub(super) struct MemoryReader {
    shared: Arc<Shared>,
    worker: WorkerId,
}

impl MemoryReader {
    pub(super) const fn new(shared: Arc<Shared>, worker: WorkerId) -> Self {
        Self { shared, worker }
    }

    fn claim_now(&self, max: usize) -> Claimed {
        let now = self.shared.now();
        let mut state = self.shared.state();
        let mut claimed = Claimed::default();
        for (partition, number) in state.partitions.iter_mut().zip(0..) {
            claimed.group_remade |= remake(partition);
            partition.give(&mut claimed, number, max, self.worker, now);
        }
        claimed
    }
}

/// A missing group is made at the beginning. True where it was missing.
fn remake(partition: &mut Partition) -> bool {
    let missing = partition.group.is_none();
    partition.group.get_or_insert_default();
    missing
}

impl Partition {
    fn give(&mut self, claimed: &mut Claimed, number: u16, max: usize, worker: WorkerId, now: Timestamp) {
        let Some(group) = &mut self.group else { return };
        let room = max.saturating_sub(claimed.entries.len());
        let unread = self.entries.range(group.last_given + 1..).take(room);
        for (id, row) in unread {
            claimed.entries.push(Entry {
                id: entry_id(number, *id),
                deliveries: 1,
                body: row.body.clone(),
            });
            let holding = Holding {
                worker,
                given_at: now,
                deliveries: 1,
            };
            group.pending.insert(*id, holding);
        }
        if let Some(last) = group.pending.keys().next_back() {
            group.last_given = group.last_given.max(*last);
        }
    }

    fn drop_destroyed(&mut self, idle_since: Timestamp) -> u64 {
        let entries = &self.entries;
        let Some(Group { pending, .. }) = &mut self.group else {
            return 0;
        };
        let before = pending.len();
        pending.retain(|id, holding| entries.contains_key(id) || holding.given_at > idle_since);
        (before - pending.len()) as u64
    }
}

#[async_trait]
impl QueueReader for MemoryReader {
    async fn claim(&mut self, max: usize, wait: Duration) -> Result<Claimed, PortError> {
        let shared = self.shared.clone();
        let appended = shared.appended.notified();
        let mut appended = std::pin::pin!(appended);
        appended.as_mut().enable();
        let claimed = self.claim_now(max);
        if !claimed.entries.is_empty() || claimed.group_remade || wait.is_zero() {
            return Ok(claimed);
        }
        // Running out of time is an answer, too: nothing came.
        let _ = tokio::time::timeout(wait, appended).await;
        Ok(self.claim_now(max))
    }

    async fn take_over(&mut self, idle: Duration, max: usize) -> Result<Claimed, PortError> {
        let now = self.shared.now();
        let mut state = self.shared.state();
        let mut claimed = Claimed::default();
        for (partition, number) in state.partitions.iter_mut().zip(0..) {
            claimed.group_remade |= remake(partition);
            claimed.destroyed += partition.drop_destroyed(now.minus(idle));
            let entries = &partition.entries;
            let Some(group) = &mut partition.group else { continue };
            let idle_ones = group.pending.iter_mut().filter(|(_, h)| now.since(h.given_at) >= idle);
            let room = max.saturating_sub(claimed.entries.len());
            for (id, holding) in idle_ones.take(room) {
                let Some(row) = entries.get(id) else { continue };
                *holding = Holding {
                    worker: self.worker,
                    given_at: now,
                    deliveries: holding.deliveries + 1,
                };
                claimed.entries.push(Entry {
                    id: entry_id(number, *id),
                    deliveries: holding.deliveries,
                    body: row.body.clone(),
                });
            }
        }
        Ok(claimed)
    }
}
