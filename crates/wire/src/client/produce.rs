//! Sending events.

use bytes::Bytes;
use uuid::Uuid;

use super::{Call, Client, ClientError, write};
use crate::events::{Accepted, BatchResult, NewEvent};

impl Client {
    /// Sends one event, and again until it is durable or the policy is spent. An id is set where there is none, so that
    /// repeats are safe.
    pub async fn send(&self, mut event: NewEvent) -> Result<Accepted, ClientError> {
        event.id.get_or_insert_with(new_id);
        self.json(Call {
            repeat: true,
            ..Call::post(&["events"], write(&event)?)
        })
        .await
    }

    /// Sends up to 1,000 events, and again until they are durable or the policy is spent. Ids are set where there are
    /// none, so that repeats are safe. With `atomic` none is taken where one is refused.
    pub async fn send_batch(&self, mut events: Vec<NewEvent>, atomic: bool) -> Result<BatchResult, ClientError> {
        for event in &mut events {
            event.id.get_or_insert_with(new_id);
        }
        self.send_array(write(&events)?, atomic, true).await
    }

    /// Sends the text of a JSON array of events as it is. `repeat` only where every event in it has an id.
    pub async fn send_array(&self, array: Bytes, atomic: bool, repeat: bool) -> Result<BatchResult, ClientError> {
        let mut call = Call {
            repeat,
            ..Call::post(&["events"], array)
        };
        if atomic {
            call.query.push(("atomic".into(), "true".into()));
        }
        self.json(call).await
    }
}

/// An id for an event that has none: a UUID v7, so that keys sort by time.
fn new_id() -> String {
    Uuid::now_v7().to_string()
}
