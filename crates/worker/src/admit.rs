//! Brings what is in hand into the ledger, then has it settled. The one loop between queue and ledger.

use std::sync::Arc;

use eventflow_core::{
    Bug, Death, Entry, EntryBody, Event, EventKey, Fingerprint, Payload, Reason, Settlement, Timestamp, planted,
};
use tokio::sync::mpsc;

use crate::admission::{self, Verdict};
use crate::hand::weight;
use crate::settings::{ADMIT_EVENTS, ALONE_AFTER, BATCH_BYTES, UNREADABLE_AFTER};
use crate::shared::Shared;
use crate::status::{Loop, add};

/// Runs until the reader is gone and its hand is empty.
pub(crate) async fn run(
    shared: Arc<Shared>,
    mut hand: mpsc::Receiver<Vec<Entry>>,
    settle: mpsc::Sender<Vec<Settlement>>,
) {
    let mut next = None;
    loop {
        let first = match next.take() {
            Some(entries) => entries,
            None => match shared.alive(Loop::Admitter, hand.recv()).await {
                Some(entries) => entries,
                None => break,
            },
        };
        let (batch, behind) = gather(first, &mut hand);
        next = behind;
        if planted(Bug::SettleBeforeCommit) {
            settle_early(&shared, &batch).await;
        }
        let settlements = admit(&shared, &batch).await;
        shared.hand.gave_away(&batch);
        if settlements.is_empty() {
            continue;
        }
        if shared.alive(Loop::Admitter, settle.send(settlements)).await.is_err() {
            tracing::warn!("the settler has ended; what is admitted will be given again and found to be copies");
        }
    }
    shared.status.ended(Loop::Admitter);
}

/// What is in hand already, up to one statement's bounds.
fn gather(mut batch: Vec<Entry>, hand: &mut mpsc::Receiver<Vec<Entry>>) -> (Vec<Entry>, Option<Vec<Entry>>) {
    let mut bytes: usize = batch.iter().map(weight).sum();
    while let Ok(more) = hand.try_recv() {
        bytes += more.iter().map(weight).sum::<usize>();
        if batch.len() + more.len() > ADMIT_EVENTS || bytes > BATCH_BYTES {
            return (batch, Some(more));
        }
        batch.extend(more);
    }
    (batch, None)
}

/// A planted bug: the queue forgets entries that the ledger does not have yet.
async fn settle_early(shared: &Shared, batch: &[Entry]) {
    let settlements: Vec<_> = batch
        .iter()
        .filter_map(|entry| match &entry.body {
            EntryBody::Event(event) => settlement(entry, event.key, event.id_given, Verdict::Committed),
            EntryBody::Newer { .. } | EntryBody::Unreadable { .. } => None,
        })
        .collect();
    if let Some(queue) = &shared.queue {
        drop(queue.settle(&settlements).await);
    }
}

/// Admits entries and says which of them to settle.
async fn admit(shared: &Arc<Shared>, batch: &[Entry]) -> Vec<Settlement> {
    let mut events = Vec::with_capacity(batch.len());
    let mut members = Vec::with_capacity(batch.len());
    let mut settlements = Vec::with_capacity(batch.len());
    for entry in batch {
        match &entry.body {
            EntryBody::Newer { version } => {
                add(&shared.status.counters().newer, 1);
                tracing::warn!(
                    version,
                    entry = entry.id.id,
                    "an entry waits for a worker of a newer version"
                );
            }
            EntryBody::Event(event) if entry.deliveries <= ALONE_AFTER => {
                events.push(Arc::clone(event));
                members.push(entry);
            }
            EntryBody::Event(event) if entry.deliveries <= UNREADABLE_AFTER => {
                let verdicts = admission::admit(shared, &[Arc::clone(event)]).await;
                settlements.extend(settlement(entry, event.key, event.id_given, verdicts[0]));
            }
            EntryBody::Event(event) => {
                let why = format!("it was delivered {} times and never admitted", entry.deliveries);
                let dead = unreadable(entry, Some(event.key), event.data.bytes(), event.received_at);
                let verdict = admission::bury(shared, dead, Death::new(Reason::Unreadable, why)).await;
                settlements.extend(settlement(entry, event.key, event.id_given, verdict));
            }
            EntryBody::Unreadable { key, bytes, why } => {
                tracing::error!(
                    entry = entry.id.id,
                    why,
                    "an entry cannot be read; its bytes become a dead letter"
                );
                let dead = unreadable(entry, *key, bytes, Timestamp::default());
                let at = dead.key;
                let verdict = admission::bury(shared, dead, Death::new(Reason::Unreadable, why.clone())).await;
                settlements.extend(settlement(entry, at, false, verdict));
            }
        }
    }
    let verdicts = admission::admit(shared, &events).await;
    for ((entry, event), verdict) in members.into_iter().zip(&events).zip(verdicts) {
        settlements.extend(settlement(entry, event.key, event.id_given, verdict));
    }
    settlements
}

fn settlement(entry: &Entry, key: EventKey, id_given: bool, verdict: Verdict) -> Option<Settlement> {
    (verdict == Verdict::Committed).then(|| Settlement {
        id: entry.id.clone(),
        key: Some(key),
        keep_mark: id_given,
    })
}

/// The bytes of an entry as an event that can be kept.
fn unreadable(entry: &Entry, key: Option<EventKey>, bytes: &[u8], received_at: Timestamp) -> Event {
    const TYPE: &str = "eventflow.unreadable";
    Event {
        key: key.unwrap_or_else(|| EventKey::of_entry(bytes)),
        source: "/".into(),
        id: entry.id.id.clone(),
        id_given: false,
        event_type: TYPE.into(),
        subject: None,
        time: received_at,
        received_at,
        correlation_id: entry.id.id.clone(),
        traceparent: None,
        extensions: None,
        fingerprint: Fingerprint::of(TYPE, bytes),
        data: Payload::Binary(bytes.to_vec().into()),
    }
}
