//! Makes what is missing: the number of partitions is written down, each stream has its consumer group.

use eventflow_core::{Bug, planted};
use futures_util::future::join_all;
use redis::Value;

use crate::error::QueueError;
use crate::keys;
use crate::queue::Inner;
use crate::value::text;

/// Makes what is missing; true where a group had to be made. Needs memory only for what is missing.
pub(crate) async fn ensure(queue: &Inner) -> Result<bool, QueueError> {
    check_partitions(queue).await?;
    let mut has_made = false;
    for made in join_all(queue.partitions().map(|partition| ensure_group(queue, partition))).await {
        has_made |= made?;
    }
    if has_made {
        queue.want_sweep();
    }
    Ok(has_made)
}

async fn check_partitions(queue: &Inner) -> Result<(), QueueError> {
    let wanted = queue.options.partitions.get();
    let mut ask = redis::cmd("GET");
    ask.arg(keys::PARTITIONS);
    let found = match queue.link.send(&ask).await? {
        Value::Nil => {
            let mut write = redis::cmd("SET");
            write.arg(keys::PARTITIONS).arg(wanted).arg("NX");
            queue.link.send(&write).await?;
            queue.link.send(&ask).await?
        }
        found => found,
    };
    let found = text(found)?;
    if found == wanted.to_string() {
        Ok(())
    } else {
        Err(QueueError::Partitions { found, wanted })
    }
}

/// A group is made at the beginning of its stream: what stands there already is read. A full Redis refuses to make one
/// even where it exists, so that is asked first.
async fn ensure_group(queue: &Inner, partition: u16) -> Result<bool, QueueError> {
    let stream = keys::stream(partition);
    let mut ask = redis::cmd("XPENDING");
    ask.arg(&stream).arg(keys::GROUP);
    match queue.link.send(&ask).await {
        Ok(_) => return Ok(false),
        Err(error) if error.is_no_group() => {}
        Err(error) => return Err(error),
    }
    let mut make = redis::cmd("XGROUP");
    let from = if planted(Bug::GroupAtEnd) { "$" } else { "0" };
    make.arg("CREATE")
        .arg(&stream)
        .arg(keys::GROUP)
        .arg(from)
        .arg("MKSTREAM");
    match queue.link.send(&make).await {
        Ok(_) => Ok(true),
        Err(error) if error.is_busy_group() => Ok(false),
        Err(error) => Err(error),
    }
}
