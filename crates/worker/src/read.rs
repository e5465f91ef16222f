//! Reads batches from the queue into the hand: only while the ledger can take them.

use std::sync::Arc;
use std::time::Duration;

use eventflow_core::{Bug, Claimed, Entry, PortError, QueueReader, planted};
use tokio::sync::mpsc;

use crate::settings::READ_MAX;
use crate::shared::Shared;
use crate::status::{Loop, add};
use crate::tick::TICK;

/// Runs until the worker drains. Takes over what the dead have left at every third of the claim idle time.
pub(crate) async fn run(shared: Arc<Shared>, mut reader: Box<dyn QueueReader>, hand: mpsc::Sender<Vec<Entry>>) {
    let every = shared.settings.claim_idle / 3;
    let mut take_over_at = tokio::time::Instant::now() + every;
    let mut failures = 0u32;
    // A read that came back full has left more behind. After any other the next one waits until the hand is empty: what comes
    // meanwhile is then one read and one statement, instead of many small ones that each cost a sync of Redis.
    let mut more_waits = true;
    loop {
        shared.status.progress(Loop::Reader);
        tokio::select! {
            () = shared.draining.cancelled() => break,
            () = may_read(&shared, more_waits) => {}
            () = tokio::time::sleep(TICK) => continue,
        }
        let read = if tokio::time::Instant::now() >= take_over_at && is_fresh(&shared) {
            let take_over = reader.take_over(shared.settings.claim_idle, READ_MAX);
            let read = shared.patiently(Loop::Reader, take_over).await;
            let goes_on = read.as_ref().is_ok_and(|claimed| !claimed.entries.is_empty());
            if !goes_on {
                take_over_at = tokio::time::Instant::now() + every;
            }
            read.inspect(|claimed| took_over(&shared, claimed))
        } else {
            shared.patiently(Loop::Reader, reader.claim(READ_MAX, TICK)).await
        };
        match accept(&shared, read) {
            Some(entries) if entries.is_empty() => failures = 0,
            Some(entries) => {
                failures = 0;
                more_waits = entries.len() >= READ_MAX;
                shared.hand.took(&entries);
                if hand.send(entries).await.is_err() {
                    break;
                }
            }
            None if planted(Bug::ReaderEndsSilently) => {
                // As a task whose handle was dropped.
                shared.status.ended(Loop::Reader);
                return std::future::pending().await;
            }
            None => {
                failures = failures.saturating_add(1);
                pause(&shared, failures).await;
            }
        }
    }
    shared.status.ended(Loop::Reader);
}

async fn may_read(shared: &Shared, more_waits: bool) {
    if more_waits {
        shared.hand.has_room().await;
    } else {
        shared.hand.is_empty().await;
    }
    shared.list.unpaused().await;
    shared.store.ledger().await;
}

/// Whether all in hand came so lately that none of it can be idle. Otherwise the worker would take over from itself what it
/// cannot admit, and count deliveries until nobody believes the entry.
fn is_fresh(shared: &Shared) -> bool {
    shared.hand.age() < shared.settings.claim_idle / 2
}

fn took_over(shared: &Shared, claimed: &Claimed) {
    if !claimed.entries.is_empty() {
        add(&shared.status.counters().taken_over, claimed.entries.len());
        tracing::info!(
            entries = claimed.entries.len(),
            "took over entries that another worker left"
        );
    }
}

fn accept(shared: &Shared, read: Result<Claimed, PortError>) -> Option<Vec<Entry>> {
    match read {
        Ok(claimed) => {
            let counters = shared.status.counters();
            add(&counters.read, claimed.entries.len());
            if claimed.destroyed > 0 {
                add(
                    &counters.destroyed,
                    usize::try_from(claimed.destroyed).unwrap_or(usize::MAX),
                );
                tracing::error!(
                    entries = claimed.destroyed,
                    estimate = claimed.group_remade,
                    "entries have been destroyed in the queue"
                );
            }
            if claimed.group_remade {
                tracing::error!(
                    "the queue's consumer group was gone and has been made anew: what stood in the queue may be lost"
                );
            }
            Some(claimed.entries)
        }
        Err(error) => {
            tracing::warn!(%error, "the queue cannot be read");
            None
        }
    }
}

async fn pause(shared: &Shared, failures: u32) {
    let wait = Duration::from_millis(100)
        .saturating_mul(1 << failures.min(5))
        .min(TICK * 2);
    tokio::select! {
        () = shared.draining.cancelled() => {}
        () = tokio::time::sleep(wait) => {}
    }
}
