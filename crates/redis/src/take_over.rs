//! Takes over what was given to somebody who did not settle it in time.

use std::time::Duration;

use eventflow_core::Claimed;
use redis::aio::MultiplexedConnection;

use crate::entry::entry;
use crate::error::QueueError;
use crate::keys;
use crate::script::TAKE_OVER;
use crate::value::{array, count, text, tuple};

const BEGINNING: &str = "0-0";

/// Where the next look begins. Goes through every partition to its end, whatever the calls' limits.
pub(crate) struct Cursor {
    partition: u16,
    from: String,
}

impl Default for Cursor {
    fn default() -> Self {
        Self {
            partition: 0,
            from: BEGINNING.to_owned(),
        }
    }
}

/// Whom to take over, from whom, and how much.
pub(crate) struct Wanted<'a> {
    pub(crate) consumer: &'a str,
    pub(crate) partitions: u16,
    pub(crate) idle: Duration,
    pub(crate) max: usize,
}

/// Goes on from the cursor until there is enough or the last partition's end is reached; then the cursor begins anew.
/// What was taken before an error stays in `claimed`.
pub(crate) async fn take_over(
    wire: &mut MultiplexedConnection,
    cursor: &mut Cursor,
    wanted: &Wanted<'_>,
    claimed: &mut Claimed,
) -> Result<(), QueueError> {
    while cursor.partition < wanted.partitions {
        let left = wanted.max.saturating_sub(claimed.entries.len());
        if left == 0 {
            return Ok(());
        }
        let next = step(wire, cursor, wanted, left, claimed).await?;
        if next == BEGINNING {
            cursor.partition += 1;
        }
        cursor.from = next;
    }
    *cursor = Cursor::default();
    Ok(())
}

async fn step(
    wire: &mut MultiplexedConnection,
    cursor: &Cursor,
    wanted: &Wanted<'_>,
    left: usize,
    claimed: &mut Claimed,
) -> Result<String, QueueError> {
    let mut call = TAKE_OVER.call(1, 5, 192);
    call.arg(keys::stream(cursor.partition)).arg(keys::GROUP);
    call.arg(wanted.consumer)
        .arg(u64::try_from(wanted.idle.as_millis()).unwrap_or(u64::MAX));
    call.arg(&cursor.from).arg(left);
    let [next, taken, deleted] = tuple(TAKE_OVER.run_on(wire, &call).await?)?;
    claimed.destroyed += count(&deleted)?;
    for item in array(taken)? {
        let [id, deliveries, list] = tuple(item)?;
        let deliveries = u32::try_from(count(&deliveries)?).unwrap_or(u32::MAX);
        claimed.entries.push(entry(cursor.partition, id, deliveries, list)?);
    }
    text(next)
}
