//! Reads the store through the API: the list of a run's events, and single ones.

use std::pin::Pin;
use std::time::Duration;

use eventflow_core::{AttemptResult, EventKey};
use eventflow_wire::{Client, ClientError, EventLine, EventQuery, EventView};
use futures_util::{Stream, StreamExt as _, stream};

use super::Row;

/// What is asked of each event.
const FIELDS: &str = "key,source,id,state,received_at,admitted_at,ended_at,runs";
/// A list that breaks off is gone on with so many times in a row.
const RESUMES: u32 = 5;
/// After a wait of this.
const PAUSE: Duration = Duration::from_millis(500);

/// Why the store could not be read.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The API did not answer, or not with a list.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The API does not tell what was asked for.
    #[error("the API does not tell `{member}` of event {key}: it is too old for this")]
    Silent {
        /// The event.
        key: EventKey,
        /// What is missing.
        member: &'static str,
    },
}

/// Every event of `source` in the ledger, in key order. A list that breaks off is gone on with behind its last key.
pub fn rows(client: &Client, source: &str) -> impl Stream<Item = Result<Row, StoreError>> + Send + use<> {
    let list = List {
        client: client.clone(),
        source: source.to_owned(),
        lines: None,
        last: None,
        broken: 0,
    };
    stream::unfold(Some(list), |list| async move {
        let mut list = list?;
        match list.next().await {
            Ok(Some(row)) => Some((Ok(row), Some(list))),
            Ok(None) => None,
            Err(error) => Some((Err(error), None)),
        }
    })
}

/// One event, wherever it is, the queue among it; none where no place knows it.
///
/// # Errors
/// Also where the queue or the ledger cannot be asked, and the other does not know it.
pub async fn find(client: &Client, key: EventKey) -> Result<Option<Row>, StoreError> {
    Ok(client.event(key).await?.map(Row::from))
}

type Lines = Pin<Box<dyn Stream<Item = Result<EventLine, ClientError>> + Send>>;

struct List {
    client: Client,
    source: String,
    lines: Option<Lines>,
    last: Option<EventKey>,
    broken: u32,
}

impl List {
    async fn next(&mut self) -> Result<Option<Row>, StoreError> {
        loop {
            let mut lines = match self.lines.take() {
                Some(lines) => lines,
                None => Box::pin(self.client.stream_events(&self.query())),
            };
            match lines.next().await {
                Some(Ok(line)) => {
                    self.lines = Some(lines);
                    self.last = Some(line.key);
                    self.broken = 0;
                    return Row::try_from(line).map(Some);
                }
                None => return Ok(None),
                Some(Err(error)) if error.is_transient() && self.broken < RESUMES => {
                    self.broken += 1;
                    tracing::warn!(%error, tries = self.broken, "the list broke off and is gone on with");
                    tokio::time::sleep(PAUSE).await;
                }
                Some(Err(error)) => return Err(error.into()),
            }
        }
    }

    fn query(&self) -> EventQuery {
        EventQuery {
            source: Some(self.source.clone()),
            cursor: self.last.map(|key| key.to_string()),
            fields: Some(FIELDS.to_owned()),
            ..EventQuery::default()
        }
    }
}

impl TryFrom<EventLine> for Row {
    type Error = StoreError;

    fn try_from(line: EventLine) -> Result<Self, StoreError> {
        let key = line.key;
        let silent = |member| StoreError::Silent { key, member };
        Ok(Self {
            key,
            source: line.source.ok_or_else(|| silent("source"))?,
            id: line.id.ok_or_else(|| silent("id"))?,
            state: line.state.ok_or_else(|| silent("state"))?,
            received_at: line.received_at.ok_or_else(|| silent("received_at"))?,
            admitted_at: Some(line.admitted_at.ok_or_else(|| silent("admitted_at"))?),
            ended_at: line.ended_at,
            runs_done: line.runs.ok_or_else(|| silent("runs"))?,
        })
    }
}

impl From<EventView> for Row {
    fn from(view: EventView) -> Self {
        let done = view
            .attempts
            .iter()
            .filter(|attempt| attempt.result == AttemptResult::Done)
            .count();
        let ended_at = view.attempts.iter().map(|attempt| attempt.ended_at).max();
        Self {
            key: view.key,
            source: view.source,
            id: view.id,
            state: view.state,
            received_at: view.received_at,
            admitted_at: view.admitted_at,
            ended_at,
            runs_done: u32::try_from(done).unwrap_or(u32::MAX),
        }
    }
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
