//! Settles: acknowledges and deletes what the ledger has committed, and gives the marks an end. Works on a full Redis.

use std::collections::BTreeMap;

use eventflow_core::Settlement;
use futures_util::future::join_all;

use crate::error::QueueError;
use crate::keys;
use crate::queue::Inner;
use crate::script::SETTLE;
use crate::value::count;

/// Entries of one call, at most.
const MOST: usize = 1_000;
/// Bytes of one settlement in a call, roughly.
const SIZE: usize = 128;

/// Settles entries; returns how many were deleted. An error leaves it open which: settling again is safe.
pub(crate) async fn settle(queue: &Inner, settlements: &[Settlement]) -> Result<u64, QueueError> {
    let mut by_partition: BTreeMap<u16, Vec<&Settlement>> = BTreeMap::new();
    for settlement in settlements {
        let partition = settlement.id.partition;
        if partition >= queue.options.partitions.get() {
            return Err(QueueError::NoSuchPartition(partition));
        }
        by_partition.entry(partition).or_default().push(settlement);
    }
    let calls = by_partition
        .iter()
        .flat_map(|(partition, all)| all.chunks(MOST).map(|some| settle_some(queue, *partition, some)));
    let mut deleted = 0;
    for outcome in join_all(calls).await {
        deleted += outcome?;
    }
    Ok(deleted)
}

async fn settle_some(queue: &Inner, partition: u16, settlements: &[&Settlement]) -> Result<u64, QueueError> {
    let n = settlements.len();
    let stream = keys::stream(partition);
    let mut call = SETTLE.call(1 + n, 2 + 2 * n, SIZE * n);
    call.arg(&stream);
    for settlement in settlements {
        match settlement.key {
            Some(key) => call.arg(keys::mark(partition, key)),
            None => call.arg(&stream),
        };
    }
    let window = u64::try_from(queue.window.get().as_millis()).unwrap_or(u64::MAX);
    call.arg(keys::GROUP).arg(window);
    for settlement in settlements {
        let mark = match (settlement.key, settlement.keep_mark) {
            (None, _) => "none",
            (Some(_), true) => "keep",
            (Some(_), false) => "drop",
        };
        call.arg(&settlement.id.id).arg(mark);
    }
    count(&SETTLE.run(&queue.link, &call).await?)
}
