//! Finds a queued event by its key.

use eventflow_core::{EntryBody, EventKey, Queued};
use redis::Value;

use crate::entry::entry;
use crate::error::QueueError;
use crate::keys;
use crate::queue::Inner;
use crate::script::FIND;
use crate::value::tuple;

/// The event of that key. An entry that is there but cannot be read is an error, never "no such event".
pub(crate) async fn find(queue: &Inner, key: EventKey) -> Result<Option<Queued>, QueueError> {
    let partition = queue.partition_of(key);
    let mut call = FIND.call(2, 0, 128);
    call.arg(keys::stream(partition)).arg(keys::mark(partition, key));
    let found = match FIND.run(&queue.link, &call).await? {
        Value::Nil => return Ok(None),
        found => found,
    };
    let [id, list] = tuple(found)?;
    let entry = entry(partition, id, 0, list)?;
    match entry.body {
        EntryBody::Event(event) => Ok((event.key == key).then_some(Queued { event, id: entry.id })),
        EntryBody::Newer { version } => Err(QueueError::Unreadable(format!(
            "its version {version} is newer than this program"
        ))),
        EntryBody::Unreadable { why, .. } => Err(QueueError::Unreadable(why)),
    }
}
