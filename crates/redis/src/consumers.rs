//! Removes consumers of processes that are gone. Never one that holds an entry: its entries would be held by nobody.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::try_join_all;
use tokio::time::Instant;

use crate::error::QueueError;
use crate::keys;
use crate::queue::Inner;
use crate::script::CONSUMERS;
use crate::value::count;

/// How often to look.
const EVERY: Duration = Duration::from_mins(10);
/// How long a consumer that holds nothing is left alone.
const GONE: Duration = Duration::from_hours(1);

/// When the next look is due.
#[derive(Default)]
pub(crate) struct Due(Mutex<Option<Instant>>);

impl Due {
    /// Whether it is time; if so, not again for a while.
    fn take(&self, now: Instant) -> bool {
        let mut due = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = due.is_none_or(|due| due <= now);
        if is_due {
            *due = Some(now + EVERY);
        }
        is_due
    }
}

/// Looks through all partitions when it is time. A living reader that is removed comes back with its next read.
pub(crate) async fn turn(queue: &Inner) -> Result<(), QueueError> {
    if !queue.consumers_due.take(Instant::now()) {
        return Ok(());
    }
    let removed = try_join_all(queue.partitions().map(|partition| of_partition(queue, partition))).await?;
    let removed: u64 = removed.iter().sum();
    if removed > 0 {
        tracing::debug!(removed, "consumers of processes that are gone were removed");
    }
    Ok(())
}

async fn of_partition(queue: &Inner, partition: u16) -> Result<u64, QueueError> {
    let mut call = CONSUMERS.call(1, 2, 64);
    call.arg(keys::stream(partition)).arg(keys::GROUP);
    call.arg(u64::try_from(GONE.as_millis()).unwrap_or(u64::MAX));
    count(&CONSUMERS.run(&queue.link, &call).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_time_at_once_and_then_rarely() {
        let (due, now) = (Due::default(), Instant::now());
        assert!(due.take(now));
        assert!(!due.take(now + EVERY / 2));
        assert!(due.take(now + EVERY));
    }
}
