//! The end of retention: what is done or discarded goes, and nothing else.

use std::time::Duration;

use eventflow_core::{EventKey, EventState, LetterAction, Verdict};

use crate::build::{self, event};
use crate::laws::{LEASE, Stage};
use crate::rig::LedgerRig;

const DAY: Duration = Duration::from_hours(24);
const RETENTION: Duration = Duration::from_hours(24 * 30);

async fn purge(s: &Stage<'_>) -> u64 {
    s.archive.purge(RETENTION, 100).await.expect("purged")
}

async fn is_there(s: &Stage<'_>, key: EventKey) -> bool {
    s.archive.get(key).await.expect("looked up").is_some()
}

/// A stored event whose receipt lies so far back.
async fn stored(s: &Stage<'_>, id: &str, age: Duration) -> EventKey {
    let event = event("t", id, "1").received_at(s.now().await.minus(age)).shared();
    s.admit_one(event.clone(), eventflow_core::Fate::Done).await;
    event.key
}

/// Only done and discarded events go, and only when they are old enough.
pub async fn only_what_is_old_and_ended_is_purged(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let worker = s.worker(&["h"]).await;
    let done = stored(&s, "done", RETENTION * 2).await;
    let young = stored(&s, "young", RETENTION / 2).await;
    let due = s.due("h", "due").await;
    let dead = s.dead(worker, "h", "dead").await;
    let discarded = s.dead(worker, "h", "discarded").await;
    s.change(LetterAction::Discard, &[discarded]).await;
    let (running, _) = s.started(worker, "h", "running").await;
    let reopened = s.dead(worker, "h", "reopened").await;
    s.change(LetterAction::Requeue, &[reopened]).await;
    s.advance(RETENTION * 400).await;
    stored(&s, "just now", Duration::ZERO).await;
    let wanted = [
        (done, false),
        (young, false),
        (discarded, false),
        (due, true),
        (dead, true),
        (running, true),
        (reopened, true),
    ];
    assert_eq!(purge(&s).await, 3);
    assert_eq!(purge(&s).await, 0);
    for (key, stays) in wanted {
        assert_eq!(is_there(&s, key).await, stays);
    }
}

/// The time that counts is the receipt.
pub async fn retention_counts_from_receipt(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let old = stored(&s, "old", RETENTION + DAY).await;
    let young = stored(&s, "young", RETENTION * 29 / 30).await;
    assert_eq!(purge(&s).await, 1);
    assert!(!is_there(&s, old).await);
    assert!(is_there(&s, young).await);
}

/// Nothing goes within a day of its last attempt.
pub async fn nothing_goes_within_a_day_of_its_last_attempt(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let worker = s.worker(&["h"]).await;
    let key = s.due("h", "1").await;
    s.advance(RETENTION * 400).await;
    let leased = s.lease_one(worker, "h").await;
    s.record(build::outcome(worker, &leased, Verdict::Done)).await;
    assert_eq!(purge(&s).await, 0);
    s.advance(DAY / 2).await;
    assert_eq!(purge(&s).await, 0);
    s.advance(DAY).await;
    assert_eq!(purge(&s).await, 1);
    assert!(!is_there(&s, key).await);
}

/// A purge goes in steps, the lowest keys first, and takes all that belongs to an event along.
pub async fn a_purge_goes_in_steps(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let worker = s.worker(&["h"]).await;
    let mut keys = Vec::new();
    for i in 0..7 {
        let key = s.dead(worker, "h", &i.to_string()).await;
        s.change(LetterAction::Discard, &[key]).await;
        keys.push(key);
    }
    keys.sort_unstable();
    s.advance(RETENTION * 400).await;
    for (removed, left) in [(3, 4), (3, 1), (1, 0), (0, 0)] {
        assert_eq!(s.archive.purge(RETENTION, 3).await.expect("purged"), removed);
        let mut there = Vec::new();
        for key in &keys {
            if is_there(&s, *key).await {
                there.push(*key);
            }
        }
        assert_eq!(there, keys[keys.len() - left..]);
    }
    assert_eq!(s.archive.letter_counts().await.expect("counted"), (0, 0));
}

/// After its retention a key is new again, with no history.
pub async fn after_its_retention_a_key_is_new(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let worker = s.worker(&["h"]).await;
    let (key, token) = s.started(worker, "h", "1").await;
    s.end(worker, key, token, Verdict::Done).await;
    s.advance(RETENTION * 400).await;
    assert_eq!(purge(&s).await, 1);
    assert_eq!(s.due("h", "1").await, key);
    let record = s.get(key).await;
    assert_eq!(
        (record.state, record.copies_seen, record.attempts.len()),
        (EventState::Due, 0, 0)
    );
}

/// Workers that have been away for longer than the retention go off the list.
pub async fn workers_long_away_go_too(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let a = s.worker(&["h"]).await;
    s.advance(RETENTION / 2).await;
    let b = s.worker(&["h"]).await;
    s.advance(RETENTION * 3 / 4).await;
    assert_eq!(purge(&s).await, 0);
    let workers = s.archive.workers(LEASE).await.expect("listed");
    assert_eq!(workers.iter().map(|row| row.worker).collect::<Vec<_>>(), [b]);
    assert!(s.renew(a, &[]).await.unknown);
}
