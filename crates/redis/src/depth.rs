//! How full the queue is. Exact, since settling deletes.

use eventflow_core::{PartitionDepth, Timestamp};
use futures_util::future::try_join_all;

use crate::error::QueueError;
use crate::keys;
use crate::queue::Inner;
use crate::script::DEPTH;
use crate::value::{count, text, tuple};

/// The depth of every partition, all asked at once over one connection.
pub(crate) async fn depth(queue: &Inner) -> Result<Vec<PartitionDepth>, QueueError> {
    let all = try_join_all(queue.partitions().map(|partition| of_partition(queue, partition))).await?;
    Ok(all.into_iter().map(|(depth, _)| depth).collect())
}

/// How many entries there are in all; none where a group is gone, and perhaps all else with it.
pub(crate) async fn entries(queue: &Inner) -> Result<Option<u64>, QueueError> {
    let all = try_join_all(queue.partitions().map(|partition| of_partition(queue, partition))).await?;
    let is_whole = all.iter().all(|(_, is_there)| *is_there);
    Ok(is_whole.then(|| all.iter().map(|(depth, _)| depth.entries).sum()))
}

/// The depth of a partition, and whether its group is there.
async fn of_partition(queue: &Inner, partition: u16) -> Result<(PartitionDepth, bool), QueueError> {
    let mut call = DEPTH.call(1, 1, 64);
    call.arg(keys::stream(partition)).arg(keys::GROUP);
    let [entries, pending, first, is_there] = tuple(DEPTH.run(&queue.link, &call).await?)?;
    let depth = PartitionDepth {
        partition,
        entries: count(&entries)?,
        pending: count(&pending)?,
        oldest: appended_at(&text(first)?),
    };
    Ok((depth, count(&is_there)? == 1))
}

/// An entry's id begins with the millisecond in which it was appended.
fn appended_at(id: &str) -> Option<Timestamp> {
    let millis: i64 = id.split('-').next()?.parse().ok()?;
    Some(Timestamp::from_micros(millis.checked_mul(1_000)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_says_when_it_was_appended() {
        assert_eq!(
            appended_at("1700000000001-7"),
            Some(Timestamp::from_micros(1_700_000_000_001_000))
        );
        assert_eq!(appended_at(""), None);
        assert_eq!(appended_at("18446744073709551615-0"), None);
    }
}
