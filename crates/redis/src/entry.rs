//! Entries as Redis lists them.

use bytes::Bytes;
use eventflow_core::{Entry, EntryId};
use redis::Value;

use crate::decode::{Fields, body};
use crate::error::QueueError;
use crate::value::{array, bytes, text};

/// An entry of this partition, with its id and its list of fields.
pub(crate) fn entry(partition: u16, id: Value, deliveries: u32, list: Value) -> Result<Entry, QueueError> {
    Ok(Entry {
        id: EntryId {
            partition,
            id: text(id)?,
        },
        deliveries,
        body: body(&fields(list)?),
    })
}

fn fields(list: Value) -> Result<Fields, QueueError> {
    let mut parts = array(list)?.into_iter();
    let mut fields = Fields::with_capacity(parts.len() / 2);
    while let Some(name) = parts.next() {
        let value = parts.next().ok_or(QueueError::Reply("a field has no value"))?;
        fields.push((bytes(name)?, Bytes::from(bytes(value)?)));
    }
    Ok(fields)
}
